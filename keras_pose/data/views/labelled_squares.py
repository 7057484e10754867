"""Labelled views inside the graph, batched: the host cuts squares, the device makes pictures of them.

Draws, maps and labels are those of `labelled_view_dataset` bit for bit. The square has room for all
that one view can show (`lone_side`), so nothing is halved but what the host halves, and pixels differ
by no more than the host's rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.views import device_pixels
from keras_pose.data.views.chunks import Epoch, PairOptions, map_chunks, read_picture
from keras_pose.data.views.device_datasets import cut_out, lone_side
from keras_pose.data.views.draws import ViewRanges
from keras_pose.data.views.host_pixels import blur_radius, blur_taps, cutout_edges
from keras_pose.data.views.labelled_draws import (
    LABELLED_KEYS,
    LABELLED_PASS_ON,
    draw_labelled,
    label_shapes,
)
from keras_pose.geometry import affine2d


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
        flip_permutation: [J], which joint a mirrored picture shows in each row; None leaves the rows.
        passed_on: more keys of the records that elements keep.
        side: side Q of the square in pixels; None takes `lone_side`. A smaller one halves dense
            pictures once more than the host does.

    Returns:
        Dataset of dicts in the order of `records`, those of `labelled_view_dataset` but for `image`,
        in place of which there are `square` uint8 [Q, Q, 3]; `transform` float32 [8] as
        `projective_rows`; `colour` float32 [3, 4]; `cutout` int32 [2, 2], edges in pixels; and, where
        the ranges blur, `blur` float32 [T], weights.
    """
    length = lone_side(ranges, size) if side is None else side
    radius = blur_radius(ranges.blur_sigma[1] * size) if ranges.blur_probability > 0 else None
    options = PairOptions(ranges, seed, size, crop_source, mirror_left)

    def cut(epochs: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = dict(zip(LABELLED_KEYS, columns, strict=True))
        return _cut_chunk(rows, epochs, options, length, radius, bad_records, flip_permutation)

    joints = records.element_spec["keypoints_2d"].shape[0]
    shapes: dict[str, tuple[tf.DType, tuple[int, ...]]] = {
        "square": (tf.uint8, (length, length, 3)),
        "transform": (tf.float32, (8,)),
        "colour": (tf.float32, (3, 4)),
        "cutout": (tf.int32, (2, 2)),
        **label_shapes(joints),
        "ok": (tf.bool, ()),
    }
    if radius is not None:
        shapes["blur"] = (tf.float32, (2 * radius + 1,))
    kept = (*LABELLED_PASS_ON, *passed_on)
    return map_chunks(records, cut, LABELLED_KEYS, shapes, kept, epoch, chunk, parallel_calls)


def render_labelled(batch: dict[str, tf.Tensor], size: int) -> dict[str, tf.Tensor]:
    """Render a batch of squares, in a graph and on whatever device it runs.

    Not for XLA, see `device_pixels.warp`.

    Args:
        batch: from `labelled_squares_dataset`, with a leading axis B.
        size: side S of a view in pixels.

    Returns:
        The batch with `image` float32 [B, S, S, 3] in [0, 1] in place of square and draws.
    """
    batch = dict(batch)
    squares = tf.cast(batch.pop("square"), tf.float32)
    pixels = device_pixels.warp(squares, batch.pop("transform"), size)
    colour, blur, cutout = batch.pop("colour"), batch.pop("blur", None), batch.pop("cutout")
    return batch | {"image": device_pixels.retouch(pixels, colour, blur, cutout) / 255.0}


def _cut_chunk(
    records: dict[str, np.ndarray],
    epochs: np.ndarray,
    options: PairOptions,
    length: int,
    radius: int | None,
    bad_records: BadRecords | None,
    flip_permutation: Sequence[int] | None,
) -> tuple[np.ndarray, ...]:
    size = options.size
    views = draw_labelled(records, epochs, options, flip_permutation)
    count = len(views.matrices)
    squares = np.zeros((count, length, length, 3), np.uint8)
    transforms = np.zeros((count, 8), np.float32)
    ok = np.ones(count, bool)
    for row, matrix in enumerate(views.matrices):
        decoded = read_picture(records, row, matrix[None], size, bad_records)
        if decoded is None:
            ok[row] = False
            continue
        part, maps = cut_out(*decoded, size, length)
        squares[row, : part.shape[0], : part.shape[1]] = part
        transforms[row] = affine2d.projective_rows(maps)[0]
    columns: list[np.ndarray] = [
        squares,
        transforms,
        views.draws.colour,
        cutout_edges(views.draws.cutout, size).astype(np.int32),
        *views.labels.values(),
        ok,
    ]
    if radius is not None:
        columns.append(np.array([blur_taps(size * s, radius) for s in views.draws.blur_sigma]))
    return tuple(columns)
