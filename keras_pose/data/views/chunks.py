"""From chunks of records to views: what is drawn (a kind of views) and where pixels are made (a place).

Kinds are pairs for pretraining and single labelled views; places are the host and the device. The
published chain of PeCLR has draws and pixels of its own and shares the rest.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import tensorflow as tf

from keras_pose.data.pictures.boxes import record_box
from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.records.graph_calls import numpy_call
from keras_pose.data.views.decoding import decode_for_views
from keras_pose.data.views.draws import ViewParameters, ViewRanges

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


@dataclasses.dataclass(frozen=True)
class ViewOptions:
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
class DrawnViews:
    """V views of each of N records, as numbers: no pixel is known yet.

    Attributes:
        draws: parameters of the first, the second ... views.
        matrices: float64 `[N, V, 2, 3]`, pictures to views.
        labels: name to array `[N, ...]`, what elements say of their views.
    """

    draws: tuple[ViewParameters, ...]
    matrices: np.ndarray
    labels: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ViewKind:
    """What is drawn of a record: two views for pretraining, or one with its labels.

    Attributes:
        options: how.
        num_views: views V of each record.
        keys: what is read of a record.
        passed_on: what elements keep of it as it is, where it is there.
        labels: name to dtype and shape of what `draw` says of one record, in order.
        draw: function of columns of N records `[N, ...]` and epochs int64 `[N]` to the views.
    """

    options: ViewOptions
    num_views: int
    keys: tuple[str, ...]
    passed_on: tuple[str, ...]
    labels: Mapping[str, tuple[tf.DType, tuple[int, ...]]]
    draw: Callable[[Mapping[str, np.ndarray], np.ndarray], DrawnViews]


def place_chunks(
    records: tf.data.Dataset,
    kind: ViewKind,
    shapes: Mapping[str, tuple[tf.DType, tuple[int, ...]]],
    place: Callable[[DrawnViews, dict[str, np.ndarray], int, tuple | None], None],
    finish: Callable[[DrawnViews], dict[str, np.ndarray]],
    epoch: Epoch,
    chunk: int,
    parallel_calls: int,
    bad_records: BadRecords | None,
) -> tf.data.Dataset:
    """Turn records into drawn views, and those into pixels at some place.

    Args:
        records: dataset of single records (dicts).
        kind: what is drawn.
        shapes: name to dtype and shape of what the place makes of one record.
        place: fills row `row` of arrays `[N, ...]` named as in `shapes` from `(image, maps)`, what
            `read_picture` gives.
        finish: function of the drawn views to those of `shapes` that need no pixels.
        epoch: as for `map_chunks`.
        chunk: as for `map_chunks`.
        parallel_calls: as for `map_chunks`.
        bad_records: account of pictures that cannot be read, or None.

    Returns:
        Dataset of dicts in the order of the records: `shapes`, `kind.labels`, `ok`, and what is passed
        on. What cannot be read has zeros and `ok` False.
    """

    def render(epochs: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = dict(zip(kind.keys, columns, strict=True))
        drawn = kind.draw(rows, epochs)
        count = len(drawn.matrices)
        made = {
            name: np.zeros((count, *shape), dtype.as_numpy_dtype)
            for name, (dtype, shape) in shapes.items()
        }
        made |= finish(drawn)
        ok = np.ones(count, bool)
        for row in range(count):
            decoded = read_picture(rows, row, drawn.matrices[row], kind.options.size, bad_records)
            if decoded is None:
                ok[row] = False
            else:
                place(drawn, made, row, decoded)
        return *(made[name] for name in shapes), *drawn.labels.values(), ok

    results = {**shapes, **kind.labels, "ok": (tf.bool, ())}
    return map_chunks(
        records, render, kind.keys, results, kind.passed_on, epoch, chunk, parallel_calls
    )


def record_squares(records: Mapping[str, np.ndarray], crop_source: str) -> np.ndarray:
    """Return the square that each record's views are cropped about.

    Args:
        records: columns of N records, `[N, ...]`.
        crop_source: "joints", "box" or "picture", see `record_box`.

    Returns:
        float64 `[N, 4]`, (x, y, side, side) in pixels.
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
        side: `[N]`, -1 for left hands.
        mirror_left: whether left hands are mirrored.

    Returns:
        float64 `[N]`, 1 or 0; a left hand that is drawn mirrored is shown as it is.
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
        records: columns of records, `[N, ...]`.
        row: which one.
        matrices: float64 `[V, 2, 3]`, pixels of the picture to pixels of its views.
        size: side of the views in pixels.
        bad_records: account of pictures that cannot be read, or None.

    Returns:
        uint8 `[H, W, 3]` and the maps from its pixels `[V, 2, 3]`, as `decode_for_views` gives them; None
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
        function: from epochs int64 `[N]` and an array `[N, ...]` per key to an array `[N, ...]` per
            result.
        keys: what the function gets of the records.
        shapes: name of each result -> its dtype and shape without the leading axis.
        passed_on: keys that elements keep, where records have them.
        epoch: number of the epoch, key of the records that holds it, or function of running numbers.
        chunk: records per call.
        parallel_calls: calls at a time.

    Returns:
        Dataset of single results (dicts) in the order of the records.
    """

    @tf.autograph.experimental.do_not_convert
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
