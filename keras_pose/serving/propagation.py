"""How far off joints in metres may be, when what they are lifted from may be off by known amounts."""

from collections.abc import Callable

import tensorflow as tf

from keras_pose.geometry.shapes import Tensor

Lift = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Function of `keypoints_2d`, `depth`, cameras and lengths to `keypoints_3d` and `valid`."""


def propagate(
    lift: Lift, given: Tensor, sigma: Tensor, cameras: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Carry standard deviations through a lift by its derivatives, to first order.

    Errors of joints and axes are taken for independent, camera and length for exact. Where a joint may be
    off by much of the distance between the ends of the bones that give the size, a lift is no longer
    close to its tangent, and the first order says too little.

    Args:
        lift: the lift.
        given: float `[N, J, 3]`, x and y px, and depth.
        sigma: float `[N, J, 3]`, standard deviations of these.
        cameras: float `[N, 3, 3]` px.
        lengths: float `[N]` m.

    Returns:
        Standard deviations `[N, J, 3]` m along the axes of the camera, and whether the lift is settled,
        bool `[N]`.
    """
    shape, size = tf.shape(given), given.shape[1] * 3
    flat = tf.reshape(given, (-1, size))
    with tf.GradientTape() as tape:
        tape.watch(flat)
        points = tf.reshape(flat, shape)
        lifted, valid = lift(points[..., :2], points[..., 2], cameras, lengths)
        outputs = tf.reshape(lifted, (-1, size))
    slopes = tape.batch_jacobian(outputs, flat)
    variances = tf.reduce_sum(tf.square(slopes * tf.reshape(sigma, (-1, 1, size))), axis=-1)
    return tf.sqrt(tf.reshape(variances, shape)), valid
