"""Host memory while a run streams records: `python -m benchmarks.records_memory`.

Writes small records (or takes those of an earlier run), streams them as a trainer does, decoded and
in batches, and prints the process's memory over the course. The claim is that it stays flat, so that
a set of a million records needs no more than one of a hundred thousand but its tables.
"""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.data.records import Record, RecordReader, records_dataset, write_records
from keras_pose.train import config as configs
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

_ROWS = 20
_PICTURES = 64  # different ones, so that making them is not what takes the time


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to stream.

    Raises:
        ValueError: when a value is out of range.
    """

    folder: str = option("records_memory", "Folder of the records; written if it is not there.")
    num_records: int = option(100_000, "Records of the set.", low=1)
    num_streamed: int = option(0, "Records to stream; 0 streams the set three times.", low=0)
    size: int = option(64, "Side of the pictures in px.", low=8)
    batch_size: int = option(128, "Batch size.", low=1)
    output: str = option("", "Result file ending in .json; the table goes next to it as .txt.")

    def __post_init__(self):
        check_ranges(self)


def make_records(settings: Settings) -> Iterator[Record]:
    """Make small labelled records of noise, each with an id, joints and a box of its own."""
    rng = np.random.default_rng(0)
    size = settings.size
    noise = rng.integers(0, 255, (_PICTURES, size // 4, size // 4, 3), np.uint8)
    pictures = [cv2.imencode(".jpg", cv2.resize(picture, (size, size)))[1] for picture in noise]
    for number in range(settings.num_records):
        yield Record(
            id=number,
            source="records_memory",
            name=f"{number}.jpg",
            image=pictures[number % _PICTURES].tobytes(),
            height=size,
            width=size,
            keypoints_2d=rng.uniform(0, size, (21, 2)),
            box=(0, 0, size, size),
            group=f"{number // 100}",
        )


def memory_mib() -> dict[str, float]:
    """Resident memory of this process: all of it, and what belongs to no file."""
    fields = {}
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon"):
            fields[name] = int(value.split()[0]) / 2**10
    return fields


def measure(settings: Settings) -> dict:
    """Stream the records and read the memory on the way.

    Args:
        settings: what to stream.

    Returns:
        JSON-ready result.
    """
    began = time.monotonic()
    index = write_records(make_records(settings), settings.folder, "records_memory")
    written_s = time.monotonic() - began
    # As in a trainer: the tables are read once and what writing used is not part of the claim.
    reader = RecordReader(settings.folder)
    total = settings.num_streamed or 3 * len(reader)

    def decode(image, name):
        return decode_picture(image, name.decode())

    def parse(record):
        picture = tf.numpy_function(decode, [record["image"], record["name"]], tf.uint8)
        picture.set_shape([settings.size, settings.size, 3])
        return picture, record["keypoints_2d"], record["id"]

    stream = records_dataset(reader, seed=1).map(parse, num_parallel_calls=2)
    stream = stream.batch(settings.batch_size, drop_remainder=True).prefetch(2)
    steps = max(_ROWS, total // settings.batch_size)
    rows, began = [], time.monotonic()
    for step, (_, _, ids) in enumerate(stream.take(steps), 1):
        if step % max(1, steps // _ROWS) == 0 or step == 1:
            seconds = time.monotonic() - began
            done = step * int(ids.shape[0])
            rows.append({"records": done, "seconds": round(seconds, 2)} | memory_mib())
    # Buffers and the allocator's pools fill at the start, and at the first border of two epochs, where
    # two orders are held. What is left are one or more whole epochs with their borders.
    settled = rows[len(rows) // 2 :]
    growth = settled[-1]["RssAnon"] - settled[0]["RssAnon"]
    streamed = settled[-1]["records"] - settled[0]["records"]
    return {
        "machine": machine.describe(2),
        # Where things lie is of one machine.
        "settings": {
            name: value
            for name, value in configs.to_dict(settings).items()
            if name not in ("folder", "output")
        },
        "set_mib": round(index["num_bytes"] / 2**20, 1),
        "writing_s": round(written_s, 1),
        "rows": [{key: round(value, 2) for key, value in row.items()} for row in rows],
        "growth_mib": round(growth, 2),
        "growth_bytes_per_record": round(growth * 2**20 / max(streamed, 1), 2),
        "records_per_s": round(rows[-1]["records"] / rows[-1]["seconds"]),
    }


def report(result: dict) -> str:
    """Set a result as text."""
    rows = [
        (
            f"{row['records']:,}",
            f"{row['seconds']:.1f}",
            f"{row['VmRSS']:.1f}",
            f"{row['RssAnon']:.1f}",
        )
        for row in result["rows"]
    ]
    return "\n".join(
        [
            f"{result['settings']['num_records']:,} records, {result['set_mib']} MiB, pictures of "
            f"{result['settings']['size']} px decoded, batches of {result['settings']['batch_size']}",
            "",
            text_table(("records streamed", "s", "resident MiB", "without files MiB"), rows),
            "",
            f"growth over the second half: {result['growth_mib']} MiB, "
            f"{result['growth_bytes_per_record']} bytes per record",
            f"{result['records_per_s']:,} records/s, reading, decoding and batching",
            machine.sentence(result["machine"]),
        ]
    )


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    result = measure(settings)
    text = report(result)
    print(text)
    if settings.output:
        write_result(settings.output, result, text)


def run_main() -> None:
    """Console entry point: define the flags, run, and turn errors into one sentence and exit code 1."""
    run_binary(main, Settings)


if __name__ == "__main__":
    run_main()
