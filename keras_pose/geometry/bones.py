"""Lengths and directions of bones; a bone is a pair (parent, child) of joint indices."""

from collections.abc import Sequence

from keras import ops

from keras_pose.geometry.length import length
from keras_pose.geometry.shapes import Tensor, as_floating, require_joint, require_points

Bones = Sequence[tuple[int, int]]


def bone_vectors(points: Tensor, bones: Bones) -> Tensor:
    """Compute child minus parent for each bone.

    Args:
        points: floating `[..., J, D]`, any unit, D = 2 or 3.
        bones: pairs (parent, child), for example `Skeleton.bones`.

    Returns:
        Vectors `[..., num_bones, D]` in the same unit.

    Raises:
        ValueError: if there are fewer than two axes, no bones, or a bone names a missing joint.
    """
    points = as_floating(points)
    require_points("points", points, None)
    if not len(bones):
        raise ValueError("bones is empty; give at least one pair (parent, child).")
    for bone in bones:
        for joint in bone:
            require_joint(f"bones {tuple(bone)}", joint, points)
    parents = ops.take(points, [parent for parent, _ in bones], axis=-2)
    children = ops.take(points, [child for _, child in bones], axis=-2)
    return children - parents


def bone_lengths(points: Tensor, bones: Bones) -> Tensor:
    """Measure bones; a bone of length zero has gradient zero.

    Args:
        points: floating `[..., J, D]`, any unit, D = 2 or 3.
        bones: pairs (parent, child), for example `Skeleton.bones`.

    Returns:
        Lengths `[..., num_bones]` >= 0 in the same unit.

    Raises:
        ValueError: if there are fewer than two axes, no bones, or a bone names a missing joint.
    """
    return length(bone_vectors(points, bones))
