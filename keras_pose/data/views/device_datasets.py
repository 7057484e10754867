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

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.views import device_pixels
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
from keras_pose.data.views.host_pixels import (
    DOUBLE,
    blur_radius,
    blur_taps,
    cutout_edges,
    halve,
    in_view,
    shrink_factor,
)
from keras_pose.geometry import affine2d

PLACES = ("auto", "host", "device")
_ROUND_TO = 16
# The rectangle of `in_view` begins at a multiple of 8 and has 4 more pixels on each side.
_SLACK = 16


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


def reach(ranges: ViewRanges) -> float:
    """Say how far views look, as the side of a square about the box over the box's side.

    Args:
        ranges: what views are drawn from.

    Returns:
        The smallest such number for which no view shows anything outside the square.
    """
    farthest = 0.5 + max(abs(ranges.shift[0]), abs(ranges.shift[1]))
    return 2 * farthest * ranges.scale[1] * turn_spread(ranges)


def turn_spread(ranges: ViewRanges) -> float:
    """Say how much larger than a view the upright square is that holds it however it is turned.

    Args:
        ranges: what views are drawn from.

    Returns:
        Side of that square over the view's side, from 1 to the square root of 2.
    """
    low, high = ranges.angle_deg
    angles = np.radians([low, high])
    spread = float((np.abs(np.cos(angles)) + np.abs(np.sin(angles))).max())
    # Between the ends the sum peaks at 45 degrees and every quarter turn from there.
    if math.floor((high - 45) / 90) >= math.ceil((low - 45) / 90):
        spread = math.sqrt(2)
    return spread


def square_side(ranges: ViewRanges, size: int) -> int:
    """Side of the square at which the smallest crop has as many pixels as the view.

    Args:
        ranges: what views are drawn from.
        size: side of a view in pixels.

    Returns:
        Pixels, a multiple of 16.
    """
    return _with_slack(size * reach(ranges) / ranges.scale[0])


def lone_side(ranges: ViewRanges, size: int) -> int:
    """Side of the square that has room for any one view, as dense as the host looks it up.

    The host halves a picture until fewer than two of its pixels fall on one of the view's.

    Args:
        ranges: what views are drawn from.
        size: side of a view in pixels.

    Returns:
        Pixels, a multiple of 16.
    """
    return _with_slack(2 * size * turn_spread(ranges))


def _with_slack(side: float) -> int:
    return math.ceil((side + _SLACK) / _ROUND_TO) * _ROUND_TO


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
        Dataset of dicts in the order of `records`: `square` uint8 [Q, Q, 3]; `transforms` float32
        [2, 8] as `projective_rows`; `level` int32 [2], 1 for a view that is looked up in the halved
        square; `colour` float32 [2, 3, 4]; `cutout` int32 [2, 2, 2], edges in
        pixels; where the ranges blur, `blur` float32 [2, T], weights; and `canonical`, `angle_deg`,
        `jitter`, `id`, `position`, `ok` as `two_views_dataset` has them.
    """
    length = square_side(ranges, size) if side is None else side
    radius = blur_radius(ranges.blur_sigma[1] * size) if ranges.blur_probability > 0 else None

    options = PairOptions(ranges, seed, size, crop_source, mirror_left)

    def cut(epochs: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = dict(zip(BOX_KEYS, columns, strict=True))
        return _cut_chunk(rows, epochs, options, length, radius, bad_records)

    shapes: dict[str, tuple[tf.DType, tuple[int, ...]]] = {
        "square": (tf.uint8, (length, length, 3)),
        "transforms": (tf.float32, (NUM_VIEWS, 8)),
        "level": (tf.int32, (NUM_VIEWS,)),
        "colour": (tf.float32, (NUM_VIEWS, 3, 4)),
        "cutout": (tf.int32, (NUM_VIEWS, 2, 2)),
        "canonical": (tf.float32, (NUM_VIEWS, 2, 3)),
        "angle_deg": (tf.float32, (NUM_VIEWS,)),
        "jitter": (tf.float32, (NUM_VIEWS, 2)),
        "ok": (tf.bool, ()),
    }
    if radius is not None:
        shapes["blur"] = (tf.float32, (NUM_VIEWS, 2 * radius + 1))
    return map_chunks(records, cut, BOX_KEYS, shapes, PAIRS_PASS_ON, epoch, chunk, parallel_calls)


def render_views(batch: dict[str, tf.Tensor], size: int) -> dict[str, tf.Tensor]:
    """Render the views of a batch of squares, in a graph and on whatever device it runs.

    `ImageProjectiveTransformV3` has no XLA kernel: call this outside of compiled parts.

    Args:
        batch: from `squares_dataset`, with a leading axis B.
        size: side S of a view in pixels.

    Returns:
        The batch with `views` float32 [B, 2, S, S, 3] in [0, 1] in place of square and draws.
    """
    batch = dict(batch)
    squares = tf.cast(batch.pop("square"), tf.float32)
    halved = tf.nn.avg_pool2d(squares, 2, 2, "VALID")
    transforms, level, colour = (batch.pop(key) for key in ("transforms", "level", "colour"))
    cutout, blur = batch.pop("cutout"), batch.pop("blur", None)
    views = []
    for view in range(NUM_VIEWS):
        fine, coarse = (
            device_pixels.warp(images, transforms[:, view], size) for images in (squares, halved)
        )
        pixels = tf.where(level[:, view, None, None, None] > 0, coarse, fine)
        views.append(
            device_pixels.retouch(
                pixels,
                colour[:, view],
                None if blur is None else blur[:, view],
                cutout[:, view],
            )
        )
    return batch | {"views": tf.stack(views, axis=1) / 255.0}


def _cut_chunk(
    records: dict[str, np.ndarray],
    epochs: np.ndarray,
    options: PairOptions,
    length: int,
    radius: int | None,
    bad_records: BadRecords | None,
) -> tuple[np.ndarray, ...]:
    pairs = draw_pairs(records, epochs, options)
    count, size = len(pairs.matrices), options.size
    squares = np.zeros((count, length, length, 3), np.uint8)
    transforms = np.zeros((count, NUM_VIEWS, 8), np.float32)
    level = np.zeros((count, NUM_VIEWS), np.int32)
    ok = np.ones(count, bool)
    for row in range(count):
        decoded = read_picture(records, row, pairs.matrices[row], size, bad_records)
        if decoded is None:
            ok[row] = False
            continue
        part, maps = cut_out(*decoded, size, length)
        squares[row, : part.shape[0], : part.shape[1]] = part
        level[row] = [shrink_factor(matrix) >= 2 for matrix in maps]
        of_level = np.where(level[row, :, None, None], affine2d.compose(maps, DOUBLE), maps)
        transforms[row] = affine2d.projective_rows(of_level)
    edges = [cutout_edges(draw.cutout, size) for draw in pairs.draws]
    columns: list[np.ndarray] = [
        squares,
        transforms,
        level,
        np.stack([draw.colour for draw in pairs.draws], axis=1),
        np.stack(edges, axis=1).astype(np.int32),
        pairs.canonical,
        pairs.angle_deg,
        pairs.jitter,
        ok,
    ]
    if radius is not None:
        sigmas = size * np.stack([draw.blur_sigma for draw in pairs.draws], axis=1)
        columns.append(np.array([[blur_taps(sigma, radius) for sigma in row] for row in sigmas]))
    return tuple(columns)


def cut_out(
    image: np.ndarray, maps: np.ndarray, size: int, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut out what any view shows, halved until it is neither too large nor needlessly dense.

    Args:
        image: uint8 [H, W, 3].
        maps: float64 [V, 2, 3], pixels of the picture to pixels of its views.
        size: side of the views in pixels.
        length: the largest side that the part may have in pixels.

    Returns:
        uint8 [h, w, 3], and the maps from its pixels, float64 [V, 2, 3]; nothing of the picture if it
        is out of view.
    """
    seen = np.array([in_view(matrix, size, image.shape) for matrix in maps])
    seen = seen[(seen[:, :2] < seen[:, 2:]).all(axis=1)]
    if not len(seen):
        return image[:0, :0], maps
    low, high = seen[:, :2].min(axis=0), seen[:, 2:].max(axis=0)
    image = image[low[1] : high[1], low[0] : high[0]]
    maps = affine2d.compose(maps, np.array([[1.0, 0.0, low[0]], [0.0, 1.0, low[1]]]))
    while max(image.shape[:2]) > length or min(shrink_factor(matrix) for matrix in maps) >= 2:
        image, maps = halve(image), affine2d.compose(maps, DOUBLE)
    return image, maps
