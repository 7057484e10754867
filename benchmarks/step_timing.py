"""All contestants at one size, in turn, and what follows from their times."""

import dataclasses

import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.arithmetic import residual_mlp, separate_step, shared_step
from benchmarks.eager_keras_step import EagerKerasStep
from benchmarks.lifter_step import NUM_JOINTS, LifterStep, random_poses
from benchmarks.matmul_peak import MatmulPeak
from benchmarks.rounds import interleave, median_ratio, time_calls
from benchmarks.torch_process import TorchProcess
from keras_pose.lifting.splits import part_slices
from keras_pose.tips.config import Config

OURS = ("keras_pose_float32", "keras_pose_mixed_bfloat16")
# The eager tape keeps every activation of five liftings.
_EAGER_BYTES_PER_UNIT = 1700


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


def measure(
    recipe: Config, case: Case, torch: TorchProcess | None, deadline: float = float("inf")
) -> dict:
    """Time all contestants at one size.

    Args:
        recipe: the author's recipe.
        case: the size.
        torch: the PyTorch process, or None to leave it out.
        deadline: see `rounds.interleave`.

    Returns:
        JSON-ready dict: the size, counted arithmetic, seconds per step of everybody by round, and what
        follows from them.
    """
    poses = random_poses(case.batch_size, seed=0)
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
        # A second step of the largest batch would cost minutes; one of it is long enough to count.
        warm_up=list(timers) if case.batch_size <= 1024 else [peak.name for peak in peaks],
    )
    return summarise(recipe, case, seconds) | {"skipped": skipped}


def summarise(recipe: Config, case: Case, seconds: dict[str, list[float]]) -> dict:
    """Work out rates, ratios and shares from times.

    Args:
        recipe: the author's recipe.
        case: the size.
        seconds: contestant to seconds per step, by round.

    Returns:
        JSON-ready dict, see `measure`.
    """
    parts = [part.stop - part.start for part in part_slices(recipe.split).values()]
    network = (case.width, recipe.num_blocks)
    generators = [residual_mlp(2 * size, *network, size) for size in parts]
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
            "slowest_over_fastest_round": max(seconds[name]) / min(seconds[name]),
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
