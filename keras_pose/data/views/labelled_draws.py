"""One view of each labelled record as numbers: its draw, its map and the labels that belong to it.

Shared by the places where the pixels are made, so that labels are the same bit for bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_pose.data.views.chunks import BOX_KEYS, PairOptions, is_mirrored, record_squares
from keras_pose.data.views.draws import ViewParameters, view_matrix, view_parameters
from keras_pose.geometry import affine2d

# What is read of a record.
LABELLED_KEYS = (*BOX_KEYS, "keypoints_3d", "intrinsics")
# What elements keep of it as it is.
LABELLED_PASS_ON = (
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


@dataclasses.dataclass(frozen=True)
class LabelledDraws:
    """One view of each of N records, as numbers.

    Attributes:
        draws: parameters of the views.
        matrices: float64 [N, 2, 3], pictures to views.
        labels: name to array [N, ...], the keys of `label_shapes`.
    """

    draws: ViewParameters
    matrices: np.ndarray
    labels: dict[str, np.ndarray]


def label_shapes(joints: int) -> dict[str, tuple[tf.DType, tuple[int, ...]]]:
    """Name the labels of a view, in order.

    Args:
        joints: number J of joints.

    Returns:
        Name to dtype and shape of one record's label.
    """
    return {
        "keypoints_2d": (tf.float32, (joints, 2)),
        "visible": (tf.float32, (joints,)),
        "keypoints_3d": (tf.float32, (joints, 3)),
        "intrinsics": (tf.float32, (3, 3)),
        "matrix": (tf.float32, (2, 3)),
        "mirrored": (tf.float32, ()),
    }


def draw_labelled(
    records: Mapping[str, np.ndarray],
    epochs: np.ndarray,
    options: PairOptions,
    flip_permutation: Sequence[int] | None,
) -> LabelledDraws:
    """Draw one view of each record and bring its labels there.

    Args:
        records: columns of N records, [N, ...], `LABELLED_KEYS`.
        epochs: int64 [N].
        options: how.
        flip_permutation: [J], which joint a mirrored picture shows in each row; None leaves the rows.

    Returns:
        The views; `keypoints_2d` in pixels of the view, `keypoints_3d` and `intrinsics` such that
        projecting gives them, `visible` 0 also outside the view.
    """
    size = options.size
    boxes = record_squares(records, options.crop_source)
    parameters = view_parameters(options.ranges, options.seed, epochs, records["id"], 0)
    mirror = is_mirrored(parameters, records["side"], options.mirror_left)
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
        "keypoints_3d": labels["keypoints_3d"] * flip[:, None, :],
        "intrinsics": intrinsics,
        "matrix": matrices,
        "mirrored": mirror,
    }
    single = {name: value.astype(np.float32) for name, value in moved.items()}
    return LabelledDraws(parameters, matrices, single)
