"""From records to views inside `tf.data`: two random views for pretraining, one with labels after.

Records are dicts as `records_dataset` yields them. A picture that cannot be read does not stop the
run: it is noted in the account of bad records, and its element says `ok` False with black views, for
the caller to drop. `position` is passed on, so that a resume can count what was dropped too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.views import host_pixels as augment_host
from keras_pose.data.views.chunks import (
    BOX_KEYS,
    NUM_VIEWS,
    PAIRS_PASS_ON,
    Epoch,
    PairOptions,
    draw_pairs,
    map_chunks,
    read_picture,
)
from keras_pose.data.views.draws import ViewRanges
from keras_pose.data.views.labelled_draws import (
    LABELLED_KEYS,
    LABELLED_PASS_ON,
    draw_labelled,
    label_shapes,
)


def two_views_dataset(
    records: tf.data.Dataset,
    ranges: ViewRanges,
    seed: int,
    epoch: Epoch,
    size: int,
    crop_source: str = "box",
    mirror_left: bool = False,
    chunk: int = 16,
    parallel_calls: int = tf.data.AUTOTUNE,
    bad_records: BadRecords | None = None,
) -> tf.data.Dataset:
    """Turn records into pairs of random views.

    Args:
        records: dataset of single records (dicts).
        ranges: what views are drawn from.
        seed: any whole number.
        epoch: what makes the views of a record new each time it comes: a number, the key of the
            records that holds it, or a function of the running number of an element of `records`
            (int64 [n], from 0). "position" suits sampling with replacement, where a record may come
            twice in an epoch.
        size: side S of a view in pixels.
        crop_source: "joints", "box" or "picture", see `record_box`.
        mirror_left: mirror pictures of left hands, so that all views show right ones.
        chunk: records per call into Python; the order and the views do not depend on it.
        parallel_calls: calls at a time.
        bad_records: account of pictures that cannot be read, which stops the run when there are too
            many; None keeps none.

    Returns:
        Dataset of dicts in the order of `records`: `views` uint8 [2, S, S, 3]; `canonical` float32
        [2, 2, 3], from the frame of the record's square (middle 0, half side 1; of the mirrored
        picture where it was mirrored) to the view's; `angle_deg` float32 [2]; `jitter` float32
        [2, 2], displacement (x, y) of the square's middle in the view over its side; `id` and (where
        records have it) `position` int64; `ok` bool, False with black views if the picture could
        not be read.
    """
    options = PairOptions(ranges, seed, size, crop_source, mirror_left)

    def render(epochs: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = dict(zip(BOX_KEYS, columns, strict=True))
        return _render_pairs(rows, epochs, options, bad_records)

    shapes = {
        "views": (tf.uint8, (NUM_VIEWS, size, size, 3)),
        "canonical": (tf.float32, (NUM_VIEWS, 2, 3)),
        "angle_deg": (tf.float32, (NUM_VIEWS,)),
        "jitter": (tf.float32, (NUM_VIEWS, 2)),
        "ok": (tf.bool, ()),
    }
    return map_chunks(
        records, render, BOX_KEYS, shapes, PAIRS_PASS_ON, epoch, chunk, parallel_calls
    )


def labelled_view_dataset(
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
) -> tf.data.Dataset:
    """Turn records into one view each, with the labels that belong to it.

    Args:
        records: dataset of single records (dicts).
        ranges: what views are drawn from; `plain_ranges` for evaluation.
        seed: any whole number.
        epoch: as in `two_views_dataset`.
        size: side S of a view in pixels.
        crop_source: "joints", "box" or "picture", see `record_box`.
        mirror_left: mirror left hands with all their labels, so that the network sees right ones.
        chunk: records per call into Python; the order and the views do not depend on it.
        parallel_calls: calls at a time.
        bad_records: account of pictures that cannot be read, which stops the run when there are too
            many; None keeps none.
        flip_permutation: [J], which joint a mirrored picture shows in each row, where left and right
            have rows of their own (`Skeleton.flip_permutation`); None leaves the rows.
        passed_on: more keys of the records that elements keep.

    Returns:
        Dataset of dicts in the order of `records`: `image` uint8 [S, S, 3]; `keypoints_2d` float32
        [J, 2], pixels of the view; `visible` float32 [J], 0 also for joints outside the view;
        `keypoints_3d` float32 [J, 3] in the camera frame (x negated if mirrored); `intrinsics`
        float32 [3, 3] of the view, so that projecting the 3D joints gives the 2D ones; `matrix`
        float32 [2, 3], picture to view; `mirrored` float32; `ok` bool; and as they were `id`,
        `has_2d`, `has_3d`, `has_depth`, `has_intrinsics`, `scale`, `side`, `label`,
        `box`, `has_box`, `folder`.
    """
    options = PairOptions(ranges, seed, size, crop_source, mirror_left)

    def render(epochs: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = dict(zip(LABELLED_KEYS, columns, strict=True))
        return _render_labelled(rows, epochs, options, bad_records, flip_permutation)

    joints = records.element_spec["keypoints_2d"].shape[0]
    shapes = {
        "image": (tf.uint8, (size, size, 3)),
        **label_shapes(joints),
        "ok": (tf.bool, ()),
    }
    kept = (*LABELLED_PASS_ON, *passed_on)
    return map_chunks(records, render, LABELLED_KEYS, shapes, kept, epoch, chunk, parallel_calls)


def _render_pairs(
    records: dict[str, np.ndarray],
    epochs: np.ndarray,
    options: PairOptions,
    bad_records: BadRecords | None,
) -> tuple[np.ndarray, ...]:
    pairs = draw_pairs(records, epochs, options)
    count, size = len(pairs.matrices), options.size
    views = np.zeros((count, NUM_VIEWS, size, size, 3), np.uint8)
    ok = np.ones(count, bool)
    for row in range(count):
        decoded = read_picture(records, row, pairs.matrices[row], size, bad_records)
        if decoded is None:
            ok[row] = False
            continue
        image, maps = decoded
        for view, draws in enumerate(pairs.draws):
            views[row, view] = augment_host.retouch(
                augment_host.warp(image, maps[view], size),
                draws.colour[row],
                draws.blur_sigma[row],
                draws.cutout[row],
            )
    return views, pairs.canonical, pairs.angle_deg, pairs.jitter, ok


def _render_labelled(
    records: dict[str, np.ndarray],
    epochs: np.ndarray,
    options: PairOptions,
    bad_records: BadRecords | None,
    flip_permutation: Sequence[int] | None,
) -> tuple[np.ndarray, ...]:
    size = options.size
    views = draw_labelled(records, epochs, options, flip_permutation)
    images = np.zeros((len(views.matrices), size, size, 3), np.uint8)
    ok = np.ones(len(images), bool)
    for row, matrix in enumerate(views.matrices):
        decoded = read_picture(records, row, matrix[None], size, bad_records)
        if decoded is None:
            ok[row] = False
            continue
        image, maps = decoded
        images[row] = augment_host.retouch(
            augment_host.warp(image, maps[0], size),
            views.draws.colour[row],
            views.draws.blur_sigma[row],
            views.draws.cutout[row],
        )
    return images, *views.labels.values(), ok
