"""Readers of motion and 2D poses, generated people, and the virtual cameras that film them.

Here: one module per data set or source, each ending in a `MotionSet`, `Views` or 2D poses.
Not here: batching and augmentation of one method (its own room), drawing (viz), joint tables.
"""

from keras_pose.data.bvh_folder import load_bvh_folder
from keras_pose.data.cmu_mocap17 import load_cmu_mocap17
from keras_pose.data.human36m import load_h36m, load_h36m_2d, load_h36m_views
from keras_pose.data.humans import generate_motion
from keras_pose.data.keypoints_2d import Keypoints2D, load_keypoints_2d
from keras_pose.data.motion import MotionSet, concatenate, stand_on_floor
from keras_pose.data.mpi_inf_3dhp import load_mpi_inf_3dhp
from keras_pose.data.view_datasets import labelled_view_dataset, two_views_dataset
from keras_pose.data.views import ViewRanges, plain_ranges
from keras_pose.data.virtual_cameras import Views, VirtualRig, h36m_rig, render_views

__all__ = [
    "Keypoints2D",
    "MotionSet",
    "ViewRanges",
    "Views",
    "VirtualRig",
    "concatenate",
    "generate_motion",
    "h36m_rig",
    "labelled_view_dataset",
    "load_bvh_folder",
    "load_cmu_mocap17",
    "load_h36m",
    "load_h36m_2d",
    "load_h36m_views",
    "load_keypoints_2d",
    "load_mpi_inf_3dhp",
    "plain_ranges",
    "render_views",
    "stand_on_floor",
    "two_views_dataset",
]
