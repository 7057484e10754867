"""Flatbuffer tables to and from dicts, by a list of fields: for schemas that come without Python code.

A schema is a dict from table name to fields in the order of their slots. A field is `(name, kind)`; kinds
are `string`, `byte` (an enumeration), `uint`, `floats`, `strings`, a table's name, `[Table]` for a
vector of tables, and `union:A,B,...`, which takes two slots: the number of the table's kind, from 1, and
the table.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
from flatbuffers import encode, number_types, packer
from flatbuffers.table import Table

Schema = Mapping[str, Sequence[tuple[str, str]]]


def write_table(
    schema: Schema, name: str, values: Mapping[str, Any], identifier: bytes = b""
) -> bytes:
    """Write a dict as a finished flatbuffer.

    Args:
        schema: the tables.
        name: the root table.
        values: field name to value; what is left out or None is not stored. The value of a union is
            `(table name, dict)`.
        identifier: four bytes, or none.

    Returns:
        The buffer.

    Raises:
        ValueError: if a dict holds a field that its table has not.
    """
    builder = flatbuffers.Builder(1024)
    builder.Finish(_add_table(builder, schema, name, values), identifier or None)
    return bytes(builder.Output())


def read_table(schema: Schema, name: str, content: bytes) -> dict[str, Any]:
    """Read a finished flatbuffer as dicts, the inverse of `write_table`.

    Args:
        schema: the tables.
        name: the root table.
        content: the buffer.

    Returns:
        Fields that are stored; unions of a kind that the schema has not are left out.
    """
    root = encode.Get(packer.uoffset, content, 0)
    return _read(schema, name, Table(content, root))


def _add_table(builder, schema, name, values):
    slots = _slots(schema, name)
    unknown = sorted(set(values) - set(slots))
    if unknown:
        raise ValueError(f"Table {name} has no field {unknown[0]!r}: choose among {list(slots)}.")
    # What a table points to must be written before the table itself is begun.
    stored = {}
    for field, (slot, kind) in slots.items():
        value = values.get(field)
        if value is None:
            continue
        if kind.startswith("union:"):
            table, inner = value
            number = kind.removeprefix("union:").split(",").index(table) + 1
            stored[slot] = ("ubyte", number)
            stored[slot + 1] = ("offset", _add_table(builder, schema, table, inner))
        elif kind in ("byte", "uint"):
            stored[slot] = (kind, value)
        else:
            stored[slot] = ("offset", _add_object(builder, schema, kind, value))
    builder.StartObject(max((slot for slot, _ in slots.values()), default=-1) + 2)
    for slot, (kind, value) in stored.items():
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        elif kind == "ubyte":
            builder.PrependUint8Slot(slot, value, 0)
        elif kind == "byte":
            builder.PrependInt8Slot(slot, value, 0)
        else:
            builder.PrependUint32Slot(slot, value, 0)
    return builder.EndObject()


def _add_object(builder, schema, kind, value):
    if kind == "string":
        return builder.CreateString(value)
    if kind == "floats":
        builder.StartVector(4, len(value), 4)
        for number in reversed(value):
            builder.PrependFloat32(number)
        return builder.EndVector()
    if kind == "strings" or kind.startswith("["):
        offsets = [
            builder.CreateString(item)
            if kind == "strings"
            else _add_table(builder, schema, kind[1:-1], item)
            for item in value
        ]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()
    return _add_table(builder, schema, kind, value)


def _read(schema, name, table):
    values: dict[str, Any] = {}
    for field, (slot, kind) in _slots(schema, name).items():
        place = table.Offset(4 + 2 * slot)
        if place:
            value = _read_field(schema, kind, table, slot, place)
            if value is not None:
                values[field] = value
    return values


def _read_field(schema, kind, table, slot, place):
    if kind.startswith("union:"):
        names = kind.removeprefix("union:").split(",")
        number = table.Get(number_types.Uint8Flags, table.Pos + place)
        behind = table.Offset(4 + 2 * (slot + 1))
        if not 1 <= number <= len(names) or not behind:
            return None
        target = table.Indirect(table.Pos + behind)
        return names[number - 1], _read(schema, names[number - 1], Table(table.Bytes, target))
    if kind == "byte":
        return int(table.Get(number_types.Int8Flags, table.Pos + place))
    if kind == "uint":
        return int(table.Get(number_types.Uint32Flags, table.Pos + place))
    if kind == "string":
        return table.String(table.Pos + place).decode()
    if kind in schema:
        return _read(schema, kind, Table(table.Bytes, table.Indirect(table.Pos + place)))
    begin, count = table.Vector(place), table.VectorLen(place)
    places = [begin + 4 * number for number in range(count)]
    if kind == "floats":
        return [float(table.Get(number_types.Float32Flags, item)) for item in places]
    if kind == "strings":
        return [table.String(item).decode() for item in places]
    inner = kind[1:-1]
    return [_read(schema, inner, Table(table.Bytes, table.Indirect(item))) for item in places]


def _slots(schema, name):
    """Field name to (slot, kind); a union takes two slots."""
    slots, number = {}, 0
    for field, kind in schema[name]:
        slots[field] = (number, kind)
        number += 2 if kind.startswith("union:") else 1
    return slots
