"""Losses from the papers, one value per example, without weights or schedules.

Here: losses that a golden test can check on their own. Not here: which term is used when (the methods).
"""

from keras_pose.losses.adversarial import (
    cross_entropy_adversary,
    least_squares_adversary,
    scale_gradient,
)
from keras_pose.losses.bone_variance import (
    BoneGroup,
    bone_group_variances,
    bone_variance,
)
from keras_pose.losses.bones import bone_ratio_prior
from keras_pose.losses.consistency import (
    absolute_error,
    deformation,
    distance,
    squared_error,
    weighted_joint_sum,
)
from keras_pose.losses.contrastive import contrastive_logits, nt_xent, rows_cross_entropy
from keras_pose.losses.distillation import (
    feature_imitation,
    map_imitation,
    number_imitation,
    point_imitation,
    teacher_trust,
)
from keras_pose.losses.heatmap import coordinate_error, heatmap_error, map_divergence
from keras_pose.losses.keypoint import (
    joint_shares,
    lifted_error,
    pixel_error,
    relative_depth_error,
    root_depth_error,
)

__all__ = [
    "BoneGroup",
    "absolute_error",
    "bone_group_variances",
    "bone_ratio_prior",
    "bone_variance",
    "contrastive_logits",
    "coordinate_error",
    "cross_entropy_adversary",
    "deformation",
    "distance",
    "feature_imitation",
    "heatmap_error",
    "joint_shares",
    "least_squares_adversary",
    "lifted_error",
    "map_divergence",
    "map_imitation",
    "nt_xent",
    "number_imitation",
    "pixel_error",
    "point_imitation",
    "relative_depth_error",
    "root_depth_error",
    "rows_cross_entropy",
    "scale_gradient",
    "squared_error",
    "teacher_trust",
    "weighted_joint_sum",
]
