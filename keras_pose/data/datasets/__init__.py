"""Readers of picture data sets: one module per original layout, each producing records.

Here: how published folders and label files are read. Not here: how records are stored
(`keras_pose.data.records`), how motion without pictures is read (`keras_pose.data.motion`).
"""

from keras_pose.data.datasets.coco_keypoints import read_coco_keypoints
from keras_pose.data.datasets.freihand import read_freihand
from keras_pose.data.datasets.human36m_pictures import read_human36m_pictures
from keras_pose.data.datasets.keypoint_json import KeypointFields, read_keypoint_json
from keras_pose.data.datasets.lsp import read_lsp
from keras_pose.data.datasets.mpi_inf_3dhp_pictures import read_mpi_inf_3dhp_pictures
from keras_pose.data.datasets.mpii import read_mpii
from keras_pose.data.datasets.picture_folder import read_picture_folder
from keras_pose.data.datasets.youtube_3d_hands import read_youtube_3d_hands

__all__ = [
    "KeypointFields",
    "read_coco_keypoints",
    "read_freihand",
    "read_human36m_pictures",
    "read_keypoint_json",
    "read_lsp",
    "read_mpi_inf_3dhp_pictures",
    "read_mpii",
    "read_picture_folder",
    "read_youtube_3d_hands",
]
