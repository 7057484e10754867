"""Records as an endless `tf.data.Dataset` that can begin at any position.

What stands at position p depends on (seed, p) and the folders alone, so a run that resumes at step
n opens the stream at n times its batch size and sees the same records, without replaying any.
"""

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.records.example import parse_examples
from keras_pose.data.records.graph_calls import numpy_call
from keras_pose.data.records.order import RecordOrder
from keras_pose.data.records.reader import RecordReader
from keras_pose.skeletons import MPII_16, MPII_16_SPINE

# Ids of the k-th folder of a mixture are raised by k times this, so that they stay unique.
SOURCE_STRIDE = 2**48
_NEVER = 2**62
# These differ in one row alone, and 2D and 3D sets of bodies are mixed: `folder` tells which it is.
_MIXABLE = {MPII_16.name, MPII_16_SPINE.name}
# With fewer than nine in ten records bad, so many bad ones in a row are a matter of 1 in 10^11.
_MOST_STAND_INS = 256

Folder = str | os.PathLike[str] | RecordReader


def records_dataset(
    folders: Folder | Sequence[Folder],
    *,
    seed: int = 0,
    start: int = 0,
    sampler: str = "shuffle",
    subsets: Sequence[np.ndarray | None] | None = None,
    bad_records: BadRecords | None = None,
    block: int = 32,
    num_threads: int = 2,
    chunk: int = 1,
    rows: int = 1,
    stride: int = 1,
) -> tf.data.Dataset:
    """Stream records, one element each.

    Args:
        folders: record folders or their readers; several are mixed.
        seed: of the order.
        start: position of the first element; the number of elements consumed so far.
        sampler: "shuffle" (every record once per epoch), "weighted" (with replacement, every folder
            equally likely), "grouped" (as "shuffle", with `chunk` records of one group side by side) or
            "in_order" (one pass over the folders, then the end).
        subsets: for each folder int `[M]`, the positions to use, or None for all; see
            `record_selection`.
        bad_records: account of records whose bytes are damaged; by default the first one stops the
            stream. The record half an epoch further stands in for a damaged one.
        block: records that are read by one call into Python.
        num_threads: blocks read at the same time; the order does not depend on it.
        chunk: for "grouped" alone, records of one group in a row. Groups that are smaller count as one
            group per folder.
        rows: records of a batch, for `stride` alone.
        stride: batches from one to the next that is read; those between are somebody else's.

    Returns:
        Dataset of dicts as `parse_examples` gives them, without the axis B, and with `position`,
        `epoch` and `folder` (position in `folders`) int64. `id` is raised by `folder` times 2^48.

    Raises:
        ValueError: if folders are not finished or of different joint orders (but `mpii_16` and
            `mpii_16_spine` may be mixed), empty subsets, or an unknown sampler.
    """
    stream = _Stream(folders, seed, sampler, subsets, bad_records, chunk)
    end = stream.order.epoch_length if sampler == "in_order" else _NEVER
    if not 0 <= start <= end:
        raise ValueError(f"start={start} lies outside the stream, which goes from 0 to {end}.")

    # No Python `if` of a pipeline looks at a tensor; to rewrite its functions and all that they call, as
    # `map` does unasked, takes seconds of every start.
    @tf.autograph.experimental.do_not_convert
    def read(first):
        count = tf.minimum(tf.constant(block, tf.int64), end - first)
        positions = first + tf.range(count)
        if stride > 1:
            batch, row = (positions - start) // rows, (positions - start) % rows
            positions = start + batch * rows * stride + row
        kinds = (tf.string, tf.int64)
        examples, sources = numpy_call(stream.read, [positions], kinds)
        examples.set_shape([None])
        sources.set_shape([None])
        parsed = parse_examples(examples, stream.num_joints)
        parsed["id"] += sources * SOURCE_STRIDE
        length = tf.constant(stream.order.epoch_length, tf.int64)
        return parsed | {"position": positions, "epoch": positions // length, "folder": sources}

    blocks = tf.data.Dataset.range(start, end, block)
    return blocks.map(read, num_parallel_calls=num_threads, deterministic=True).unbatch()


class _Stream:
    """Readers, subsets and order of one stream."""

    def __init__(self, folders, seed, sampler, subsets, bad_records, chunk=1):
        if isinstance(folders, (str, os.PathLike, RecordReader)):
            folders = [folders]
        self.readers = [
            folder if isinstance(folder, RecordReader) else RecordReader(folder)
            for folder in folders
        ]
        if not self.readers:
            raise ValueError("No record folder was given; name at least one.")
        skeletons = {reader.index["skeleton"] for reader in self.readers}
        if len(skeletons) > 1 and not skeletons <= _MIXABLE:
            raise ValueError(
                f"The record folders have different joint orders ({', '.join(sorted(skeletons))}); "
                "prepare them all in the same order."
            )
        self.num_joints = self.readers[0].num_joints
        subsets = [None] * len(self.readers) if subsets is None else list(subsets)
        if len(subsets) != len(self.readers):
            raise ValueError(
                f"{len(self.readers)} folders need {len(self.readers)} subsets, not {len(subsets)}."
            )
        self.subsets = [
            np.arange(len(reader)) if subset is None else np.asarray(subset, np.int64)
            for reader, subset in zip(self.readers, subsets, strict=True)
        ]
        for reader, subset in zip(self.readers, self.subsets, strict=True):
            if len(subset) and not 0 <= subset.min() <= subset.max() < len(reader):
                raise ValueError(
                    f"{reader.folder} has {len(reader)} records; the subset names others."
                )
        lengths = [len(subset) for subset in self.subsets]
        groups = self._groups(chunk) if sampler == "grouped" else None
        self.order = RecordOrder(lengths, seed, sampler, groups, chunk)
        self.bad_records = bad_records or BadRecords(self.order.epoch_length)

    def _groups(self, chunk):
        """Return the group of every record; those of less than a chunk are one per source."""
        numbers, first = [], 0
        for reader, subset in zip(self.readers, self.subsets, strict=True):
            groups = reader.groups[subset]
            sizes = np.bincount(groups, minlength=len(reader.group_names))
            numbers.append(np.where(sizes[groups] < chunk, first, first + 1 + groups))
            first += 1 + len(reader.group_names)
        return np.concatenate(numbers)

    def read(self, positions):
        """Return the serialized records and sources at some positions."""
        examples, used = [], []
        sources, places = self.order.locate(positions)
        for position, source, place in zip(positions, sources, places, strict=True):
            data = self._serialized(source, place)
            for _ in range(_MOST_STAND_INS):
                if data is not None:
                    break
                position = self._stand_in(int(position))
                (source,), (place,) = self.order.locate(np.array([position]))
                data = self._serialized(source, place)
            if data is None:
                raise ValueError(
                    f"{_MOST_STAND_INS} damaged records came one after the other; run python -m "
                    "keras_pose.data.doctor.check on the folder."
                )
            examples.append(data)
            used.append(source)
        return np.array(examples, object), np.array(used, np.int64)

    def _serialized(self, source, place):
        reader, row = self.readers[source], int(self.subsets[source][place])
        try:
            return reader.serialized(row)
        except ValueError as error:
            self.bad_records.note(int(reader.ids[row] + source * SOURCE_STRIDE), str(error))
            return None

    def _stand_in(self, position):
        """Position half an epoch away in the same epoch; repeated, it visits all of them."""
        length = self.order.epoch_length
        epoch, place = divmod(position, length)
        step = length // 2 + 1
        while np.gcd(step, length) != 1:
            step += 1
        return epoch * length + (place + step) % length
