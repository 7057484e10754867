"""Speed of one step of PeCLR's pretraining: `python -m benchmarks.peclr_step --torch_python=<python>`.

Beside this package's step, in the same run and in turn: the same step in plain PyTorch in three ways,
and the matrix product that bounds them all. First it is shown that it is the same step.
docs/benchmarks.md says how to read the table.
"""

import contextlib
import dataclasses
import os
import tempfile
import time

import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.contrastive_step import (
    LEARNING_RATE,
    TEMPERATURE,
    WEIGHT_DECAY,
    ContrastiveStep,
    multiply_adds,
    random_views,
    weights,
)
from benchmarks.matmul_peak import MatmulPeak
from benchmarks.results import write_result
from benchmarks.rounds import interleave, median_ratio, time_calls
from benchmarks.table import text_table
from benchmarks.torch_process import TorchProcess
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

# Largest relative differences after one step on equal weights and views. Features of a fresh network
# are so alike that the gradient amplifies rounding: PyTorch's own in float32 is 1 to 2 % off float64.
TOLERANCES = {"loss": 1e-4, "head momentum": 5e-3, "momentum": 5e-2, "update": 1e-2}
OURS = ("keras_pose_float32", "keras_pose_mixed_bfloat16")
# Plain PyTorch is laid out channels first; the other layout is its fastest, so it is shown as well.
PYTORCH = {
    "pytorch": {"channels_last": False, "bfloat16": False},
    "pytorch_channels_last": {"channels_last": True, "bfloat16": False},
    "pytorch_autocast_bfloat16": {"channels_last": True, "bfloat16": True},
}
# Blocks of the encoders that the PyTorch side builds.
BLOCKS = {"resnet50": [3, 4, 6, 3], "resnet101": [3, 4, 23, 3], "resnet152": [3, 8, 36, 3]}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    torch_python: str = option(
        "", "Python of an environment with torch and numpy; empty leaves PyTorch out."
    )
    encoder: str = option("resnet50", "Encoder that is trained.", choices=tuple(BLOCKS))
    image_size: int = option(128, "Side of a view in pixels.", low=32)
    batch_size: int = option(16, "Pictures of a step, two views each.", low=2)
    num_threads: int = option(2, "Threads of every contestant.", low=1)
    num_rounds: int = option(9, "Rounds at most.", low=1)
    time_limit_s: int = option(420, "No round is begun that would probably end later.", low=1)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def _build_torch(torch, name, encoder):
    torch.ask(
        "build",
        name=name,
        model={"blocks": BLOCKS[encoder], "projection_width": 512, "num_points": 64},
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        temperature=TEMPERATURE,
        **PYTORCH[name],
    )


def check_same_step(encoder: str, torch: TorchProcess, image_size: int = 64) -> dict[str, float]:
    """Train one small step on both sides on equal weights and views, and compare what it did.

    Compared are the loss, the norm of Adam's momentum of every kernel, which is the gradient as LARS
    scaled it, and the norm of every kernel's update.

    Args:
        encoder: name of the encoder.
        torch: the PyTorch process.
        image_size: side of a view in px.

    Returns:
        Key of `TOLERANCES` to the largest relative difference.

    Raises:
        ValueError: if one is above its tolerance.
    """
    ours = ContrastiveStep(encoder, image_size, "float32")
    arrays = weights(ours, seed=0)
    batch = random_views(16, image_size, seed=0)
    _build_torch(torch, "pytorch", encoder)
    theirs = torch.ask(
        "check",
        name="pytorch",
        weights=torch.save("weights", arrays),
        path=torch.save("batch", batch),
    )
    torch.ask("forget")
    expected = ours.check(_tensors(batch), arrays)
    seen = {"loss": abs(theirs["loss"] / expected["loss"] - 1.0)}
    for kind in ("momentum", "update"):
        for layer, norm in expected[kind].items():
            key = f"head {kind}" if layer.startswith("projection_head") else kind
            key = key if key in TOLERANCES else kind
            seen[key] = max(seen.get(key, 0.0), abs(theirs[kind][layer] / norm - 1.0))
    for name, difference in seen.items():
        if not difference <= TOLERANCES[name]:
            raise ValueError(
                f"PyTorch does not compute the same step: {name} differs by {difference:.0e}; make the "
                "two equal before timing them."
            )
    return seen


def measure(settings: Settings, torch: TorchProcess | None, deadline: float) -> dict:
    """Time all contestants in turn.

    Args:
        settings: sizes.
        torch: the PyTorch process, or None to leave it out.
        deadline: see `rounds.interleave`.

    Returns:
        JSON-ready dict, see `summarise`.
    """
    views = random_views(settings.batch_size, settings.image_size, seed=0)
    peaks = [MatmulPeak("float32"), MatmulPeak("bfloat16")]
    timers = {peak.name: peak.time for peak in peaks}
    if torch is not None:
        path = torch.save("views", views)
        for name in PYTORCH:
            _build_torch(torch, name, settings.encoder)
            timers[name] = lambda count, name=name: torch.ask(
                "time", name=name, path=path, num_steps=count
            )["seconds"]
    batch = _tensors(views)
    for precision in ("float32", "mixed_bfloat16"):
        step = ContrastiveStep(settings.encoder, settings.image_size, precision)
        timers[step.name] = lambda count, step=step: time_calls(lambda: step(batch), count)
        products = multiply_adds(step)
    seconds = interleave(timers, settings.num_rounds, 1.0, deadline, warm_up=list(timers))
    return summarise(settings.batch_size, products, seconds)


def summarise(batch_size: int, products: int, seconds: dict[str, list[float]]) -> dict:
    """Work out rates, ratios and shares from times.

    Args:
        batch_size: pictures of a step.
        products: multiply-adds of a step and view.
        seconds: contestant to seconds per step, by round.

    Returns:
        JSON-ready dict.
    """
    flop = 2.0 * products * 2 * batch_size
    contestants = {}
    for name in (*OURS, *PYTORCH):
        if name not in seconds:
            continue
        step_s = float(np.median(seconds[name]))
        product = f"matmul_{'bfloat16' if 'bfloat16' in name else 'float32'}"
        peak_step_s = [flop / MatmulPeak.flop_per_second(value) for value in seconds[product]]
        contestants[name] = {
            "pictures_per_s": batch_size / step_s,
            "ms_per_step": 1e3 * step_s,
            "slowest_over_fastest_round": max(seconds[name]) / min(seconds[name]),
            "gflop_per_s": 1e-9 * flop / step_s,
            "share_of_peak": median_ratio(peak_step_s, seconds[name]),
        } | {
            f"times_{other}": median_ratio(seconds[other], seconds[name])
            for other in PYTORCH
            if other in seconds and name in OURS
        }
    return {
        "rounds": len(next(iter(seconds.values()))),
        "giga_multiply_adds_per_view": 1e-9 * products,
        "peak_gflop_per_s": {
            name.removeprefix("matmul_"): 1e-9
            * MatmulPeak.flop_per_second(float(np.median(values)))
            for name, values in seconds.items()
            if name.startswith("matmul_")
        },
        "contestants": contestants,
        "seconds_per_step": seconds,
    }


def table(result: dict) -> str:
    """Set a result as a table.

    Args:
        result: from `measure`.

    Returns:
        The table.
    """
    header = (
        "step", "pictures/s", "ms/step", "spread", "GFLOP/s", "of peak", "x PyTorch",
        "x channels last", "x autocast",
    )  # fmt: skip
    rows = []
    for name, row in result["contestants"].items():
        ratios = [row.get(f"times_{other}") for other in PYTORCH]
        rows.append(
            (
                name,
                f"{row['pictures_per_s']:.1f}",
                f"{row['ms_per_step']:.0f}",
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
    difference = None
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="keras_pose_benchmark_"))
        torch = None
        if settings.torch_python:
            torch = TorchProcess(
                settings.torch_python, settings.num_threads, folder, "torch_contrastive_step.py"
            )
            stack.callback(torch.close)
            description["torch"] = torch.versions["torch"]
            difference = check_same_step(settings.encoder, torch)
            words = ", ".join(f"{name} {value:.0e}" for name, value in difference.items())
            say(f"Same step on the same weights and views; largest differences: {words}.")
        result = measure(settings, torch, end)
    peaks = result["peak_gflop_per_s"]
    say(
        f"{settings.encoder}, {settings.image_size} px, {settings.batch_size} pictures "
        f"({2 * settings.batch_size} views): {result['rounds']} rounds; "
        f"{result['giga_multiply_adds_per_view']:.2f} billion multiply-adds per view; peak "
        f"{peaks['float32']:.0f} GFLOP/s float32, {peaks['bfloat16']:.0f} bfloat16"
    )
    say(f"\n{table(result)}")
    sizes = {name: getattr(settings, name) for name in ("encoder", "image_size", "batch_size")}
    whole = {
        "command": "python -m benchmarks.peclr_step --torch_python=<python>",
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
