"""Poses with joints missing: which are there, which go missing together, and the frame they set.

A detector leaves joints out one by one, or a limb or half a body behind a table. The root may be among
them, so such a pose is centred on the joints that are there.
"""

import numpy as np
from keras import ops

from keras_pose.geometry.shapes import Tensor
from keras_pose.skeletons import H36M_17

MIN_JOINTS = 6
"""With fewer joints of 17 a pose is not lifted."""

_LEG, _ARM = ("knee", "ankle"), ("elbow", "wrist")
_LEGS = tuple(f"{side}_{joint}" for side in ("right", "left") for joint in ("hip", *_LEG))
_ARMS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", *_ARM))

LIMBS = {
    f"{side}_{limb}": tuple(f"{side}_{joint}" for joint in joints)
    for limb, joints in (("leg", ("hip", *_LEG)), ("arm", ("shoulder", *_ARM)))
    for side in ("right", "left")
}
"""Limb to its joints, from the hip or shoulder outwards."""

HALVES = {
    "legs": _LEGS,
    "torso": ("spine", "thorax", "nose", "head", *_ARMS),
    "right": LIMBS["right_leg"] + LIMBS["right_arm"],
    "left": LIMBS["left_leg"] + LIMBS["left_arm"],
}
"""Half of a body to its joints. Legs and torso are the parts of TIPS's two generators; the pelvis
belongs to neither."""

# Hip or shoulder seen and the rest not: a hand behind the back, feet below the picture.
_ENDS = {
    "feet": ("right_ankle", "left_ankle"),
    "shins": ("right_knee", "right_ankle", "left_knee", "left_ankle"),
    "legs_and_pelvis": (*_LEGS, "pelvis"),
} | {f"end_of_{name}": joints[1:] for name, joints in LIMBS.items()}


def missing_groups() -> np.ndarray:
    """Return the groups of joints that go missing together, bool `[G, 17]`, True where missing."""
    groups = {**LIMBS, **HALVES, **_ENDS}
    table = np.zeros((len(groups), H36M_17.num_joints), bool)
    for row, joints in enumerate(groups.values()):
        table[row, list(H36M_17.indices(joints))] = True
    return table


def draw_presence(uniform: Tensor, missing_share: float, max_missing: int) -> Tensor:
    """Draw which joints of each pose are there.

    A pose loses joints with the given probability: half of these lose single joints, 1 to
    `max_missing` of them at random; the others lose a group of `missing_groups`, or every third time
    two of them.

    Args:
        uniform: float `[5 + J, B]` in [0, 1), J = 17.
        missing_share: share of the poses that lose joints.
        max_missing: most joints that go missing one by one.

    Returns:
        float `[B, J]` in {0, 1}. Two groups that leave fewer than `MIN_JOINTS` become one.
    """
    table = ops.convert_to_tensor(missing_groups())
    rows = ops.cast(uniform[:2] * len(missing_groups()), "int32")
    first, second = ops.take(table, rows[0], axis=0), ops.take(table, rows[1], axis=0)
    both = ops.logical_or(first, second)
    left = H36M_17.num_joints - ops.sum(ops.cast(both, "int32"), axis=-1)
    is_double = ops.logical_and(uniform[2] < 1.0 / 3.0, left >= MIN_JOINTS)
    grouped = ops.where(is_double[:, None], both, first)
    # The joints with the lowest draws go: rank below the number that goes.
    keys = ops.transpose(uniform[5:])
    rank = ops.argsort(ops.argsort(keys, axis=-1), axis=-1)
    count = 1 + ops.cast(uniform[3] * max_missing, "int32")
    single = ops.cast(rank, "int32") < count[:, None]
    half = 0.5 * missing_share
    loses_single, loses_any = uniform[4] < half, uniform[4] < missing_share
    missing = ops.where(loses_single[:, None], single, grouped)
    missing = ops.logical_and(missing, loses_any[:, None])
    return ops.cast(ops.logical_not(missing), "float32")


def encode_present(points: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centre on the mean of the joints that are there and divide by their size.

    Args:
        points: float `[B, J, D]`; what stands where a joint is missing is not looked at, NaN included.
        present: float `[B, J]` in {0, 1}.

    Returns:
        `(normalized, centre, scale)`: float `[B, J, D]` in [-1, 1], zeros where missing; float
        `[B, D]` and `[B]` in the input's unit. Scale is 1 where no two joints differ.
    """
    is_there = present[..., None] > 0
    points = ops.where(is_there, points, ops.zeros_like(points))
    count = ops.maximum(ops.sum(present, axis=-1), 1.0)
    centre = ops.sum(points, axis=-2) / count[:, None]
    centred = ops.where(is_there, points - centre[:, None], ops.zeros_like(points))
    scale = ops.max(ops.absolute(centred), axis=(-2, -1))
    scale = ops.where(scale > 0, scale, ops.ones_like(scale))
    return centred / scale[:, None, None], centre, scale
