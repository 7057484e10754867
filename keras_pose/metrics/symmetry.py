"""How equal left and right limbs come out: a measure of 3D poses that needs no 3D truth."""

from keras import ops

from keras_pose.geometry.bones import bone_lengths
from keras_pose.geometry.shapes import Tensor, as_floating, require_last_axes
from keras_pose.skeletons import MPII_16, Skeleton

# Each from the joint near the trunk to the far one.
LIMBS: dict[str, tuple[str, str]] = {
    "upper_arm": ("shoulder", "elbow"),
    "lower_arm": ("elbow", "wrist"),
    "upper_leg": ("hip", "knee"),
    "lower_leg": ("knee", "ankle"),
}


def limb_differences(points: Tensor, skeleton: Skeleton = MPII_16) -> Tensor:
    """Compute how much the left limbs differ in length from the right ones.

    Args:
        points: floating `[..., J, 3]`, any unit; bring poses to one size first, since the difference
            grows with it.
        skeleton: joint order with shoulders, elbows, wrists, hips, knees and ankles.

    Returns:
        Absolute differences `[..., 4]` in that unit, in the order of `LIMBS`.

    Raises:
        ValueError: if the shape is wrong or the skeleton lacks a joint.

    Reference: Zhou et al. 2017, section 4, geometric validity.
    """
    points = as_floating(points)
    require_last_axes("points", points, (skeleton.num_joints, 3))
    left, right = (
        bone_lengths(
            points,
            [
                (skeleton.index(f"{side}_{near}"), skeleton.index(f"{side}_{far}"))
                for near, far in LIMBS.values()
            ],
        )
        for side in ("left", "right")
    )
    return ops.absolute(left - right)
