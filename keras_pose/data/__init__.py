"""Readers of motion and 2D poses, generated people, and the virtual cameras that film them.

Here: one module per data set or source, each ending in a `MotionSet`, `Views` or 2D poses.
Not here: batching and augmentation of one method (its own room), drawing (viz), joint tables.
"""

from keras_pose.data.cmu_mocap17 import load_cmu_mocap17
from keras_pose.data.humans import generate_motion
from keras_pose.data.motion import MotionSet, concatenate, stand_on_floor
from keras_pose.data.virtual_cameras import Views, VirtualRig, h36m_rig, render_views

__all__ = [
    "MotionSet",
    "Views",
    "VirtualRig",
    "concatenate",
    "generate_motion",
    "h36m_rig",
    "load_cmu_mocap17",
    "render_views",
    "stand_on_floor",
]
