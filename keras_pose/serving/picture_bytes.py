"""Encoded pictures to crops inside the graph, where a picture that cannot be decoded harms no other.

A graph knows no exceptions that it could catch, but `tf.data` drops the elements that raise one, inside a
SavedModel too. What it drops is then missing in the batch, and its row is zero.
"""

import tensorflow as tf

from keras_pose.data.views.graph_crops import crop_matrices, cut_crop, usable_boxes

MAX_PIXELS = 50_000_000
"""Pictures of more pixels are refused from their header, before they take any memory."""

# Pictures decoded at the same time: a large one takes half a gigabyte.
_AT_ONCE = 2
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def decode_picture_bytes(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decode one JPEG or PNG picture, bit for bit as OpenCV does; EXIF is not looked at.

    Args:
        image_bytes: string `[]`.

    Returns:
        uint8 `[H, W, 3]`, RGB; grey is repeated, 16 bit is cut to 8, transparency is dropped.

    Raises:
        tf.errors.InvalidArgumentError: on running, for what is no such file, is damaged, or has more
            than `MAX_PIXELS` pixels.
    """
    is_png = tf.strings.substr(image_bytes, 0, len(_PNG)) == _PNG
    is_jpeg = tf.strings.substr(image_bytes, 0, len(_JPEG)) == _JPEG
    known = tf.debugging.Assert(is_png | is_jpeg, ["neither JPEG nor PNG"])
    with tf.control_dependencies([known]):
        pixels = tf.cond(
            is_png, lambda: _png_pixels(image_bytes), lambda: _jpeg_pixels(image_bytes)
        )
    small = tf.debugging.Assert((pixels > 0) & (pixels <= MAX_PIXELS), ["too large", pixels])
    with tf.control_dependencies([small]):
        picture = tf.cond(
            is_png,
            lambda: tf.io.decode_png(image_bytes, channels=3),
            # The accurate transform is the one of OpenCV, and so of training.
            lambda: tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE"),
        )
    return tf.ensure_shape(picture, (None, None, 3))


def crop_picture_bytes(
    image_bytes: tf.Tensor,
    size: int,
    crop_scale: float,
    bbox: tf.Tensor | None = None,
    is_left: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decode a batch of pictures of any sizes and cut a crop out of each.

    Args:
        image_bytes: string `[N]`, JPEG or PNG files.
        size: side S of the crops in px.
        crop_scale: side of the square that is seen over the longer side of the box.
        bbox: float32 `[N, 4]`, (x, y, width, height) in px; None takes whole pictures.
        is_left: bool `[N]`, whose crops are mirrored; None mirrors none.

    Returns:
        `(crops, matrices, shapes, usable)`: uint8 `[N, S, S, 3]`; float32 `[N, 2, 3]`, px of the picture
        to px of the crop; float32 `[N, 2]`, (height, width) of the pictures; bool `[N]`, false where the
        picture cannot be decoded or the box shows nothing of it: everything else is then zero.
    """
    count = tf.shape(image_bytes)[0]
    columns = {"row": tf.range(count), "image_bytes": image_bytes}
    if bbox is not None:
        columns["bbox"] = bbox
    if is_left is not None:
        columns["is_left"] = is_left

    @tf.autograph.experimental.do_not_convert
    def crop(entry):
        picture = decode_picture_bytes(entry["image_bytes"])
        shape = tf.cast(tf.shape(picture)[:2], tf.float32)
        whole = tf.stack([0.0, 0.0, shape[1], shape[0]])
        box = entry.get("bbox", whole)
        shown = tf.debugging.Assert(usable_boxes(box, shape[0], shape[1]), ["the box", box])
        with tf.control_dependencies([shown]):
            matrix = crop_matrices(box, size, crop_scale, entry.get("is_left"))
        return entry["row"], cut_crop(picture, matrix, size), matrix, shape

    answered = tf.data.Dataset.from_tensor_slices(columns)
    answered = answered.map(crop, num_parallel_calls=_AT_ONCE, deterministic=False)
    answered = answered.ignore_errors(log_warning=False)
    # One element more, whose row is cut off again, since nothing at all could not be batched.
    nothing = (
        count,
        tf.zeros((size, size, 3), tf.uint8),
        tf.zeros((2, 3)),
        tf.zeros((2,)),
    )
    answered = answered.concatenate(tf.data.Dataset.from_tensors(nothing))
    answered = answered.batch(tf.cast(count, tf.int64) + 1)
    rows, crops, matrices, shapes = answered.get_single_element()
    usable = tf.ones_like(rows, tf.bool)
    return tuple(_scatter(rows, values, count) for values in (crops, matrices, shapes, usable))


def crop_boxes_in_bytes(
    image_bytes: tf.Tensor, size: int, crop_scale: float, boxes: tf.Tensor, count: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decode pictures of any sizes and cut a crop out of each for every one of its boxes.

    Args:
        image_bytes: string `[N]`, JPEG or PNG files.
        size: side S of the crops in px.
        crop_scale: side of the square that is seen over the longer side of the box.
        boxes: float32 `[N, R, 4]`, (x, y, width, height) in px.
        count: int32 `[N]`, how many of the R boxes count.

    Returns:
        `(crops, matrices, places)`: uint8 `[M, S, S, 3]`, float32 `[M, 2, 3]`, px of the picture to px
        of the crop, and int32 `[M, 2]`, picture and row of each; boxes that show nothing of a picture,
        and all of pictures that cannot be decoded, have none.
    """
    columns = {"picture": tf.range(tf.shape(image_bytes)[0]), "image_bytes": image_bytes}
    columns |= {"boxes": boxes, "count": count}

    def crop(entry):
        picture = decode_picture_bytes(entry["image_bytes"])
        shape = tf.cast(tf.shape(picture)[:2], tf.float32)
        shown = usable_boxes(entry["boxes"], shape[0], shape[1])
        shown &= tf.range(tf.shape(shown)[0]) < entry["count"]
        rows = tf.cast(tf.where(shown)[:, 0], tf.int32)
        matrices = crop_matrices(tf.gather(entry["boxes"], rows), size, crop_scale)
        crops = tf.map_fn(
            lambda matrix: cut_crop(picture, matrix, size),
            matrices,
            fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8),
        )
        return crops, matrices, tf.stack([tf.fill(tf.shape(rows), entry["picture"]), rows], axis=1)

    cut = tf.data.Dataset.from_tensor_slices(columns).filter(lambda entry: entry["count"] > 0)
    cut = cut.map(crop, num_parallel_calls=_AT_ONCE, deterministic=True)
    cut = cut.ignore_errors(log_warning=False).unbatch()
    # As above: nothing at all could not be batched.
    nothing = (tf.zeros((size, size, 3), tf.uint8), tf.zeros((2, 3)), tf.zeros((2,), tf.int32))
    cut = cut.concatenate(tf.data.Dataset.from_tensors(nothing))
    cut = cut.batch(tf.size(boxes, tf.int64) + 1)
    crops, matrices, places = (values[:-1] for values in cut.get_single_element())
    return tf.ensure_shape(crops, (None, size, size, 3)), matrices, places


def _scatter(rows, values, count):
    shape = tf.concat([[count + 1], tf.shape(values)[1:]], axis=0)
    kind = values.dtype
    values = tf.cast(values, tf.int32) if kind in (tf.uint8, tf.bool) else values
    full = tf.scatter_nd(rows[:, None], values, shape)[:count]
    return tf.ensure_shape(tf.cast(full, kind), [None, *values.shape[1:]])


def _jpeg_pixels(image_bytes):
    shape = tf.cast(tf.io.extract_jpeg_shape(image_bytes), tf.int64)
    return shape[0] * shape[1]


def _png_pixels(image_bytes):
    # Width and height stand big-endian behind the signature, a length and the word IHDR.
    fields = tf.io.decode_raw(tf.strings.substr(image_bytes, 16, 8), tf.uint8)
    fields = tf.reshape(tf.cast(fields, tf.int64), (2, 4))
    sides = tf.reduce_sum(fields * tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64), axis=1)
    # Both sides of more than 2^31 would overflow the product.
    sides = tf.minimum(sides, tf.constant(1 << 31, tf.int64))
    return sides[0] * sides[1]
