"""The share of a training step that waits for input: `python -m benchmarks.input_wait`.

PeCLR's pretraining step on views that the pipeline makes meanwhile, against the same step on one batch
again and again, in alternating rounds. docs/benchmarks.md says how to read the table.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.rounds import interleave
from benchmarks.table import text_table
from keras_pose.data import records
from keras_pose.data.generated.hands import generate_hands
from keras_pose.peclr.config import ENCODERS, PretrainConfig
from keras_pose.peclr.data import load_pictures
from keras_pose.peclr.model import ContrastiveModel
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

LIVE, REPEATED = "live", "repeated"
# As FreiHAND's pictures.
_PICTURE_PX = 224
BAR = 0.05


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range or an encoder is unknown.
    """

    encoders: str = option("resnet50,resnet18", "Encoders to train, separated by commas.")
    num_threads: int = option(2, "Cores for the step and its input together.", low=1)
    num_records: int = option(256, "Rendered hands in the records.", low=8)
    image_size: int = option(128, "Side of a view in pixels.", low=32)
    batch_size: int = option(32, "Pictures of a step, two views each.", low=2)
    precision: str = option("float32", "Keras dtype policy.", choices=("float32", "mixed_bfloat16"))
    num_rounds: int = option(5, "Rounds in which both take their turn.", low=1)
    seconds_per_turn: float = option(8.0, "Time of each turn in seconds.", low=0.0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)
        for name in self.encoders.split(","):
            if name not in ENCODERS:
                raise ValueError(f"--encoders names {name!r}; choose among {', '.join(ENCODERS)}.")


class Turn:
    """Timed training steps on the batches of one source.

    Every turn begins with a step that is not timed: in the other's turn the pipeline has filled its
    buffer, or is still about to.

    Args:
        step: trains on a batch and returns when it is done.
        next_batch: gives a batch, after however long it takes.
    """

    def __init__(self, step: Callable[[Any], object], next_batch: Callable[[], Any]) -> None:
        self._step, self._next_batch = step, next_batch
        self.blocked_s: list[float] = []
        self.processor_s: list[float] = []

    def __call__(self, steps: int) -> float:
        """Train and keep account of each step's mean time blocked and mean processor time.

        Args:
            steps: how many.

        Returns:
            Seconds by the wall clock for all of them.
        """
        self._step(self._next_batch())
        blocked, processor, start = 0.0, time.process_time(), time.perf_counter()
        for _ in range(steps):
            before = time.perf_counter()
            batch = self._next_batch()
            blocked += time.perf_counter() - before
            self._step(batch)
        wall = time.perf_counter() - start
        self.blocked_s.append(blocked / steps)
        self.processor_s.append((time.process_time() - processor) / steps)
        return wall


def measure(encoder: str, folder: str, settings: Settings) -> dict:
    """Time the step of one encoder on live and on repeated input.

    Args:
        encoder: its name.
        folder: records.
        settings: sizes and rounds.

    Returns:
        A JSON-ready row.
    """
    config = PretrainConfig(
        encoder=encoder,
        image_size=settings.image_size,
        batch_size=settings.batch_size,
        precision=settings.precision,
        augment_on="host",
        val_share=0.0,
    )
    pictures = load_pictures(config, folder)
    model = ContrastiveModel(config)
    model.compile()
    graph = tf.function(model.train_step, autograph=False)
    batches: Iterator[Any] = iter(pictures.batches(0))
    held = next(batches)

    def step(batch):
        # Reading the loss waits for the whole step, the update included.
        float(graph(batch)["loss"])

    turns = {LIVE: Turn(step, lambda: next(batches)), REPEATED: Turn(step, lambda: held)}
    seconds = interleave(turns, settings.num_rounds, settings.seconds_per_turn, warm_up=list(turns))
    # The warm-up is no round.
    blocked = np.array(turns[LIVE].blocked_s[1:])
    processor = {name: np.array(turn.processor_s[1:]) for name, turn in turns.items()}
    live, repeated = np.array(seconds[LIVE]), np.array(seconds[REPEATED])
    return {
        "encoder": encoder,
        "live_ms": 1e3 * float(np.median(live)),
        "repeated_ms": 1e3 * float(np.median(repeated)),
        "longer": float(np.median(1.0 - repeated / live)),
        "longer_by_round": (1.0 - repeated / live).tolist(),
        "blocked_ms": 1e3 * float(np.median(blocked)),
        "blocked": float(np.median(blocked / live)),
        "processor": float(np.median(1.0 - processor[REPEATED] / processor[LIVE])),
        "spread": float(max(live.max() / live.min(), repeated.max() / repeated.min())),
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
            *("encoder", "ms/step live", "ms/step repeated", "longer", "rounds from", "to"),
            *("blocked ms", "blocked", "CPU time", "spread"),
        ),
        [
            (
                row["encoder"],
                f"{row['live_ms']:.0f}",
                f"{row['repeated_ms']:.0f}",
                f"{row['longer']:.1%}",
                f"{min(row['longer_by_round']):.0%}",
                f"{max(row['longer_by_round']):.0%}",
                f"{row['blocked_ms']:.2f}",
                f"{row['blocked']:.2%}",
                f"{row['processor']:.1%}",
                f"{row['spread']:.2f}",
            )
            for row in rows
        ],
    )


def run(settings: Settings) -> tuple[dict, str]:
    """Measure and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result, and what was printed.
    """
    description = machine.describe(settings.num_threads)
    sentence = (
        f"{machine.sentence(description)}; batches of {settings.batch_size} pictures, two views of "
        f"{settings.image_size} px each, {settings.precision}"
    )
    print(sentence, flush=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="keras_pose_input_wait_") as folder:
        hands = generate_hands(settings.num_records, 0, size=_PICTURE_PX)
        records.write_records(hands, folder, "generated_hands")
        for encoder in settings.encoders.split(","):
            rows.append(measure(encoder, folder, settings))
            print(table(rows[-1:]), flush=True)
    text = table(rows)
    result = {
        "command": "python -m benchmarks.input_wait",
        "machine": description,
        "image_size": settings.image_size,
        "batch_size": settings.batch_size,
        "precision": settings.precision,
        "bar": BAR,
        "results": rows,
    }
    return result, f"{sentence}\n\n{text}"


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(settings.num_threads)
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
