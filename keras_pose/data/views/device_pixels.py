"""Pixels of batches of views inside a graph: look-up, colours, blur and cover, in the host's order.

Grey levels are floating, 0 to 255, and never rounded in between.
"""

import tensorflow as tf

from keras_pose.data.views.host_pixels import CUTOUT_LEVEL


def warp(images: tf.Tensor, transforms: tf.Tensor, size: int) -> tf.Tensor:
    """Look every pixel of a view up in its picture, bilinearly; black where there is none.

    `ImageProjectiveTransformV3` has no XLA kernel: call this outside of compiled parts.

    Args:
        images: float32 `[B, H, W, 3]`.
        transforms: float32 `[B, 8]`, rows of `affine2d.projective_rows`.
        size: side S of a view in pixels.

    Returns:
        float32 `[B, S, S, 3]`.
    """
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[size, size],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def retouch(
    pixels: tf.Tensor, colour: tf.Tensor, blur: tf.Tensor | None, cutout: tf.Tensor
) -> tf.Tensor:
    """Change colours, blur and cover, in this order.

    Args:
        pixels: float32 `[B, S, S, 3]`.
        colour: float32 `[B, 3, 4]`, for columns (R, G, B, 1) in grey levels.
        blur: float32 `[B, T]`, weights along one axis; None blurs nothing.
        cutout: int32 `[B, 2, 2]`, (first, one past last) column, then row, of the covered rectangle.

    Returns:
        float32 `[B, S, S, 3]`, 0 to 255.
    """
    mixed = tf.einsum("bhwc,bdc->bhwd", pixels, colour[:, :, :3])
    pixels = tf.clip_by_value(mixed + colour[:, None, None, :, 3], 0.0, 255.0)
    if blur is not None:
        pixels = _blur(pixels, blur)
    return _cover(pixels, cutout)


def _blur(pixels: tf.Tensor, taps: tf.Tensor) -> tf.Tensor:
    """Weighted sums along both axes; every example has its own weights, so no convolution fits."""
    count = taps.shape[-1]
    radius, size = count // 2, pixels.shape[1]
    padded = tf.pad(pixels, [[0, 0], [radius] * 2, [radius] * 2, [0, 0]], mode="REFLECT")
    weights = tf.unstack(taps[:, None, None, None, :], axis=-1)
    rows = tf.add_n([weights[tap] * padded[:, tap : tap + size] for tap in range(count)])
    return tf.add_n([weights[tap] * rows[:, :, tap : tap + size] for tap in range(count)])


def _cover(pixels: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
    numbers = tf.range(pixels.shape[1], dtype=edges.dtype)[None, None]
    inside = (numbers >= edges[:, :, :1]) & (numbers < edges[:, :, 1:])
    covered = inside[:, 1, :, None, None] & inside[:, 0, None, :, None]
    return tf.where(covered, tf.constant(float(CUTOUT_LEVEL)), pixels)
