"""Generated hands per second: `python -m benchmarks.generated_hands`.

One process on one core makes records, JPEG included, at several sizes; time is the processor's, not
the clock's. A training step on a small encoder takes tens of crops per second and core, so what counts
is that this number is larger, and records are written once and read often.
"""

import dataclasses
import time

import numpy as np

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data.generated.hands import as_record, generate_hand
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    sizes: str = option("96,128,224", "Sides of the pictures in px, separated by commas.")
    num_hands: int = option(60, "Hands per round.", low=1)
    num_rounds: int = option(7, "Rounds; sizes take turns.", low=1)
    output: str = option("", "JSON file to write; the table goes next to it as .txt; empty prints.")

    def __post_init__(self):
        check_ranges(self)


def time_hands(size: int, first: int, count: int) -> tuple[float, float]:
    """Time a few hands.

    Args:
        size: side of the pictures in pixels.
        first: index of the first hand.
        count: how many.

    Returns:
        Seconds of processor time per picture, and per record made of a picture.
    """
    pictures = records = 0.0
    for index in range(first, first + count):
        start = time.process_time()
        hand = generate_hand(index, seed=0, size=size, side="both")
        middle = time.process_time()
        as_record(hand, index, seed=0)
        pictures += middle - start
        records += time.process_time() - middle
    return pictures / count, records / count


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
    sizes = [int(word) for word in settings.sizes.split(",")]
    for size in sizes:
        time_hands(size, 0, 2)
    seconds: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
    for _ in range(settings.num_rounds):
        for size in sizes:
            # Every round draws the same hands: its rounds differ by the machine alone.
            seconds[size].append(time_hands(size, 0, settings.num_hands))
    rows = []
    for size in sizes:
        times = np.array(seconds[size])
        whole = times.sum(1)
        rows.append(
            {
                "size": size,
                "picture_ms_median": 1e3 * float(np.median(times[:, 0])),
                "picture_ms_fastest_round": 1e3 * float(times[:, 0].min()),
                "jpeg_ms_median": 1e3 * float(np.median(times[:, 1])),
                "records_per_cpu_second_median": float(1 / np.median(whole)),
                "records_per_cpu_second_fastest_round": float(1 / whole.min()),
            }
        )
    titles = ["size px", "picture ms", "fastest round", "JPEG ms", "records per CPU s", "fastest"]
    cells = [[_cell(key, value) for key, value in row.items()] for row in rows]
    text = text_table(titles, cells)
    print(text)
    result = {
        "command": "python -m benchmarks.generated_hands",
        "machine": description,
        "num_hands": settings.num_hands,
        "num_rounds": settings.num_rounds,
        "results": rows,
    }
    return result, f"{sentence}\n\n{text}"


def _cell(key: str, value: float) -> str:
    return f"{value:.2f}" if "_ms_" in key else f"{value:.0f}"


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(1)
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
