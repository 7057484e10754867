"""Two views of each record as numbers, and what pretraining must know to undo them."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_pose.data.views.chunks import (
    BOX_KEYS,
    DrawnViews,
    ViewKind,
    ViewOptions,
    is_mirrored,
    record_squares,
)
from keras_pose.data.views.draws import view_matrix, view_parameters
from keras_pose.geometry import affine2d

NUM_VIEWS = 2


def pair_kind(options: ViewOptions) -> ViewKind:
    """Describe pairs of views.

    Args:
        options: how they are drawn.

    Returns:
        The kind. Labels: `canonical` float32 `[2, 2, 3]`, from the frame of the record's square (middle
        0, half side 1; of the mirrored picture where it was mirrored) to the view's; `angle_deg`
        float32 `[2]`; `jitter` float32 `[2, 2]`, displacement (x, y) of the square's middle in the view
        over its side.
    """
    labels = {
        "canonical": (tf.float32, (NUM_VIEWS, 2, 3)),
        "angle_deg": (tf.float32, (NUM_VIEWS,)),
        "jitter": (tf.float32, (NUM_VIEWS, 2)),
    }
    passed_on = ("id", "position")
    return ViewKind(
        options,
        NUM_VIEWS,
        BOX_KEYS,
        passed_on,
        labels,
        lambda rows, epochs: _draw(rows, epochs, options),
    )


def _draw(
    records: Mapping[str, np.ndarray], epochs: np.ndarray, options: ViewOptions
) -> DrawnViews:
    boxes = record_squares(records, options.crop_source)
    draws, exact, canonical = [], [], []
    for view in range(NUM_VIEWS):
        draw = view_parameters(options.ranges, options.seed, epochs, records["id"], view)
        as_drawn = view_matrix(draw, boxes, options.size)
        canonical.append(affine2d.normalized(as_drawn, boxes, options.size))
        mirror = is_mirrored(draw, records["side"], options.mirror_left)
        exact.append(view_matrix(draw, boxes, options.size, mirror))
        draws.append(draw)
    labels = {
        "canonical": np.stack(canonical, axis=1),
        "angle_deg": np.stack([draw.angle_deg for draw in draws], axis=1),
        "jitter": np.stack([draw.shift for draw in draws], axis=1),
    }
    single = {name: value.astype(np.float32) for name, value in labels.items()}
    return DrawnViews(tuple(draws), np.stack(exact, axis=1), single)
