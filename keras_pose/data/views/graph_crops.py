"""Square crops of pictures inside the graph, cut as the host cuts them for training.

Bilinear look-ups in a picture seen much smaller would alias: means of 2 x 2, 4 x 4 ... pixels are taken
first, which is to halve it as often as the host does (`host_pixels.warp`). Pixels agree with the host's
within a grey level or two.
"""

import tensorflow as tf

from keras_pose.geometry import affine2d

# A picture of 8192 px for a crop of 256.
_HALVINGS = 5
# Farther out than any picture reaches.
_FARTHEST = 1e6
_SMALLEST_PX = 1.0


def usable_boxes(bbox: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Tell boxes that show something of the picture.

    Args:
        bbox: float `[..., 4]`, (x, y, width, height) in px.
        height: of the pictures in px, a number or `[...]`.
        width: of the pictures in px, a number or `[...]`.

    Returns:
        bool `[...]`: finite, a pixel wide and high at least, and over the picture.
    """
    finite = tf.reduce_all(tf.abs(bbox) < _FARTHEST, axis=-1)
    x, y, across, down = tf.unstack(bbox, axis=-1)
    has_area = (across >= _SMALLEST_PX) & (down >= _SMALLEST_PX)
    inside = (x < tf.cast(width, bbox.dtype)) & (y < tf.cast(height, bbox.dtype))
    return finite & has_area & inside & (x + across > 0) & (y + down > 0)


def crop_matrices(
    bbox: tf.Tensor, size: int, crop_scale: float = 1.0, is_left: tf.Tensor | None = None
) -> tf.Tensor:
    """Write the maps from pictures to the crops of the squares about boxes.

    Args:
        bbox: float `[..., 4]`, (x, y, width, height) in px, with area.
        size: side S of the crop in px.
        crop_scale: side of the square over the longer side of the box.
        is_left: bool `[...]`, whose crops are mirrored; None mirrors none.

    Returns:
        float `[..., 2, 3]`, px of the picture to px of the crop, of the square of each box's longer side
        about its middle.
    """
    side = crop_scale * tf.reduce_max(bbox[..., 2:], axis=-1)
    centre = bbox[..., :2] + bbox[..., 2:] / 2.0
    zoom = tf.cast(size, bbox.dtype) / side
    across = zoom if is_left is None else tf.where(is_left, -zoom, zoom)
    middle = tf.cast(size, bbox.dtype) / 2.0
    nothing = tf.zeros_like(zoom)
    rows = [
        tf.stack([across, nothing, middle - across * centre[..., 0]], axis=-1),
        tf.stack([nothing, zoom, middle - zoom * centre[..., 1]], axis=-1),
    ]
    return tf.stack(rows, axis=-2)


def cut_crop(picture: tf.Tensor, matrix: tf.Tensor, size: int) -> tf.Tensor:
    """Warp a square crop out of one picture.

    Args:
        picture: uint8 `[H, W, 3]`, any size, none included.
        matrix: float32 `[2, 3]`, from `crop_matrices`.
        size: side S of the crop in px.

    Returns:
        uint8 `[S, S, 3]`, black where the picture does not reach.
    """
    # A hair of slack, so that a factor of exactly 2 counts as 2 after rounding.
    shrink = tf.floor(1.0 / tf.abs(matrix[1, 1]) + 1e-4)
    factor = 1
    for number in range(1, _HALVINGS + 1):
        factor = tf.where(shrink >= 2.0**number, 2**number, factor)
    part, matrix = _cut_out(picture, matrix, size, tf.cast(factor, tf.float32))
    # Black is added until it divides, as each halving of an odd side would.
    shape = tf.shape(part)[:2]
    part = tf.pad(part, [[0, -shape[0] % factor], [0, -shape[1] % factor], [0, 0]])
    smaller = tf.shape(part)[:2] // factor
    level = tf.raw_ops.ResizeArea(images=part[None], size=smaller)[0]
    crop = _look_up(
        level, matrix[0, 0], matrix[1, 1], matrix[:, 2], tf.cast(factor, tf.float32), size
    )
    crop = tf.cast(tf.round(tf.clip_by_value(crop, 0.0, 255.0)), tf.uint8)
    return tf.ensure_shape(crop, (size, size, 3))


def _look_up(level, across, down, shift, factor, size):
    """Read a crop bilinearly, black from half a pixel beyond the border on; no rotation."""
    # A frame of black, towards which the border fades; beyond it the operation fills with black.
    framed = tf.pad(level, [[1, 1], [1, 1], [0, 0]])
    limits = tf.cast(tf.shape(framed)[:2], tf.float32) - 1.0
    ends = tf.constant([0.5, size - 0.5])
    # Of the middle of the first and last pixel, counted from the middle of the frame's first.
    rows = (ends - shift[1]) / (down * factor) + 0.5
    columns = (ends - shift[0]) / (across * factor) + 0.5
    box = tf.stack([rows[0], columns[0], rows[1], columns[1]]) / tf.tile(limits, [2])
    return tf.image.crop_and_resize(framed[None], box[None], [0], [size, size])[0]


def cut_crops(pictures: tf.Tensor, matrices: tf.Tensor, size: int) -> tf.Tensor:
    """Warp one square crop out of each picture.

    Args:
        pictures: uint8 `[N, H, W, 3]`, any size.
        matrices: float32 `[N, 2, 3]`, from `crop_matrices`.
        size: side S of the crop in px.

    Returns:
        uint8 `[N, S, S, 3]`, black where the picture does not reach.
    """
    return tf.map_fn(
        lambda pair: cut_crop(pair[0], pair[1], size),
        (pictures, matrices),
        fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8),
    )


def _cut_out(picture, matrix, size, step):
    """Return the part of a picture that a crop shows, and its map: large pictures cost no more."""
    corners = affine2d.apply(
        tf.constant([[0.0, 0.0], [size, size]], matrix.dtype), affine2d.invert(matrix)
    )
    limits = tf.cast(tf.gather(tf.shape(picture), [1, 0]), matrix.dtype)
    # The means must begin where the host's do; two of them more on each side for the look-ups.
    first = tf.floor((tf.reduce_min(corners, axis=0) - 2.0 * step) / step) * step
    last = tf.math.ceil((tf.reduce_max(corners, axis=0) + 2.0 * step) / step) * step
    first = tf.clip_by_value(first, 0.0, tf.maximum(limits - 1.0, 0.0))
    first = tf.floor(first / step) * step
    last = tf.maximum(tf.minimum(last, limits), tf.minimum(first + 1.0, limits))
    (left, top), (right, bottom) = (tf.unstack(tf.cast(edge, tf.int32)) for edge in (first, last))
    part = picture[top:bottom, left:right]
    is_empty = tf.size(part) == 0
    part = tf.cond(is_empty, lambda: tf.zeros((1, 1, 3), picture.dtype), lambda: part)
    shift = matrix[:, 2] + tf.linalg.matvec(matrix[:, :2], first)
    return part, tf.concat([matrix[:, :2], shift[:, None]], axis=-1)
