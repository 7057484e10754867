"""A finder whose answer is known: two places, and whether something bright lies in them."""

import numpy as np
import tensorflow as tf

from keras_pose.geometry import affine2d
from keras_pose.serving.picture_bytes import crop_picture_bytes

SIDE = 60
PLACES = np.array([[10.0, 10.0, 44.0, 40.0], [70.0, 40.0, 40.0, 44.0]], np.float32)
"""Boxes in px of the picture; each reaches over its place, the surer one comes first."""

_SEEN = np.array([[14.0, 14.0, 48.0, 46.0], [74.0, 44.0, 106.0, 80.0]], np.float32)


def find_dots(image_bytes):
    """Answer as the `find` of a finder with two rows; more are never there."""
    crops, matrices, _, usable = crop_picture_bytes(image_bytes, SIDE, 1.0)
    identity = tf.constant([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    matrices = tf.where(usable[:, None, None], matrices, identity)
    light = tf.reduce_max(tf.cast(crops, tf.float32), axis=-1) / 255.0
    cells = tf.range(SIDE, dtype=tf.float32) + 0.5
    corners = tf.reshape(tf.constant(_SEEN), (1, 4, 2))
    corners = tf.tile(corners, (tf.shape(matrices)[0], 1, 1))
    corners = tf.reshape(affine2d.apply(corners, matrices), (-1, 2, 2, 2))
    within = (cells > corners[:, :, 0, :, None]) & (cells < corners[:, :, 1, :, None])
    masks = within[:, :, 1, :, None] & within[:, :, 0, None, :]
    scores = tf.reduce_max(tf.where(masks, light[:, None], 0.0), axis=(2, 3))
    scores = tf.where((scores > 0.3) & usable[:, None], scores, 0.0)
    order = tf.argsort(scores, axis=1, direction="DESCENDING", stable=True)
    scores = tf.gather(scores, order, batch_dims=1)
    boxes = tf.gather(tf.constant(PLACES), order)
    some = scores > 0
    return {
        "boxes": tf.where(some[..., None], boxes, 0.0),
        "scores": scores,
        "rotations": tf.zeros_like(scores),
        "count": tf.reduce_sum(tf.cast(some, tf.int32), axis=1),
        "more": tf.zeros_like(order[:, 0]),
        "valid": tf.cast(usable, tf.float32),
    }
