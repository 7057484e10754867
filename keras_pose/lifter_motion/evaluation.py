"""What a lifter of films is worth: errors of poses and of their motion against 3D labels."""

import numpy as np
from keras import ops

from keras_pose.lifter_motion.films import Films
from keras_pose.lifter_motion.network import MotionLifter, lift_window
from keras_pose.lifting.evaluation import depth_sign, protocols
from keras_pose.metrics import Protocol, acceleration_error, evaluate_poses
from keras_pose.skeletons import H36M_17

_BATCH = 2048
_MEASURES = ("pa_mpjpe", "n_mpjpe")


def acceleration_protocol(frames_per_second: float) -> Protocol:
    """Return the protocol of the acceleration error of films of one rate, mm per squared frame.

    Args:
        frames_per_second: of the films.
    """
    return Protocol(
        f"acceleration-error@{frames_per_second:g}fps",
        alignment="root",
        root=H36M_17.joints[H36M_17.root],
        unit="mm/frame2",
    )


def lift_films(
    network: MotionLifter,
    films: Films,
    points_px: np.ndarray | None = None,
    present: np.ndarray | None = None,
) -> np.ndarray:
    """Lift every frame of films in its window; beyond the ends of a film frames are missing.

    Args:
        network: the lifter.
        films: the films.
        points_px: float32 `[N, 17, 2]`, what is seen of them; None for the films' own.
        present: float32 `[N, 17]` in {0, 1}; None where all joints are there.

    Returns:
        float32 `[N, 17, 3]`, px at the root's depth, root at 0.
    """
    points_px = films.points_px if points_px is None else points_px
    present = np.ones(points_px.shape[:2], np.float32) if present is None else present
    rows, is_there = films.window_rows(network.config.num_frames, network.config.answered)
    parts = []
    for start in range(0, len(films), _BATCH):
        some = rows[start : start + _BATCH]
        there = present[some] * is_there[start : start + _BATCH, :, None]
        lifted = lift_window(network, points_px[some], there.astype(np.float32))
        parts.append(ops.convert_to_numpy(lifted["points_3d"]))
    return np.concatenate(parts)


def measure_films(lifted_px: np.ndarray, films: Films) -> dict[str, float]:
    """Measure lifted films against their labels.

    Args:
        lifted_px: float32 `[N, 17, 3]`, px at the root's depth, root at 0.
        films: with labels.

    Returns:
        Protocol id to value, mm: PA-MPJPE and N-MPJPE as of single poses; acceleration error, sized by
        the root's true depth, over all frames with two neighbours.
    """
    metric = (lifted_px / films.px_per_m[:, None, None]).astype(np.float64)
    standard = protocols()
    values = evaluate_poses(metric, films.points_3d, [standard[name] for name in _MEASURES])
    ends = np.flatnonzero(np.diff(films.film)) + 1
    errors = [
        ops.convert_to_numpy(acceleration_error(own, true))
        for own, true in zip(
            np.split(metric, ends), np.split(films.points_3d.astype(np.float64), ends), strict=True
        )
        if len(own) > 2
    ]
    protocol = acceleration_protocol(films.frames_per_second)
    return values | {protocol.id: 1e3 * float(np.concatenate(errors).mean())}


def nose_in_front(lifted: np.ndarray) -> float:
    """Return the share of poses `[N, 17, 3]` whose nose is in front."""
    return depth_sign(lifted)[1]
