"""What is random in a training step, as pure functions of (seed, step, position in the batch).

No generator state: a resumed run, and a run on more replicas, draw the same views for the same poses.
"""

import math

import tensorflow as tf
from keras import ops

from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.splits import LIFTED_JOINTS, mirror_permutation
from keras_pose.tips.config import Config
from keras_pose.train.strategy import num_replicas, replica_index


def draw_views(config: Config, batch_size: Tensor, step: Tensor) -> dict[str, Tensor]:
    """Draw mirroring, label exchange and two views per pose.

    Args:
        config: uses seed, view_draw, mirror_draw, label_exchange and the two ranges.
        batch_size: int scalar, poses on this replica, the same on every replica.
        step: int scalar, number of finished steps.

    Returns:
        dict: `mirror` float `[B]` in {0, 1}; `exchange` float `[B]` in {0, 1}, equal over the batch;
        `azimuth_rad`, `elevation_rad` float `[2, B]`, for the discriminator's and the generators' half
        of the step.

    Reference: TIPS-GAN's author draws one azimuth and one elevation per batch and half
    (`view_draw="batch"`).
    """
    seed = tf.stack([tf.constant(config.seed, tf.int64), tf.cast(step, tf.int64)])
    # Every replica draws the global batch and keeps its part.
    shape = [6, batch_size * num_replicas()]
    # Named, or XLA would draw by another algorithm.
    uniform = tf.random.stateless_uniform(shape, seed, alg="philox")
    whole_batch = tf.broadcast_to(uniform[:, :1], tf.shape(uniform))
    start = replica_index() * batch_size
    uniform = uniform[:, start : start + batch_size]
    whole_batch = whole_batch[:, start : start + batch_size]
    mirror = whole_batch if config.mirror_draw == "batch" else uniform
    signed = 2.0 * (whole_batch if config.view_draw == "batch" else uniform) - 1.0
    return {
        "mirror": tf.cast(mirror[0] < 0.5, tf.float32),
        "exchange": tf.cast(whole_batch[1] < config.label_exchange, tf.float32),
        "azimuth_rad": signed[2:4] * math.radians(config.azimuth_range_deg),
        "elevation_rad": signed[4:6] * math.radians(config.elevation_range_deg),
    }


def draw_noise(config: Config, batch_size: Tensor, step: Tensor) -> Tensor:
    """Draw what is added to the real poses that a flow learns.

    Args:
        config: uses seed and flow_noise.
        batch_size: as in `draw_views`.
        step: as in `draw_views`.

    Returns:
        float `[B, J, 2]`, J = 16, normal.
    """
    seed = tf.stack([tf.constant(config.seed, tf.int64), tf.cast(step, tf.int64)])
    # Another stream than the views'.
    seed = tf.random.experimental.stateless_fold_in(seed, 1, alg="philox")
    shape = [batch_size * num_replicas(), len(LIFTED_JOINTS), 2]
    start = replica_index() * batch_size
    noise = tf.random.stateless_normal(shape, seed, alg="philox")[start : start + batch_size]
    return config.flow_noise * noise


def mirror_poses(points_2d: Tensor, mirror: Tensor, mode: str) -> Tensor:
    """Mirror the poses whose draw is 1.

    Args:
        points_2d: float `[B, J, 2]`, root-relative, J = 16.
        mirror: float `[B]` in {0, 1}.
        mode: `"swap"` (left and right exchanged, the mirrored person), `"raw"` (joints keep their
            names, as the author does) or `"none"`.

    Returns:
        float `[B, J, 2]`.
    """
    if mode == "none":
        return points_2d
    flipped = points_2d * ops.convert_to_tensor([-1.0, 1.0], dtype=points_2d.dtype)
    if mode == "swap":
        flipped = ops.take(flipped, mirror_permutation(), axis=1)
    return ops.where(mirror[:, None, None] > 0, flipped, points_2d)


def mirror_depths(depth: Tensor, mirror: Tensor, mode: str) -> Tensor:
    """Carry depths along with `mirror_poses`: depth itself does not change, joints may.

    Args:
        depth: float `[B, J]`.
        mirror: float `[B]` in {0, 1}.
        mode: see `mirror_poses`.

    Returns:
        float `[B, J]`.
    """
    if mode != "swap":
        return depth
    return ops.where(mirror[:, None] > 0, ops.take(depth, mirror_permutation(), axis=1), depth)
