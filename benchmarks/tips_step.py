"""Speed of one training step of TIPS: `python -m benchmarks.tips_step --torch_python=<python>`.

Beside this package's step, in the same run and in turn: the same step in plain PyTorch, the same step
written naively in eager Keras, and the matrix product that bounds them all. First it is shown that all
of them are the same step. docs/benchmarks.md says how to read the table.
"""

import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.arithmetic import residual_mlp, separate_step, shared_step
from benchmarks.rounds import interleave, median_ratio, time_calls
from benchmarks.table import text_table
from benchmarks.torch_process import TorchProcess
from keras_pose.train import config as configs
from keras_pose.train.config import check_ranges, option

PARTS = (6, 10)
NUM_JOINTS = 16
OURS = ("keras_pose_float32", "keras_pose_mixed_bfloat16")
# Largest relative difference of any loss in three steps on equal weights and draws; 4e-6 was seen.
SAME_STEP = 1e-4
# The eager tape of the largest case keeps every activation.
_EAGER_BYTES_PER_UNIT = 1700


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
    output: str = option("", "JSON file to write; empty prints the table alone.")

    def __post_init__(self):
        check_ranges(self)


@dataclasses.dataclass(frozen=True)
class Case:
    """One size to measure.

    Attributes:
        width: of every hidden layer.
        batch_size: poses per step.
        num_rounds: rounds at most.
        seconds_per_turn: least time of one contestant in one round.
    """

    width: int
    batch_size: int
    num_rounds: int
    seconds_per_turn: float


CASES = (Case(256, 256, 11, 1.0), Case(1024, 1024, 7, 1.0), Case(1024, 8192, 3, 1.0))
QUICK_CASES = (Case(256, 256, 5, 0.5), Case(1024, 1024, 2, 0.5))


def check_same_step(recipe, torch: TorchProcess | None, seed: int = 0) -> dict[str, float]:
    """Train three small steps everywhere on equal weights, poses and draws, and compare all losses.

    Args:
        recipe: `keras_pose.tips.config.Config`.
        torch: the PyTorch process, or None to leave it out.
        seed: seed of weights and poses.

    Returns:
        Contestant to its largest relative difference from this package's losses.

    Raises:
        ValueError: if a difference is above `SAME_STEP`.
    """
    from benchmarks.eager_keras_step import EagerKerasStep
    from benchmarks.lifter_step import LifterStep, shake_weights, weights

    width, batch_size, num_steps = 48, 96, 3
    poses = make_poses(batch_size, seed)
    ours = LifterStep(recipe, width, "float32")
    shake_weights(ours.model, seed)
    arrays = weights(ours.model)
    draws = [ours.draw(batch_size, step) for step in range(num_steps)]
    sizes = {"width": width, "num_blocks": recipe.num_blocks, "learning_rate": recipe.learning_rate}
    eager = EagerKerasStep(**sizes)
    eager.load(arrays)
    logs = {
        "eager_keras": [
            {name: float(value) for name, value in eager(poses, draw).items()} for draw in draws
        ]
    }
    if torch is not None:
        torch.ask("build", **sizes)
        paths = [
            torch.save(f"draw{step}", draw | {"points_2d": poses})
            for step, draw in enumerate(draws)
        ]
        logs["pytorch"] = torch.ask("losses", weights=torch.save("weights", arrays), draws=paths)[
            "losses"
        ]
    expected = [ours.losses(poses) for _ in draws]
    differences = {}
    for name, steps in logs.items():
        differences[name] = max(
            abs(step[loss] - reference[loss]) / abs(reference[loss])
            for step, reference in zip(steps, expected, strict=True)
            for loss in step
        )
        if not differences[name] <= SAME_STEP:
            raise ValueError(
                f"{name} does not compute the step of {recipe.model}: its losses differ by up to "
                f"{differences[name]:.1e}; compare the two before timing them."
            )
    return differences


def measure(recipe, case: Case, torch: TorchProcess | None, deadline: float = float("inf")) -> dict:
    """Time all contestants at one size.

    Args:
        recipe: `keras_pose.tips.config.Config`.
        case: the size.
        torch: the PyTorch process, or None to leave it out.
        deadline: see `rounds.interleave`.

    Returns:
        JSON-ready dict: the size, counted arithmetic, seconds per step of everybody by round, and what
        follows from them.
    """
    import tensorflow as tf

    from benchmarks.eager_keras_step import EagerKerasStep
    from benchmarks.lifter_step import LifterStep
    from benchmarks.matmul_peak import MatmulPeak

    poses = make_poses(case.batch_size, seed=0)
    few = min(32, case.batch_size)
    batch, small = tf.constant(poses), tf.constant(poses[:few])
    sizes = {
        "width": case.width,
        "num_blocks": recipe.num_blocks,
        "learning_rate": recipe.learning_rate,
    }
    peaks = [MatmulPeak("float32"), MatmulPeak("bfloat16")]
    timers = {peak.name: peak.time for peak in peaks}
    skipped = {}
    if torch is not None:
        torch.ask("build", **sizes)
        torch.ask("poses", path=torch.save("poses", {"points_2d": poses}))
        torch.time(few, 1)
        timers["pytorch"] = lambda count: torch.time(case.batch_size, count)
    steps = [
        LifterStep(recipe, case.width, precision) for precision in ("float32", "mixed_bfloat16")
    ]
    needed = case.width * case.batch_size * _EAGER_BYTES_PER_UNIT / 2**30
    if needed < machine.available_memory_gib():
        steps.append(EagerKerasStep(**sizes))
    else:
        skipped["eager_keras"] = f"needs about {needed:.0f} GiB of free memory"
    for step in steps:
        step(small)  # Traces the graph.
        timers[step.name] = lambda count, step=step: time_calls(lambda: step(batch), count)
    seconds = interleave(
        timers,
        case.num_rounds,
        case.seconds_per_turn,
        deadline,
        warm_up=case.batch_size <= 1024,
    )
    return summarise(recipe, case, seconds) | {"skipped": skipped}


def summarise(recipe, case: Case, seconds: dict[str, list[float]]) -> dict:
    """Work out rates, ratios and shares from times.

    Args:
        recipe: `keras_pose.tips.config.Config`.
        case: the size.
        seconds: contestant to seconds per step, by round.

    Returns:
        JSON-ready dict, see `measure`.
    """
    from benchmarks.matmul_peak import MatmulPeak

    network = (case.width, recipe.num_blocks)
    generators = [residual_mlp(2 * size, *network, size) for size in PARTS]
    discriminator = residual_mlp(2 * NUM_JOINTS, case.width, recipe.discriminator_blocks, 1)
    counts = {
        "shared": shared_step(generators, discriminator),
        "separate": separate_step(generators, discriminator),
    }
    contestants = {}
    for name in (*OURS, "pytorch", "eager_keras"):
        if name not in seconds:
            continue
        step_s = float(np.median(seconds[name]))
        flop = 2 * counts["shared" if name in OURS else "separate"] * case.batch_size
        product = f"matmul_{'bfloat16' if 'bfloat16' in name else 'float32'}"
        peak_step_s = [flop / MatmulPeak.flop_per_second(value) for value in seconds[product]]
        contestants[name] = {
            "samples_per_s": case.batch_size / step_s,
            "ms_per_step": 1e3 * step_s,
            "gflop_per_s": 1e-9 * flop / step_s,
            "share_of_peak": median_ratio(peak_step_s, seconds[name]),
        }
        for other in ("pytorch", "eager_keras"):
            if other in seconds and name in OURS:
                contestants[name][f"times_{other}"] = median_ratio(seconds[other], seconds[name])
    return {
        "width": case.width,
        "batch_size": case.batch_size,
        "rounds": len(next(iter(seconds.values()))),
        "mega_multiply_adds_per_sample": {key: 1e-6 * value for key, value in counts.items()},
        "peak_gflop_per_s": {
            name.removeprefix("matmul_"): 1e-9
            * MatmulPeak.flop_per_second(float(np.median(seconds[name])))
            for name in seconds
            if name.startswith("matmul_")
        },
        "contestants": contestants,
        "seconds_per_step": seconds,
    }


def make_poses(batch_size: int, seed: int) -> np.ndarray:
    """Random points in place of poses, float32 `[B, J, 2]` in [-1, 1], J = 16; speed is the same."""
    random = np.random.default_rng(seed)
    return random.uniform(-1.0, 1.0, (batch_size, NUM_JOINTS, 2)).astype(np.float32)


def table(results: list[dict]) -> str:
    """Set results as one table.

    Args:
        results: from `measure`.

    Returns:
        The table.
    """
    header = (
        "step", "width", "batch", "samples/s", "ms/step", "GFLOP/s", "of peak", "x PyTorch", "x eager",
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
                    f"{row['gflop_per_s']:.0f}",
                    f"{row['share_of_peak']:.0%}",
                    *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
                )
            )
    return text_table(header, rows)


def run(settings: Settings) -> dict:
    """Check, measure and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result.

    Raises:
        ValueError: if PyTorch cannot be started or the steps differ.
    """
    end = time.monotonic() + settings.time_limit_s
    # Before TensorFlow loads, as its pools are made once.
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(settings.num_threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = str(settings.num_threads)
    from benchmarks.recipes import read_recipe

    description = machine.describe(settings.num_threads)
    print(machine.sentence(description), flush=True)
    recipe = read_recipe(settings.recipe)
    with tempfile.TemporaryDirectory(prefix="keras_pose_benchmark_") as folder:
        torch = None
        if settings.torch_python:
            torch = TorchProcess(settings.torch_python, settings.num_threads, folder)
            description["torch"] = torch.versions["torch"]
        differences = check_same_step(recipe, torch)
        words = ", ".join(f"{name} {value:.0e}" for name, value in differences.items())
        print(f"Same step on the same weights, poses and draws; losses differ by: {words}.")
        results = []
        for case in QUICK_CASES if settings.quick else CASES:
            results.append(measure(recipe, case, torch, end))
            print(_counted(results[-1]), flush=True)
        if torch is not None:
            torch.close()
    print(f"\n{table(results)}")
    return {
        "command": "python -m benchmarks.tips_step --torch_python=<python>"
        + (" --quick" if settings.quick else ""),
        "recipe": settings.recipe,
        "machine": description,
        "largest_relative_difference_of_losses": differences,
        "results": results,
    }


def _counted(result):
    counts, peaks = result["mega_multiply_adds_per_sample"], result["peak_gflop_per_s"]
    skipped = "".join(f"; {name} left out, {why}" for name, why in result["skipped"].items())
    return (
        f"width {result['width']}, batch {result['batch_size']}: {result['rounds']} rounds; "
        f"{counts['shared']:.1f} million multiply-adds per sample, {counts['separate']:.1f} if nothing "
        f"is shared; peak {peaks['float32']:.0f} GFLOP/s float32, {peaks['bfloat16']:.0f} bfloat16"
        f"{skipped}"
    )


def main(arguments: list[str]) -> None:
    """Entry point under absl."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    settings = configs.from_flags(Settings)
    result = run(settings)
    if settings.output:
        Path(settings.output).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    configs.define_flags(Settings)
    configs.run_binary(main)
