"""One view of each labelled record as numbers: its draw, its map and the labels that belong to it.

Shared by the places where the pixels are made, so that labels are the same bit for bit.
"""

from collections.abc import Mapping, Sequence

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
from keras_pose.data.views.empty_squares import empty_squares
from keras_pose.geometry import affine2d

# What elements keep of it as it is.
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


def labelled_kind(
    options: ViewOptions,
    num_joints: int,
    flip_permutation: Sequence[int] | None = None,
    passed_on: Sequence[str] = (),
) -> ViewKind:
    """Describe single views with the labels that belong to them.

    Args:
        options: how they are drawn.
        num_joints: number J of joints.
        flip_permutation: `[J]`, which joint a mirrored picture shows in each row, where left and right
            have rows of their own (`Skeleton.flip_permutation`); None leaves the rows.
        passed_on: more keys of the records that elements keep.

    Returns:
        The kind. Labels: `keypoints_2d` float32 `[J, 2]`, pixels of the view; `visible` float32 `[J]`, 0
        also for joints outside the view; `known` float32 `[J]`, whether the record says where the joint
        is, in the view or not; `keypoints_3d` float32 `[J, 3]` in the camera frame (x negated
        if mirrored); `intrinsics` float32 `[3, 3]` of the view, so that projecting the 3D joints gives
        the 2D ones; `matrix` float32 `[2, 3]`, picture to view; `mirrored` float32.
    """
    labels = {
        "keypoints_2d": (tf.float32, (num_joints, 2)),
        "visible": (tf.float32, (num_joints,)),
        "known": (tf.float32, (num_joints,)),
        "keypoints_3d": (tf.float32, (num_joints, 3)),
        "intrinsics": (tf.float32, (3, 3)),
        "matrix": (tf.float32, (2, 3)),
        "mirrored": (tf.float32, ()),
    }
    return ViewKind(
        options,
        1,
        (*BOX_KEYS, "keypoints_3d", "intrinsics"),
        (*_PASSED_ON, *passed_on),
        labels,
        lambda rows, epochs: _draw(rows, epochs, options, flip_permutation),
    )


def _draw(
    records: Mapping[str, np.ndarray],
    epochs: np.ndarray,
    options: ViewOptions,
    flip_permutation: Sequence[int] | None,
) -> DrawnViews:
    size = options.size
    boxes = record_squares(records, options.crop_source)
    parameters = view_parameters(options.ranges, options.seed, epochs, records["id"], 0)
    mirror = is_mirrored(parameters, records["side"], options.mirror_left)
    if options.ranges.empty_probability:
        squares, is_empty = empty_squares(
            records, boxes, options.ranges.empty_probability, options.seed, epochs
        )
        # The views themselves are that large, whatever part of a person they would show.
        squares[is_empty] = _shrunk(squares[is_empty], parameters.scale[is_empty])
        boxes = squares
    matrices = view_matrix(parameters, boxes, size, mirror)
    labels = {key: records[key] for key in ("keypoints_2d", "keypoints_3d", "visible")}
    if flip_permutation is not None:
        order = np.asarray(flip_permutation)
        for key, value in labels.items():
            is_flipped = mirror.reshape(-1, *[1] * (value.ndim - 1)) > 0
            labels[key] = np.where(is_flipped, value[:, order], value)
    # A mirrored picture is what a camera sees of the mirrored person: x -> -x in the camera frame.
    flip = np.stack([1.0 - 2.0 * mirror, np.ones(len(boxes)), np.ones(len(boxes))], axis=-1)
    points_2d = affine2d.apply(labels["keypoints_2d"].astype(np.float64), matrices)
    inside = np.all((points_2d >= 0) & (points_2d < size), axis=-1)
    has_2d = records["has_2d"][:, None, None] > 0
    # Unknown intrinsics are zeros and stay zeros.
    intrinsics = affine2d.transform_intrinsics(records["intrinsics"] * flip[:, None, :], matrices)
    shown = np.where(has_2d[..., 0], labels["visible"] * inside, labels["visible"])
    moved = {
        "keypoints_2d": np.where(has_2d, points_2d, 0.0),
        "visible": shown,
        "known": labels["visible"] * (records["has_2d"][:, None] > 0),
        "keypoints_3d": labels["keypoints_3d"] * flip[:, None, :],
        "intrinsics": intrinsics,
        "matrix": matrices,
        "mirrored": mirror,
    }
    single = {name: value.astype(np.float32) for name, value in moved.items()}
    return DrawnViews((parameters,), matrices[:, None], single)


def _shrunk(squares: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Divide the sides of squares about their middles."""
    sides = squares[:, 2:] / scale[:, None]
    return np.concatenate([squares[:, :2] + (squares[:, 2:] - sides) / 2.0, sides], axis=1)
