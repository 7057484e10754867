"""The wire format against hand-worked bytes, protocol buffers' own encoder, and garbage."""

import pytest
from google.protobuf import any_pb2, wrappers_pb2
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.serving.wire import WireError, bytes_field, fields, one_bytes, varint_field

NUMBERS = st.integers(1, 2**29 - 1)


def test_hand_worked_bytes():
    # 150 = 1001 0110 in binary: the low seven bits with the top bit set, then the one that is left.
    assert varint_field(1, 150) == bytes([0x08, 0x96, 0x01])
    # Field 2, kind 2: key 2 * 8 + 2 = 18 = 0x12, then the length.
    assert bytes_field(2, b"pose") == b"\x12\x04pose"
    assert list(fields(b"\x12\x04pose\x08\x96\x01")) == [(2, b"pose"), (1, 150)]


@given(st.integers(0, 2**63 - 1))
def test_whole_numbers_as_protocol_buffers_write_them(value):
    # Protocol buffers leave zeros out, but read them.
    assert wrappers_pb2.Int64Value.FromString(varint_field(1, value)).value == value
    assert list(fields(varint_field(1, value))) == [(1, value)]


@given(st.text(), st.binary(max_size=400))
def test_messages_as_protocol_buffers_write_them(text, content):
    ours = bytes_field(1, text.encode()) + bytes_field(2, content)
    assert any_pb2.Any.FromString(ours) == any_pb2.Any(type_url=text, value=content)
    assert one_bytes(ours, 1) == text.encode() and one_bytes(ours, 2) == content


@given(st.lists(st.tuples(NUMBERS, st.binary(max_size=20) | st.integers(0, 2**64 - 1))))
def test_round_trip(values):
    encode = {bytes: bytes_field, int: varint_field}
    message = b"".join(encode[type(value)](number, value) for number, value in values)
    assert list(fields(message)) == values


@given(st.binary(max_size=60))
def test_garbage_is_refused_or_read_and_nothing_else(message):
    try:
        assert sum(1 for _ in fields(message)) <= len(message)
    except WireError:
        pass


@pytest.mark.parametrize(
    "message", [b"", b"\x08\x01", b"\x0a\x01a\x0a\x01b", b"\x0a\x05abc", b"\x0a", 7]
)
def test_a_field_that_is_not_there_exactly_once(message):
    with pytest.raises(WireError):
        one_bytes(message, 1)
