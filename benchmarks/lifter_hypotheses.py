"""What several answers are worth: `python -m benchmarks.lifter_hypotheses --data_dir=<cmu_mocap17>`.

A lifter is asked about noisy copies of each pose of the validation split, and K answers are made of what
it says (`keras_pose.lifting.hypotheses`). The error of the best of them uses the truth to choose, so it
is no accuracy; the mean is that of the answers weighted by their weights.
"""

import dataclasses

import numpy as np
from keras import ops

from benchmarks.lifter_robustness import open_lifter, see
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.lifting.many_serving import lift_many
from keras_pose.metrics import n_mpjpe, pa_mpjpe
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, listed, option

_BATCH = 512


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    lifter: str = option(
        "savedmodels/tips_cmu/1",
        "Version folder of a lifter, or run folder of keras_pose.lifter_student.",
        exists="folder",
    )
    data_dir: str = option("", "Folder of the CMU motion capture, with val.npz.", exists="folder")
    val_stride: int = option(16, "Use every n-th frame.", low=1)
    counts: str = option("1,2,5,10", "Numbers of answers, separated by commas.")
    hypothesis_noise: float = option(
        0.02, "Noise of the copies, a share of the body's height.", low=0.0, high=0.2
    )
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def measure(settings: Settings) -> list[dict]:
    """Measure the single answer, and the best and the mean of several.

    Args:
        settings: what to run.

    Returns:
        Rows of `answer`, `count` and, in mm, `n_mpjpe` and `pa_mpjpe`.
    """
    seen = see(settings.data_dir, settings.val_stride)
    lifter = open_lifter(settings.lifter)

    def lift(points, present):
        points, present = (ops.convert_to_numpy(value) for value in (points, present))
        return {
            "points_3d": lifter(points.astype(np.float32), present),
            "scale": np.ones(len(points), np.float32),
        }

    counts = [int(word) for word in listed(settings.counts)]
    many = lift_many(lift, 0.0, max(counts), settings.hypothesis_noise)
    points = seen.points_px.astype(np.float32)
    parts = [
        many(points[start : start + _BATCH], np.ones(points[start : start + _BATCH].shape[:2]))
        for start in range(0, len(points), _BATCH)
    ]
    poses, weights = (
        np.concatenate([ops.convert_to_numpy(part[name]) for part in parts]).astype(np.float64)
        for name in ("keypoints_3d", "weight")
    )
    true = seen.points_3d.astype(np.float64)
    single = lifter(points, np.ones(points.shape[:2], np.float32)).astype(np.float64)
    rows = [{"answer": "the lifter's own", "count": 1} | _errors(single[:, None], true, np.min)]
    for count in counts:
        some, share = poses[:, :count], weights[:, :count, None, None]
        rows.append({"answer": "best", "count": count} | _errors(some, true, np.min))
        mean = (some * share).sum(axis=1) / share.sum(axis=1)
        rows.append({"answer": "mean", "count": count} | _errors(mean[:, None], true, np.min))
    return rows


def _errors(poses, true, choose):
    """Errors in mm of poses `[N, K, 17, 3]`, one chosen per row and measure."""
    true = np.repeat(true[:, None], poses.shape[1], axis=1)
    return {
        name: 1e3 * float(choose(ops.convert_to_numpy(measured(poses, true)), axis=1).mean())
        for name, measured in (("n_mpjpe", n_mpjpe), ("pa_mpjpe", pa_mpjpe))
    }


def run(settings: Settings) -> tuple[dict, str]:
    """Measure, and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result, and what was printed.
    """
    rows = measure(settings)
    text = text_table(
        ("answer", "of", "N-MPJPE", "PA-MPJPE"),
        [
            (row["answer"], str(row["count"]), f"{row['n_mpjpe']:.1f}", f"{row['pa_mpjpe']:.1f}")
            for row in rows
        ],
    )
    print(text)
    result = {
        "command": "python -m benchmarks.lifter_hypotheses",
        "settings": {
            name: getattr(settings, name) for name in ("lifter", "val_stride", "hypothesis_noise")
        },
        "results": rows,
    }
    return result, text


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
