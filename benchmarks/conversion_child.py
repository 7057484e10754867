"""What a child process costs a conversion to TFLite, and the memory it spares.

`python -m benchmarks.conversion_child` converts one signature again and again, here and in the child of
`keras_pose.export.child`, and prints seconds and resident memory.
"""

import dataclasses
import time

import numpy as np

from benchmarks import machine
from benchmarks.records_memory import memory_mib
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.export import PORTABLE_OPERATIONS
from keras_pose.export.child import call_in_child, close_child
from keras_pose.export.converter import convert_signature
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    model: str = option("savedmodels/tips_cmu/1", "Version folder with the SavedModel.")
    signature: str = option("lift", "Signature to convert.")
    num_conversions: int = option(6, "Conversions on each side.", low=2)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def measure(settings: Settings, call) -> list[tuple[float, float]]:
    """Convert again and again.

    Args:
        settings: what and how often.
        call: calls a function with arguments, here or elsewhere.

    Returns:
        Seconds of each conversion, and resident MiB after it where it ran.
    """
    rows = []
    for _ in range(settings.num_conversions):
        start = time.perf_counter()
        content = call(
            convert_signature,
            settings.model,
            settings.signature,
            "float16",
            None,
            1,
            None,
            PORTABLE_OPERATIONS,
            f"signature {settings.signature!r} of {settings.model}",
        )
        seconds = time.perf_counter() - start
        assert content[4:8] == b"TFL3"
        rows.append((seconds, call(memory_mib)["VmRSS"]))
    return rows


def run(settings: Settings) -> tuple[dict, str]:
    """Measure both sides and print a table.

    Args:
        settings: of the command line.

    Returns:
        JSON-ready result and the table.
    """
    result = {
        "command": "python -m benchmarks.conversion_child",
        "settings": dataclasses.asdict(settings),
        "machine": machine.describe(0),
    }
    table = []
    before = memory_mib()["VmRSS"]
    for name, call in (
        ("child", call_in_child),
        ("here", lambda function, *arguments: function(*arguments)),
    ):
        rows = measure(settings, call)
        seconds, memory = np.array(rows).T
        growth = (memory[-1] - memory[0]) / (len(rows) - 1)
        result[name] = {"seconds": seconds.tolist(), "resident_mib": memory.tolist()}
        result[name]["caller_grew_mib"] = memory_mib()["VmRSS"] - before
        before = memory_mib()["VmRSS"]
        table.append(
            [name, f"{seconds[0]:.1f}", f"{np.median(seconds[1:]):.1f}", f"{growth:.1f}"]
            + [f"{result[name]['caller_grew_mib']:.0f}"]
        )
    close_child()
    header = ("where", "first s", "further s", "MiB a conversion", "caller grew MiB")
    text = text_table(header, table)
    print(text)
    return result, text


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
