"""What MediaPipe's finders say, decoded: anchors, boxes with key points, suppression by weighted means.

Numbers are those of the published graphs of MediaPipe 0.10.14 (`palm_detection`, `pose_detection`), the
method is that of BlazeFace (Bazarevsky et al. 2019, arXiv 1907.05047, sections 3 and 4).
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_pose.geometry.shapes import Tensor

# More than the exponential of it is a probability of 1 in float32 too.
_MOST = 100.0
_SMALLEST = 1e-12


@dataclass(frozen=True)
class FinderKind:
    """What a finder's network is asked and answers.

    Attributes:
        size: side of the square that it sees, px.
        strides: of the feature maps with anchors, each with two anchors per cell.
        num_keypoints: points beside the box.
        low: grey level that stands for black; white is 1.
        min_score: below it nothing is there.
        max_overlap: intersection over union above which two boxes are of the same one.
    """

    size: int
    strides: tuple[int, ...]
    num_keypoints: int
    low: float
    min_score: float = 0.5
    max_overlap: float = 0.3


PALMS = FinderKind(192, (8, 16, 16, 16), 7, 0.0)
"""Key points: 0 the wrist, 2 the knuckle of the middle finger."""

BODIES = FinderKind(224, (8, 16, 32, 32, 32), 4, -1.0)
"""Key points: 0 the middle of the hips, 1 on the circle about it that holds the whole person, upwards."""


def anchor_centres(kind: FinderKind) -> np.ndarray:
    """Return where the anchors are: row by row, all of a cell together, maps of one stride together.

    Args:
        kind: the finder.

    Returns:
        float32 `[A, 2]`, x and y over the side of the square.
    """
    parts = []
    for stride in dict.fromkeys(kind.strides):
        cells = kind.size // stride
        along = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(along, along, indexing="ij")
        per_cell = 2 * kind.strides.count(stride)
        parts.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(parts).astype(np.float32)


def decode_detections(kind: FinderKind, boxes: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Decode what a finder's network gives.

    Args:
        kind: the finder.
        boxes: float32 `[B, A, 4 + 2 P]`: centre, width and height, and key points, px from the anchor.
        logits: float32 `[B, A, 1]`.

    Returns:
        `places` `[B, A, 2 + P, 2]`, over the side of the square: top left, bottom right, key points; and
        scores `[B, A]`, 0 to 1.
    """
    centres = tf.constant(anchor_centres(kind))[None, :, None]
    pairs = tf.reshape(boxes, (-1, centres.shape[1], 2 + kind.num_keypoints, 2)) / kind.size
    middle, half = pairs[:, :, :1] + centres, pairs[:, :, 1:2] / 2.0
    places = tf.concat([middle - half, middle + half, pairs[:, :, 2:] + centres], axis=2)
    return places, tf.sigmoid(tf.clip_by_value(logits[..., 0], -_MOST, _MOST))


def suppress(
    kind: FinderKind, places: Tensor, scores: Tensor, num_rows: int, min_score: float | None = None
) -> tuple[Tensor, Tensor]:
    """Merge detections of the same one into their mean, weighted by score, the surest first.

    Args:
        kind: the finder.
        places: `[B, A, 2 + P, 2]`, of `decode_detections`.
        scores: `[B, A]`.
        num_rows: R, how many are looked for.
        min_score: below it nothing is there; that of the finder if None.

    Returns:
        `places` `[B, R, 2 + P, 2]` and scores `[B, R]`, falling; zeros where nobody is left.
    """
    low = kind.min_score if min_score is None else min_score
    left = tf.where(scores >= low, scores, 0.0)
    found, surest = [], []
    for _ in range(num_rows):
        best = tf.argmax(left, axis=1)
        score = tf.gather(left, best, batch_dims=1)
        box = tf.gather(places, best, batch_dims=1)[:, None, :2]
        same = _overlaps(box, places) > kind.max_overlap
        weights = tf.where(same, left, 0.0)
        total = tf.reduce_sum(weights, axis=1)[:, None, None]
        mean = tf.einsum("ba,bapx->bpx", weights, places)
        found.append(tf.math.divide_no_nan(mean, total))
        surest.append(score)
        left = tf.where(same, 0.0, left)
    return tf.stack(found, axis=1), tf.stack(surest, axis=1)


def _overlaps(box, places):
    """Intersection over union `[B, A]` of one box with all."""
    first, last = places[:, :, 0], places[:, :, 1]
    inner = tf.minimum(last, box[:, :, 1]) - tf.maximum(first, box[:, :, 0])
    inner, areas, area = map(_area, (inner, last - first, box[:, :, 1] - box[:, :, 0]))
    # Boxes without extent overlap with nothing; phones have no division that knows that.
    return inner / tf.maximum(areas + area - inner, _SMALLEST)


def _area(extents):
    across, down = tf.unstack(tf.maximum(extents, 0.0), axis=-1)
    return across * down
