"""From records to views inside `tf.data`: two random views for pretraining, one with labels after.

Records are dicts as `records_dataset` yields them. A picture that cannot be read does not stop the
run: it is noted in the account of bad records, and its element says `ok` False with black views, for
the caller to drop. `position` is passed on, so that a resume can count what was dropped too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import tensorflow as tf

from keras_pose.data import augment_host
from keras_pose.data.bad_records import BadRecords
from keras_pose.data.view_boxes import record_box
from keras_pose.data.views import ViewParameters, ViewRanges, view_matrix, view_parameters
from keras_pose.geometry import affine2d

NUM_VIEWS = 2
Epoch = int | str | Callable[[tf.Tensor], tf.Tensor]

_BOX_KEYS = (
    "image",
    "name",
    "id",
    "side",
    "height",
    "width",
    "box",
    "has_box",
    "keypoints_2d",
    "visible",
    "has_2d",
)
_LABEL_KEYS = ("keypoints_3d", "intrinsics")
_PAIRS_PASS_ON = ("id", "position")
_PASSED_ON = (
    "id",
    "position",
    "has_2d",
    "has_3d",
    "has_depth",
    "has_intrinsics",
    "scale",
    "side",
    "label",
    "box",
    "has_box",
    "folder",
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

    def render(epochs: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        return _render_pairs(
            dict(zip(_BOX_KEYS, columns, strict=True)),
            epochs,
            (ranges, seed, size, crop_source, mirror_left, bad_records),
        )

    shapes = {
        "views": (tf.uint8, (NUM_VIEWS, size, size, 3)),
        "canonical": (tf.float32, (NUM_VIEWS, 2, 3)),
        "angle_deg": (tf.float32, (NUM_VIEWS,)),
        "jitter": (tf.float32, (NUM_VIEWS, 2)),
        "ok": (tf.bool, ()),
    }
    return map_chunks(
        records, render, _BOX_KEYS, shapes, _PAIRS_PASS_ON, epoch, chunk, parallel_calls
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

    Returns:
        Dataset of dicts in the order of `records`: `image` uint8 [S, S, 3]; `keypoints_2d` float32
        [J, 2], pixels of the view; `visible` float32 [J], 0 also for joints outside the view;
        `keypoints_3d` float32 [J, 3] in the camera frame (x negated if mirrored); `intrinsics`
        float32 [3, 3] of the view, so that projecting the 3D joints gives the 2D ones; `matrix`
        float32 [2, 3], picture to view; `mirrored` float32; `ok` bool; and as they were `id`,
        `has_2d`, `has_3d`, `has_depth`, `has_intrinsics`, `scale`, `side`, `label`,
        `box`, `has_box`, `folder`.
    """
    keys = (*_BOX_KEYS, *_LABEL_KEYS)

    def render(epochs: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        return _render_labelled(
            dict(zip(keys, columns, strict=True)),
            epochs,
            (ranges, seed, size, crop_source, mirror_left, bad_records),
        )

    joints = records.element_spec["keypoints_2d"].shape[0]
    shapes = {
        "image": (tf.uint8, (size, size, 3)),
        "keypoints_2d": (tf.float32, (joints, 2)),
        "visible": (tf.float32, (joints,)),
        "keypoints_3d": (tf.float32, (joints, 3)),
        "intrinsics": (tf.float32, (3, 3)),
        "matrix": (tf.float32, (2, 3)),
        "mirrored": (tf.float32, ()),
        "ok": (tf.bool, ()),
    }
    return map_chunks(records, render, keys, shapes, _PASSED_ON, epoch, chunk, parallel_calls)


def map_chunks(
    records: tf.data.Dataset,
    function: Callable[..., tuple[np.ndarray, ...]],
    keys: Sequence[str],
    shapes: Mapping[str, tuple[tf.DType, tuple[int, ...]]],
    passed_on: Sequence[str],
    epoch: Epoch,
    chunk: int,
    parallel_calls: int,
) -> tf.data.Dataset:
    """Map a NumPy function of several records at a time over a dataset of single ones.

    One call into Python per chunk: its lock is taken rarely, and draws are made for all at once.

    Args:
        records: dataset of single records (dicts).
        function: from epochs int64 [n] and one array [n, ...] per key to one array [n, ...] per result.
        keys: what the function gets of the records.
        shapes: name of each result -> its dtype and shape without the leading axis.
        passed_on: keys that elements keep, where records have them.
        epoch: number of the epoch, key of the records that holds it, or function of running numbers.
        chunk: records per call.
        parallel_calls: calls at a time.

    Returns:
        Dataset of single results (dicts) in the order of the records.
    """

    def call(numbers, rows):
        if isinstance(epoch, str):
            epochs = rows[epoch]
        else:
            epochs = epoch(numbers) if callable(epoch) else tf.fill(tf.shape(numbers), epoch)
        epochs = tf.cast(epochs, tf.int64)
        columns = tf.numpy_function(
            function,
            [epochs, *(rows[key] for key in keys)],
            [dtype for dtype, _ in shapes.values()],
            stateful=False,
        )
        views = {}
        for (name, (_, shape)), column in zip(shapes.items(), columns, strict=True):
            column.set_shape((None, *shape))
            views[name] = column
        return views | {key: rows[key] for key in passed_on if key in rows}

    chunks = records.enumerate().batch(chunk)
    return chunks.map(call, num_parallel_calls=parallel_calls, deterministic=True).unbatch()


def _decoded(
    records: dict[str, np.ndarray], row: int, matrices: np.ndarray, bad_records: BadRecords | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """The picture and the maps from it, or None after noting that it cannot be read."""
    try:
        name = records["name"][row].decode()
        return augment_host.decode_for_views(records["image"][row], name, matrices)
    except (ValueError, OSError, cv2.error) as error:
        reason = str(error)
    if bad_records is not None:
        bad_records.note(int(records["id"][row]), reason)
    return None


def _boxes(records: dict[str, np.ndarray], crop_source: str) -> np.ndarray:
    """The square of each record, float64 [n, 4]."""
    return np.array(
        [
            record_box(
                crop_source,
                records["box"][row] if records["has_box"][row] else None,
                records["keypoints_2d"][row] if records["has_2d"][row] else None,
                records["visible"][row],
                (int(records["height"][row]), int(records["width"][row])),
            )
            for row in range(len(records["id"]))
        ]
    )


def _mirrored(parameters: ViewParameters, side: np.ndarray, mirror_left: bool) -> np.ndarray:
    """Whether each picture is shown mirrored: by draw, or because it shows a left hand."""
    if not mirror_left:
        return parameters.mirror
    return np.abs(parameters.mirror - (side == -1))


def _render_pairs(
    records: dict[str, np.ndarray], epochs: np.ndarray, options: tuple
) -> tuple[np.ndarray, ...]:
    ranges, seed, size, crop_source, mirror_left, bad_records = options
    count = len(records["id"])
    boxes = _boxes(records, crop_source)
    draws = [
        view_parameters(ranges, seed, epochs, records["id"], view) for view in range(NUM_VIEWS)
    ]
    exact, canonical = [], []
    for parameters in draws:
        canonical.append(affine2d.normalized(view_matrix(parameters, boxes, size), boxes, size))
        mirror = _mirrored(parameters, records["side"], mirror_left)
        exact.append(view_matrix(parameters, boxes, size, mirror))
    matrices = np.stack(exact, axis=1)
    views = np.empty((count, NUM_VIEWS, size, size, 3), np.uint8)
    ok = np.ones(count, bool)
    for row in range(count):
        decoded = _decoded(records, row, matrices[row], bad_records)
        if decoded is None:
            ok[row], views[row] = False, 0
            continue
        image, maps = decoded
        for view, parameters in enumerate(draws):
            views[row, view] = augment_host.retouch(
                augment_host.warp(image, maps[view], size),
                parameters.colour[row],
                parameters.blur_sigma[row],
                parameters.cutout[row],
            )
    return (
        views,
        np.stack(canonical, axis=1).astype(np.float32),
        np.stack([parameters.angle_deg for parameters in draws], axis=1).astype(np.float32),
        np.stack([parameters.shift for parameters in draws], axis=1).astype(np.float32),
        ok,
    )


def _render_labelled(
    records: dict[str, np.ndarray], epochs: np.ndarray, options: tuple
) -> tuple[np.ndarray, ...]:
    ranges, seed, size, crop_source, mirror_left, bad_records = options
    boxes = _boxes(records, crop_source)
    parameters = view_parameters(ranges, seed, epochs, records["id"], 0)
    mirror = _mirrored(parameters, records["side"], mirror_left)
    matrices = view_matrix(parameters, boxes, size, mirror)
    images = np.empty((len(boxes), size, size, 3), np.uint8)
    ok = np.ones(len(boxes), bool)
    for row, matrix in enumerate(matrices):
        decoded = _decoded(records, row, matrix[None], bad_records)
        if decoded is None:
            ok[row], images[row] = False, 0
            continue
        image, maps = decoded
        images[row] = augment_host.retouch(
            augment_host.warp(image, maps[0], size),
            parameters.colour[row],
            parameters.blur_sigma[row],
            parameters.cutout[row],
        )
    # A mirrored picture is what a camera sees of the mirrored hand: x -> -x in the camera frame.
    flip = np.stack([1.0 - 2.0 * mirror, np.ones(len(boxes)), np.ones(len(boxes))], axis=-1)
    points_2d = affine2d.apply(records["keypoints_2d"].astype(np.float64), matrices)
    inside = np.all((points_2d >= 0) & (points_2d < size), axis=-1)
    has_2d = records["has_2d"][:, None, None] > 0
    # Unknown intrinsics are zeros and stay zeros.
    intrinsics = affine2d.transform_intrinsics(records["intrinsics"] * flip[:, None, :], matrices)
    return (
        images,
        np.where(has_2d, points_2d, 0.0).astype(np.float32),
        np.where(has_2d[..., 0], records["visible"] * inside, records["visible"]).astype(
            np.float32
        ),
        (records["keypoints_3d"] * flip[:, None, :]).astype(np.float32),
        intrinsics.astype(np.float32),
        matrices.astype(np.float32),
        mirror.astype(np.float32),
        ok,
    )
