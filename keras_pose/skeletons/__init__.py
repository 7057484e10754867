"""Joint names, parents and left/right pairs of each joint order, as data; NumPy only.

Belongs here: facts about joint orders, and named conversions between them.
Does not: coordinates, cameras, drawing, anything that needs TensorFlow or Keras.
"""

from keras_pose.skeletons.body import (
    BODY_33_MEDIAPIPE,
    COCO_17,
    H36M_17,
    H36M_17_RIGHT_ARM_FIRST,
    H36M_32,
    LSP_14,
    MPI_INF_3DHP_17,
    MPI_INF_3DHP_28,
    MPII_16,
    MPII_16_SPINE,
)
from keras_pose.skeletons.catalogue import SKELETONS, by_name
from keras_pose.skeletons.conversion import convert, converters
from keras_pose.skeletons.hand import HAND_21_AIT, HAND_21_FREIHAND, HAND_21_MEDIAPIPE
from keras_pose.skeletons.naming import (
    are_counted,
    first_difference,
    order_by_name,
    plain_joint_name,
    rows_by_name,
)
from keras_pose.skeletons.skeleton import Skeleton, build_skeleton

__all__ = [
    "BODY_33_MEDIAPIPE",
    "COCO_17",
    "H36M_17",
    "H36M_17_RIGHT_ARM_FIRST",
    "H36M_32",
    "HAND_21_AIT",
    "HAND_21_FREIHAND",
    "HAND_21_MEDIAPIPE",
    "LSP_14",
    "MPII_16",
    "MPII_16_SPINE",
    "MPI_INF_3DHP_17",
    "MPI_INF_3DHP_28",
    "SKELETONS",
    "Skeleton",
    "are_counted",
    "build_skeleton",
    "by_name",
    "convert",
    "converters",
    "first_difference",
    "order_by_name",
    "plain_joint_name",
    "rows_by_name",
]
