"""The turned squares that MediaPipe's landmark networks see, from what its finders say.

Numbers are those of the published graphs of MediaPipe 0.10.14 (`palm_detection_detection_to_roi`,
`hand_landmark_landmarks_to_roi`, `pose_detection_to_roi`).
"""

import math

import tensorflow as tf

from keras_pose.geometry import affine2d
from keras_pose.geometry.shapes import Tensor

# Side of the square over the longer side of the palm's box, and how far it is moved towards the fingers.
_PALM_SCALE, _PALM_SHIFT = 2.6, 0.5
# The same of the box around a hand's joints without the tips.
_HAND_SCALE, _HAND_SHIFT = 2.0, 0.1
_BODY_SCALE = 1.25
_UPRIGHT = math.pi / 2.0
_PALM_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
_WRIST, _INDEX_PIP, _MIDDLE_PIP, _RING_PIP = 0, 6, 10, 14


def palm_squares(places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the squares around hands: 2.6 times the palm, turned so that the fingers point up.

    Args:
        places: `[..., 9, 2]` px: top left and bottom right of the palm, seven key points.

    Returns:
        Centres `[..., 2]` px, sides `[...]` px and angles `[...]`, radians clockwise on screen.
    """
    first, last = places[..., 0, :], places[..., 1, :]
    angle = _turn(places[..., 2, :], places[..., 4, :])
    across = tf.unstack(last - first, axis=-1)
    shift = _PALM_SHIFT * across[1][..., None]
    centre = (first + last) / 2.0 - shift * _down(angle)
    return centre, _PALM_SCALE * tf.maximum(*across), angle


def hand_squares(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the squares around hands whose joints are known.

    Args:
        points: `[..., 21, 2]` px.

    Returns:
        As `palm_squares`.
    """
    middle = 0.25 * (points[..., _INDEX_PIP, :] + points[..., _RING_PIP, :])
    angle = _turn(points[..., _WRIST, :], middle + 0.5 * points[..., _MIDDLE_PIP, :])
    palm = tf.gather(points, _PALM_POINTS, axis=-2)
    down = _down(angle)[..., None, :]
    right = tf.stack([down[..., 1], -down[..., 0]], axis=-1)
    along = tf.stack(
        [tf.reduce_sum(palm * right, axis=-1), tf.reduce_sum(palm * down, axis=-1)], axis=-1
    )
    first, last = tf.reduce_min(along, axis=-2), tf.reduce_max(along, axis=-2)
    x, y = tf.unstack((first + last) / 2.0, axis=-1)
    width, height = tf.unstack(last - first, axis=-1)
    y -= _HAND_SHIFT * height
    centre = x[..., None] * right[..., 0, :] + y[..., None] * down[..., 0, :]
    return centre, _HAND_SCALE * tf.maximum(width, height), angle


def body_squares(places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the squares around persons: 1.25 times the circle about the hips, turned upright.

    Args:
        places: `[..., 6, 2]` px: top left and bottom right of the box, four key points.

    Returns:
        As `palm_squares`.
    """
    return circle_squares(places[..., 2, :], places[..., 3, :])


def circle_squares(middle: Tensor, rim: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the squares around circles through a point above their middle.

    Args:
        middle: `[..., 2]` px, of the hips.
        rim: `[..., 2]` px, on the circle, in the direction of the head.

    Returns:
        As `palm_squares`.
    """
    radius = tf.norm(rim - middle, axis=-1)
    return middle, 2.0 * _BODY_SCALE * radius, _turn(middle, rim)


def square_matrices(squares: tuple[Tensor, Tensor, Tensor], size: int) -> Tensor:
    """Write the maps from pictures to squares.

    Args:
        squares: centres `[..., 2]` px, sides `[...]` px above 0, angles `[...]`.
        size: side of what comes out, px.

    Returns:
        float32 `[..., 2, 3]`, px of the picture to px of the square.
    """
    centre, side, angle = squares
    return affine2d.crop_matrix(centre, side, angle, size)


def cut_squares(images: Tensor, matrices: Tensor, size: int, fill: str = "CONSTANT") -> Tensor:
    """Look turned squares up in pictures, bilinearly.

    Args:
        images: float32 `[B, H, W, 3]`.
        matrices: float32 `[B, 2, 3]`, of `square_matrices`.
        size: side of what comes out, px.
        fill: `CONSTANT` is black outside, `NEAREST` repeats the border.

    Returns:
        float32 `[B, size, size, 3]`.
    """
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=affine2d.projective_rows(matrices),
        output_shape=[size, size],
        interpolation="BILINEAR",
        fill_mode=fill,
        fill_value=0.0,
    )


def repeat_borders(images: Tensor) -> Tensor:
    """Continue pictures beyond their borders, where crops of them are black.

    MediaPipe's landmark networks see the border's pixels repeated there; in black they take it that a
    person ends where the picture does, and bend the legs of a portrait into it.

    Args:
        images: float32 `[B, H, W, 3]` in [0, 1], upright crops, exactly 0 outside their pictures.

    Returns:
        The same shape. Rows and columns that are black from the edge on, and one more, where the crop
        blends into black, are those next to them.
    """
    rows, columns = (_inside(images, axis) for axis in (1, 2))
    images = tf.gather(images, _clipped(images, 1, rows), axis=1, batch_dims=1)
    return tf.gather(images, _clipped(images, 2, columns), axis=2, batch_dims=1)


def picture_squares(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the upright squares about what crops show of their pictures.

    MediaPipe's finder of persons looks at whole pictures; where black surrounds one, it takes persons for
    smaller ones.

    Args:
        images: as `repeat_borders` takes them.

    Returns:
        Centres `[B, 2]`, sides `[B]`, and angles of 0.
    """
    (top, bottom), (left, right) = (_inside(images, axis) for axis in (1, 2))
    ends = tf.cast(tf.stack([left, top, right + 1, bottom + 1], axis=-1), tf.float32)
    side = tf.reduce_max(ends[:, 2:] - ends[:, :2], axis=-1)
    return (ends[:, :2] + ends[:, 2:]) / 2.0, side, tf.zeros_like(side)


def _clipped(images, axis, ends):
    """Return for each place along an axis the next one between two ends, int32 `[B, L]`."""
    places = tf.range(tf.shape(images)[axis])
    return tf.minimum(tf.maximum(places[None], ends[0][:, None]), ends[1][:, None])


def _inside(images, axis):
    """Return the first and the last place along an axis that are inside the picture, int32 `[B]`."""
    levels = tf.reduce_max(images, axis=tuple({1, 2, 3} - {axis}))
    length = tf.shape(levels)[1]
    places = tf.range(length)
    some = levels > 0.0
    first = tf.reduce_min(tf.where(some, places, length), axis=1)
    last = tf.reduce_max(tf.where(some, places, -1), axis=1)
    # A picture that fills the crop has no blended border, and a black one no inside.
    low = tf.where(first > 0, first + 1, 0)
    high = tf.where(last < length - 1, last - 1, length - 1)
    is_picture = low <= high
    return tf.where(is_picture, low, 0), tf.where(is_picture, high, length - 1)


def _turn(start, end):
    """Return the angle by which the picture is turned back so that `end` is above `start`."""
    x, y = tf.unstack(end - start, axis=-1)
    return _UPRIGHT - tf.atan2(-y, x)


def _down(angle):
    """Return the direction that is downwards in a turned square, `[..., 2]`."""
    return tf.stack([-tf.sin(angle), tf.cos(angle)], axis=-1)
