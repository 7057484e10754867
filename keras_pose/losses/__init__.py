"""Equations of the papers, one value per example, without weights or schedules.

Here: losses that a golden test can check bare. Not here: which term is used when (the methods).
"""

from keras_pose.losses.adversarial import cross_entropy_adversary, least_squares_adversary
from keras_pose.losses.bones import bone_ratio_prior
from keras_pose.losses.consistency import (
    absolute_error,
    deformation,
    distance,
    squared_error,
    weighted_joint_sum,
)

__all__ = [
    "absolute_error",
    "bone_ratio_prior",
    "cross_entropy_adversary",
    "deformation",
    "distance",
    "least_squares_adversary",
    "squared_error",
    "weighted_joint_sum",
]
