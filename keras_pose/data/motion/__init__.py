"""Recorded and generated motion, 2D poses and virtual cameras.

Here: readers of motion and of 2D poses, each producing a `MotionSet`, `Views` or `Keypoints2D`; the
writer of BVH files. Not here: pictures (`keras_pose.data.pictures`), record files.
"""

from keras_pose.data.motion.bvh_folder import load_bvh_folder
from keras_pose.data.motion.cmu_mocap17 import load_cmu_mocap17
from keras_pose.data.motion.detections import Detections, load_detections
from keras_pose.data.motion.human36m import load_h36m, load_h36m_2d, load_h36m_views
from keras_pose.data.motion.humans import generate_motion
from keras_pose.data.motion.keypoints_2d import Keypoints2D, load_keypoints_2d
from keras_pose.data.motion.motion import MotionSet, concatenate, stand_on_floor
from keras_pose.data.motion.mpi_inf_3dhp import load_mpi_inf_3dhp
from keras_pose.data.motion.virtual_cameras import Views, VirtualRig, h36m_rig, render_views

__all__ = [
    "Detections",
    "Keypoints2D",
    "MotionSet",
    "Views",
    "VirtualRig",
    "concatenate",
    "generate_motion",
    "h36m_rig",
    "load_bvh_folder",
    "load_cmu_mocap17",
    "load_detections",
    "load_h36m",
    "load_h36m_2d",
    "load_h36m_views",
    "load_keypoints_2d",
    "load_mpi_inf_3dhp",
    "render_views",
    "stand_on_floor",
]
