"""Joints of a file in MPII's rows, with what is labelled and what is not.

2D sets come in `mpii_16`, sets with 3D joints in `mpii_16_spine`; the two differ in one row.
"""

import numpy as np

from keras_pose.data.labels.missing_joints import missing_joints
from keras_pose.skeletons import MPII_16, MPII_16_SPINE, Skeleton, convert, converters


def body_skeleton(order: Skeleton, has_depth: bool = False) -> Skeleton:
    """Choose the joint order in which a body set is kept.

    Args:
        order: joint order of the file.
        has_depth: whether the set has 3D joints.

    Returns:
        MPII_16, or MPII_16_SPINE for sets with 3D joints.

    Raises:
        ValueError: if there is no way from the file's order, naming those there are.
    """
    target = MPII_16_SPINE if has_depth else MPII_16
    if order == target or (order.name, target.name) in converters():
        return target
    sources = sorted(source for source, goal in converters() if goal == target.name)
    what = "Bodies with 3D joints" if has_depth else "Bodies"
    raise ValueError(
        f"{what} cannot be converted from the joint order {order.name!r}; give joints in one of "
        f"{', '.join([target.name, *sources])}."
    )


def labelled_joints(
    points: np.ndarray, labelled: np.ndarray, order: Skeleton, target: Skeleton
) -> tuple[np.ndarray, np.ndarray]:
    """Rearrange joints; one made of several counts as labelled where all of them are.

    Args:
        points: float `[..., J, D]`, any unit.
        labelled: bool or float `[..., J]`, over 0 where a joint is labelled; one in the place that
            stands for "not seen" (`missing_joints`) is not, whatever this says.
        order: joint order of the points.
        target: joint order wanted.

    Returns:
        `points` float64 `[..., K, D]`, 0 where not labelled, and `visible` float32 `[..., K]`. Joints
        that the source's order lacks and that are mere estimates, as COCO's top of the head, are
        not labelled.
    """
    points = np.asarray(points, np.float64)
    seen = (np.asarray(labelled) > 0) & ~missing_joints(points)
    known_points = np.where(seen[..., None], points, np.nan)
    moved, known = convert(known_points, order, target)
    visible = np.isfinite(moved).all(-1) & known
    return np.where(visible[..., None], moved, 0.0), visible.astype(np.float32)
