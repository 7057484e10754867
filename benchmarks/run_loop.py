"""The run function's steps against those of Keras' `fit`, and what a checkpoint takes from them.

`python -m benchmarks.run_loop`: one run of `keras_pose.train.loop.run`; after each of its epochs `fit`
trains a second model of the same kind for as many steps, so both meet the same noise. Two of the loop's
steps in an epoch are those after which a checkpoint is written beside training.
"""

import dataclasses
import statistics
import tempfile
import time
from typing import Any

import keras
import numpy as np

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.rounds import median_ratio
from benchmarks.table import text_table
from benchmarks.trainers import TRAINERS, open_trainer
from keras_pose.train.binary import run_binary
from keras_pose.train.checkpoints import Checkpoints
from keras_pose.train.config import check_ranges, option
from keras_pose.train.loop import SavingPlan, run
from keras_pose.train.options import RunOptions
from keras_pose.train.strategy import make_strategy

STEP_BAR, STALL_BAR = 1.02, 0.02


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    trainer: str = option("tips adversarial", "Trainer.", choices=tuple(TRAINERS))
    width: int = option(0, "Width of a lifter; 0 is the benchmark's.", low=0)
    batch_size: int = option(0, "Batch size; 0 is the benchmark's.", low=0)
    num_threads: int = option(2, "Cores.", low=1)
    num_rounds: int = option(10, "Epochs of each.", low=2)
    num_steps: int = option(60, "Steps of an epoch; a third and two thirds are saved.", low=9)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)

    @property
    def changes(self) -> dict[str, int]:
        """Settings of the trainer that are not the benchmark's."""
        given = {"width": self.width, "batch_size": self.batch_size}
        return {name: value for name, value in given.items() if value}


class StepClock(keras.callbacks.Callback):
    """Notes when each step of an epoch had ended, by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[list[float]] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])

    def on_train_batch_end(self, batch, logs=None):
        self.epochs[-1].append(time.perf_counter())

    def step_seconds(self) -> list[np.ndarray]:
        """Return the seconds of every step but an epoch's first, by epoch."""
        return [np.diff(times) for times in self.epochs]


class FitTurn(keras.callbacks.Callback):
    """Lets `fit` train as many steps after each epoch of the loop.

    Args:
        trainer: of the same kind as the loop's.
        num_steps: of an epoch.
    """

    def __init__(self, trainer: Any, num_steps: int) -> None:
        super().__init__()
        self.trainer, self.num_steps, self.clock = trainer, num_steps, StepClock()
        trainer.model.compile(jit_compile=False)
        self.data = trainer.batches(0)

    def on_epoch_end(self, epoch, logs=None):
        self.trainer.model.fit(
            self.data, steps_per_epoch=self.num_steps, verbose=0, callbacks=[self.clock]
        )


def measure(settings: Settings) -> dict:
    """Run both and take the ratios.

    Args:
        settings: what to run.

    Returns:
        A JSON-ready result.
    """
    keras.utils.set_random_seed(0)
    trainer = open_trainer(settings.trainer, **settings.changes)
    other = FitTurn(open_trainer(settings.trainer, **settings.changes), settings.num_steps)
    clock = StepClock()
    every = settings.num_steps // 3
    with tempfile.TemporaryDirectory(prefix="keras_pose_run_loop_") as folder:
        model = run(
            build_model=lambda: open_trainer(settings.trainer, **settings.changes).model,
            batches=trainer.batches,
            model_dir=folder,
            batch_size=trainer.batch_size,
            num_steps=settings.num_rounds * settings.num_steps,
            steps_per_epoch=settings.num_steps,
            strategy=make_strategy("one_device"),
            callbacks=[clock, other],
            plan=SavingPlan(steps=every),
        )
        size = sum(
            np.asarray(variable.value).nbytes
            for owner in (model, *model.optimizers)
            for variable in owner.variables
        )
        assert Checkpoints(model, f"{folder}/checkpoints").steps()
    # The first epoch traces.
    loop, fit = clock.step_seconds()[1:], other.clock.step_seconds()[1:]
    plain = statistics.median(float(np.median(epoch)) for epoch in loop)
    # Between two saves: what all its steps took more than so many median steps.
    stalls = [
        float(part.sum() - len(part) * np.median(epoch))
        for epoch in loop
        for part in (epoch[every - 1 : 2 * every - 1],)
    ]
    quiet = [
        float(part.sum() - len(part) * np.median(epoch))
        for epoch in loop
        for part in (epoch[: every - 2],)
    ]
    stall = max(0.0, statistics.median(stalls) - statistics.median(quiet))
    interval = 60.0 * RunOptions(model_dir="unused").checkpoint_minutes
    return {
        "trainer": settings.trainer,
        "loop_ms": 1e3 * plain,
        "fit_ms": 1e3 * statistics.median(float(np.median(epoch)) for epoch in fit),
        "ratio": median_ratio([np.median(e) for e in loop], [np.median(e) for e in fit]),
        "ratio_by_round": [
            float(np.median(a) / np.median(b)) for a, b in zip(loop, fit, strict=True)
        ],
        "checkpoint_bytes": size,
        "stall_ms": 1e3 * stall,
        "stall_share": stall / interval,
        "interval_s": interval,
        "bars": {"ratio": STEP_BAR, "stall_share": STALL_BAR},
    }


def table(result: dict) -> str:
    """Set a result as a table.

    Args:
        result: from `measure`.

    Returns:
        The table.
    """
    return text_table(
        (
            *("trainer", "ms/step loop", "ms/step fit", "loop / fit", "rounds from", "to"),
            *("checkpoint MB", "stall ms", "share of the default interval"),
        ),
        [
            (
                result["trainer"],
                f"{result['loop_ms']:.2f}",
                f"{result['fit_ms']:.2f}",
                f"{result['ratio']:.3f}",
                f"{min(result['ratio_by_round']):.2f}",
                f"{max(result['ratio_by_round']):.2f}",
                f"{result['checkpoint_bytes'] / 1e6:.1f}",
                f"{result['stall_ms']:.1f}",
                f"{result['stall_share']:.4%}",
            )
        ],
    )


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(settings.num_threads)
    description = machine.describe(settings.num_threads)
    sentence = machine.sentence(description)
    print(sentence, flush=True)
    result = measure(settings)
    text = table(result)
    print(text)
    if settings.output:
        command = {"command": "python -m benchmarks.run_loop", "machine": description}
        write_result(settings.output, command | result, f"{sentence}\n\n{text}")


if __name__ == "__main__":
    run_binary(main, Settings)
