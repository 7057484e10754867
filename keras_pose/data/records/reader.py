"""Random access to the records of a finished folder: any record by its position, checked.

Only the tables are held in memory, about 30 bytes per record; pictures are read one at a time, and
the operating system's file cache makes small sets fast. No TensorFlow is needed to read bytes.
"""

import os
import pathlib
import threading
import zlib

import numpy as np

from keras_pose.data.records.index import LABEL_BITS, TABLE_DTYPE, read_index, shard_name
from keras_pose.data.records.record import Record
from keras_pose.files import read_json
from keras_pose.skeletons import by_name


class RecordReader:
    """A finished record folder as a sequence of serialized records.

    Attributes:
        folder: where it lies.
        index: as `read_index` gives it.
        ids: int64 `[N]`, id of each record.
        labels: int32 `[N]`, class of each record, -1 for none.
        sides: int8 `[N]`, 1 right, -1 left, 0 unknown.
        group_names: names of the groups, each once, in order of first appearance.
        groups: int32 `[N]`, position of each record's group in `group_names`.

    Args:
        folder: as given to `write_records`.

    Raises:
        ValueError: if the folder is not finished, or a file of it is missing or has another size.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = pathlib.Path(folder)
        self.index = read_index(folder)
        tables, groups = [], []
        names: dict[str, int] = {}
        self._paths, counts = [], []
        for number, shard in enumerate(self.index["shards"]):
            path = self.folder / shard["file"]
            table = self._table(path, shard)
            listed = read_json(self.folder / f"{shard_name(number)}.json")["groups"]
            places = np.array([names.setdefault(name, len(names)) for name in listed], np.int32)
            groups.append(places[table["group"]] if len(table) else np.zeros(0, np.int32))
            tables.append(table)
            counts.append(len(table))
            self._paths.append(path)
        table = np.concatenate(tables) if tables else np.zeros(0, TABLE_DTYPE)
        self._offsets, self._lengths = table["offset"].copy(), table["length"].copy()
        self._checksums, self._bits = table["checksum"].copy(), table["labels"].copy()
        self._ends = np.cumsum(counts)
        self.ids, self.labels, self.sides = (table[key].copy() for key in ("id", "label", "side"))
        self.group_names = tuple(names)
        self.groups = np.concatenate(groups) if groups else np.zeros(0, np.int32)
        self._files: dict[int, _OpenFile] = {}
        self._lock = threading.Lock()

    def _table(self, path, shard):
        if not path.is_file() or os.path.getsize(path) != shard["bytes"]:
            size = os.path.getsize(path) if path.is_file() else "no"
            raise ValueError(
                f"{path} has {size} bytes instead of {shard['bytes']}; copy the folder again or "
                "prepare it again."
            )
        try:
            table = np.load(path.with_suffix(".npy"), allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(
                f"{path.with_suffix('.npy')} is missing or damaged; prepare the folder again."
            ) from error
        if table.dtype != TABLE_DTYPE or len(table) != shard["records"]:
            raise ValueError(
                f"{path.with_suffix('.npy')} does not list {shard['records']} records; prepare the "
                "folder again."
            )
        return table

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_joints(self) -> int:
        """Joints of the set's skeleton."""
        return by_name(self.index["skeleton"]).num_joints

    def has(self, what: str) -> np.ndarray:
        """Tell which records have a kind of label.

        Args:
            what: "2d", "depth", "3d", "intrinsics", "box", "label" or "head_size".

        Returns:
            bool `[N]`.

        Raises:
            ValueError: if it is another word.
        """
        if what not in LABEL_BITS:
            raise ValueError(
                f"{what!r} is not a kind of label; choose one of {', '.join(LABEL_BITS)}."
            )
        return (self._bits & LABEL_BITS[what]) > 0

    def serialized(self, position: int) -> bytes:
        """Read one record's bytes.

        Args:
            position: 0 to N - 1, in the order in which they were written.

        Returns:
            A serialized `tf.train.Example`.

        Raises:
            ValueError: if the bytes are not those that were written, naming file and id.
            IndexError: if there is no such position.
        """
        if not 0 <= position < len(self):
            raise IndexError(
                f"{self.folder} has {len(self)} records, so there is none at {position}."
            )
        shard = int(np.searchsorted(self._ends, position, side="right"))
        length, offset = int(self._lengths[position]), int(self._offsets[position])
        try:
            file = self._file(shard)  # kept by name: it closes with its last reference
            data = os.pread(file.descriptor, length, offset)
        except OSError as error:
            raise ValueError(
                f"{self._paths[shard]}: record {self.ids[position]} cannot be read "
                f"({error.strerror}); check the disk."
            ) from error
        if len(data) != length or zlib.crc32(data) != self._checksums[position]:
            raise ValueError(
                f"{self._paths[shard]}: the bytes of record {self.ids[position]} have changed since "
                "they were written; copy the folder again or prepare it again."
            )
        return data

    def record(self, position: int) -> Record:
        """Read one record.

        Args:
            position: 0 to N - 1.

        Returns:
            The record.

        Raises:
            ValueError: if the bytes are damaged.
            IndexError: if there is no such position.
        """
        from keras_pose.data.records.example import from_example  # TensorFlow, only where needed

        return from_example(self.serialized(position))

    def _file(self, shard):
        with self._lock:
            if shard not in self._files:
                if len(self._files) >= 256:  # a process may open 1,024 files on most systems
                    # Not closed here, since another thread may be reading it.
                    self._files.pop(next(iter(self._files)))
                self._files[shard] = _OpenFile(self._paths[shard])
            return self._files[shard]


class _OpenFile:
    """A file descriptor that closes with its last reference."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDONLY)

    def __del__(self):
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)
