"""Views inside the graph, batched, for machines whose accelerator is faster than their host.

The host decodes and cuts out what the two views show, without resampling it, into a square of one
size for all records; the device warps, recolours, blurs and covers whole batches. Draws, maps and the
order of steps are those of the host path; pixels agree within a grey level or two, since the host
rounds after each step.

By default the square has room for all that a pair of views can show while its pixels are no denser
than the smallest crop needs (`square_side`). What is larger, or denser than both views need, is halved
by means of 2 x 2 pixels; a view that alone sees it too small looks it up in the halved square, as on
the host. So nothing aliases while the largest scale is at most twice the smallest.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.views import device_pixels
from keras_pose.data.views.chunks import Epoch, ViewKind, ViewOptions, place_chunks
from keras_pose.data.views.draws import ViewRanges
from keras_pose.data.views.host_pixels import (
    DOUBLE,
    blur_radius,
    blur_taps,
    cutout_edges,
    shrink_factor,
)
from keras_pose.data.views.labelled_draws import labelled_kind
from keras_pose.data.views.pair_draws import pair_kind
from keras_pose.data.views.squares import cut_out, lone_side, square_side
from keras_pose.geometry import affine2d

PLACES = ("auto", "host", "device")


def augmentation_place(augment_on: str) -> str:
    """Decide where views are made.

    Args:
        augment_on: "host", "device", or "auto": the device where TensorFlow sees a GPU.

    Returns:
        "host" or "device".

    Raises:
        ValueError: if it is none of these words.
    """
    if augment_on not in PLACES:
        raise ValueError(f"augment_on is {augment_on!r}; use one of {', '.join(PLACES)}.")
    if augment_on != "auto":
        return augment_on
    return "device" if tf.config.list_physical_devices("GPU") else "host"


def squares_dataset(
    records: tf.data.Dataset,
    ranges: ViewRanges,
    seed: int,
    epoch: Epoch,
    size: int,
    crop_source: str = "box",
    mirror_left: bool = False,
    side: int | None = None,
    chunk: int = 16,
    parallel_calls: int = tf.data.AUTOTUNE,
    bad_records: BadRecords | None = None,
) -> tf.data.Dataset:
    """Turn records into squares and the draws of their two views; `render_views` does the rest.

    Args:
        records: dataset of single records (dicts).
        ranges: what views are drawn from.
        seed: any whole number.
        epoch: as in `two_views_dataset`.
        size: side S of a view in pixels.
        crop_source: "joints", "box" or "picture", see `record_box`.
        mirror_left: mirror pictures of left hands, so that all views show right ones.
        side: side Q of the square in pixels; None takes `square_side`.
        chunk: records per call into Python; the order and the views do not depend on it.
        parallel_calls: calls at a time.
        bad_records: account of pictures that cannot be read; None keeps none.

    Returns:
        Dataset of dicts in the order of `records`: what `squares_on_host` makes, and `canonical`,
        `angle_deg`, `jitter`, `id`, `position`, `ok` as `two_views_dataset` has them.
    """
    options = ViewOptions(ranges, seed, size, crop_source, mirror_left)
    length = square_side(ranges, size) if side is None else side
    return squares_on_host(
        records, pair_kind(options), length, epoch, chunk, parallel_calls, bad_records
    )


def labelled_squares_dataset(
    records: tf.data.Dataset,
    ranges: ViewRanges,
    seed: int,
    epoch: Epoch,
    size: int,
    crop_source: str = "box",
    mirror_left: bool = True,
    chunk: int = 16,
    parallel_calls: int = tf.data.AUTOTUNE,
    bad_records: BadRecords | None = None,
    flip_permutation: Sequence[int] | None = None,
    passed_on: Sequence[str] = (),
    side: int | None = None,
) -> tf.data.Dataset:
    """Turn records into squares, draws and labels of one view each; `render_labelled` does the rest.

    Args:
        records: dataset of single records (dicts).
        ranges: what views are drawn from.
        seed: any whole number.
        epoch: as in `two_views_dataset`.
        size: side S of a view in pixels.
        crop_source: "joints", "box" or "picture", see `record_box`.
        mirror_left: mirror left hands with all their labels.
        chunk: records per call into Python; the order and the views do not depend on it.
        parallel_calls: calls at a time.
        bad_records: account of pictures that cannot be read; None keeps none.
        flip_permutation: `[J]`, which joint a mirrored picture shows in each row; None leaves the rows.
        passed_on: more keys of the records that elements keep.
        side: side Q of the square in pixels; None takes `lone_side`. A smaller one halves dense
            pictures once more than the host does.

    Returns:
        Dataset of dicts in the order of `records`, those of `labelled_view_dataset` but for `image`,
        in place of which there is what `squares_on_host` makes of one view.
    """
    options = ViewOptions(ranges, seed, size, crop_source, mirror_left)
    length = lone_side(ranges, size) if side is None else side
    joints = records.element_spec["keypoints_2d"].shape[0]
    kind = labelled_kind(options, joints, flip_permutation, passed_on)
    return squares_on_host(records, kind, length, epoch, chunk, parallel_calls, bad_records)


def squares_on_host(
    records: tf.data.Dataset,
    kind: ViewKind,
    length: int,
    epoch: Epoch,
    chunk: int,
    parallel_calls: int,
    bad_records: BadRecords | None,
) -> tf.data.Dataset:
    """Cut out what drawn views show, for the device to make pixels of.

    Args:
        records: dataset of single records (dicts).
        kind: what is drawn.
        length: side Q of the square in pixels.
        epoch: as in `two_views_dataset`.
        chunk: records per call into Python.
        parallel_calls: calls at a time.
        bad_records: account of pictures that cannot be read, or None.

    Returns:
        Dataset of dicts: `square` uint8 `[Q, Q, 3]`; `transforms` float32 `[V, 8]` as `projective_rows`;
        `level` int32 `[V]`, 1 for a view that is looked up in the halved square; `colour` float32
        `[V, 3, 4]`; `cutout` int32 `[V, 2, 2]`, edges in pixels; where the ranges blur, `blur` float32
        `[V, T]`, weights; and what `place_chunks` adds.
    """
    ranges, size, views = kind.options.ranges, kind.options.size, kind.num_views
    radius = blur_radius(ranges.blur_sigma[1] * size) if ranges.blur_probability > 0 else None
    shapes: dict[str, tuple[tf.DType, tuple[int, ...]]] = {
        "square": (tf.uint8, (length, length, 3)),
        "transforms": (tf.float32, (views, 8)),
        "level": (tf.int32, (views,)),
        "colour": (tf.float32, (views, 3, 4)),
        "cutout": (tf.int32, (views, 2, 2)),
    }
    if radius is not None:
        shapes["blur"] = (tf.float32, (views, 2 * radius + 1))

    def place(drawn, made, row, decoded):
        image, maps = decoded
        part, maps = cut_out(image, maps, size, length)
        made["square"][row, : part.shape[0], : part.shape[1]] = part
        level = np.array([shrink_factor(matrix) >= 2 for matrix in maps])
        of_level = np.where(level[:, None, None], affine2d.compose(maps, DOUBLE), maps)
        made["level"][row] = level
        made["transforms"][row] = affine2d.projective_rows(of_level)

    def finish(drawn):
        edges = [cutout_edges(draw.cutout, size) for draw in drawn.draws]
        known = {
            "colour": np.stack([draw.colour for draw in drawn.draws], axis=1),
            "cutout": np.stack(edges, axis=1).astype(np.int32),
        }
        if radius is not None:
            sigmas = size * np.stack([draw.blur_sigma for draw in drawn.draws], axis=1)
            known["blur"] = np.array([[blur_taps(s, radius) for s in row] for row in sigmas])
        return known

    return place_chunks(
        records, kind, shapes, place, finish, epoch, chunk, parallel_calls, bad_records
    )


def render_views(batch: dict[str, tf.Tensor], size: int) -> dict[str, tf.Tensor]:
    """Render the views of a batch of squares, in a graph and on whatever device it runs.

    `ImageProjectiveTransformV3` has no XLA kernel: call this outside of compiled parts.

    Args:
        batch: from `squares_on_host`, with a leading axis B.
        size: side S of a view in pixels.

    Returns:
        The batch with `views` float32 `[B, V, S, S, 3]` in [0, 1] in place of square and draws.
    """
    batch = dict(batch)
    squares = tf.cast(batch.pop("square"), tf.float32)
    transforms, level, colour = (batch.pop(key) for key in ("transforms", "level", "colour"))
    cutout, blur = batch.pop("cutout"), batch.pop("blur", None)
    # A single view was halved when it was cut out.
    levels = (
        [squares]
        if transforms.shape[1] == 1
        else [squares, tf.nn.avg_pool2d(squares, 2, 2, "VALID")]
    )
    views = []
    for view in range(transforms.shape[1]):
        pixels, *halved = (
            device_pixels.warp(images, transforms[:, view], size) for images in levels
        )
        if halved:
            pixels = tf.where(level[:, view, None, None, None] > 0, halved[0], pixels)
        views.append(
            device_pixels.retouch(
                pixels,
                colour[:, view],
                None if blur is None else blur[:, view],
                cutout[:, view],
            )
        )
    return batch | {"views": tf.stack(views, axis=1) / 255.0}


def render_labelled(batch: dict[str, tf.Tensor], size: int) -> dict[str, tf.Tensor]:
    """Render a batch of labelled squares, as `render_views` does.

    Args:
        batch: from `labelled_squares_dataset`, with a leading axis B.
        size: side S of a view in pixels.

    Returns:
        The batch with `image` float32 `[B, S, S, 3]` in [0, 1] in place of square and draws.
    """
    rendered = render_views(batch, size)
    return rendered | {"image": rendered.pop("views")[:, 0]}
