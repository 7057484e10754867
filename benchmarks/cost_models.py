"""What a large run costs, by formula and as a small run measures it: `python -m benchmarks.cost_models`.

docs/scaling.md has the formulas. A row is a quantity by its formula and by measurement; they must agree
within the row's tolerance, else the command ends with exit code 1.
"""

import dataclasses
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.table import text_table
from benchmarks.trainers import TRAINERS, open_trainer
from keras_pose.data.generated.hands import generate_hands
from keras_pose.data.records import write_records
from keras_pose.train.binary import run_binary
from keras_pose.train.checkpoints import Checkpoints
from keras_pose.train.config import check_ranges, option
from keras_pose.train.steps import Steps

RECORD_OVERHEAD_BYTES = 1100
"""Bytes of a labelled hand's record that are not its picture: joints, camera, names, framing, tables."""
FLOAT_BYTES = 4
_SMALL = {"batch_size": 4}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    num_records: int = option(200, "Rendered hands of each size.", low=8)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


class CountingReduction(tf.distribute.ReductionToOneDevice):
    """Sums over replicas as tests do, and counts the bytes that each replica gives, at tracing.

    Attributes:
        given_bytes: of a step, so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.given_bytes = 0

    def batch_reduce_implementation(self, reduce_op, value_destination_pairs, options):
        for value, _ in value_destination_pairs:
            self.given_bytes += _bytes_of(value)
        return super().batch_reduce_implementation(reduce_op, value_destination_pairs, options)


def _bytes_of(value):
    """Bytes of one replica's tensor of a per-replica value."""
    first = tf.distribute.get_strategy().experimental_local_results(value)[0]
    return int(np.prod(first.shape)) * first.dtype.size


def record_rows(count: int) -> Iterator[dict]:
    """Measure the bytes of a record at two sizes of its picture.

    Args:
        count: records of each.

    Yields:
        JSON-ready rows.
    """
    for size in (64, 128):
        with tempfile.TemporaryDirectory(prefix="keras_pose_cost_") as folder:
            hands = list(generate_hands(count, 0, size=size))
            write_records(iter(hands), folder, "cost")
            measured = sum(path.stat().st_size for path in Path(folder).iterdir()) / count
        picture = float(np.mean([len(hand.image) for hand in hands]))
        yield _row(f"bytes of a record, {size} px", picture + RECORD_OVERHEAD_BYTES, measured, 0.05)


def checkpoint_rows() -> Iterator[dict]:
    """Measure the bytes of a checkpoint of every trainer.

    Yields:
        JSON-ready rows.
    """
    for name in TRAINERS:
        keras.utils.clear_session()
        model = open_trainer(name, **_SMALL).model
        model.compile()
        state = sum(
            int(np.prod(variable.shape)) * np.dtype(keras.backend.standardize_dtype(d)).itemsize
            for owner in (model, *model.optimizers)
            for variable in owner.variables
            for d in [variable.dtype]
        )
        with tempfile.TemporaryDirectory(prefix="keras_pose_cost_") as folder:
            Checkpoints(model, folder).save(1)
            written = sum(path.stat().st_size for path in Path(folder).glob("step-1.*"))
        yield _row(f"bytes of a checkpoint, {name}", state, written, 0.05)


def reduction_rows() -> Iterator[dict]:
    """Count the bytes that a replica gives to the sums of one step.

    Yields:
        JSON-ready rows.
    """
    for name in ("tips adversarial", "hand_student", "wild3d"):
        keras.utils.clear_session()
        counting = CountingReduction()
        cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
        strategy = tf.distribute.MirroredStrategy(cpus, cross_device_ops=counting)
        with strategy.scope():
            trainer = open_trainer(name, **_SMALL)
            trainer.model.compile()
        gradients = FLOAT_BYTES * sum(
            int(np.prod(variable.shape))
            for optimizer in trainer.model.optimizers
            for variable in _moved(optimizer)
        )
        steps = Steps(trainer.model, strategy, trainer.batch_size, 1)
        steps.begin(trainer.batches, 0)
        counting.given_bytes = 0
        steps.execute()
        steps.end()
        yield _row(f"bytes given to sums in a step, {name}", gradients, counting.given_bytes, 0.05)


def _moved(optimizer):
    """Variables that an optimizer moves, by their first moments, which have their shapes."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    names = ("momentum", "velocity", "_momentum")
    found = [v for v in inner.variables if v.path.rsplit("_", 1)[-1] in names]
    kinds = {v.path.rsplit("_", 1)[-1] for v in found}
    first = "momentum" if "momentum" in kinds else "velocity"
    return [v for v in found if v.path.rsplit("_", 1)[-1] == first]


def gathered_rows() -> Iterator[dict]:
    """Measure the rows that a replica of pretraining gives to the others.

    Yields:
        A JSON-ready row.
    """
    keras.utils.clear_session()
    trainer = open_trainer("peclr", **_SMALL)
    trainer.model.compile()
    batch = next(iter(trainer.batches(0)))
    _, _, rows = trainer.model.contrast(batch, training=True)
    config = trainer.model.config
    formula = 2 * config.batch_size * 2 * config.num_points * FLOAT_BYTES
    measured = int(np.prod(rows.shape)) * rows.dtype.size
    yield _row("bytes of rows that a replica gives as negatives, peclr", formula, measured, 0.0)


def _row(what, formula, measured, tolerance):
    return {
        "what": what,
        "formula": float(formula),
        "measured": float(measured),
        "tolerance": tolerance,
        "agrees": bool(abs(measured / formula - 1.0) <= tolerance),
    }


def table(rows: list[dict]) -> str:
    """Set the rows as one table.

    Args:
        rows: from the functions above.

    Returns:
        The table.
    """
    return text_table(
        ("quantity", "by formula", "measured", "measured / formula", "agrees"),
        [
            (
                row["what"],
                f"{row['formula']:,.0f}",
                f"{row['measured']:,.0f}",
                f"{row['measured'] / row['formula']:.3f}",
                "yes" if row["agrees"] else "NO",
            )
            for row in rows
        ],
    )


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, parts)
    description = machine.describe(os.cpu_count() or 1)
    rows = [
        *record_rows(settings.num_records),
        *checkpoint_rows(),
        *reduction_rows(),
        *gathered_rows(),
    ]
    text = table(rows)
    print(text)
    if settings.output:
        result = {
            "command": "python -m benchmarks.cost_models",
            "machine": description,
            "results": rows,
        }
        write_result(settings.output, result, text)
    if not all(row["agrees"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    run_binary(main, Settings)
