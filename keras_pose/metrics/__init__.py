"""Measures of predicted poses: plain functions per pose, and averages of them over sets.

Belongs here: errors and shares to report, with their protocol ids.
Does not: anything used for training (losses) or that knows where poses come from (data).
"""

from keras_pose.metrics.acceleration import acceleration_error
from keras_pose.metrics.body_2d import (
    ACCURACY_JOINTS,
    JOINT_GROUPS,
    head_relative_hits,
    heatmap_accuracy,
    heatmap_hits,
    joint_table,
    pckh,
)
from keras_pose.metrics.calibration import (
    LEVELS,
    coverage,
    expected_calibration_error,
    fit_power_law,
    negative_log_likelihood,
    region_radius,
)
from keras_pose.metrics.evaluation import evaluate_poses, measure, standard_protocols
from keras_pose.metrics.freihand import (
    FREIHAND_PROTOCOLS,
    PECLR_PROTOCOLS,
    align_similarity,
    f_score,
    freihand_scores,
    keypoint_measures,
    peclr_scores,
    scores_text,
)
from keras_pose.metrics.keypoint_2d import box_relative_error, box_relative_pck
from keras_pose.metrics.plausibility import (
    bone_symmetry_error,
    chirality,
    frontal_offset,
    mirrored_bones,
)
from keras_pose.metrics.position import (
    joint_errors,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    root_relative,
    scale_align,
)
from keras_pose.metrics.presence import presence_threshold
from keras_pose.metrics.protocol import Protocol, joint_set
from keras_pose.metrics.spread import mean_move, share_alike, spread_ratios
from keras_pose.metrics.symmetry import LIMBS, limb_differences
from keras_pose.metrics.threshold import (
    AUC_THRESHOLDS_150_MM,
    AUC_THRESHOLDS_MM,
    auc_3d,
    pck_3d,
    share_below,
    share_within,
)

__all__ = [
    "ACCURACY_JOINTS",
    "AUC_THRESHOLDS_150_MM",
    "AUC_THRESHOLDS_MM",
    "FREIHAND_PROTOCOLS",
    "JOINT_GROUPS",
    "LEVELS",
    "LIMBS",
    "PECLR_PROTOCOLS",
    "Protocol",
    "acceleration_error",
    "align_similarity",
    "auc_3d",
    "bone_symmetry_error",
    "box_relative_error",
    "box_relative_pck",
    "chirality",
    "coverage",
    "evaluate_poses",
    "expected_calibration_error",
    "f_score",
    "fit_power_law",
    "freihand_scores",
    "frontal_offset",
    "head_relative_hits",
    "heatmap_accuracy",
    "heatmap_hits",
    "joint_errors",
    "joint_set",
    "joint_table",
    "keypoint_measures",
    "limb_differences",
    "mean_move",
    "measure",
    "mirrored_bones",
    "mpjpe",
    "n_mpjpe",
    "negative_log_likelihood",
    "pa_mpjpe",
    "pck_3d",
    "pckh",
    "peclr_scores",
    "presence_threshold",
    "region_radius",
    "root_relative",
    "scale_align",
    "scores_text",
    "share_alike",
    "share_below",
    "share_within",
    "spread_ratios",
    "standard_protocols",
]
