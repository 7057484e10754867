"""Camera matrices that clients send, and the one that is assumed where they send none."""

import tensorflow as tf

from keras_pose.geometry import focal_of_view, intrinsics_matrix

ASSUMED_FOV_DEG = 60.0
"""Field of view over a picture's longer side where no camera is given, degrees: a common phone's."""

# A lens of less than a pixel, or of more than a million, is a mistake in units.
_MIN_FOCAL, _MAX_FOCAL = 1.0, 1e6
_FARTHEST = 1e9
_ROUNDING = 1e-4


def usable_cameras(K: tf.Tensor) -> tf.Tensor:
    """Tell matrices that are cameras: finite, upper triangular, with a lens, last row 0 0 1.

    Args:
        K: float `[N, 3, 3]`, px.

    Returns:
        bool `[N]`.
    """
    finite = tf.reduce_all(tf.abs(K) < _FARTHEST, axis=(-2, -1))
    focals = tf.stack([K[:, 0, 0], K[:, 1, 1]], axis=-1)
    has_lens = tf.reduce_all((focals > _MIN_FOCAL) & (focals < _MAX_FOCAL), axis=-1)
    last = tf.reduce_all(tf.abs(K[:, 2] - tf.constant([0.0, 0.0, 1.0])) < _ROUNDING, axis=-1)
    return finite & has_lens & last & (tf.abs(K[:, 1, 0]) < _ROUNDING * K[:, 0, 0])


def assumed_camera(shapes: tf.Tensor) -> tf.Tensor:
    """Return the cameras of a common lens for pictures whose own are unknown.

    Args:
        shapes: float `[N, 2]`, (height, width) of the pictures in px.

    Returns:
        `[N, 3, 3]`, px: `ASSUMED_FOV_DEG` over the longer side, principal point in the middle.
    """
    focal = focal_of_view(tf.reduce_max(shapes, axis=-1), ASSUMED_FOV_DEG)
    return intrinsics_matrix(tf.stack([focal, focal], axis=-1), shapes[:, ::-1] / 2.0)
