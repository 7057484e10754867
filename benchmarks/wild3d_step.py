"""Speed of a step of Wild3D: `python -m benchmarks.wild3d_step --torch_python=<python>`.

Beside this package's step, in the same run and in turn: the same step in plain PyTorch in three ways,
and the matrix product that bounds them all. First it is shown that it is the same step.
docs/benchmarks.md says how to read the tables.
"""

import contextlib
import dataclasses
import os
import tempfile
import time

import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.hourglass_step import (
    DEPTH_WEIGHT,
    LEARNING_RATE,
    HourglassStep,
    random_bodies,
    torch_batch,
)
from benchmarks.matmul_peak import MatmulPeak
from benchmarks.results import write_result
from benchmarks.rounds import interleave, median_ratio, time_calls
from benchmarks.table import text_table
from benchmarks.torch_process import TorchProcess
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

# Relative differences after one step on equal weights and pictures: the median over parameters and the
# largest. oneDNN sums batch means in float32, PyTorch in float64, and a fresh network amplifies rounding:
# against float64, gradients of this package were seen off by 0.9 % in the median and 14 % at most,
# PyTorch's own in float32 by 0.3 % and 3 %.
TOLERANCES = {"loss": 2e-3, "gradient": 3e-2, "largest gradient": 0.3, "update": 5e-2}
# A bias before a batch normalisation has no gradient but rounding; such norms are not compared.
NEGLIGIBLE = 1e-4
OURS = ("keras_pose_float32", "keras_pose_mixed_bfloat16")
# Plain PyTorch is laid out channels first; the other layout is its fastest, so it is shown as well.
PYTORCH = {
    "pytorch": {"channels_last": False, "bfloat16": False},
    "pytorch_channels_last": {"channels_last": True, "bfloat16": False},
    "pytorch_autocast_bfloat16": {"channels_last": True, "bfloat16": True},
}
TASKS = ("training", "inference")
_CHECK_SIZE, _CHECK_PICTURES = 128, 6


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    torch_python: str = option(
        "", "Python of an environment with torch and numpy; empty leaves PyTorch out."
    )
    image_size: int = option(256, "Side of a crop in pixels, a multiple of 64.", low=64)
    batch_size: int = option(6, "Pictures of a step.", low=2)
    num_threads: int = option(2, "Threads of every contestant.", low=1)
    num_rounds: int = option(9, "Rounds at most.", low=1)
    time_limit_s: int = option(420, "No round is begun that would probably end later.", low=1)
    output: str = option(
        "", "JSON file to write; the tables go next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def _build_torch(torch, name, image_size):
    torch.ask(
        "build",
        name=name,
        model={
            "num_stacks": 2,
            "num_modules": 2,
            "width": 256,
            "num_depth_modules": 2,
            "image_size": image_size,
        },
        learning_rate=LEARNING_RATE,
        depth_weight=DEPTH_WEIGHT,
        **PYTORCH[name],
    )


def check_same_step(torch: TorchProcess) -> dict[str, float]:
    """Train one small step on both sides on equal weights and pictures, and compare what it did.

    Compared are the loss, and of every parameter the norm of its gradient and of its update.

    Args:
        torch: the PyTorch process.

    Returns:
        Key of `TOLERANCES` to the relative difference.

    Raises:
        ValueError: if one is above its tolerance.
    """
    ours = HourglassStep(_CHECK_SIZE, _CHECK_PICTURES, "float32")
    arrays = ours.weights(seed=0)
    batch = random_bodies(_CHECK_PICTURES, _CHECK_SIZE, seed=0)
    _build_torch(torch, "pytorch", _CHECK_SIZE)
    theirs = torch.ask(
        "check",
        name="pytorch",
        weights=torch.save("weights", arrays),
        path=torch.save("batch", torch_batch(batch)),
    )
    torch.ask("forget")
    return compare(ours.check(_tensors(batch)), theirs)


def compare(ours: dict, theirs: dict) -> dict[str, float]:
    """Compare what one step did on two sides.

    Args:
        ours: `loss`, and `gradient` and `update` by parameter.
        theirs: the same of the other side.

    Returns:
        Key of `TOLERANCES` to the relative difference.

    Raises:
        ValueError: if one is above its tolerance, or the parameters differ.
    """
    if set(ours["gradient"]) != set(theirs["gradient"]):
        raise ValueError("PyTorch's network has other parameters; give both the same sizes.")
    seen = {"loss": abs(theirs["loss"] / ours["loss"] - 1.0)}
    largest = max(ours["gradient"].values())
    names = [name for name, norm in ours["gradient"].items() if norm > NEGLIGIBLE * largest]
    differences = {
        kind: [abs(theirs[kind][name] / ours[kind][name] - 1.0) for name in names]
        for kind in ("gradient", "update")
    }
    seen["gradient"] = float(np.median(differences["gradient"]))
    seen["largest gradient"] = max(differences["gradient"])
    seen["update"] = max(differences["update"])
    for name, difference in seen.items():
        if not difference <= TOLERANCES[name]:
            raise ValueError(
                f"PyTorch does not compute the same step: {name} differs by {difference:.0e}; make the "
                "two equal before timing them."
            )
    return seen


def measure(settings: Settings, torch: TorchProcess | None, deadline: float) -> dict:
    """Time all contestants in turn, training and inferring.

    Args:
        settings: sizes.
        torch: the PyTorch process, or None to leave it out.
        deadline: see `rounds.interleave`.

    Returns:
        JSON-ready dict, see `summarise`.
    """
    bodies = random_bodies(settings.batch_size, settings.image_size, seed=0)
    peaks = [MatmulPeak("float32"), MatmulPeak("bfloat16")]
    timers = {peak.name: peak.time for peak in peaks}
    if torch is not None:
        path = torch.save("bodies", torch_batch(bodies))
        for name in PYTORCH:
            _build_torch(torch, name, settings.image_size)
            for task in TASKS:
                timers[f"{name} {task}"] = lambda count, name=name, task=task: torch.ask(
                    "time", name=name, path=path, num_steps=count, is_training=task == "training"
                )["seconds"]
    batch = _tensors(bodies)
    for precision in ("float32", "mixed_bfloat16"):
        step = HourglassStep(settings.image_size, settings.batch_size, precision)
        for task, call in (("training", step), ("inference", step.infer)):
            timers[f"{step.name} {task}"] = lambda count, call=call: time_calls(
                lambda: call(batch), count
            )
        products = {"training": step.training_multiply_adds(), "inference": step.multiply_adds()}
    seconds = interleave(timers, settings.num_rounds, 1.0, deadline, warm_up=list(timers))
    return summarise(settings.batch_size, products, seconds)


def summarise(batch_size: int, products: dict[str, int], seconds: dict[str, list[float]]) -> dict:
    """Work out rates, ratios and shares from times.

    Args:
        batch_size: pictures of a step.
        products: task to multiply-adds per picture.
        seconds: contestant and task, with a space between, to seconds per step, by round.

    Returns:
        JSON-ready dict.
    """
    tasks = {}
    for task in TASKS:
        flop = 2.0 * products[task] * batch_size
        rows = {}
        for name in (*OURS, *PYTORCH):
            times = seconds.get(f"{name} {task}")
            if times is None:
                continue
            step_s = float(np.median(times))
            product = f"matmul_{'bfloat16' if 'bfloat16' in name else 'float32'}"
            peak_step_s = [flop / MatmulPeak.flop_per_second(value) for value in seconds[product]]
            rows[name] = {
                "pictures_per_s": batch_size / step_s,
                "ms_per_step": 1e3 * step_s,
                "slowest_over_fastest_round": max(times) / min(times),
                "gflop_per_s": 1e-9 * flop / step_s,
                "share_of_peak": median_ratio(peak_step_s, times),
            } | {
                f"times_{other}": median_ratio(seconds[f"{other} {task}"], times)
                for other in PYTORCH
                if f"{other} {task}" in seconds and name in OURS
            }
        tasks[task] = rows
    return {
        "rounds": len(next(iter(seconds.values()))),
        "giga_multiply_adds_per_picture": {task: 1e-9 * count for task, count in products.items()},
        "peak_gflop_per_s": {
            name.removeprefix("matmul_"): 1e-9
            * MatmulPeak.flop_per_second(float(np.median(values)))
            for name, values in seconds.items()
            if name.startswith("matmul_")
        },
        "contestants": tasks,
        "seconds_per_step": seconds,
    }


def table(rows: dict[str, dict], task: str) -> str:
    """Set one task's result as a table.

    Args:
        rows: contestant to its figures, from `summarise`.
        task: title of the first column.

    Returns:
        The table.
    """
    header = (
        task, "pictures/s", "ms/batch", "spread", "GFLOP/s", "of peak", "x PyTorch",
        "x channels last", "x autocast",
    )  # fmt: skip
    lines = []
    for name, row in rows.items():
        ratios = [row.get(f"times_{other}") for other in PYTORCH]
        lines.append(
            (
                name,
                f"{row['pictures_per_s']:.2f}",
                f"{row['ms_per_step']:.0f}",
                f"{row['slowest_over_fastest_round']:.2f}",
                f"{row['gflop_per_s']:.0f}",
                f"{row['share_of_peak']:.0%}",
                *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
            )
        )
    return text_table(header, lines)


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
    difference = None
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="keras_pose_benchmark_"))
        torch = None
        if settings.torch_python:
            torch = TorchProcess(
                settings.torch_python, settings.num_threads, folder, "torch_hourglass_step.py"
            )
            stack.callback(torch.close)
            description["torch"] = torch.versions["torch"]
            difference = check_same_step(torch)
            words = ", ".join(f"{name} {value:.0e}" for name, value in difference.items())
            say(f"Same step on the same weights and pictures; relative differences: {words}.")
        result = measure(settings, torch, end)
    peaks = result["peak_gflop_per_s"]
    counts = result["giga_multiply_adds_per_picture"]
    say(
        f"Two stacks of 256 channels with the depth vector, {settings.image_size} px, "
        f"{settings.batch_size} pictures: {result['rounds']} rounds; billion multiply-adds per picture: "
        f"{counts['training']:.1f} training, {counts['inference']:.1f} inference; peak "
        f"{peaks['float32']:.0f} GFLOP/s float32, {peaks['bfloat16']:.0f} bfloat16"
    )
    for task in TASKS:
        say(f"\n{table(result['contestants'][task], task)}")
    sizes = {name: getattr(settings, name) for name in ("image_size", "batch_size")}
    whole = {
        "command": "python -m benchmarks.wild3d_step --torch_python=<python>",
        **sizes,
        "machine": description | {"load_average_at_end": round(os.getloadavg()[0], 2)},
        "largest_relative_differences": difference,
        **result,
    }
    return whole, "\n".join(lines)


def _tensors(batch):
    return {name: tf.constant(value) for name, value in batch.items()}


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(settings.num_threads)
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
