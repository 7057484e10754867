"""Read the tensors of a torch file without torch and without handing the file any power.

A `.pth` file is a pickle, that is a program, beside raw numbers; `torch.load` of older versions runs
whatever it says. Here the few names that a state dict needs resolve to stand-ins and everything else
is refused. Both containers are read: the zip archive (torch 1.6 and later) and the stream before it.
"""

import io
import os
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from keras_pose.files.restricted_pickle import Refused, RestrictedUnpickler

_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",  # widened to float32 below, NumPy has no such type
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# What the stream before the zip archive begins with (torch's `MAGIC_NUMBER`).
_MAGIC = 0x1950A86A20F9469CFC6C


class _OrderedNote(dict):
    """An `OrderedDict`, whose attributes (torch's `_metadata`) are not believed."""

    def __setstate__(self, state: object) -> None:
        pass


class _StorageType:
    """The name of a storage's number type."""

    __slots__ = ("code", "is_bfloat16")

    def __init__(self, name: str) -> None:
        self.code, self.is_bfloat16 = np.dtype(_STORAGES[name]), name == "BFloat16Storage"

    def __setstate__(self, state: object) -> None:
        raise Refused("a change of a library type")


class _Storage:
    """Raw numbers, which may be read only after the pickle that mentions them."""

    __slots__ = ("kind", "key", "count", "values")

    def __init__(self, kind: _StorageType, key: str, count: int) -> None:
        self.kind, self.key, self.count = kind, key, count
        self.values: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        raise Refused("a change of a storage")

    @property
    def num_bytes(self) -> int:
        return self.count * self.kind.code.itemsize

    def fill(self, raw: bytes) -> None:
        if len(raw) != self.num_bytes:
            raise Refused("a tensor with fewer numbers than it declares")
        values = np.frombuffer(raw, self.kind.code)
        if self.kind.is_bfloat16:  # the upper half of a float32
            values = (values.astype("<u4") << 16).view("<f4")
        self.values = values


class _Tensor:
    """Where in a storage a tensor lies."""

    __slots__ = ("storage", "offset", "shape", "strides")

    def __init__(self, storage: object, offset: object, shape: object, strides: object) -> None:
        sizes = (offset, *_whole_numbers(shape), *_whole_numbers(strides))
        if not isinstance(storage, _Storage) or not all(
            type(size) is int and 0 <= size < 2**40 for size in sizes
        ):
            raise Refused("a damaged tensor")
        self.storage, self.offset = storage, sizes[0]
        self.shape, self.strides = _whole_numbers(shape), _whole_numbers(strides)
        if len(self.shape) != len(self.strides) or len(self.shape) > 16:
            raise Refused("a damaged tensor")

    def __setstate__(self, state: object) -> None:
        raise Refused("a change of a tensor")

    def array(self) -> np.ndarray:
        """Return the tensor as an array of its own."""
        values = self.storage.values
        if values is None:
            raise Refused("a tensor without numbers")
        if 0 in self.shape:
            return np.zeros(self.shape, values.dtype)
        reach = sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        if self.offset + reach >= len(values):
            raise Refused("a tensor that reaches past its numbers")
        # Strides of 0 could make a small file ask for all memory; a saved tensor never has more
        # elements than its storage unless it was expanded.
        count = 1
        for size in self.shape:
            count *= size
        if count > len(values):
            raise Refused("a tensor larger than its numbers")
        steps = tuple(step * values.itemsize for step in self.strides)
        view = np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, steps)
        return np.array(view)


def _whole_numbers(value: object) -> tuple:
    if not isinstance(value, tuple):
        raise Refused("a damaged tensor")
    return value


def _tensor(storage=None, offset=0, shape=(), strides=(), *_: object) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _parameter(tensor: object = None, *_: object) -> object:
    if not isinstance(tensor, _Tensor):
        raise Refused("a damaged parameter")
    return tensor


def _ordered(*arguments: object) -> _OrderedNote:
    if arguments:
        raise Refused("a dictionary made in an unusual way")
    return _OrderedNote()


_ADMITTED: dict[tuple[str, str], Callable[..., object]] = {
    ("collections", "OrderedDict"): _ordered,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}


class _Unpickler(RestrictedUnpickler):
    """The restricted unpickler, which also notes the raw numbers that a pickle refers to."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, _ADMITTED, "utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return _StorageType(name)
        return super().find_class(module, name)

    def persistent_load(self, pid: object) -> Any:
        # ("storage", type, key, device, count), in the old stream with a sixth entry, None.
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise Refused("a reference that does not belong to a tensor")
        _, kind, key, _, count, *view = pid
        if view not in ([], [None]) or not isinstance(kind, _StorageType):
            raise Refused("a reference that does not belong to a tensor")
        if type(key) is not str or type(count) is not int or not 0 <= count < 2**40:
            raise Refused("a damaged reference to a tensor")
        return self.storages.setdefault(key, _Storage(kind, key, count))


def _load(file: BinaryIO) -> tuple[object, dict[str, _Storage]]:
    """Return the next object of a file, and the raw numbers that it refers to."""
    unpickler = _Unpickler(file)
    return unpickler.load(), unpickler.storages


def _read_archive(file: BinaryIO) -> object:
    with zipfile.ZipFile(file) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in infos if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise Refused("no single data.pkl, so that it was not written by torch.save")
        folder = pickles[0].removesuffix("data.pkl")
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos.values()):
            raise Refused("compressed parts, which torch never writes")
        order = infos.get(f"{folder}byteorder")
        if order is not None and archive.read(order) != b"little":
            raise Refused("numbers of a big-endian machine")
        value, storages = _load(io.BytesIO(archive.read(pickles[0])))
        for storage in storages.values():
            info = infos.get(f"{folder}data/{storage.key}")
            if info is None:
                raise Refused("a tensor whose numbers are missing")
            if info.file_size != storage.num_bytes:
                raise Refused("a tensor with fewer numbers than it declares")
            storage.fill(archive.read(info))
    return value


def _read_stream(file: BinaryIO) -> object:
    if _load(file)[0] != _MAGIC:
        raise Refused("no torch weights")
    _load(file)  # the version of the format, always 1001
    system, _ = _load(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("numbers of a big-endian machine")
    value, storages = _load(file)
    keys, _ = _load(file)
    if not isinstance(keys, list) or set(keys) != set(storages):
        raise Refused("tensors whose numbers are missing")
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        if count != storages[key].count:
            raise Refused("a tensor with fewer numbers than it declares")
        storages[key].fill(file.read(storages[key].num_bytes))
    return value


def read_torch_file(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the state dict of a file that `torch.save` wrote.

    Args:
        path: of the file: a state dict, or a dict with one under `state_dict`.

    Returns:
        torch's parameter name to array `[...]` in torch's layout; bfloat16 becomes float32. What is not a
        tensor is left out.

    Raises:
        ValueError: if the file asks for anything but tensors in dictionaries, holds none, or is
            damaged.
        OSError: if the file cannot be opened.
    """
    path = os.fspath(path)
    with open(path, "rb") as file:
        try:
            is_archive = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            value = _read_archive(file) if is_archive else _read_stream(file)
            if isinstance(value, dict) and isinstance(value.get("state_dict"), dict):
                value = value["state_dict"]
            if not isinstance(value, dict):
                raise Refused("no dictionary of tensors")
            tensors = {
                name: tensor.array()
                for name, tensor in value.items()
                if isinstance(name, str) and isinstance(tensor, _Tensor)
            }
        except Refused as refused:
            raise ValueError(
                f"{path} contains {refused}, and only a state dict of tensors is accepted; save it "
                "again as torch.save(model.state_dict(), file)."
            ) from None
        except MemoryError:
            raise
        except Exception as error:  # damaged pickles raise nearly every exception there is
            raise ValueError(
                f"{path} is not a torch file or is damaged ({type(error).__name__}: "
                f"{str(error)[:80]}); fetch it again."
            ) from None
    if not tensors:
        raise ValueError(
            f"{path} holds no tensors; save it as torch.save(model.state_dict(), file)."
        )
    return tensors
