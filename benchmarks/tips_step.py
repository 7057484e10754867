"""Speed of one training step of TIPS: `python -m benchmarks.tips_step --torch_python=<python>`.

Beside this package's step, in the same run and in turn: the same step in plain PyTorch, the same step
written naively in eager Keras, and the matrix product that bounds them all. First it is shown that all
of them are the same step. docs/benchmarks.md says how to read the table.
"""

import contextlib
import dataclasses
import os
import tempfile
import time

import tensorflow as tf

from benchmarks import machine
from benchmarks.recipes import read_recipe
from benchmarks.results import write_result
from benchmarks.same_step import check_same_step
from benchmarks.step_timing import Case, measure
from benchmarks.table import text_table
from benchmarks.torch_process import TorchProcess
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

CASES = (Case(256, 256, 11, 1.0), Case(1024, 1024, 7, 1.0), Case(1024, 8192, 3, 1.0))
QUICK_CASES = (Case(256, 256, 5, 0.5), Case(1024, 1024, 2, 0.5))


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    torch_python: str = option(
        "", "Python of an environment with torch and numpy; empty leaves PyTorch out."
    )
    recipe: str = option(
        "flags/tips/parity_two_generators.flags", "Recipe whose step is measured, at other sizes."
    )
    num_threads: int = option(2, "Threads of every contestant.", low=1)
    quick: bool = option(False, "Fewer rounds and no batch of 8192: under a minute.")
    time_limit_s: int = option(
        420, "No round is begun that would probably end later; every size gets one.", low=1
    )
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def table(results: list[dict]) -> str:
    """Set results as one table.

    Args:
        results: from `measure`.

    Returns:
        The table.
    """
    header = (
        "step", "width", "batch", "samples/s", "ms/step", "spread", "GFLOP/s", "of peak", "x PyTorch",
        "x eager",
    )  # fmt: skip
    rows = []
    for result in results:
        for name, row in result["contestants"].items():
            ratios = [row.get(f"times_{other}") for other in ("pytorch", "eager_keras")]
            rows.append(
                (
                    name,
                    str(result["width"]),
                    str(result["batch_size"]),
                    f"{row['samples_per_s']:.0f}",
                    f"{row['ms_per_step']:.1f}",
                    f"{row['slowest_over_fastest_round']:.2f}",
                    f"{row['gflop_per_s']:.0f}",
                    f"{row['share_of_peak']:.0%}",
                    *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
                )
            )
    return text_table(header, rows)


def run(settings: Settings) -> tuple[dict, str]:
    """Check, measure and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result, and what was printed.

    Raises:
        ValueError: if PyTorch cannot be started or the steps differ.
    """
    end = time.monotonic() + settings.time_limit_s
    tf.config.threading.set_intra_op_parallelism_threads(settings.num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(settings.num_threads)
    description = machine.describe(settings.num_threads)
    lines = []

    def say(line):
        print(line, flush=True)
        lines.append(line)

    say(machine.sentence(description))
    recipe = read_recipe(settings.recipe)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="keras_pose_benchmark_"))
        torch = None
        if settings.torch_python:
            torch = TorchProcess(settings.torch_python, settings.num_threads, folder)
            stack.callback(torch.close)
            description["torch"] = torch.versions["torch"]
        differences = check_same_step(recipe, torch)
        words = ", ".join(f"{name} {value:.0e}" for name, value in differences.items())
        say(f"Same step on the same weights, poses and draws; losses differ by: {words}.")
        results = []
        for case in QUICK_CASES if settings.quick else CASES:
            results.append(measure(recipe, case, torch, end))
            say(_counted(results[-1]))
    say(f"\n{table(results)}")
    result = {
        "command": "python -m benchmarks.tips_step --torch_python=<python>"
        + (" --quick" if settings.quick else ""),
        "recipe": settings.recipe,
        "machine": description | {"load_average_at_end": round(os.getloadavg()[0], 2)},
        "largest_relative_difference_of_losses": differences,
        "results": results,
    }
    return result, "\n".join(lines)


def _counted(result):
    counts, peaks = result["mega_multiply_adds_per_sample"], result["peak_gflop_per_s"]
    skipped = "".join(f"; {name} left out, {why}" for name, why in result["skipped"].items())
    return (
        f"width {result['width']}, batch {result['batch_size']}: {result['rounds']} rounds; "
        f"{counts['shared']:.1f} million multiply-adds per sample, {counts['separate']:.1f} if nothing "
        f"is shared; peak {peaks['float32']:.0f} GFLOP/s float32, {peaks['bfloat16']:.0f} bfloat16"
        f"{skipped}"
    )


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(settings.num_threads)
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
