"""What a lifter computes that gives several answers: from pixels and scores to K poses and weights."""

from collections.abc import Callable

import tensorflow as tf
from keras import ops

from keras_pose.export import Signature
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.detector_noise import body_height
from keras_pose.lifting.hypotheses import NUM_COPIES, limb_hypotheses, noise_table
from keras_pose.lifting.scored_serving import LiftPresent, judge_poses
from keras_pose.skeletons import H36M_17

_JOINTS = H36M_17.num_joints


def lift_many(
    lift: LiftPresent, min_score: float, num_hypotheses: int, hypothesis_noise: float
) -> Callable[..., dict[str, Tensor]]:
    """Build the function behind the signature `lift_many`.

    Args:
        lift: see `LiftPresent`.
        min_score: joints with a lower score are missing.
        num_hypotheses: number of answers K.
        hypothesis_noise: deviation of the copies' noise, a share of the body's height as lifted.

    Returns:
        Function of `keypoints_2d` float32 `[N, 17, 2]` and `score` float32 `[N, 17]`, as `lift_scored`,
        to a dict: `keypoints_3d` float32 `[N, K, 17, 3]`, likeliest first, as `lift_scored` gives one;
        `weight` float32 `[N, K]`, sum 1, see `limb_hypotheses`; `scale` float32 `[N]`, px; `valid`
        float32 `[N]`, 1, or 0 with zeros for what `judge_poses` refuses.
    """

    def answer(keypoints_2d, score):
        points, present, valid = judge_poses(keypoints_2d, score, min_score)
        points = ops.where(valid[:, None, None], points, ops.zeros_like(points))
        present = ops.where(valid[:, None], present, ops.ones_like(present))
        first = lift(points, present)
        height = hypothesis_noise * body_height(first["points_3d"])
        noise = height[:, None, None, None] * ops.convert_to_tensor(noise_table())
        copies = ops.reshape(points[:, None] + noise, (-1, _JOINTS, 2))
        told = ops.reshape(ops.repeat(present[:, None], NUM_COPIES, axis=1), (-1, _JOINTS))
        lifted = ops.reshape(lift(copies, told)["points_3d"], (-1, NUM_COPIES, _JOINTS, 3))
        poses, weight = limb_hypotheses(first["points_3d"], lifted, num_hypotheses)
        valid = ops.cast(valid, "float32")
        return {
            "keypoints_3d": poses * valid[:, None, None, None],
            "weight": weight * valid[:, None],
            "scale": first["scale"] * valid,
            "valid": valid,
        }

    return answer


def many_signature(
    lift: LiftPresent, min_score: float, num_hypotheses: int, hypothesis_noise: float
) -> Signature:
    """Return the signature of `lift_many`, with its arguments, with a free batch axis."""
    return Signature(
        lift_many(lift, min_score, num_hypotheses, hypothesis_noise),
        {
            "keypoints_2d": tf.TensorSpec((None, _JOINTS, 2), tf.float32, name="keypoints_2d"),
            "score": tf.TensorSpec((None, _JOINTS), tf.float32, name="score"),
        },
    )
