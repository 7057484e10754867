"""From records to views inside `tf.data`: two random views for pretraining, one with labels after.

Records are dicts as `records_dataset` yields them. A picture that cannot be read does not stop the
run: it is noted in the account of bad records, and its element says `ok` False with black views, for
the caller to drop. `position` is passed on, so that a resume can count what was dropped too.
"""

from collections.abc import Sequence

import tensorflow as tf

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.views import host_pixels
from keras_pose.data.views.chunks import Epoch, ViewKind, ViewOptions, place_chunks
from keras_pose.data.views.draws import ViewRanges
from keras_pose.data.views.labelled_draws import labelled_kind
from keras_pose.data.views.pair_draws import pair_kind


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
        Dataset of dicts in the order of `records`: `views` uint8 `[2, S, S, 3]`; the labels of
        `pair_kind`; `id` and (where records have it) `position` int64; `ok` bool, False with black
        views if the picture could not be read.
    """
    options = ViewOptions(ranges, seed, size, crop_source, mirror_left)
    return views_on_host(records, pair_kind(options), epoch, chunk, parallel_calls, bad_records)


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
        flip_permutation: `[J]`, which joint a mirrored picture shows in each row, where left and right
            have rows of their own (`Skeleton.flip_permutation`); None leaves the rows.
        passed_on: more keys of the records that elements keep.

    Returns:
        Dataset of dicts in the order of `records`: `image` uint8 `[S, S, 3]`; the labels of
        `labelled_kind`; `ok` bool; and as they were `id`, `has_2d`, `has_3d`, `has_depth`,
        `has_intrinsics`, `scale`, `side`, `label`, `box`, `has_box`, `folder`.
    """
    options = ViewOptions(ranges, seed, size, crop_source, mirror_left)
    joints = records.element_spec["keypoints_2d"].shape[0]
    kind = labelled_kind(options, joints, flip_permutation, passed_on)
    return views_on_host(records, kind, epoch, chunk, parallel_calls, bad_records)


def views_on_host(
    records: tf.data.Dataset,
    kind: ViewKind,
    epoch: Epoch,
    chunk: int,
    parallel_calls: int,
    bad_records: BadRecords | None,
) -> tf.data.Dataset:
    """Make the pixels of drawn views on the host.

    Args:
        records: dataset of single records (dicts).
        kind: what is drawn.
        epoch: as in `two_views_dataset`.
        chunk: records per call into Python.
        parallel_calls: calls at a time.
        bad_records: account of pictures that cannot be read, or None.

    Returns:
        Dataset of dicts: `views` uint8 `[V, S, S, 3]`, or `image` `[S, S, 3]` of a single view, and what
        `place_chunks` adds.
    """
    size = kind.options.size
    is_single = kind.num_views == 1
    name, shape = ("image", ()) if is_single else ("views", (kind.num_views,))

    def place(drawn, made, row, decoded):
        image, maps = decoded
        for view, draws in enumerate(drawn.draws):
            pixels = host_pixels.retouch(
                host_pixels.warp(image, maps[view], size),
                draws.colour[row],
                draws.blur_sigma[row],
                draws.cutout[row],
            )
            made[name][(row,) if is_single else (row, view)] = pixels

    return place_chunks(
        records,
        kind,
        {name: (tf.uint8, (*shape, size, size, 3))},
        place,
        lambda drawn: {},
        epoch,
        chunk,
        parallel_calls,
        bad_records,
    )
