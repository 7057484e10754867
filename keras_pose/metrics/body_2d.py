"""Shares of 2D body joints that are found: PCKh, and the accuracy of heat maps while they are trained.

Both come in two parts: which joints are near and which count, one value per joint and picture, so that
batches can be added up; and the table over a set.
"""

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_pose.geometry.length import length
from keras_pose.geometry.shapes import (
    Tensor,
    as_floating,
    require_equal_points,
    require_last_axes,
    require_points,
)
from keras_pose.skeletons import MPII_16, Skeleton

# Rows of the usual table; left and right are averaged.
JOINT_GROUPS: dict[str, tuple[str, ...]] = {
    "head": ("head_top",),
    "shoulder": ("right_shoulder", "left_shoulder"),
    "elbow": ("right_elbow", "left_elbow"),
    "wrist": ("right_wrist", "left_wrist"),
    "hip": ("right_hip", "left_hip"),
    "knee": ("right_knee", "left_knee"),
    "ankle": ("right_ankle", "left_ankle"),
}
# What the official script leaves out of the mean.
UNSCORED_JOINTS = ("pelvis", "thorax")
# Joints whose maps the training accuracy of Zhou et al. 2017's code looks at.
ACCURACY_JOINTS = MPII_16.indices(
    f"{side}_{joint}"
    for side in ("right", "left")
    for joint in ("ankle", "knee", "hip", "wrist", "elbow")
)


def head_relative_hits(
    predicted: Tensor, true: Tensor, visible: Tensor, head_size: Tensor, fraction: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Tell which joints lie nearer than a fraction of the head's size.

    Args:
        predicted: floating `[..., J, 2]`, pixels.
        true: floating `[..., J, 2]`, same pixels.
        visible: floating or bool `[..., J]`, above 0 where the joint is annotated.
        head_size: floating `[...]`, same pixels: 0.6 times the diagonal of the head's box; 0 where it
            is not known, which takes the picture out.
        fraction: limit, strict.

    Returns:
        `(near, counts)`: bool `[..., J]`, near only where it counts.

    Raises:
        ValueError: if a shape is wrong or the shapes differ.

    Reference: Andriluka et al. 2014 (MPII), PCKh.
    """
    predicted, true, head_size = as_floating(predicted, true, head_size)
    require_points("predicted", predicted, 2)
    require_equal_points("predicted", predicted, "true", true)
    known = head_size > 0
    counts = ops.logical_and(ops.cast(visible, "float32") > 0, known[..., None])
    step = ops.where(counts[..., None], predicted - true, ops.zeros_like(predicted))
    unit = ops.where(known, head_size, ops.ones_like(head_size))
    return ops.logical_and(counts, length(step) / unit[..., None] < fraction), counts


def joint_table(near: Tensor, counts: Tensor, skeleton: Skeleton = MPII_16) -> dict[str, float]:
    """Sum joints that are near into the usual rows, in percent.

    Args:
        near: bool `[N, J]`.
        counts: bool `[N, J]`, which joints count.
        skeleton: joint order.

    Returns:
        A value for each of `JOINT_GROUPS`, the mean of left and right, and `mean`, the mean over all
        joints but pelvis and thorax. A row without a joint that counts is left out.

    Raises:
        ValueError: if a shape is wrong or the skeleton lacks a joint.
    """
    near, counts = np.asarray(near, bool), np.asarray(counts, bool)
    require_last_axes("near", near, (None, skeleton.num_joints))
    require_last_axes("counts", counts, (len(near), skeleton.num_joints))
    total = counts.sum(axis=0)
    some = total > 0
    percent = 100.0 * (near & counts).sum(axis=0) / np.where(some, total, 1)
    scored = [joint for joint in skeleton.joints if joint not in UNSCORED_JOINTS]
    table = {}
    for row, names in (*JOINT_GROUPS.items(), ("mean", tuple(scored))):
        joints = [joint for joint in skeleton.indices(names) if some[joint]]
        if joints:
            table[row] = float(np.mean(percent[joints]))
    return table


def pckh(
    predicted: Tensor,
    true: Tensor,
    visible: Tensor,
    head_size: Tensor,
    fraction: float = 0.5,
    skeleton: Skeleton = MPII_16,
) -> dict[str, float]:
    """Compute PCKh of a set as MPII's script tabulates it.

    Args:
        predicted: floating `[N, J, 2]`, pixels.
        true: floating `[N, J, 2]`, same pixels.
        visible: floating or bool `[N, J]`, above 0 where the joint is annotated.
        head_size: floating `[N]`, same pixels, see `head_relative_hits`.
        fraction: limit, strict.
        skeleton: joint order.

    Returns:
        Percentages by row, see `joint_table`.

    Raises:
        ValueError: if a shape is wrong or the shapes differ.
    """
    near, counts = head_relative_hits(predicted, true, visible, head_size, fraction)
    return joint_table(ops.convert_to_numpy(near), ops.convert_to_numpy(counts), skeleton)


def heatmap_hits(predicted: Tensor, true: Tensor, fraction: float = 0.5) -> tuple[Tensor, Tensor]:
    """Tell whose map's maximum lies near the maximum of the map that is wanted.

    The unit is a tenth of the map's height. A joint whose wanted maximum lies in the first row or column
    does not count, nor does one without a map, whose maximum is the first pixel.

    Args:
        predicted: floating `[..., H, W, J]`.
        true: floating `[..., H, W, J]`.
        fraction: limit in tenths of the height, strict.

    Returns:
        `(near, counts)`: bool `[..., J]`, near only where it counts.

    Raises:
        ValueError: if a shape is wrong or the shapes differ.

    Reference: the training accuracy of Zhou et al. 2017's code.
    """
    predicted, true = as_floating(predicted, true)
    require_last_axes("predicted", predicted, (None, None, None))
    require_equal_points("predicted", predicted, "true", true)
    places, wanted = _maxima(predicted), _maxima(true)
    counts = ops.all(wanted > 0, axis=-1)
    distance = length(ops.cast(places - wanted, "float32"))
    near = distance < fraction * predicted.shape[-3] / 10.0
    return ops.logical_and(near, counts), counts


def heatmap_accuracy(
    predicted: Tensor,
    true: Tensor,
    fraction: float = 0.5,
    joints: Sequence[int] = ACCURACY_JOINTS,
) -> float:
    """Compute the training accuracy of a set of maps: the mean over joints of the share that is near.

    Args:
        predicted: floating `[N, H, W, J]`.
        true: floating `[N, H, W, J]`.
        fraction: limit in tenths of the height, strict.
        joints: which joints; the limbs without the shoulders.

    Returns:
        A share, 0 to 1; 0 where nothing counts.

    Raises:
        ValueError: if a shape is wrong or the shapes differ.
    """
    require_last_axes("predicted", predicted, (None, None, None, None))
    near, counts = (
        ops.convert_to_numpy(part)[:, list(joints)]
        for part in heatmap_hits(predicted, true, fraction)
    )
    total = counts.sum(axis=0)
    shares = near.sum(axis=0)[total > 0] / total[total > 0]
    return float(shares.mean()) if len(shares) else 0.0


def _maxima(maps):
    """Column and row of each map's first maximum, int `[..., J, 2]`."""
    rows = ops.argmax(ops.max(maps, axis=-2), axis=-2)
    columns = ops.argmax(ops.max(maps, axis=-3), axis=-2)
    return ops.stack([columns, rows], axis=-1)
