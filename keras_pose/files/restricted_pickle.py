"""Unpickle dictionaries of arrays, alone or in `.npz` archives, without handing the file any power.

Human3.6M and MPI-INF-3DHP are passed around as pickled dictionaries of arrays. Pickle is a program:
`np.load(allow_pickle=True)` runs whatever the file says. Here nothing of it runs. The few names
that NumPy writes resolve to stand-ins that only take notes, everything else is refused, and the
arrays are built afterwards from the notes. NumPy's own `__setstate__` is not called either: a
forged dtype state would make it read raw bytes as object pointers.
"""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from keras_pose.files.arrays import check_is_file

_SIMPLE_DTYPE = re.compile(r"[<>=|]?([biuf][1248]|f16|b1|[US]\d{1,6}|O8?|bool)\Z")
_MAX_DEPTH = 32
# Not needed for plain values; extension codes would even get past `find_class`.
_REFUSED_OPCODES = frozenset(
    ("EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID")
    + ("NEXT_BUFFER", "READONLY_BUFFER")
)
# More entries than any file here has; the unpickler allocates a table as long as the largest number.
_MOST_MEMOS = 10_000_000


class Refused(Exception):
    """The pickle asks for something that is not admitted; the message says what."""


class _DtypeNote:
    """What a pickle says about a dtype."""

    __slots__ = ("code", "order")

    def __init__(self, code: object = "", *_: object) -> None:
        if not isinstance(code, str) or not _SIMPLE_DTYPE.match(code):
            raise Refused(f"an array of type {code!r}")
        self.code, self.order = code.lstrip("<>=|"), "="

    def __setstate__(self, state: object) -> None:
        # Only the byte order is believed: (version, order, subarray, names, fields, ...).
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "=", "|"):
            raise Refused("a damaged array type")
        if any(part is not None for part in state[2:5]):
            raise Refused("a structured array")
        self.order = state[1]

    @property
    def is_object(self) -> bool:
        return self.code.startswith("O")

    def dtype(self) -> np.dtype:
        if self.order == "<":
            return np.dtype(self.code).newbyteorder("<")
        return np.dtype(self.code).newbyteorder(">" if self.order == ">" else "=")


class _ArrayNote:
    """What a pickle says about an array."""

    __slots__ = ("shape", "kind", "fortran", "raw")

    def __init__(self) -> None:
        self.shape: tuple[int, ...] | None = None
        self.kind: _DtypeNote
        self.fortran: bool
        self.raw: object

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise Refused("a damaged array")
        self.fill(*state[-4:])

    def fill(self, shape: object, kind: object, fortran: object, raw: object) -> _ArrayNote:
        """Note shape, type, order and content after checking their Python types."""
        if not isinstance(shape, tuple) or len(shape) > 32 or not isinstance(kind, _DtypeNote):
            raise Refused("a damaged array")
        if not all(type(size) is int and size >= 0 for size in shape):
            raise Refused("a damaged array")
        self.shape, self.kind, self.fortran, self.raw = shape, kind, bool(fortran), raw
        return self

    def array(self, convert: Callable[[object], object]) -> np.ndarray:
        """Build the array; `convert` turns the elements of an object array into plain values."""
        if self.shape is None:
            raise Refused("an array without content")
        if self.kind.is_object:
            if not isinstance(self.raw, list) or len(self.raw) != _count(self.shape):
                raise Refused("a damaged object array")
            flat = np.empty(len(self.raw), object)
            for index, value in enumerate(self.raw):
                flat[index] = convert(value)
        else:
            raw, dtype = _bytes(self.raw), self.kind.dtype()
            if dtype.itemsize == 0 or len(raw) != _count(self.shape) * dtype.itemsize:
                raise Refused("an array whose content does not fit its shape")
            flat = np.frombuffer(raw, dtype).copy()
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


class StandIn:
    """A callable that a pickle can call but not change (it has no attributes)."""

    __slots__ = ("_call",)
    _call: Callable[..., object]

    def __init__(self, call: Callable[..., object]) -> None:
        object.__setattr__(self, "_call", call)

    def __call__(self, *arguments: object) -> object:
        return self._call(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise Refused("a change of a library function")

    def __setstate__(self, state: object) -> None:
        raise Refused("a change of a library function")


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _bytes(raw: object) -> bytes:
    if isinstance(raw, str):  # bytes that Python 2 pickled, read as latin1
        raw = raw.encode("latin1")
    if not isinstance(raw, (bytes, bytearray)):
        raise Refused("an array without bytes")
    return bytes(raw)


def _empty_array(*_: object) -> _ArrayNote:
    return _ArrayNote()


def _array_of_buffer(raw: object, kind: object, shape: object, order: object) -> _ArrayNote:
    return _ArrayNote().fill(shape, kind, order == "F", raw)


def _scalar(kind: object, raw: object = None) -> _ArrayNote:
    return _ArrayNote().fill((), kind, False, raw)


def _latin1(text: object, encoding: object = "latin1") -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise Refused("text in an encoding other than latin1")
    return text.encode("latin1")


def _no_bytes(*arguments: object) -> bytes:
    if arguments:
        raise Refused("'builtins.bytes'")
    return b""  # how old protocols write the content of an empty array


def _nothing(*_: object) -> object:
    raise Refused("an array built in an unusual way")


# NumPy 1 calls its inner package `core`, NumPy 2 `_core`.
_ADMITTED: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _nothing,
    ("numpy", "dtype"): _DtypeNote,
    ("_codecs", "encode"): _latin1,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
}
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_core}.multiarray", "_reconstruct"] = _empty_array
    _ADMITTED[f"{_core}.multiarray", "scalar"] = _scalar
    _ADMITTED[f"{_core}.numeric", "_frombuffer"] = _array_of_buffer


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler for which every name is a stand-in or refused.

    Args:
        file: open at the pickle; its operations are looked at first, without running them.
        admitted: (module, name) to the stand-in that is called in its place.
        encoding: of byte strings that Python 2 wrote.

    Raises:
        Refused: if an operation is not needed for plain values.
    """

    def __init__(
        self,
        file: BinaryIO,
        admitted: Mapping[tuple[str, str], Callable[..., object]],
        encoding: str,
    ) -> None:
        start = file.tell()
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name in _REFUSED_OPCODES:
                raise Refused(f"the operation {opcode.name}")
            if opcode.name in ("PUT", "LONG_BINPUT"):
                if int(argument or 0) > _MOST_MEMOS:
                    raise Refused("a forged memo number")
        file.seek(start)
        super().__init__(file, encoding=encoding)
        self._admitted = admitted

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in of a name."""
        if (module, name) not in self._admitted:
            raise Refused(f"'{module}.{name}'")
        return StandIn(self._admitted[module, name])

    def persistent_load(self, pid: object) -> Any:
        """Refuse what lies outside the pickle."""
        raise Refused("a reference to another file")


def _plain(value: object, done: dict[int, object], depth: int) -> object:
    """Turn what was unpickled into arrays, dicts, lists, strings and numbers."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if depth > _MAX_DEPTH:
        raise Refused("values nested more than 32 deep or containing themselves")
    key = id(value)
    if key in done:
        return done[key]

    def inner(part: object) -> object:
        return _plain(part, done, depth + 1)

    if isinstance(value, _ArrayNote):
        array = value.array(inner)
        is_number = array.shape == () and not value.kind.is_object
        result: object = array.item() if is_number else array
    elif type(value) is dict:
        if not all(type(name) in (str, int) for name in value):
            raise Refused("a dictionary whose keys are not strings or whole numbers")
        result = {name: inner(part) for name, part in value.items()}
    elif type(value) is list:
        result = [inner(part) for part in value]
    elif type(value) is tuple:
        result = tuple(inner(part) for part in value)
    else:
        raise Refused(f"a value of type '{type(value).__name__.strip('_')}'")
    done[key] = result
    return result


def loads_plain(data: bytes, what: str) -> object:
    """Unpickle bytes that may hold only arrays, dicts, lists, tuples, strings and numbers.

    Args:
        data: the pickle.
        what: the file and array it came from, for the message.

    Returns:
        The value, arrays as NumPy arrays that own their memory.

    Raises:
        ValueError: if the pickle asks for anything else or is damaged.
    """
    try:
        # latin1 keeps the bytes of arrays that Python 2 wrote.
        value = RestrictedUnpickler(io.BytesIO(data), _ADMITTED, "latin1").load()
        return _plain(value, {}, 0)
    except Refused as refused:
        raise ValueError(
            f"{what} contains {refused}, and only arrays, dicts, lists, strings and numbers are "
            "accepted; do not use this file unless you trust its author, and convert it yourself "
            "if you do."
        ) from None
    except Exception as error:  # damaged pickles raise nearly every exception there is
        raise ValueError(
            f"{what} is damaged ({type(error).__name__}: {str(error)[:80]}); fetch the file again."
        ) from None


def read_pickled_arrays(
    path: str | os.PathLike[str], names: Sequence[str], allow_pickle: bool, advice: str
) -> dict[str, Any]:
    """Read named members of an `.npz` archive that hold pickled dictionaries.

    Args:
        path: the archive.
        names: members that must be there.
        allow_pickle: if False, a pickled member is refused; if True, it is read by
            `loads_plain`.
        advice: half a sentence on what the archive should be.

    Returns:
        Value by name; a 0-dimensional object array gives what it holds.

    Raises:
        ValueError: if the file is missing or damaged, lacks a member, or a member is pickled and
            `allow_pickle` is False or it holds something that is not admitted.
    """
    path = check_is_file(path, advice)
    values: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            for name in names:
                if f"{name}.npy" not in members:
                    found = sorted(member.removesuffix(".npy") for member in members)
                    raise ValueError(f"{path} lacks the array '{name}' (it has {found}); {advice}.")
                values[name] = _read_member(archive, path, name, allow_pickle)
    except ValueError:
        raise
    except Exception as error:  # zipfile passes on errors of zlib, lzma, struct and more
        raise ValueError(
            f"{path} is damaged or not an .npz archive ({error}); {advice}."
        ) from error
    return values


def _read_member(archive: zipfile.ZipFile, path: str, name: str, allow_pickle: bool) -> object:
    data = archive.read(f"{name}.npy")
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(stream)
        if not dtype.hasobject:
            return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as error:
        raise ValueError(
            f"{path}: array '{name}' is damaged ({error}); fetch the file again."
        ) from error
    if not allow_pickle:
        raise ValueError(
            f"{path}: array '{name}' is pickled, which is read only with allow_pickle=True "
            "(--allow_pickle), and then by an unpickler that accepts only arrays, dicts, lists, "
            "strings and numbers."
        )
    value = loads_plain(data[stream.tell() :], f"{path}: array '{name}'")
    return value.item() if isinstance(value, np.ndarray) and shape == () else value
