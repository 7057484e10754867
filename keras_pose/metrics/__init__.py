"""Measures of predicted poses: plain functions per pose, and Keras metrics that average them.

Belongs here: an error or share that is reported, with its protocol id.
Does not: anything that is trained against (losses) or that knows where poses come from (data).
"""

from keras_pose.metrics.position import (
    joint_errors,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    root_relative,
    scale_align,
)

__all__ = [
    "joint_errors",
    "mpjpe",
    "n_mpjpe",
    "pa_mpjpe",
    "root_relative",
    "scale_align",
]
