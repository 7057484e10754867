"""A long run on many records with many checkpoints: `python -m benchmarks.soak --folder=<scratch>`.

Pretrains a small encoder for one pass over the records and notes memory and open files on the way. The
claims: memory without files stays flat within 1 % over the second half, the number of open files stays
the same, and the records of any step are those that a run begun at that step would get.
"""

import dataclasses
import os
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine, records_memory
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data.records import write_records
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.data import load_pictures
from keras_pose.peclr.model import ContrastiveModel
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option
from keras_pose.train.loop import SavingPlan, run
from keras_pose.train.strategy import make_strategy

GROWTH_BAR = 0.01
_ROWS = 40
# Batches whose records are read once more, from the middle on.
_REPEATED = 20


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to train on.

    Raises:
        ValueError: when a value is out of range.
    """

    folder: str = option("soak_records", "Folder of the records; written if it is not there.")
    num_records: int = option(100_000, "Records of the set.", low=1000)
    size: int = option(32, "Side of pictures and crops in px.", low=32)
    batch_size: int = option(64, "Pictures of a step, two views each.", low=2)
    checkpoint_steps: int = option(200, "Steps between two checkpoints.", low=1)
    output: str = option("", "Result file ending in .json; the table goes next to it as .txt.")

    def __post_init__(self):
        check_ranges(self)


class Gauges(keras.callbacks.Callback):
    """Reads memory and open files on the way.

    Args:
        every: steps between two readings.
    """

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every, self.step, self.rows = every, 0, list[dict]()
        self.began = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.step % self.every == 0:
            row = {"step": self.step, "seconds": round(time.monotonic() - self.began, 1)}
            row |= {"open_files": len(os.listdir("/proc/self/fd"))}
            self.rows.append(row | records_memory.memory_mib())


def measure(settings: Settings) -> dict:
    """Train and read the gauges.

    Args:
        settings: what to train on.

    Returns:
        A JSON-ready result.
    """
    content = records_memory.Settings(num_records=settings.num_records, size=settings.size)
    write_records(records_memory.make_records(content), settings.folder, "records_memory")
    steps = settings.num_records // settings.batch_size
    config = PretrainConfig(
        encoder="resnet10_half",
        image_size=settings.size,
        batch_size=settings.batch_size,
        num_steps=steps,
        warmup_steps=0,
        val_share=0.0,
        augment_on="host",
    )
    pictures = load_pictures(config, settings.folder)
    seen: list[np.ndarray] = []

    def batches(first_step):
        def note(ids):
            seen.append(ids)
            return ids

        def noted(batch):
            return batch | {"id": tf.numpy_function(note, [batch["id"]], tf.int64)}

        return pictures.batches(first_step).map(noted, num_parallel_calls=1, deterministic=True)

    gauges = Gauges(max(1, steps // _ROWS))
    with tempfile.TemporaryDirectory(prefix="keras_pose_soak_") as folder:
        run(
            build_model=lambda: ContrastiveModel(config),
            batches=batches,
            model_dir=folder,
            batch_size=settings.batch_size,
            num_steps=steps,
            steps_per_epoch=steps,
            strategy=make_strategy("one_device"),
            callbacks=[gauges],
            plan=SavingPlan(steps=settings.checkpoint_steps),
        )
    middle = steps // 2
    again = pictures.batches(middle).take(_REPEATED)
    is_same = all(
        np.array_equal(batch["id"], seen[middle + number]) for number, batch in enumerate(again)
    )
    settled = gauges.rows[len(gauges.rows) // 2 :]
    anonymous = [row["RssAnon"] for row in settled]
    return {
        "records": settings.num_records,
        "steps": steps,
        "checkpoint_steps": settings.checkpoint_steps,
        "growth": anonymous[-1] / anonymous[0] - 1.0,
        "open_files": sorted({row["open_files"] for row in settled}),
        "order_repeats": is_same,
        "distinct_records": len(np.unique(np.concatenate(seen[:steps]))),
        "rows": gauges.rows,
        "bar": GROWTH_BAR,
    }


def table(result: dict) -> str:
    """Set the readings as a table, with a sentence on what they claim.

    Args:
        result: from `measure`.

    Returns:
        The text.
    """
    readings = text_table(
        ("step", "seconds", "memory MiB", "without files", "open files"),
        [
            (
                str(row["step"]),
                f"{row['seconds']:.1f}",
                f"{row['VmRSS']:.1f}",
                f"{row['RssAnon']:.1f}",
                str(row["open_files"]),
            )
            for row in result["rows"]
        ],
    )
    files = " or ".join(map(str, result["open_files"]))
    return (
        f"{readings}\n\n{result['records']} records, {result['distinct_records']} of them seen once, a "
        f"checkpoint every {result['checkpoint_steps']} steps; second half: memory grew by "
        f"{result['growth']:.2%}, {files} open files; order from the middle on "
        f"{'repeats' if result['order_repeats'] else 'DIFFERS'}"
    )


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    description = machine.describe(2)
    sentence = machine.sentence(description)
    print(sentence, flush=True)
    result = measure(settings)
    text = table(result)
    print(text)
    if settings.output:
        command = {"command": "python -m benchmarks.soak", "machine": description}
        write_result(settings.output, command | result, f"{sentence}\n\n{text}")


if __name__ == "__main__":
    run_binary(main, Settings)
