"""One step of every trainer with XLA and without: `python -m benchmarks.jit_step`.

What `--jit_compile=auto` takes is read off this table. Both sides train on one batch again and again, in
alternating rounds; what XLA takes to compile is told apart.
"""

import dataclasses
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.rounds import interleave, median_ratio
from benchmarks.table import text_table
from benchmarks.trainers import TRAINERS, open_trainer
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, listed, option
from keras_pose.train.steps import Steps
from keras_pose.train.strategy import make_strategy

PLAIN, COMPILED = "plain", "compiled"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range or a trainer is unknown.
    """

    trainers: str = option("", "Trainers, separated by commas; empty for all.")
    num_threads: int = option(2, "Cores.", low=1)
    num_rounds: int = option(5, "Rounds in which both take their turn.", low=1)
    seconds_per_turn: float = option(4.0, "Time of each turn in seconds.", low=0.0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)
        for name in self.names:
            if name not in TRAINERS:
                raise ValueError(f"--trainers names {name!r}; choose among {', '.join(TRAINERS)}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the trainers that are measured."""
        return listed(self.trainers) or tuple(TRAINERS)


def measure(name: str, settings: Settings) -> dict:
    """Time a trainer's step on both sides.

    Args:
        name: of the trainer.
        settings: rounds and their length.

    Returns:
        A JSON-ready row.
    """
    timers, first_s, losses = {}, {}, {}
    for side in (PLAIN, COMPILED):
        keras.utils.set_random_seed(0)
        trainer = open_trainer(name)
        trainer.model.compile(jit_compile=side == COMPILED)
        batch = next(iter(trainer.batches(0)))

        def held(first_step, batch=batch):
            return tf.data.Dataset.from_tensors(batch).repeat()

        steps = Steps(trainer.model, make_strategy("one_device"), trainer.batch_size, 1)
        steps.begin(held, 0)
        start = time.perf_counter()
        logs, _ = steps.execute()
        losses[side] = {key: float(value) for key, value in logs.items()}
        first_s[side] = time.perf_counter() - start

        def run(count, steps=steps):
            start = time.perf_counter()
            for _ in range(count):
                _, finite = steps.execute()
            bool(finite)
            return time.perf_counter() - start

        timers[side] = run
    seconds = interleave(
        timers, settings.num_rounds, settings.seconds_per_turn, warm_up=list(timers)
    )
    plain, compiled = (np.array(seconds[side]) for side in (PLAIN, COMPILED))
    difference = max(
        abs(losses[COMPILED][key] - value) / max(1e-3, abs(value))
        for key, value in losses[PLAIN].items()
    )
    return {
        "trainer": name,
        "plain_ms": 1e3 * float(np.median(plain)),
        "compiled_ms": 1e3 * float(np.median(compiled)),
        "faster": median_ratio(plain, compiled),
        "first_plain_s": first_s[PLAIN],
        "first_compiled_s": first_s[COMPILED],
        "largest_difference": difference,
        "spread": float(max(plain.max() / plain.min(), compiled.max() / compiled.min())),
    }


def table(rows: list[dict]) -> str:
    """Set the rows as one table.

    Args:
        rows: from `measure`.

    Returns:
        The table.
    """
    return text_table(
        (
            *("trainer", "ms/step plain", "ms/step XLA", "x faster"),
            *("first step s plain", "XLA", "logs differ by", "spread"),
        ),
        [
            (
                row["trainer"],
                f"{row['plain_ms']:.1f}",
                f"{row['compiled_ms']:.1f}",
                f"{row['faster']:.2f}",
                f"{row['first_plain_s']:.1f}",
                f"{row['first_compiled_s']:.1f}",
                f"{row['largest_difference']:.0e}",
                f"{row['spread']:.2f}",
            )
            for row in rows
        ],
    )


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(settings.num_threads)
    description = machine.describe(settings.num_threads)
    sentence = machine.sentence(description)
    print(sentence, flush=True)
    rows = []
    for name in settings.names:
        rows.append(measure(name, settings))
        print(table(rows[-1:]), flush=True)
        keras.utils.clear_session()
    text = table(rows)
    print(text)
    if settings.output:
        result = {
            "command": "python -m benchmarks.jit_step",
            "machine": description,
            "results": rows,
        }
        write_result(settings.output, result, f"{sentence}\n\n{text}")


if __name__ == "__main__":
    run_binary(main, Settings)
