"""The records of a run: open folders of one kind of joints, and which records serve for what."""

import collections
import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.records.reader import RecordReader
from keras_pose.data.records.selection import select_count
from keras_pose.data.records.stream import SOURCE_STRIDE, records_dataset
from keras_pose.data.records.temporary import TemporaryRecords
from keras_pose.train.config import listed


def open_folders(data_dir: str, skeletons: Sequence[str] = ()) -> list[RecordReader]:
    """Open record folders.

    Args:
        data_dir: folders, separated by commas.
        skeletons: names of joint orders that are wanted, the one to prepare first; any if empty.

    Returns:
        A reader for each.

    Raises:
        ValueError: if no folder is named, or one is unfinished or of other joints.
    """
    folders = listed(data_dir)
    if not folders:
        raise ValueError(
            "--data_dir is empty; name the record folders that keras_pose.data.prepare wrote, "
            "separated by commas, or use --dataset=generated."
        )
    readers = [RecordReader(os.path.expanduser(folder)) for folder in folders]
    for reader in readers:
        if skeletons and reader.index["skeleton"] not in skeletons:
            raise ValueError(
                f"{reader.folder} holds {reader.index['skeleton']} joints; prepare it with "
                f"{skeletons[0]} joints."
            )
    return readers


def folder_names(readers: Sequence[RecordReader]) -> tuple[str, ...]:
    """Name folders for tables and `run.json`: base names, the second of one name `name (2)`.

    Args:
        readers: of the folders.

    Returns:
        A name for each, all different.
    """
    seen: collections.Counter[str] = collections.Counter()
    names = []
    for reader in readers:
        name = reader.folder.name
        seen[name] += 1
        names.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return tuple(names)


def read_joints_3d(
    readers: Sequence[RecordReader], subsets: Sequence[np.ndarray], count: int
) -> np.ndarray:
    """Read the 3D joints of some records, spread evenly over all.

    Args:
        readers: of folders of one kind of joints.
        subsets: for each int64 `[M]`, records with 3D joints.
        count: records that are read, about and at the most twice.

    Returns:
        float64 `[N, J, 3]`, m, camera frame; `[0]` if there is no record.
    """
    total = sum(len(positions) for positions in subsets)
    if not total:
        return np.zeros(0)
    step = -(-total // count)
    chosen = [
        (reader, positions[::step])
        for reader, positions in zip(readers, subsets, strict=True)
        if len(positions)
    ]
    stream = records_dataset(
        [reader for reader, _ in chosen],
        sampler="in_order",
        subsets=[positions for _, positions in chosen],
        bad_records=BadRecords(total, 1.0),
    )
    points = stream.map(lambda record: record["keypoints_3d"]).batch(256)
    return np.concatenate([np.asarray(batch, np.float64) for batch in points])


@dataclasses.dataclass(frozen=True)
class RecordSet:
    """Open record folders and which of their records serve for what.

    Attributes:
        readers: one per folder.
        train: positions per folder, int64 arrays.
        heldout: positions per folder, int64 arrays; disjoint from `train`.
        temporary: folder of rendered records that lives as long as this object, or None.
    """

    readers: list[RecordReader]
    train: list[np.ndarray]
    heldout: list[np.ndarray]
    temporary: TemporaryRecords | None = None

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Number of training and held-out records per folder, in their order, for `run.json`."""
        names = ("generated",) if self.temporary else folder_names(self.readers)
        rows = zip(names, self.train, self.heldout, strict=True)
        return {name: {"train": len(train), "heldout": len(held)} for name, train, held in rows}

    @property
    def num_train(self) -> int:
        """Number of training records."""
        return sum(len(positions) for positions in self.train)

    def select(self, train: list[np.ndarray]) -> "RecordSet":
        """Return the same set with other training positions, int64 `[T]` per folder."""
        return dataclasses.replace(self, train=train)


def choose_labelled(record_set: RecordSet, num_labels: int = 0, seed: int = 0) -> RecordSet:
    """Leave training records with 2D joints alone, or some of them.

    Args:
        record_set: all records.
        num_labels: how many are left over all folders, in proportion to their sizes; 0 is all.
        seed: of the choice; smaller numbers are contained in larger ones, up to rounding.

    Returns:
        The same set with fewer training records.
    """
    labelled = [
        positions[reader.has("2d")[positions]]
        for reader, positions in zip(record_set.readers, record_set.train, strict=True)
    ]
    total = sum(len(positions) for positions in labelled)
    if num_labels >= total or not num_labels:
        return record_set.select(labelled)
    ends = np.round(np.cumsum([len(positions) for positions in labelled]) * num_labels / total)
    shares = np.diff(ends, prepend=0).astype(int)
    chosen = [
        select_count(reader, int(share), seed, among=positions) if share else positions[:0]
        for reader, positions, share in zip(record_set.readers, labelled, shares, strict=True)
    ]
    return record_set.select(chosen)


@dataclasses.dataclass(frozen=True)
class Part:
    """Records of one kind, in training or held out.

    Attributes:
        readers: open folders, all of one joint order.
        positions: positions in each, int64 arrays.
        folders: number of each among all folders of the run.
    """

    readers: list[RecordReader]
    positions: list[np.ndarray]
    folders: list[int]

    def __len__(self) -> int:
        """Return the number of records."""
        return sum(len(positions) for positions in self.positions)

    @property
    def skeleton(self) -> str:
        """Name of the joint order; empty if there is no folder."""
        return self.readers[0].index["skeleton"] if self.readers else ""

    @property
    def id_shifts(self) -> list[int]:
        """What ids of each reader's records are raised by, so that all in a run differ.

        The part's own stream raises them by the number of the reader in the part instead.
        """
        return [(folder - number) * SOURCE_STRIDE for number, folder in enumerate(self.folders)]

    def run_id(self, stream_id: int) -> int:
        """Return the id among all of the run of the record that the part's stream calls `stream_id`."""
        for number, (reader, shift) in enumerate(zip(self.readers, self.id_shifts, strict=True)):
            if (stream_id - number * SOURCE_STRIDE) in reader.ids:
                return stream_id + shift
        raise ValueError(f"There is no record {stream_id} in this part; give one from its stream.")
