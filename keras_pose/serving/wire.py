"""The protocol-buffer wire format, as far as warm-up files need it.

A message is a row of fields, each a key (number and kind) and a value. Two kinds of value occur here:
whole numbers, and byte strings, which hold text or another message.
"""

from collections.abc import Iterator

_VARINT, _BYTES = 0, 2


class WireError(ValueError):
    """Bytes that are no message of the kinds known here; callers name the file."""


def varint_field(number: int, value: int) -> bytes:
    """Encodes one field with a whole number.

    Args:
        number: field number, at least 1.
        value: from 0 upwards.

    Returns:
        Key and value.
    """
    return _varint(number << 3 | _VARINT) + _varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """Encodes one field with bytes: a text in UTF-8, or a message within the message.

    Args:
        number: field number, at least 1.
        value: its bytes.

    Returns:
        Key, length and value.
    """
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Reads the fields of a message.

    Args:
        message: the whole message.

    Yields:
        (field number, bytes or whole number), in the order of the message.

    Raises:
        WireError: if the bytes end too early or hold another kind of value.
    """
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        value, position = _read_varint(message, position)
        if key & 7 == _VARINT:
            yield key >> 3, value
        elif key & 7 == _BYTES and position + value <= len(message):
            yield key >> 3, message[position : position + value]
            position += value
        else:
            raise WireError("a field ends behind its message, or is of a kind not expected")


def one_bytes(message: bytes | int, number: int) -> bytes:
    """Reads the field of a message that must be there once.

    Args:
        message: the whole message.
        number: its field number.

    Returns:
        The field's bytes.

    Raises:
        WireError: if it is missing, doubled or no bytes.
    """
    if isinstance(message, int):
        raise WireError("a number where a message was expected")
    found = [value for field, value in fields(message) if field == number]
    if len(found) != 1 or isinstance(found[0], int):
        raise WireError(f"field {number} is not there exactly once")
    return found[0]


def _varint(value: int) -> bytes:
    """Seven bits to a byte, the lowest first; the top bit says that another byte follows."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise WireError("a number ends too early or is too long")
