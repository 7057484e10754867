"""Turns a data set into records: `python -m keras_pose.data.prepare --source=... --output=...`.

The same command goes on with a folder that was not finished. `prepare` is the library form, without
flags.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from keras_pose.data.prepare_settings import PrepareConfig
from keras_pose.data.prepare_sources import open_source, source_settings
from keras_pose.data.records.index import INDEX_FILE
from keras_pose.data.records.writer import write_records


def prepare(
    config: PrepareConfig,
    on_progress: Callable[[int, int], None] | None = None,
    on_bad: Callable[[str, str], None] | None = None,
) -> dict[str, Any]:
    """Write the records of a data set, or finish a folder that was begun.

    Args:
        config: what to read and where to write.
        on_progress: called with (positions done, records written) now and then.
        on_bad: called with (position, reason) for each bad record.

    Returns:
        The index.

    Raises:
        ValueError: if the input is bad or too many records are, in one sentence.
        OSError: if something cannot be written.
    """
    source = open_source(config)
    return write_records(
        source,
        config.output,
        config.name,
        licence=config.licence,
        shard_size=config.shard_size,
        max_bad_fraction=config.max_bad_fraction,
        # Where the input lies and how fast it is read does not change the records.
        settings=source_settings(config) | {"count": len(source)},
        num_threads=config.num_threads,
        on_progress=on_progress,
        on_bad=on_bad,
    )


def print_summary(index: dict[str, Any], folder: str) -> None:
    """Print what a folder of records holds.

    Args:
        index: from `prepare`.
        folder: where it lies.
    """
    counts = index["counts"]
    known = ", ".join(f"{counts[key]} {key.replace('_', ' ')}" for key in counts if counts[key])
    print(f"{index['name']}: {index['num_records']} records in {folder}")
    print(f"  {len(index['shards'])} files, {index['num_bytes'] / 2**20:.1f} MiB; {known}")
    print(f"  licence: {index['licence']}")
    for note in index["notes"]:
        print(f"  note: {note}")
    if index["num_bad"]:
        print(f"  {index['num_bad']} bad records were left out; index.json lists them")


def main(config: PrepareConfig) -> None:
    """Do what the settings ask for."""
    begin, shows_line = time.monotonic(), sys.stderr.isatty()
    last = [begin]

    def progress(done: int, written: int) -> None:
        now = time.monotonic()
        if now - last[0] < (0.5 if shows_line else 30):
            return
        last[0] = now
        line = f"{done} read, {written} written, {now - begin:.0f} s"
        print(f"\r{line}" if shows_line else line, end="" if shows_line else "\n", file=sys.stderr)

    def bad(position: str, reason: str) -> None:
        print(f"{os.linesep if shows_line else ''}bad record {position}: {reason}", file=sys.stderr)

    was_finished = os.path.isfile(os.path.join(config.output, INDEX_FILE))
    index = prepare(config, progress, bad)
    if was_finished:
        print(
            f"{config.output} is already finished, so no picture was read again; if the input has "
            "changed since, remove the folder and run this again."
        )
    if shows_line and last[0] > begin:
        print(file=sys.stderr)
    print_summary(index, config.output)
    print(f"Next: python -m keras_pose.data.doctor.check --input={config.output}")
