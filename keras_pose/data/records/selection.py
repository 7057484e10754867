"""Parts of a record set: by group, by share, by number; the published FreiHAND split.

Every function returns positions for `records_dataset(subsets=...)`, sorted, as a pure function of
its arguments.
"""

from collections.abc import Sequence

import numpy as np

from keras_pose.data.records.reader import RecordReader
from keras_pose.train.keyed_random import keyed_uniform

_SPLIT, _COUNT = 0x73706C69 << 32, 0x636F756E << 32  # 'spli' and 'coun': streams of their own


def published_split(count: int, ratio: float, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Split numbers as PeCLR's published runs split FreiHAND (released code of Spurr et al. 2021).

    Args:
        count: number N of units; 32,560 samples for FreiHAND.
        ratio: share of the training part, 0 to 1.
        seed: of the permutation.

    Returns:
        Training and validation part, sorted int64 `[T]` and [N - T], T = floor(ratio N).

    Raises:
        ValueError: if the ratio lies outside 0 to 1.
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"The share of the training part is {ratio}; give one between 0 and 1.")
    num_validation = count - int(np.floor(ratio * count))
    order = np.random.RandomState(seed).permutation(count)
    return np.sort(order[num_validation:]), np.sort(order[:num_validation])


def split_published(
    reader: RecordReader, ratio: float, seed: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Split a set by the published rule; records of one group stay together.

    A group of FreiHAND is a sample with its four versions and counts by the sample's own number, so
    that pictures which were left out do not shift all others. Groups of other sets count in the order
    in which they first appear. Training parts of growing shares contain each other, so
    this is also the rule for semi-supervised shares of the labels.

    Args:
        reader: the set.
        ratio: share of the groups in the training part, 0 to 1.
        seed: of the permutation.

    Returns:
        Positions of training and validation part, int64 `[T]` and `[V]`.
    """
    numbers = _sample_numbers(reader)
    train, validation = published_split(int(numbers.max(initial=-1)) + 1, ratio, seed)
    of_record = numbers[reader.groups]
    return np.flatnonzero(np.isin(of_record, train)), np.flatnonzero(np.isin(of_record, validation))


def split_groups(
    reader: RecordReader, ratio: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Split by groups such that the training part has about a share of the records.

    Groups are shuffled by name, so the split does not change when other groups are added in front.
    Both parts have at least one group.

    Args:
        reader: the set.
        ratio: share of the records in the training part, between 0 and 1.
        seed: of the order.

    Returns:
        Positions of training and test part, int64 `[T]` and `[V]`.

    Raises:
        ValueError: if there is only one group or the ratio lies outside 0 to 1.
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"The share of the training part is {ratio}; give one between 0 and 1.")
    sizes = np.bincount(reader.groups, minlength=len(reader.group_names))
    if len(sizes) < 2:
        raise ValueError(
            f"{reader.folder} has only one group, so it cannot be split by groups; split by number."
        )
    keys = np.array([_hash(name) for name in reader.group_names])
    order = np.argsort(keyed_uniform(seed, keys, _SPLIT), kind="stable")
    filled = np.cumsum(sizes[order])
    num_train = int(np.argmin(np.abs(filled - ratio * len(reader)))) + 1
    num_train = min(max(num_train, 1), len(sizes) - 1)
    return _in_groups(reader, order[:num_train]), _in_groups(reader, order[num_train:])


def select_count(
    reader: RecordReader, count: int, seed: int = 0, among: Sequence[int] | np.ndarray | None = None
) -> np.ndarray:
    """Take a number of records by chance; smaller numbers are contained in larger ones.

    Args:
        reader: the set.
        count: how many; all if there are no more.
        seed: of the choice.
        among: positions `[M]` to choose from; all if None.

    Returns:
        Positions, int64 [count], sorted.

    Raises:
        ValueError: if the count is below 1.
    """
    if count < 1:
        raise ValueError(f"{count} records were asked for; ask for at least 1.")
    places = np.arange(len(reader)) if among is None else np.unique(np.asarray(among, np.int64))
    keys = keyed_uniform(seed, reader.ids[places], _COUNT)
    return np.sort(places[np.argsort(keys, kind="stable")[:count]])


def _sample_numbers(reader):
    """Return the number of each group in the published split, int64 `[G]`."""
    if reader.index["source"] == "freihand":
        return np.array([int(name.split()[-1]) for name in reader.group_names], np.int64)
    return np.arange(len(reader.group_names))


def _in_groups(reader, places):
    return np.flatnonzero(np.isin(reader.groups, places))


def _hash(text):
    """Return a whole number for a name, the same on every machine (Python's own hash is not)."""
    value = 14695981039346656037  # FNV-1a, 64 bits
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2**64
    return np.int64(value - 2**64 if value >= 2**63 else value)


def split_records(
    reader: RecordReader, heldout_share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split a folder by group, or by number where there is one group only.

    Args:
        reader: open folder of N records.
        heldout_share: share of the records that is held out, 0 to 1 (excluded).
        seed: of the split.

    Returns:
        Positions for training and held-out positions, sorted int64 `[T]` and `[N - T]`.
    """
    everything = np.arange(len(reader))
    num_heldout = round(heldout_share * len(reader))
    if not num_heldout:
        return everything, everything[:0]
    if len(reader.group_names) > 1:
        return split_groups(reader, 1.0 - heldout_share, seed)
    heldout = select_count(reader, num_heldout, seed)
    return np.setdiff1d(everything, heldout), heldout
