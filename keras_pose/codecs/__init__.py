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

__all__ = [
    "SCALE_RULES",
    "decode_root_relative",
    "encode_root_relative",
    "pose_scale",
    "valid_poses",
]
