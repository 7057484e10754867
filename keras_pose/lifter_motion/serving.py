"""What a lifter of films computes: from a window of pixels and scores to 3D, or frame by frame."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from keras import ops

from keras_pose.export import Signature
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifter_motion.network import MotionLifter, lift_window
from keras_pose.lifting.scored_serving import judge_poses
from keras_pose.skeletons import H36M_17

_JOINTS = H36M_17.num_joints
# A state holds presence, 0 or 1, in place of a score.
_HALF = 0.5


def lift_frames(network: MotionLifter, min_score: float) -> Callable[..., dict[str, Tensor]]:
    """Build the function behind the signature `lift_frames`.

    Args:
        network: T frames, of which it lifts one.
        min_score: joints with a lower score are missing.

    Returns:
        Function of `keypoints_2d` float32 `[N, T, 17, 2]`, Human3.6M-17, pixels of any scale, y down, and
        `score` float32 `[N, T, 17]` in [0, 1], frames of one person in the order of time, to a dict of
        the answered frame: `keypoints_3d` float32 `[N, 17, 3]`, pelvis at 0, x right, y down, z forward,
        in the input's pixels at the pelvis's depth; `filled_2d` float32 `[N, 17, 2]`, px, the input with
        missing joints filled in; `scale` float32 `[N]`, px; `valid` float32 `[N]`, 1, or 0 with zeros
        where the answered frame cannot be lifted, see `judge_poses`. Any other such frame counts as
        missing.
    """

    def answer(keypoints_2d, score):
        points, present = _judged(keypoints_2d, score, min_score)
        return _lift_judged(network, points, present)

    return answer


def lift_next(network: MotionLifter, min_score: float) -> Callable[..., dict[str, Tensor]]:
    """Build the function behind the signature `lift_next`: the same for a stream.

    Args:
        network: T frames, of which it lifts one.
        min_score: joints with a lower score are missing.

    Returns:
        Function of the newest frame, `keypoints_2d` float32 `[N, 17, 2]` and `score` float32 `[N, 17]`,
        and `state` float32 `[N, T - 1, 17, 3]`, zeros at first and after a cut, else the last answer's.
        It gives what `lift_frames` gives of the last T frames, and `state`: x, y and presence of the
        newest T - 1.
    """

    def answer(keypoints_2d, score, state):
        newest, is_there = _judged(keypoints_2d[:, None], score[:, None], min_score)
        # Judged again, for a state may come from anywhere; of a good one nothing changes.
        points, present = _judged(state[..., :2], state[..., 2], _HALF)
        points = ops.concatenate([points, newest], axis=1)
        present = ops.concatenate([present, is_there], axis=1)
        kept = ops.concatenate([points, present[..., None]], axis=-1)[:, 1:]
        return _lift_judged(network, points, present) | {"state": kept}

    return answer


def motion_signatures(network: MotionLifter, min_score: float) -> dict[str, Signature]:
    """Return the signatures `lift_frames` and `lift_next`, both with a free batch axis.

    Args:
        network: T frames, T above 1.
        min_score: see `lift_frames`.
    """
    num_frames = network.config.num_frames

    def spec(name, *shape):
        return tf.TensorSpec((None, *shape), tf.float32, name=name)

    frames = {
        "keypoints_2d": spec("keypoints_2d", num_frames, _JOINTS, 2),
        "score": spec("score", num_frames, _JOINTS),
    }
    newest = {
        "keypoints_2d": spec("keypoints_2d", _JOINTS, 2),
        "score": spec("score", _JOINTS),
        "state": spec("state", num_frames - 1, _JOINTS, 3),
    }
    return {
        "lift_frames": Signature(lift_frames(network, min_score), frames),
        "lift_next": Signature(lift_next(network, min_score), newest),
    }


def state_of(keypoints_2d: np.ndarray, score: np.ndarray, min_score: float) -> np.ndarray:
    """Return the state after frames, as `lift_next` would have made it.

    Args:
        keypoints_2d: float32 `[N, T - 1, 17, 2]`, px.
        score: float32 `[N, T - 1, 17]`.
        min_score: of the export.

    Returns:
        float32 `[N, T - 1, 17, 3]`.
    """
    points, present = _judged(keypoints_2d, score, min_score)
    return ops.convert_to_numpy(ops.concatenate([points, present[..., None]], axis=-1))


def _judged(keypoints_2d, score, min_score):
    """Points and presence; both 0 all over in a frame that cannot be lifted."""
    points, present, is_fair = judge_poses(keypoints_2d, score, min_score)
    return (
        ops.where(is_fair[..., None, None], points, ops.zeros_like(points)),
        present * ops.cast(is_fair, "float32")[..., None],
    )


def _lift_judged(network, points, present):
    valid = ops.cast(ops.sum(present[:, network.config.answered], axis=-1) > 0, "float32")
    lifted = lift_window(network, points, present)
    return {
        "keypoints_3d": lifted["points_3d"] * valid[:, None, None],
        "filled_2d": lifted["filled_2d"] * valid[:, None, None],
        "scale": lifted["scale"] * valid,
        "valid": valid,
    }
