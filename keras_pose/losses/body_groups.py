"""Bones that the geometric constraint compares, and the body whose proportions they should have."""

from keras_pose.losses import BoneGroup
from keras_pose.skeletons import MPII_16

# Mean lengths in metres of the Human3.6M training subjects, from the release of
# Zhou et al. 2017.
_SHIN = 0.452125519758
_THIGH = 0.456008604234
_HIP = 0.134201602044
_FOREARM = 0.249772589249
_UPPER_ARM = 0.284125346475
_SHOULDER = 0.180776851782


def _group(name, reference, *bones):
    ends = tuple((MPII_16.index(first), MPII_16.index(second)) for first, second, _ in bones)
    return BoneGroup(name, ends, tuple(length for _, _, length in bones), reference)


# Trunk and head are left free, as in the paper.
BODY_GROUPS = (
    _group(
        "leg",
        _THIGH,
        ("right_ankle", "right_knee", _SHIN),
        ("right_knee", "right_hip", _THIGH),
        ("left_hip", "left_knee", _THIGH),
        ("left_knee", "left_ankle", _SHIN),
    ),
    _group(
        "arm",
        _UPPER_ARM,
        ("right_wrist", "right_elbow", _FOREARM),
        ("right_elbow", "right_shoulder", _UPPER_ARM),
        ("left_shoulder", "left_elbow", _UPPER_ARM),
        ("left_elbow", "left_wrist", _FOREARM),
    ),
    _group("hip", _HIP, ("right_hip", "pelvis", _HIP), ("left_hip", "pelvis", _HIP)),
    _group(
        "shoulder",
        _SHOULDER,
        ("right_shoulder", "upper_neck", _SHOULDER),
        ("left_shoulder", "upper_neck", _SHOULDER),
    ),
)
