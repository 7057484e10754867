"""What views need of a chunk of records before there are pixels: squares, draws, maps, pictures.

Shared by the places where views are made: on the host, on the device, by the published chain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import tensorflow as tf

from keras_pose.data.pictures.boxes import record_box
from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.records.graph_calls import numpy_call
from keras_pose.data.views.decoding import decode_for_views
from keras_pose.data.views.draws import ViewParameters, ViewRanges, view_matrix, view_parameters
from keras_pose.geometry import affine2d

NUM_VIEWS = 2
Epoch = int | str | Callable[[tf.Tensor], tf.Tensor]
BOX_KEYS = (
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
# What pairs keep of a record.
PAIRS_PASS_ON = ("id", "position")


@dataclasses.dataclass(frozen=True)
class PairOptions:
    """How views of records are drawn.

    Attributes:
        ranges: what views are drawn from.
        seed: any whole number.
        size: side S of a view in pixels.
        crop_source: "joints", "box" or "picture".
        mirror_left: whether left hands are mirrored.
    """

    ranges: ViewRanges
    seed: int
    size: int
    crop_source: str
    mirror_left: bool


@dataclasses.dataclass(frozen=True)
class PairDraws:
    """Two views of each of N records, as numbers.

    Attributes:
        draws: parameters of the first and of the second views.
        matrices: float64 [N, 2, 2, 3], pictures to views.
        canonical: float32 [N, 2, 2, 3], frames of the (mirrored) records' squares to the views'.
        angle_deg: float32 [N, 2].
        jitter: float32 [N, 2, 2], displacement of the square's middle over the view's side.
    """

    draws: tuple[ViewParameters, ...]
    matrices: np.ndarray
    canonical: np.ndarray
    angle_deg: np.ndarray
    jitter: np.ndarray


def draw_pairs(
    records: Mapping[str, np.ndarray], epochs: np.ndarray, options: PairOptions
) -> PairDraws:
    """Draw two views of each record.

    Args:
        records: columns of N records, [N, ...].
        epochs: int64 [N].
        options: how.

    Returns:
        The draws.
    """
    boxes = record_squares(records, options.crop_source)
    draws, exact, canonical = [], [], []
    for view in range(NUM_VIEWS):
        draw = view_parameters(options.ranges, options.seed, epochs, records["id"], view)
        as_drawn = view_matrix(draw, boxes, options.size)
        canonical.append(affine2d.normalized(as_drawn, boxes, options.size))
        mirror = is_mirrored(draw, records["side"], options.mirror_left)
        exact.append(view_matrix(draw, boxes, options.size, mirror))
        draws.append(draw)
    return PairDraws(
        draws=tuple(draws),
        matrices=np.stack(exact, axis=1),
        canonical=np.stack(canonical, axis=1).astype(np.float32),
        angle_deg=np.stack([draw.angle_deg for draw in draws], axis=1).astype(np.float32),
        jitter=np.stack([draw.shift for draw in draws], axis=1).astype(np.float32),
    )


def record_squares(records: Mapping[str, np.ndarray], crop_source: str) -> np.ndarray:
    """Return the square that each record's views are cropped about.

    Args:
        records: columns of N records, [N, ...].
        crop_source: "joints", "box" or "picture", see `record_box`.

    Returns:
        float64 [N, 4], (x, y, side, side) in pixels.
    """
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


def is_mirrored(parameters: ViewParameters, side: np.ndarray, mirror_left: bool) -> np.ndarray:
    """Say which pictures are shown mirrored: by draw, or because they show a left hand.

    Args:
        parameters: of N views.
        side: [N], -1 for left hands.
        mirror_left: whether left hands are mirrored.

    Returns:
        float64 [N], 1 or 0; a left hand that is drawn mirrored is shown as it is.
    """
    if not mirror_left:
        return parameters.mirror
    return np.abs(parameters.mirror - (side == -1))


def read_picture(
    records: Mapping[str, np.ndarray],
    row: int,
    matrices: np.ndarray,
    size: int,
    bad_records: BadRecords | None,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Decode the picture of one record.

    Args:
        records: columns of records, [N, ...].
        row: which one.
        matrices: float64 [V, 2, 3], pixels of the picture to pixels of its views.
        size: side of the views in pixels.
        bad_records: account of pictures that cannot be read, or None.

    Returns:
        uint8 [H, W, 3] and the maps from its pixels [V, 2, 3], as `decode_for_views` gives them; None
        after noting that it cannot be read.
    """
    try:
        name = records["name"][row].decode()
        shape = (int(records["height"][row]), int(records["width"][row]))
        return decode_for_views(records["image"][row], name, matrices, size, shape)
    except (ValueError, OSError, cv2.error) as error:
        reason = str(error)
    if bad_records is not None:
        bad_records.note(int(records["id"][row]), reason)
    return None


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
        function: from epochs int64 [N] and one array [N, ...] per key to one array [N, ...] per result.
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
        columns = numpy_call(
            function,
            [epochs, *(rows[key] for key in keys)],
            [dtype for dtype, _ in shapes.values()],
        )
        views = {}
        for (name, (_, shape)), column in zip(shapes.items(), columns, strict=True):
            column.set_shape((None, *shape))
            views[name] = column
        return views | {key: rows[key] for key in passed_on if key in rows}

    chunks = records.enumerate().batch(chunk)
    return chunks.map(call, num_parallel_calls=parallel_calls, deterministic=True).unbatch()
