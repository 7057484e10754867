"""What is drawn in a training step, as a pure function of seed, step and place in the global batch."""

import tensorflow as tf
from keras import ops

from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.mirror import mirror_image
from keras_pose.train import strategy as replicas


def draw_uniform(num_rows: int, seed: int, step: Tensor, batch_size: Tensor) -> Tensor:
    """Draw uniform numbers for every example of a step.

    Args:
        num_rows: numbers R per example.
        seed: of the run.
        step: int scalar, number of finished steps.
        batch_size: int scalar, examples on this replica, the same on every replica.

    Returns:
        float `[R, B]` in [0, 1).
    """
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    # Every replica draws the global batch and keeps its part.
    uniform = tf.random.stateless_uniform([num_rows, batch_size * replicas.num_replicas()], key)
    start = replicas.replica_index() * batch_size
    return uniform[:, start : start + batch_size]


def mirror_people(points: Tensor, is_mirrored: Tensor) -> Tensor:
    """Show some people in a mirror, see `mirror_image`.

    Args:
        points: float `[B, ..., 17, D]`, Human3.6M-17, centred on x = 0.
        is_mirrored: bool `[B]`, who is.

    Returns:
        float `[B, ..., 17, D]`.
    """
    is_mirrored = ops.reshape(is_mirrored, (-1, *[1] * (len(points.shape) - 1)))
    return ops.where(is_mirrored, mirror_image(points), points)
