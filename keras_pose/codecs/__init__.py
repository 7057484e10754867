"""Conversions between labels and tensors, with encode and decode side by side.

Here: exact, invertible changes of representation. Not here: augmentation (data) or losses.
"""

from keras_pose.codecs.heatmap import (
    decode_heatmaps,
    decode_heatmaps_by_products,
    encode_heatmaps,
    soft_argmax,
    spatial_softmax,
)
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
from keras_pose.codecs.uncertainty import PowerLaw, Uncertainty, uncertainty_evidence
from keras_pose.codecs.weak_perspective import (
    SUMMED_BONES,
    ZHOU2017_BONE_SUM_MM,
    to_length,
    total_bone_length,
    weak_perspective,
)

__all__ = [
    "MIDDLE_PHALANX",
    "REFERENCE_BONES",
    "ROOTS",
    "SCALE_RULES",
    "SUMMED_BONES",
    "WRIST_TO_INDEX",
    "ZHOU2017_BONE_SUM_MM",
    "PowerLaw",
    "ReferenceBone",
    "Uncertainty",
    "bone_length",
    "camera_rays",
    "decode",
    "decode_heatmaps",
    "decode_heatmaps_by_products",
    "decode_root_relative",
    "encode",
    "encode_heatmaps",
    "encode_root_relative",
    "move_root",
    "pose_scale",
    "restore_wrist",
    "root_depth",
    "soft_argmax",
    "spatial_softmax",
    "to_length",
    "total_bone_length",
    "valid_poses",
    "uncertainty_evidence",
    "weak_perspective",
]
