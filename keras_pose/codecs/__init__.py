"""Labels to tensors and back, encode and decode side by side.

Here: exact, invertible changes of representation. Not here: augmentation (data) or losses.
"""

from keras_pose.codecs.normalized_2d import (
    SCALE_RULES,
    decode_root_relative,
    encode_root_relative,
    pose_scale,
    valid_poses,
)
from keras_pose.codecs.two_and_half_d import (
    MIDDLE_PHALANX,
    REFERENCE_BONES,
    ROOTS,
    WRIST_TO_INDEX,
    ReferenceBone,
    bone_length,
    camera_rays,
    decode,
    encode,
    move_root,
    restore_wrist,
    root_depth,
)

__all__ = [
    "MIDDLE_PHALANX",
    "REFERENCE_BONES",
    "ROOTS",
    "SCALE_RULES",
    "WRIST_TO_INDEX",
    "ReferenceBone",
    "bone_length",
    "camera_rays",
    "decode",
    "decode_root_relative",
    "encode",
    "encode_root_relative",
    "move_root",
    "pose_scale",
    "restore_wrist",
    "root_depth",
    "valid_poses",
]
