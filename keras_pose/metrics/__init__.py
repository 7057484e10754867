"""Measures of predicted poses: plain functions per pose, and Keras metrics that average them.

Belongs here: an error or share that is reported, with its protocol id.
Does not: anything that is trained against (losses) or that knows where poses come from (data).
"""

from keras_pose.metrics.accumulators import (
    AreaUnderCurve3D,
    MeanPerJointPositionError,
    NormalizedMeanPerJointPositionError,
    PercentageOfCorrectKeypoints3D,
    ProcrustesMeanPerJointPositionError,
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
from keras_pose.metrics.protocol import Protocol, joint_set
from keras_pose.metrics.threshold import (
    AUC_THRESHOLDS_150_MM,
    AUC_THRESHOLDS_MM,
    auc_3d,
    pck_3d,
    share_below,
)

__all__ = [
    "AUC_THRESHOLDS_150_MM",
    "AUC_THRESHOLDS_MM",
    "FREIHAND_PROTOCOLS",
    "PECLR_PROTOCOLS",
    "AreaUnderCurve3D",
    "MeanPerJointPositionError",
    "NormalizedMeanPerJointPositionError",
    "PercentageOfCorrectKeypoints3D",
    "ProcrustesMeanPerJointPositionError",
    "Protocol",
    "align_similarity",
    "auc_3d",
    "bone_symmetry_error",
    "box_relative_error",
    "box_relative_pck",
    "chirality",
    "evaluate_poses",
    "f_score",
    "freihand_scores",
    "frontal_offset",
    "joint_errors",
    "joint_set",
    "keypoint_measures",
    "measure",
    "mirrored_bones",
    "mpjpe",
    "n_mpjpe",
    "pa_mpjpe",
    "pck_3d",
    "peclr_scores",
    "root_relative",
    "scale_align",
    "scores_text",
    "share_below",
    "standard_protocols",
]
