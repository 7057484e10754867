"""Which joints each independent generator lifts, by name.

The lifted body is Human3.6M-17 without its root; a split covers it exactly once, in its order, so that
parts are slices and no gather (whose gradient is a scatter) is needed.
"""

from keras_pose.skeletons import H36M_17

LIFTED_JOINTS = tuple(name for name in H36M_17.joints if name != H36M_17.joints[H36M_17.root])

_RIGHT_LEG = ("right_hip", "right_knee", "right_ankle")
_LEFT_LEG = ("left_hip", "left_knee", "left_ankle")
_TRUNK = ("spine", "thorax", "nose", "head")
_LEFT_ARM = ("left_shoulder", "left_elbow", "left_wrist")
_RIGHT_ARM = ("right_shoulder", "right_elbow", "right_wrist")

SPLITS = {
    "whole": {"whole": LIFTED_JOINTS},
    "legs_torso": {
        "legs": _RIGHT_LEG + _LEFT_LEG,
        "torso": _TRUNK + _LEFT_ARM + _RIGHT_ARM,
    },
    "five": {
        "right_leg": _RIGHT_LEG,
        "left_leg": _LEFT_LEG,
        "trunk": _TRUNK,
        "left_arm": _LEFT_ARM,
        "right_arm": _RIGHT_ARM,
    },
}


def part_slices(split: str) -> dict[str, slice]:
    """Where each part's joints lie in the lifted body.

    Args:
        split: key of `SPLITS`.

    Returns:
        Part name to a slice of `LIFTED_JOINTS`; the slices follow each other and cover it once.

    Reference: TIPS-GAN's author: legs are the first 6 of 16 joints, torso the other 10.
    """
    slices, start = {}, 0
    for part, names in SPLITS[split].items():
        slices[part] = slice(start, start + len(names))
        start += len(names)
    return slices


def mirror_permutation() -> tuple[int, ...]:
    """Return the permutation of `LIFTED_JOINTS` that exchanges left and right."""
    partner = {name: name for name in LIFTED_JOINTS}
    for left, right in H36M_17.flip_pairs:
        partner[H36M_17.joints[left]] = H36M_17.joints[right]
        partner[H36M_17.joints[right]] = H36M_17.joints[left]
    return tuple(LIFTED_JOINTS.index(partner[name]) for name in LIFTED_JOINTS)
