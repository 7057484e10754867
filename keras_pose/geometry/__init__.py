"""Pure functions of points, bones and cameras on `keras.ops`; any batch shape, any backend.

Belongs here: an equation about space that two methods could share, and the checks of its input.
Does not: losses, random draws, layers, files, anything that knows a data set or a method.
"""

from keras_pose.geometry.bones import bone_lengths, bone_vectors
from keras_pose.geometry.camera import (
    camera_to_world,
    centred_intrinsics,
    focal_of_view,
    intrinsics_matrix,
    project,
    project_arrays,
    world_to_camera,
)
from keras_pose.geometry.length import length
from keras_pose.geometry.principal_point import other_picture
from keras_pose.geometry.procrustes import similarity_align, similarity_parameters
from keras_pose.geometry.rotation import (
    invert_rotation,
    rotate,
    rotation_x,
    rotation_y,
    rotation_z,
)

__all__ = [
    "bone_lengths",
    "bone_vectors",
    "camera_to_world",
    "centred_intrinsics",
    "focal_of_view",
    "intrinsics_matrix",
    "invert_rotation",
    "length",
    "other_picture",
    "project",
    "project_arrays",
    "rotate",
    "rotation_x",
    "rotation_y",
    "rotation_z",
    "similarity_align",
    "similarity_parameters",
    "world_to_camera",
]
