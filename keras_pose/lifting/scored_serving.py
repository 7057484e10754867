"""What a lifter computes that is told which joints are there: from pixels and scores to 3D."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from keras import ops

from keras_pose.export import Signature
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.presence import MIN_JOINTS
from keras_pose.skeletons import H36M_17

# No picture has pixels beyond; squares of them would overflow.
_LARGEST = 1e15
# Function of pixels `[N, 17, 2]` and presence `[N, 17]` to `points_2d`, `points_3d`, `scale`, `gravity`.
LiftPresent = Callable[[Tensor, Tensor], dict[str, Tensor]]


def lift_scored(lift: LiftPresent, min_score: float) -> Callable[..., dict[str, Tensor]]:
    """Build the function behind the signature `lift_scored`.

    Args:
        lift: see `LiftPresent`.
        min_score: joints with a lower score are missing.

    Returns:
        Function of `keypoints_2d` float32 `[N, 17, 2]`, Human3.6M-17, pixels of any scale, y down,
        anything where missing, and `score` float32 `[N, 17]` in [0, 1], to a dict: `keypoints_3d` float32
        `[N, 17, 3]`, pelvis at 0, x right, y down, z forward, in the input's pixels at the pelvis's
        depth; `filled_2d` float32 `[N, 17, 2]`, px, the input with missing joints filled in; `gravity`
        float32 `[N, 3]`, the direction down in the camera's frame; `scale` float32 `[N]`, px; `valid`
        float32 `[N]`, 1, or 0 with zeros for fewer than `MIN_JOINTS` joints, joints that all coincide,
        a present joint that is not finite, or a score that is not in [0, 1].
    """

    def answer(keypoints_2d, score):
        points, present, valid = judge_poses(keypoints_2d, score, min_score)
        lifted = lift(
            ops.where(valid[:, None, None], points, ops.zeros_like(points)),
            ops.where(valid[:, None], present, ops.ones_like(present)),
        )
        valid = ops.cast(valid, "float32")
        return {
            "keypoints_3d": lifted["points_3d"] * valid[:, None, None],
            "filled_2d": lifted["points_2d"] * valid[:, None, None],
            "gravity": lifted["gravity"] * valid[:, None],
            "scale": lifted["scale"] * valid,
            "valid": valid,
        }

    return answer


def judge_poses(
    keypoints_2d: Tensor, score: Tensor, min_score: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Tell which joints are there, and whether a pose can be lifted.

    Args:
        keypoints_2d: float `[..., 17, 2]`, px, anything where missing.
        score: float `[..., 17]`.
        min_score: joints with a lower score are missing.

    Returns:
        `(points, present, valid)`: float `[..., 17, 2]`, 0 where missing; float `[..., 17]` in {0, 1};
        bool `[...]`, false for fewer than `MIN_JOINTS` joints, joints that all coincide, a present joint
        that is not finite, or a score that is not in [0, 1].
    """
    # NaN compares false, so a NaN score fails here.
    fair = ops.all(ops.logical_and(score >= 0.0, score <= 1.0), axis=-1)
    present = ops.cast(score >= min_score, "float32")
    there = present[..., None] > 0
    points = ops.where(there, keypoints_2d, ops.zeros_like(keypoints_2d))
    sane = ops.all(ops.absolute(points) < _LARGEST, axis=(-2, -1))
    enough = ops.sum(present, axis=-1) > MIN_JOINTS - 0.5
    spread = _spread(points, there)
    valid = ops.logical_and(ops.logical_and(fair, sane), ops.logical_and(enough, spread > 0))
    return points, present, valid


def scored_signatures(lift: LiftPresent, min_score: float) -> dict[str, Signature]:
    """Return the signatures of a lifter that is told which joints are there.

    Args:
        lift: see `LiftPresent`.
        min_score: see `lift_scored`.

    Returns:
        `lift`, with the inputs and outputs that every lifter has and all joints taken to be there, and
        `lift_scored`; both with a free batch axis.
    """
    points = tf.TensorSpec((None, H36M_17.num_joints, 2), tf.float32, name="keypoints_2d")
    score = tf.TensorSpec((None, H36M_17.num_joints), tf.float32, name="score")
    scored = lift_scored(lift, min_score)

    def whole(keypoints_2d):
        outputs = scored(keypoints_2d, ops.ones_like(keypoints_2d[..., 0]))
        return {name: outputs[name] for name in ("keypoints_3d", "scale", "valid")}

    return {
        "lift": Signature(whole, {"keypoints_2d": points}),
        "lift_scored": Signature(scored, {"keypoints_2d": points, "score": score}),
    }


def hostile_scores() -> dict[str, np.ndarray]:
    """Return what a server may get and must answer with `valid` 0.

    Returns:
        `keypoints_2d` float32 `[8, 17, 2]` and `score` float32 `[8, 17]`: a NaN score, scores below 0 and
        above 1, five joints, present joints on one pixel, a NaN, an infinite and a huge present joint.
    """
    random = np.random.default_rng(0)
    points = random.uniform(0.0, 300.0, (8, H36M_17.num_joints, 2)).astype(np.float32)
    score = np.ones((8, H36M_17.num_joints), np.float32)
    score[0, 4] = np.nan
    score[1, 4] = -0.1
    score[2, 4] = 1.5
    score[3, MIN_JOINTS - 1 :] = 0.0
    points[4, :8] = 250.0
    score[4, 8:] = 0.0
    points[5, 3, 1] = np.nan
    points[6, 0, 0] = np.inf
    points[7, 5] = 3e38
    return {"keypoints_2d": points, "score": score}


def _spread(points, there):
    """Largest extent of the joints that are there, px."""
    high = ops.max(ops.where(there, points, ops.full_like(points, -_LARGEST)), axis=-2)
    low = ops.min(ops.where(there, points, ops.full_like(points, _LARGEST)), axis=-2)
    return ops.max(high - low, axis=-1)
