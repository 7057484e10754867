"""Square crops of whole pictures inside the graph, a box per picture, as the host would cut them.

Bilinear look-ups in a picture seen much smaller would alias: it is halved by means of 2 x 2 pixels first,
as often as the host does it (`keras_pose.data.augment_host.warp`). Pixels agree with the host's within a
grey level or two.
"""

import tensorflow as tf

from keras_pose.geometry import affine2d

# A picture of 8192 px for a crop of 256.
_HALVINGS = 5
# Farther out than any picture reaches.
_FARTHEST = 1e6
_SMALLEST_PX = 1.0


def usable_boxes(box: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Tells boxes that show something of the picture.

    Args:
        box: float `[N, 4]`, (x, y, width, height) in px.
        height: of the pictures in px, a number.
        width: of the pictures in px, a number.

    Returns:
        bool `[N]`: finite, a pixel wide and high at least, and over the picture.
    """
    finite = tf.reduce_all(tf.abs(box) < _FARTHEST, axis=-1)
    x, y, across, down = tf.unstack(box, axis=-1)
    has_area = (across >= _SMALLEST_PX) & (down >= _SMALLEST_PX)
    inside = (x < tf.cast(width, box.dtype)) & (y < tf.cast(height, box.dtype))
    return finite & has_area & inside & (x + across > 0) & (y + down > 0)


def crop_matrices(box: tf.Tensor, size: int) -> tf.Tensor:
    """Writes the maps from pictures to the crops of the squares about boxes.

    Args:
        box: float `[N, 4]`, (x, y, width, height) in px, with area.
        size: side S of the crop in px.

    Returns:
        float `[N, 2, 3]`, px of the picture to px of the crop, of the square of each box's longer side
        about its middle.
    """
    side = tf.reduce_max(box[:, 2:], axis=-1)
    centre = box[:, :2] + box[:, 2:] / 2.0
    zoom = tf.cast(size, box.dtype) / side
    shift = tf.cast(size, box.dtype) / 2.0 - zoom[:, None] * centre
    nothing = tf.zeros_like(zoom)
    rows = [
        tf.stack([zoom, nothing, shift[:, 0]], axis=-1),
        tf.stack([nothing, zoom, shift[:, 1]], axis=-1),
    ]
    return tf.stack(rows, axis=1)


def cut_crops(pictures: tf.Tensor, matrices: tf.Tensor, size: int) -> tf.Tensor:
    """Warps one square crop out of each picture.

    Args:
        pictures: uint8 `[N, H, W, 3]`, any size.
        matrices: float `[N, 2, 3]`, from `crop_matrices`.
        size: side S of the crop in px.

    Returns:
        uint8 `[N, S, S, 3]`, black where the picture does not reach.
    """
    level = tf.cast(pictures, tf.float32)
    zoom = matrices[:, 0, 0]
    # A hair of slack, so that a factor of exactly 2 counts as 2 after rounding.
    shrink = tf.floor(1.0 / zoom + 1e-4)
    crops = _warp(level, matrices, size)
    for halving in range(1, _HALVINGS + 1):
        level = _halve(level)
        factor = 2.0**halving
        scaled = tf.concat([matrices[..., :2] * factor, matrices[..., 2:]], axis=-1)
        coarser = _warp(level, scaled, size)
        crops = tf.where((shrink >= factor)[:, None, None, None], coarser, crops)
    return tf.cast(tf.round(tf.clip_by_value(crops, 0.0, 255.0)), tf.uint8)


def _warp(images, matrices, size):
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=affine2d.projective_rows(matrices),
        output_shape=[size, size],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def _halve(images):
    shape = tf.shape(images)
    odd = [[0, 0], [0, shape[1] % 2], [0, shape[2] % 2], [0, 0]]
    return tf.nn.avg_pool2d(tf.pad(images, odd), 2, 2, "VALID")
