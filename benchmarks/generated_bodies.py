"""Generated bodies per second: `python -m benchmarks.generated_bodies`.

One process on one core makes records of every style, JPEG included, at several sizes; time is the
processor's, not the clock's. Records are written once and read often; a set of 20,000 pictures
should be a matter of minutes.
"""

import dataclasses
import time

import numpy as np

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data.generated.bodies import STYLES, body_source
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    sizes: str = option("128,256", "Sides of the pictures in px, separated by commas.")
    num_bodies: int = option(40, "Bodies per round.", low=1)
    num_rounds: int = option(5, "Rounds; styles and sizes take turns.", low=1)
    output: str = option("", "JSON file to write; the table goes next to it as .txt; empty prints.")

    def __post_init__(self):
        check_ranges(self)


def time_records(style: str, size: int, count: int) -> float:
    """Time the first records of a set, the same in every round.

    Args:
        style: of `generated_bodies.STYLES`.
        size: side of the pictures in pixels.
        count: how many.

    Returns:
        Seconds of processor time per record.
    """
    source = body_source(count, seed=0, size=size, style=style)
    start = time.process_time()
    for index in range(count):
        source.read(index)
    return (time.process_time() - start) / count


def run(settings: Settings) -> tuple[dict, str]:
    """Run the benchmark and print its table.

    Args:
        settings: what to measure.

    Returns:
        JSON-ready result, and what was printed.
    """
    description = machine.describe(num_threads=1)
    sentence = machine.sentence(description)
    print(sentence, flush=True)
    cases = [(style, int(word)) for word in settings.sizes.split(",") for style in STYLES]
    seconds: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
    for style, size in cases:
        # The first record of a style also makes its motion.
        time_records(style, size, 2)
    for _ in range(settings.num_rounds):
        for style, size in cases:
            seconds[style, size].append(time_records(style, size, settings.num_bodies))
    rows = [
        {
            "style": style,
            "size": size,
            "record_ms_median": 1e3 * float(np.median(times)),
            "record_ms_fastest_round": 1e3 * float(np.min(times)),
            "records_per_cpu_second_median": float(1 / np.median(times)),
            "records_per_cpu_second_fastest_round": float(1 / np.min(times)),
        }
        for (style, size), times in seconds.items()
    ]
    titles = ["style", "size px", "record ms", "fastest round", "records per CPU s", "fastest"]
    text = text_table(titles, [[_cell(key, value) for key, value in row.items()] for row in rows])
    print(text)
    result = {
        "command": "python -m benchmarks.generated_bodies",
        "machine": description,
        "num_bodies": settings.num_bodies,
        "num_rounds": settings.num_rounds,
        "results": rows,
    }
    return result, f"{sentence}\n\n{text}"


def _cell(key: str, value: object) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.2f}" if "_ms_" in key else f"{value:.0f}"


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(1)
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
