"""Distances between poses that should agree after a cycle, one value per example and joint.

Averaging over joints is a separate step (`weighted_joint_sum`), because independent generators average
over their own joints only.
"""

from keras import ops

from keras_pose.geometry.shapes import Tensor


def squared_error(points: Tensor, target: Tensor) -> Tensor:
    """Return the mean over coordinates of the squared difference.

    Args:
        points: float `[..., J, D]`.
        target: float `[..., J, D]`, same unit.

    Returns:
        float `[..., J]`, unit squared.

    Reference: TIPS-GAN, 2D self-consistency and 90-degree consistency.
    """
    return ops.mean(ops.square(points - target), axis=-1)


def absolute_error(points: Tensor, target: Tensor) -> Tensor:
    """Return the mean over coordinates of the absolute difference.

    Args:
        points: float `[..., J, D]`.
        target: float `[..., J, D]`, same unit.

    Returns:
        float `[..., J]`, same unit.

    Reference: ElePose (Wandt et al. 2022), 2D reprojection loss, there summed instead of averaged.
    """
    return ops.mean(ops.absolute(points - target), axis=-1)


def distance(points: Tensor, target: Tensor) -> Tensor:
    """Return Euclidean distance, with a finite gradient where points coincide.

    Args:
        points: float `[..., J, D]`.
        target: float `[..., J, D]`, same unit.

    Returns:
        float `[..., J]`, same unit.

    Reference: ElePose, 3D consistency loss.
    """
    squared = ops.sum(ops.square(points - target), axis=-1)
    # The square root has no slope at 0; the inner where keeps NaN out of the unused branch.
    positive = squared > 0
    root = ops.sqrt(ops.where(positive, squared, ops.ones_like(squared)))
    return ops.where(positive, root, ops.zeros_like(squared))


def deformation(points: Tensor, target: Tensor) -> Tensor:
    """Return how far the difference between neighbours of a batch changes over the cycle.

    Pose b is paired with pose b - 1 (the first with the last), as the non-rigid motion that turns one
    pose into another should survive rotation and re-lifting.

    Args:
        points: float `[B, J, D]`, lifted poses.
        target: float `[B, J, D]`, the same poses after the cycle.

    Returns:
        float `[B, J]`, same unit.

    Reference: ElePose, deformation loss between pairs of a batch.
    """
    change = points - ops.roll(points, 1, axis=0)
    return distance(change, target - ops.roll(target, 1, axis=0))


def weighted_joint_sum(values: Tensor, joint_weights: Tensor) -> Tensor:
    """Sum over joints with a weight each; weights that are 1 / n give means.

    Args:
        values: float `[..., J]`, one value per joint.
        joint_weights: float `[J]`.

    Returns:
        float `[...]`.
    """
    weights = ops.convert_to_tensor(joint_weights, dtype=values.dtype)
    return ops.sum(values * weights, axis=-1)
