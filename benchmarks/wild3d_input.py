"""The share of Wild3D's step that waits for its input: `python -m benchmarks.wild3d_input`.

The training step on views that the pipeline makes meanwhile, against the same step on one batch again
and again, in alternating rounds; with views made on the host and on the device. docs/benchmarks.md says
how to read such a table.
"""

import dataclasses
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.input_wait import BAR, LIVE, REPEATED, Turn
from benchmarks.results import write_result
from benchmarks.rounds import interleave
from benchmarks.table import text_table
from keras_pose.bodies.data import load_bodies
from keras_pose.data import records
from keras_pose.data.generated.bodies import body_source
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.model import PoseModel

PLACES = ("host", "device")
STYLES = {"lab": True, "wild": False}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range or a place is unknown.
    """

    places: str = option("host,device", "Where views are made, separated by commas.")
    num_threads: int = option(2, "Cores for the step and its input together.", low=1)
    num_records: int = option(48, "Rendered bodies of each kind.", low=8)
    picture_size: int = option(320, "Side of their pictures in pixels.", low=64)
    image_size: int = option(256, "Side of a crop in pixels, a multiple of 64.", low=64)
    num_stacks: int = option(2, "Hourglasses in a row.", low=1)
    width: int = option(256, "Channels of the hourglass.", low=8)
    batch_size: int = option(6, "Pictures of a step.", low=2)
    precision: str = option("float32", "Keras dtype policy.", choices=("float32", "mixed_bfloat16"))
    num_rounds: int = option(5, "Rounds in which both take their turn.", low=1)
    seconds_per_turn: float = option(8.0, "Time of each turn in seconds.", low=0.0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)
        for name in self.places.split(","):
            if name not in PLACES:
                raise ValueError(f"--places names {name!r}; choose among {', '.join(PLACES)}.")


def measure(place: str, folders: str, settings: Settings) -> dict:
    """Time the step on live and on repeated input.

    Args:
        place: where views are made, "host" or "device".
        folders: records of both kinds, a comma between them.
        settings: sizes and rounds.

    Returns:
        A JSON-ready row.
    """
    config = Config(
        image_size=settings.image_size,
        num_stacks=settings.num_stacks,
        width=settings.width,
        batch_size=settings.batch_size,
        precision=settings.precision,
        augment_on=place,
        val_share=0.0,
    )
    bodies = load_bodies(config, folders)
    model = PoseModel(config)
    model.compile()
    graph = tf.function(model.train_step, autograph=False)
    batches: Iterator[Any] = iter(bodies.batches(0))
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
        "place": place,
        "live_ms": 1e3 * float(np.median(live)),
        "repeated_ms": 1e3 * float(np.median(repeated)),
        "longer": float(np.median(1.0 - repeated / live)),
        "blocked_ms": 1e3 * float(np.median(blocked)),
        "blocked": float(np.median(blocked / live)),
        "blocked_by_round": (blocked / live).tolist(),
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
            *("views on", "ms/step live", "ms/step repeated", "longer", "blocked ms", "blocked"),
            *("rounds from", "to", "CPU time", "spread"),
        ),
        [
            (
                row["place"],
                f"{row['live_ms']:.0f}",
                f"{row['repeated_ms']:.0f}",
                f"{row['longer']:.1%}",
                f"{row['blocked_ms']:.2f}",
                f"{row['blocked']:.2%}",
                f"{min(row['blocked_by_round']):.2%}",
                f"{max(row['blocked_by_round']):.2%}",
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
        f"{machine.sentence(description)}; hourglass of {settings.num_stacks} x {settings.width}, "
        f"batches of {settings.batch_size} crops of {settings.image_size} px from pictures of "
        f"{settings.picture_size} px, {settings.precision}"
    )
    print(sentence, flush=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="keras_pose_wild3d_input_") as folder:
        for style, labels_3d in STYLES.items():
            source = body_source(
                settings.num_records,
                0,
                size=settings.picture_size,
                style=style,
                labels_3d=labels_3d,
            )
            records.write_records(source, f"{folder}/{style}")
        folders = ",".join(f"{folder}/{style}" for style in STYLES)
        for place in settings.places.split(","):
            rows.append(measure(place, folders, settings))
            print(table(rows[-1:]), flush=True)
    text = table(rows)
    result = {
        "command": "python -m benchmarks.wild3d_input",
        "machine": description,
        "settings": dataclasses.asdict(settings),
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
