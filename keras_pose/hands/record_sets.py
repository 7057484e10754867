"""The records of a run: open folders or rendered hands, cut into training and held-out parts."""

import collections
import dataclasses
import os

import numpy as np

from keras_pose.data import records
from keras_pose.data.generated.hands import generate_hands
from keras_pose.skeletons import HAND_21_FREIHAND


@dataclasses.dataclass(frozen=True)
class RecordSet:
    """Open record folders and which of their records serve for what.

    Attributes:
        readers: one per folder.
        train: positions per folder, int64 arrays.
        heldout: positions per folder, int64 arrays; disjoint from `train`.
        temporary: folder of rendered records that lives as long as this object, or None.
    """

    readers: list[records.RecordReader]
    train: list[np.ndarray]
    heldout: list[np.ndarray]
    temporary: records.TemporaryRecords | None = None

    @property
    def counts(self) -> dict:
        """Number of training and held-out records per folder, in their order, for `run.json`.

        A folder goes by its base name; the second of that name is `name (2)`.
        """
        counts: dict[str, dict[str, int]] = {}
        seen: collections.Counter[str] = collections.Counter()
        for reader, train, heldout in zip(self.readers, self.train, self.heldout, strict=True):
            name = "generated" if self.temporary else reader.folder.name
            seen[name] += 1
            name = f"{name} ({seen[name]})" if seen[name] > 1 else name
            counts[name] = {"train": len(train), "heldout": len(heldout)}
        return counts

    def select(self, train: list[np.ndarray]) -> "RecordSet":
        """The same set with other training positions, int64 `[T]` per folder."""
        return dataclasses.replace(self, train=train)


def open_records(
    dataset: str,
    data_dir: str,
    num_generated: int,
    heldout_share: float,
    split_seed: int,
    image_size: int,
    seed: int,
) -> RecordSet:
    """Open the records of a run and split them by group.

    A folder whose records are all of one group is split by number instead.

    Args:
        dataset: `records` or `generated`.
        data_dir: record folders, commas between them; unused for `generated`.
        num_generated: hands to render for `generated`.
        heldout_share: share of the records that is held out, 0 to 1 (excluded).
        split_seed: of the split.
        image_size: side of the network's input in pixels; hands are rendered half as large again.
        seed: of the rendered hands.

    Returns:
        The record set.

    Raises:
        ValueError: if no folder is named, one is unfinished, or no record is left.
    """
    temporary = None
    if dataset == "generated":
        temporary = records.TemporaryRecords()
        side = max(64, round(1.5 * image_size))
        hands = generate_hands(num_generated, seed, size=side)
        records.write_records(hands, temporary.path, "generated_hands")
        folders = [temporary.path]
    else:
        folders = [folder.strip() for folder in data_dir.split(",") if folder.strip()]
        if not folders:
            raise ValueError(
                "--data_dir is empty; name the record folders that keras_pose.data.prepare wrote, with "
                "commas between them, or use --dataset=generated."
            )
    readers = [records.RecordReader(os.path.expanduser(folder)) for folder in folders]
    for reader in readers:
        if reader.index["skeleton"] != HAND_21_FREIHAND.name:
            raise ValueError(
                f"{reader.folder} holds {reader.index['skeleton']} joints; prepare it with "
                f"{HAND_21_FREIHAND.name} joints."
            )
    parts = [records.split_records(reader, heldout_share, split_seed) for reader in readers]
    train, heldout = ([part[side] for part in parts] for side in (0, 1))
    if not sum(len(positions) for positions in train):
        raise ValueError(f"--data_dir={data_dir} leaves no training records; hold out fewer.")
    return RecordSet(readers, train, heldout, temporary)


def with_labels_alone(record_set: RecordSet) -> RecordSet:
    """Return the set without training records that have no 2D joints."""
    return record_set.select(choose_labelled(record_set, 0, 0))


def choose_labelled(record_set: RecordSet, num_labels: int, seed: int) -> list[np.ndarray]:
    """Choose training records by number over all folders, in proportion to their sizes.

    Args:
        record_set: whose training records with 2D joints are chosen from.
        num_labels: how many; all if there are no more.
        seed: of the choice; smaller numbers are contained in larger ones, up to rounding.

    Returns:
        Positions per folder, sorted int64 `[T]`.
    """
    labelled = [
        positions[reader.has("2d")[positions]]
        for reader, positions in zip(record_set.readers, record_set.train, strict=True)
    ]
    total = sum(len(positions) for positions in labelled)
    if num_labels >= total or not num_labels:
        return labelled
    ends = np.round(np.cumsum([len(positions) for positions in labelled]) * num_labels / total)
    shares = np.diff(ends, prepend=0).astype(int)
    return [
        records.select_count(reader, int(share), seed, among=positions) if share else positions[:0]
        for reader, positions, share in zip(record_set.readers, labelled, shares, strict=True)
    ]
