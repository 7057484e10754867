"""What a lifted pose must satisfy whoever it belongs to; no truth is needed.

Chirality tells the two solutions of the depth-sign (Necker) ambiguity apart; bone symmetry compares
left with right.
"""

from keras import ops

from keras_pose.geometry.bones import bone_lengths
from keras_pose.geometry.shapes import Tensor, as_floating, require_last_axes
from keras_pose.skeletons import H36M_17, Skeleton

# What the front of a body is told by.
FRONT_JOINTS = ("left_hip", "right_hip", "pelvis", "thorax", "nose", "head")


def frontal_offset(points: Tensor, skeleton: Skeleton = H36M_17) -> Tensor:
    """Measure how far the nose lies in front of the plane through hips and trunk.

    `(left_hip - right_hip) x (thorax - pelvis)` points to the front of a body in any right-handed
    frame, the house's camera and world frames included. A reflection of the pose, such as the
    negation of all depths, changes the sign. A body whose hips or trunk have no extent gives 0.

    Args:
        points: floating `[..., J, 3]`, any unit, any right-handed frame.
        skeleton: joint order with hips, pelvis, thorax, nose and head.

    Returns:
        The nose's signed distance `[...]` from the middle of thorax and head along that direction,
        in the unit of the input; positive for a real body.

    Raises:
        ValueError: if the shape is not `[..., J, 3]` or the skeleton lacks a joint.
    """
    points = as_floating(points)
    require_last_axes("points", points, (skeleton.num_joints, 3))

    left, right, pelvis, thorax, nose, head = (
        points[..., joint, :] for joint in skeleton.indices(FRONT_JOINTS)
    )
    front = ops.cross(left - right, thorax - pelvis)
    square = ops.sum(ops.square(front), axis=-1)
    some = square > 0
    safe = ops.sqrt(ops.where(some, square, ops.ones_like(square)))
    return ops.sum(front * (nose - (thorax + head) / 2), axis=-1) / safe


def chirality(points: Tensor, skeleton: Skeleton = H36M_17) -> Tensor:
    """Tell whether the nose lies in front of the hip plane.

    99.7 to 100 per cent of recorded poses pass; a pose lifted with the wrong depth sign fails.

    Args:
        points: floating `[..., J, 3]`, any unit, any right-handed frame.
        skeleton: joint order with hips, pelvis, thorax, nose and head.

    Returns:
        Booleans `[...]`; a pose without extent or with NaN fails.

    Raises:
        ValueError: if the shape is not `[..., J, 3]` or the skeleton lacks a joint.
    """
    return frontal_offset(points, skeleton) > 0


def bone_symmetry_error(points: Tensor, skeleton: Skeleton = H36M_17) -> Tensor:
    """Compare each left bone's length with its right partner's.

    Per pair `|l - r| / ((l + r) / 2)`, then the mean over pairs. Pairs follow from the skeleton's
    flip pairs; a pair whose two bones have no length counts as symmetric.

    Args:
        points: floating `[..., J, D]`, any unit, D = 2 or 3.
        skeleton: joint order with flip pairs.

    Returns:
        Relative differences `[...]`, 0 (symmetric) to 2.

    Raises:
        ValueError: if the joint count differs from the skeleton's or it has no mirrored bones.
    """
    points = as_floating(points)
    require_last_axes("points", points, (skeleton.num_joints, None))
    pairs = mirrored_bones(skeleton)
    left = bone_lengths(points, [bone for bone, _ in pairs])
    right = bone_lengths(points, [bone for _, bone in pairs])
    mean = (left + right) / 2
    safe = ops.where(ops.equal(mean, 0), ops.ones_like(mean), mean)
    return ops.mean(ops.abs(left - right) / safe, axis=-1)


def mirrored_bones(
    skeleton: Skeleton,
) -> tuple[tuple[tuple[int, int], tuple[int, int]], ...]:
    """List the bones that have a partner on the other side.

    Args:
        skeleton: joint order.

    Returns:
        Pairs of bones (parent, child), each pair once.

    Raises:
        ValueError: if no bone has a partner.
    """
    mirror = skeleton.flip_permutation
    pairs = []
    for parent, child in skeleton.bones:
        partner = (mirror[parent], mirror[child])
        if child < mirror[child] and partner in skeleton.bones:
            pairs.append(((parent, child), partner))
    if not pairs:
        raise ValueError(
            f"Skeleton {skeleton.name!r} has no left/right bones to compare; use a body skeleton."
        )
    return tuple(pairs)
