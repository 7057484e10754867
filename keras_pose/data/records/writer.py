"""Writing a data set as sharded TFRecord files that survive a kill.

A shard counts once its own JSON file is there, which is written after its records and its table. A
run started again reads the shards that count, goes on behind them in the source, and ends with the
same bytes as a run that was never stopped.
"""

import collections
import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import re
import zlib
from collections.abc import Callable, Generator, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose.data.records.example import to_example
from keras_pose.data.records.index import (
    INDEX_FILE,
    LABEL_BITS,
    SCHEMA_VERSION,
    TABLE_DTYPE,
    read_index,
    shard_name,
)
from keras_pose.data.records.record import Record, RecordSource, check_values, printable
from keras_pose.files import json_bytes, read_json, sha256_of, staged_file, write_file

# TFRecord puts length (8) and its checksum (4) before a record and a checksum (4) behind it.
_HEADER, _FOOTER = 12, 4
_OWN_FILE = re.compile(
    # Hidden files are what a killed process leaves; version 0.1 put "partial" behind the name.
    r"(\.partial-\d+-)?(records-\d{5,}\.(tfrecord|npy|json)|index\.json)"
    r"|\.(records-\d{5,}\.(tfrecord|npy|json)|index\.json)\.partial"
)
_SIDES = {"right": 1, "left": -1, "unknown": 0}

Outcome = tuple[int, Record | None, str, str]  # position, record or None, what, why it is bad


def write_records(
    records: Iterable[Record] | RecordSource,
    folder: str | os.PathLike[str],
    name: str = "",
    *,
    licence: str = "",
    shard_size: int = 4096,
    shard_bytes: int = 256 * 2**20,
    resume: bool = True,
    max_bad_fraction: float = 0.0,
    settings: dict[str, Any] | None = None,
    num_threads: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
    on_bad: Callable[[str, str], None] | None = None,
) -> dict[str, Any]:
    """Write a data set, or finish one whose writing was stopped.

    Args:
        records: a `RecordSource`, or any iterable of records that gives the same ones each time.
        folder: where to; made if needed.
        name: short name of the set; a source's own if empty.
        licence: licence of the data; a source's own if empty.
        shard_size: records per shard at most.
        shard_bytes: a shard is closed behind the record with which it reaches this size.
        resume: go on with what is in the folder; if False, what an earlier run left is removed.
        max_bad_fraction: share of the source that may be bad; bad ones are left out, counted and
            listed in the index. 0 stops at the first.
        settings: what the records depend on, JSON-ready; a folder begun with others is refused.
        num_threads: threads that read a `RecordSource`.
        on_progress: called with (positions done, records written) now and then.
        on_bad: called with (what, reason) for each bad record.

    Returns:
        The index, as `read_index` gives it.

    Raises:
        ValueError: if too many records are bad, ids repeat, joint orders differ, or for a folder begun
            with other settings, or no record at all.
        OSError: if something cannot be written; what is finished stays and the next run goes on.

    Example:
        >>> import tempfile
        >>> from keras_pose.data.generated import generate_hands
        >>> from keras_pose.data.records import RecordReader, write_records
        >>> folder = tempfile.mkdtemp()
        >>> index = write_records(generate_hands(2, seed=0, size=64), folder, "two_hands")
        >>> len(RecordReader(folder))
        2
    """
    folder = pathlib.Path(folder)
    source = records if isinstance(records, RecordSource) else None
    heading = {
        "name": name or (source.name if source else folder.name),
        "licence": licence or (source.licence if source else "not stated"),
        "settings": settings or {},
        "schema_version": SCHEMA_VERSION,
        "shard_limits": [shard_size, shard_bytes],
    }
    heading = json.loads(json_bytes(heading))  # tuples and the like, as they will be read back
    if shard_size < 1 or shard_bytes < 1:
        raise ValueError(f"shard_size={shard_size} and shard_bytes={shard_bytes} must be above 0.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"Cannot make the folder {folder}: {error.strerror}; choose another."
        ) from error
    if resume and (folder / INDEX_FILE).is_file():
        index = read_index(folder)
        _check_same(folder / INDEX_FILE, index, heading)
        return index
    shards = _finished_shards(folder, heading) if resume else []
    _remove_leftovers(folder, len(shards))
    writing = _Writing(folder, heading, shards, on_bad)
    total = len(source) if source else None
    start = shards[-1]["next_position"] if shards else 0
    outcomes = (
        _read_ahead(source, start, max(num_threads, 1))
        if source
        else _from_iterable(records, start, writing)
    )
    position = start
    # Left to the garbage collector, its threads are joined wherever that happens to run: within the start
    # of another thread, whose lock the joining needs, the process then waits for itself.
    with contextlib.closing(outcomes):
        for position, record, what, reason in outcomes:
            writing.add(position, record, what, reason)
            seen = total or position + 1
            if writing.num_bad > max_bad_fraction * seen and (total or not max_bad_fraction):
                raise ValueError(_too_many(writing, seen, max_bad_fraction))
            if on_progress and position % 256 == 255:
                on_progress(position + 1, writing.num_records)
    if writing.num_bad and writing.num_bad > max_bad_fraction * (position + 1):
        raise ValueError(_too_many(writing, position + 1, max_bad_fraction))
    writing.close_shard()
    if not writing.num_records:
        raise ValueError(f"{heading['name']}: there is no record to write; check the input.")
    if on_progress:
        on_progress(position + 1, writing.num_records)
    return writing.close(source)


class _Writing:
    """The open shard, and what the finished ones hold."""

    def __init__(self, folder, heading, shards, on_bad):
        self.folder, self.heading, self.shards, self.on_bad = folder, heading, shards, on_bad
        self.num_records = sum(shard["records"] for shard in shards)
        self.num_bad = sum(len(shard["bad"]) for shard in shards)
        tables = [np.load(folder / f"{shard_name(n)}.npy")["id"] for n in range(len(shards))]
        self.ids = set(np.concatenate(tables).tolist()) if tables else set()
        self.skeleton = shards[0]["skeleton"] if shards else None
        self.sources: collections.Counter[str] = collections.Counter()
        for shard in shards:
            self.sources.update(shard["sources"])
        self._begin()

    def _begin(self):
        self.first = self.shards[-1]["next_position"] if self.shards else 0
        self.next = self.first
        self.examples, self.rows, self.groups, self.bad = [], [], {}, []
        self.size = 0
        self.shard_sources: collections.Counter[str] = collections.Counter()

    def add(self, position, record, what, reason):
        """Take one outcome of the source; close the shard when it is full."""
        self.next = position + 1
        if record is not None:
            try:
                check_values(record)
                if record.id in self.ids:
                    raise ValueError(
                        f"{record.title}: the id is used twice; give each record its own."
                    )
            except ValueError as error:
                record, what, reason = None, f"{position}", str(error)
        if record is None:
            self.num_bad += 1
            reason = printable(reason)
            self.bad.append([what, reason])
            if self.on_bad:
                self.on_bad(what, reason)
            return
        if self.skeleton not in (None, record.skeleton):
            raise ValueError(
                f"{record.title}: its joint order is {record.skeleton}, but that of earlier "
                f"records is {self.skeleton}; prepare them as two sets."
            )
        self.skeleton = record.skeleton
        self.ids.add(record.id)
        data = to_example(record)
        group = self.groups.setdefault(record.group, len(self.groups))
        row = (record.id, self.size + _HEADER, len(data), zlib.crc32(data), group, record.label)
        self.rows.append((*row, _SIDES[record.side], _label_bits(record)))
        self.examples.append(data)
        self.size += _HEADER + len(data) + _FOOTER
        self.shard_sources[record.source] += 1
        self.num_records += 1
        most_records, most_bytes = self.heading["shard_limits"]
        if len(self.examples) >= most_records or self.size >= most_bytes:
            self.close_shard()

    def close_shard(self):
        """Write records, table and, last, the shard's own JSON file."""
        if not self.examples and not self.bad:
            return
        name = shard_name(len(self.shards))
        path = self.folder / f"{name}.tfrecord"
        with staged_file(path) as partial:
            try:
                with tf.io.TFRecordWriter(os.fspath(partial)) as writer:
                    for example in self.examples:
                        writer.write(example)
            except tf.errors.OpError as error:
                raise OSError(str(error.message)) from error
            if os.path.getsize(partial) != self.size:
                raise OSError("the file is not as long as its records")
            content_hash = sha256_of(partial)
        table = np.array(self.rows, TABLE_DTYPE)
        table_path = self.folder / f"{name}.npy"
        with staged_file(table_path) as partial:
            np.save(partial, table)
        shard = {
            "file": path.name,
            "records": len(table),
            "bytes": self.size,
            "sha256": content_hash,
            "table_sha256": sha256_of(table_path),
            "first_position": self.first,
            "next_position": self.next,
            "groups": list(self.groups),
            "bad": self.bad,
            "skeleton": self.skeleton,
            "sources": dict(self.shard_sources),
            "counts": _counts(table),
            "heading": self.heading,
        }
        write_file(self.folder / f"{name}.json", json_bytes(shard))
        self.shards.append(shard)
        self.sources.update(self.shard_sources)
        self._begin()

    def close(self, source):
        """Write the index."""
        counts: collections.Counter[str] = collections.Counter()
        for shard in self.shards:
            counts.update(shard["counts"])
        kept = ("file", "records", "bytes", "sha256", "table_sha256")
        index = self.heading | {
            "source": ", ".join(sorted(self.sources)),
            "skeleton": self.skeleton,
            "num_records": self.num_records,
            "num_bytes": sum(shard["bytes"] for shard in self.shards),
            "counts": {key: counts[key] for key in sorted(counts)},
            "num_bad": self.num_bad,
            "bad": [entry for shard in self.shards for entry in shard["bad"]],
            "notes": list(source.notes) if source else [],
            "shards": [{key: shard[key] for key in kept} for shard in self.shards],
        }
        if source and source.label_names:
            index["label_names"] = list(source.label_names)
        write_file(self.folder / INDEX_FILE, json_bytes(index))
        return index


def _label_bits(record):
    known = {
        "2d": record.keypoints_2d is not None,
        "depth": record.keypoints_3d is not None,
        "3d": record.keypoints_3d is not None and record.has_absolute_depth,
        "intrinsics": record.intrinsics is not None,
        "box": record.box is not None,
        "label": record.label >= 0,
        "head_size": record.head_size > 0,
    }
    return sum(LABEL_BITS[key] for key, is_known in known.items() if is_known)


def _counts(table):
    counts = {
        f"with_{key}": int(np.sum(table["labels"] & bit > 0)) for key, bit in LABEL_BITS.items()
    }
    return counts | {side: int(np.sum(table["side"] == n)) for side, n in _SIDES.items()}


def _read_ahead(
    source: RecordSource, start: int, num_threads: int
) -> Generator[Outcome, None, None]:
    """Read a source in order, some records ahead in threads; a bad one is an outcome, no end."""

    def read(position):
        try:
            return position, source.read(position), "", ""
        except ValueError as error:
            return position, None, str(position), str(error)

    with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
        waiting: collections.deque = collections.deque()
        try:
            for position in range(start, len(source)):
                waiting.append(pool.submit(read, position))
                if len(waiting) >= 4 * num_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _from_iterable(
    records: Iterable[Record], start: int, writing: _Writing
) -> Generator[Outcome, None, None]:
    """Go on behind what is written, after checking that the iterable gives what it gave before."""
    stream = iter(records)
    skipped = collections.deque(itertools.islice(stream, start), maxlen=1)
    if start and writing.shards[-1]["records"] and not writing.shards[-1]["bad"]:
        last = np.load(writing.folder / f"{shard_name(len(writing.shards) - 1)}.npy")["id"][-1]
        if not skipped or skipped[0].id != last:
            raise ValueError(
                f"{writing.folder} was started with different records; choose another folder or "
                "write with resume=False."
            )
    for position, record in enumerate(stream, start):
        yield position, record, "", ""


def _finished_shards(folder, heading):
    shards: list[dict] = []
    while (path := folder / f"{shard_name(len(shards))}.json").is_file():
        shard = read_json(path)
        _check_same(path, shard.get("heading", {}), heading)
        content, table = path.with_suffix(".tfrecord"), path.with_suffix(".npy")
        whole = (
            content.is_file()
            and table.is_file()
            and os.path.getsize(content) == shard["bytes"]
            and sha256_of(table) == shard["table_sha256"]
        )
        if not whole:
            break  # Damaged after it was written: it and all behind it are written again.
        shards.append(shard)
    return shards


def _check_same(path, found, heading):
    for key, wanted in heading.items():
        if found.get(key) != wanted:
            raise ValueError(
                f"{path}: the folder was started with {key} = {found.get(key)!r}, but this command "
                f"has {wanted!r}; choose another folder, or remove this one to start again."
            )


def _remove_leftovers(folder, num_finished):
    kept = {
        f"{shard_name(n)}{end}"
        for n in range(num_finished)
        for end in (".tfrecord", ".npy", ".json")
    }
    # By full names: the folder may hold files of others, whatever they are called.
    for path in [*folder.iterdir(), folder / INDEX_FILE]:
        if _OWN_FILE.fullmatch(path.name) and path.name not in kept:
            path.unlink(missing_ok=True)


def _too_many(writing, seen, max_bad_fraction):
    what, reason = writing.bad[-1] if writing.bad else ("?", "see the shards' JSON files")
    return (
        f"{writing.heading['name']}: {writing.num_bad} of {seen} records are bad, more than "
        f"--max_bad_fraction={max_bad_fraction} allows; the last is number {what}: {reason}"
    )
