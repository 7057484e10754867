"""Noise as 2D detectors make it: of heavy tails, in shares of the body's height."""

import itertools
import math

from keras import ops

from keras_pose.geometry import length
from keras_pose.geometry.shapes import Tensor
from keras_pose.skeletons import H36M_17

# No joint is thrown farther than this many scales: beyond, a tail is a missing joint.
_FARTHEST = 8.0
_TRUNK = ("pelvis", "spine", "thorax", "nose", "head")


def body_height(points_3d: Tensor) -> Tensor:
    """Return how tall a person stands: trunk and head, and the mean of both legs, bone by bone.

    Args:
        points_3d: float `[..., 17, 3]`, Human3.6M-17, any unit and posture.

    Returns:
        float `[...]`, from the ankle to the top of the head, same unit.
    """

    def chain(joints):
        rows = list(H36M_17.indices(joints))
        parts = [points_3d[..., b, :] - points_3d[..., a, :] for a, b in itertools.pairwise(rows)]
        return sum(length(part) for part in parts)

    legs = [
        chain([f"{side}_{joint}" for joint in ("hip", "knee", "ankle")])
        for side in ("left", "right")
    ]
    return chain(_TRUNK) + 0.5 * (legs[0] + legs[1])


def student_noise(uniform: Tensor, degrees_of_freedom: float) -> Tensor:
    """Turn uniform draws into two-dimensional Student-t noise of scale 1.

    The direction is uniform; the radius r has P(r > x) = (1 + x^2 / n)^(-n / 2). With n to infinity
    this is the normal distribution of standard deviation 1 per axis.

    Args:
        uniform: float `[2, ...]` in [0, 1).
        degrees_of_freedom: n, above 0.

    Returns:
        float `[..., 2]`, radius at most 8.

    Reference: Bailey 1994, Mathematics of Computation 62 (206), polar generation of Student's t.
    """
    n = degrees_of_freedom
    tail = ops.maximum(1.0 - uniform[0], 1e-7)
    radius = ops.sqrt(n * ops.maximum(ops.exp(-2.0 / n * ops.log(tail)) - 1.0, 0.0))
    radius = ops.minimum(radius, _FARTHEST)
    angle = 2.0 * math.pi * uniform[1]
    return ops.stack([radius * ops.cos(angle), radius * ops.sin(angle)], axis=-1)
