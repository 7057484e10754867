"""Faults in the labels of one record: numbers, boxes, intrinsics, units, joint order, sides.

Thresholds were set on 1,000 generated hands, a FreiHAND-like rendering and 2,894 pseudo labels of
real hands, well outside of what these show; the worst of them stand beside each number.
"""

from collections.abc import Callable, Iterator

import numpy as np

from keras_pose.data.doctor.bodies import body_faults, body_order_evidence, is_body
from keras_pose.data.labels.missing_joints import missing_joints
from keras_pose.data.records.record import Record
from keras_pose.geometry import project_arrays
from keras_pose.skeletons import HAND_21_AIT, HAND_21_FREIHAND, Skeleton

Fault = tuple[str, str]
_HAND = HAND_21_FREIHAND
_FINGERS = ("index", "middle", "ring", "pinky")
_SEGMENTS = ("mcp", "pip", "dip", "tip")
_KNUCKLES = list(_HAND.indices(f"{finger}_mcp" for finger in _FINGERS))
_CHAINS = [list(_HAND.indices(f"{f}_{s}" for s in _SEGMENTS)) for f in _FINGERS]
_BONE = _HAND.indices(("middle_mcp", "middle_pip"))
# Range of each bone over the median bone; the sets mentioned above stay within 1.8 and 4.5, 0.75
# and 2.2, 0.07 and 1.9.
_BONE_RANGES = {
    child: (1.3, 6.0)
    if child in _KNUCKLES
    else (0.4, 3.2)
    if _HAND.joints[child] == "thumb_mcp"
    else (0.03, 2.4)
    for _, child in _HAND.bones
}


def _tip_first(skeleton: Skeleton) -> list[int]:
    """Return the order in which every finger is listed from its tip, the wrist first."""
    names = [f"{f}_{s}" for f in ("thumb", *_FINGERS) for s in reversed(_SEGMENTS)]
    return list(skeleton.indices(["wrist", *names]))


# Name of an order -> index in it of each FreiHAND joint: `points[rows]` rearranges a file of that
# order. A set called FreiHAND may really be in one of these.
_ORDERS = {
    HAND_21_AIT.name: list(HAND_21_AIT.indices(_HAND.joints)),
    "wrist, then each finger from its tip": list(np.argsort(_tip_first(_HAND))),
    "each finger from its tip, then the wrist (InterHand)": [
        20 if row == 0 else row - 1 for row in np.argsort(_tip_first(_HAND))
    ],
    "each finger from its knuckle, then the wrist": [20, *range(20)],
}


def label_faults(record: Record) -> Iterator[Fault]:
    """Find what is wrong with the labels of a record.

    Args:
        record: any record; joints other than of FreiHAND's order and MPII's two are checked in
            general only.

    Yields:
        Pairs (kind, detail), see `check_findings.KINDS`.
    """
    arrays = ("keypoints_2d", "visible", "keypoints_3d", "intrinsics", "box")
    wild = [
        name
        for name in arrays
        if getattr(record, name) is not None and not np.isfinite(getattr(record, name)).all()
    ]
    if wild or not np.isfinite([record.scale, record.score, record.head_size]).all():
        yield "not_finite", ", ".join(wild) or "scale, score or head_size"
        return
    if record.label < -1 or not 0 <= record.score <= 1:
        yield "label", f"class {record.label}, score {record.score:g}"
    has_joints = record.keypoints_2d is not None or record.keypoints_3d is not None
    if has_joints and not (np.asarray(record.visible) > 0).any():
        yield "nothing_visible", ""
    for check in _CHECKS:
        yield from check(record)
    yield from body_faults(record)


def _faults_2d(record: Record) -> Iterator[Fault]:
    points = _usable(record, record.keypoints_2d)
    if points is None or len(points) < 2:
        return
    size = np.array([record.width, record.height])
    if np.ptp(points, axis=0).max() == 0:
        yield "collapsed", f"2D at {points[0].round(1).tolist()}"
    elif size.min() > 4 and points.min() >= -0.5 and points.max() <= 1.5:
        yield "normalised", f"2D joints reach {points.max():.2f}"
    else:
        if count := int(missing_joints(points).sum()):
            yield "zero_joints", f"{count} of {len(points)} joints"
        outside = ((points < 0) | (points > size)).any(1).mean()
        if outside > 0.5:
            yield "outside_picture", f"{100 * outside:.0f} % of the joints"


def _faults_box(record: Record) -> Iterator[Fault]:
    if record.box is None:
        return
    left, top, width, height = (float(value) for value in record.box)
    text = f"box {[round(float(value), 2) for value in record.box]} in {record.width} x {record.height}"
    if width <= 0 or height <= 0:
        yield "box_empty", text
        return
    if left >= record.width or top >= record.height or left + width <= 0 or top + height <= 0:
        yield "box_outside", text
        return
    if min(record.width, record.height) > 4 and max(left + width, top + height) <= 1.5:
        yield "normalised", text
        return
    if max(width, height) < 4 and max(record.width, record.height) > 8:
        yield "box_tiny", text
    # A hand at the edge may be completed outside, but not by half a picture. The square around a person
    # may; two corners taken for a box are hardly ever square.
    is_square = is_body(record) and abs(width - height) < 1e-3 * width
    reaches_out = left + width > 1.5 * record.width or top + height > 1.5 * record.height
    if reaches_out and not is_square:
        yield "box_corners", text
    points = _usable(record, record.keypoints_2d)
    if points is not None and len(points):
        low = np.array([left - 0.1 * width, top - 0.1 * height])
        inside = ((points >= low) & (points <= low + 1.2 * np.array([width, height]))).all(1)
        if inside.mean() < 0.5:
            yield "box_misses_hand", f"{100 * inside.mean():.0f} % of the joints inside, {text}"


def _faults_intrinsics(record: Record) -> Iterator[Fault]:
    matrix = record.intrinsics
    if matrix is None:
        return
    if not np.allclose(matrix[2], [0, 0, 1], atol=1e-6):
        yield "intrinsics_row", f"last row {matrix[2].tolist()}"
        return
    if not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
        yield "intrinsics_zero", f"focal lengths {matrix[0, 0]:g}, {matrix[1, 1]:g}"
        return
    x, y = matrix[0, 2] / record.width, matrix[1, 2] / record.height
    # Of a crop it may lie outside; that K is right shows where it takes the 3D joints to the 2D ones.
    if not (0 < x < 1 and 0 < y < 1) and not _is_projected(record):
        yield "principal_point", f"{matrix[:2, 2].round(1).tolist()}"
    focal = np.array([matrix[0, 0], matrix[1, 1]]) / max(record.width, record.height)
    if focal.min() < 1 / 3 or focal.max() > 50:
        yield "focal_length", f"{matrix[0, 0]:.1f}, {matrix[1, 1]:.1f} px"


def _faults_3d(record: Record) -> Iterator[Fault]:
    points = record.keypoints_3d
    if points is None:
        return
    points = points.astype(np.float64)
    if np.ptp(points, axis=0).max() == 0:
        yield "collapsed", "3D"
        return
    if record.has_absolute_depth and (points[:, 2] <= 0).any():
        yield "behind_camera", f"z from {points[:, 2].min():.3f} m"
    if record.skeleton == _HAND.name:
        yield from _faults_size(record, points)
    yield from _faults_between(record, points)


def _faults_size(record: Record, points: np.ndarray) -> Iterator[Fault]:
    """Return the unit and scale by the middle finger's first bone, 2.2 to 5.6 cm in the sets seen."""
    bone = float(np.linalg.norm(points[_BONE[0]] - points[_BONE[1]]))
    # The median of all bones: one wrong joint makes no unit.
    middle = float(np.median(_bone_lengths(points)))
    for low, high, unit in ((8, 100, "millimetres"), (0.8, 8, "centimetres"), (8e-6, 1e-4, "km")):
        if low < middle <= high:
            yield "unit", f"the median bone measures {middle:.4g}, so these may be {unit}"
            break
    else:
        if not 0.012 < middle < 0.06:
            yield "hand_size", f"the median bone measures {100 * middle:.2f} cm"
    if record.scale and bone and not 0.95 < record.scale / bone < 1.05:
        yield "scale", f"scale {record.scale:.4g} m, bone {bone:.4g} m"


def _faults_between(record: Record, points: np.ndarray) -> Iterator[Fault]:
    """3D against 2D: exactly by K, else by the likeness of x with x and of y with y."""
    flat = record.keypoints_2d
    kept = np.asarray(record.visible) > 0
    if flat is None or kept.sum() < 4:
        return
    flat, points = flat[kept].astype(np.float64), points[kept]
    likeness = _likeness(points[:, :2], flat)
    error, most = _projection_error(record)
    if error <= most:
        return
    if np.isfinite(error):
        yield "projection", f"median distance {error:.1f} px"
    # In 2,894 pseudo labels the likeness is at least 0.88 on either axis.
    if likeness.min() >= 0.3 or np.ptp(flat, axis=0).min() == 0:
        return
    if _likeness(points[:, :2], flat[:, ::-1]).min() > 0.85:
        yield "swapped_xy", ""
    elif likeness[0] < -0.7 and likeness[1] > 0.7:
        yield "mirrored", f"likeness along x {likeness[0]:.2f}"
    elif likeness[1] < -0.7 and likeness[0] > 0.7:
        yield "upside_down", f"likeness along y {likeness[1]:.2f}"
    else:
        yield "different_poses", f"likeness along x {likeness[0]:.2f}, y {likeness[1]:.2f}"


def _projection_error(record: Record) -> tuple[float, float]:
    """Median distance of K X from the 2D joints and how much is allowed; infinite if unknown."""
    matrix, solid, flat = record.intrinsics, record.keypoints_3d, record.keypoints_2d
    kept = np.asarray(record.visible) > 0
    if matrix is None or solid is None or flat is None or not record.has_absolute_depth:
        return np.inf, 0.0
    solid, flat = solid[kept], flat[kept].astype(np.float64)
    if kept.sum() < 4 or not (solid[:, 2] > 0).all() or not matrix[0, 0] > 0:
        return np.inf, 0.0
    error = np.linalg.norm(project_arrays(solid, matrix) - flat, axis=1)
    # Half a pixel is a matter of where a pixel's centre is; labels are rounded to whole ones.
    return float(np.median(error)), max(1.5, 0.03 * float(np.ptp(flat, axis=0).max()))


def _is_projected(record: Record) -> bool:
    error, most = _projection_error(record)
    return error <= most


def _faults_hand(record: Record) -> Iterator[Fault]:
    """Joint order, fingers, bones and side, by the shape of a hand in 3D."""
    points = record.keypoints_3d
    if record.skeleton != _HAND.name or points is None or np.ptp(points, axis=0).max() == 0:
        return
    points = points.astype(np.float64)
    faults = list(_faults_shape(points))
    if not faults:
        yield from _faults_side(record, points)
        return
    length = _bone_lengths(points).sum()
    for name, rows in _ORDERS.items():
        is_shorter = length > 1.1 * _bone_lengths(points[rows]).sum()
        if is_shorter and not any(_faults_shape(points[rows])):
            yield "joint_order", f"it would be a hand in this order: {name}"
            return
    yield faults[0]


def order_evidence(record: Record) -> tuple[str, float] | None:
    """Compare the joint order of a record with other known orders by the length of all bones.

    A fist or a foreshortened picture may have shorter bones in a wrong order, so one record proves
    nothing; over a set the right order has the shorter ones.

    Args:
        record: any record; its 3D joints count if it has them, else those in 2D.

    Returns:
        Name of the best other order, and the length of all bones over that in the other order, about
        0.9 where the record's order is right; None where it cannot be told.
    """
    if is_body(record):
        return body_order_evidence(record)
    points = record.keypoints_3d if record.keypoints_3d is not None else record.keypoints_2d
    if record.skeleton != _HAND.name or points is None:
        return None
    if not (np.isfinite(points).all() and (np.asarray(record.visible) > 0).all()):
        return None
    others = {name: _bone_lengths(points[rows]).sum() for name, rows in _ORDERS.items()}
    best = min(others, key=lambda name: others[name])
    return (best, float(_bone_lengths(points).sum() / others[best])) if others[best] > 0 else None


def _faults_shape(points: np.ndarray) -> Iterator[Fault]:
    lengths = _bone_lengths(points)
    middle = float(np.median(lengths))
    for (_, child), length in zip(_HAND.bones, lengths, strict=True):
        low, high = _BONE_RANGES[child]
        if not low * middle <= length <= high * middle:
            yield (
                "bone_ratios",
                f"bone to {_HAND.joints[child]} is {length / middle:.2f} median bones",
            )
            return
    across = points[_KNUCKLES[3]] - points[_KNUCKLES[0]]
    place = (points[_KNUCKLES] - points[_KNUCKLES[0]]) @ across / (across @ across)
    # Seen: middle -0.05 to 0.49, ring 0.21 to 0.81, ring beyond middle by at least 0.15.
    if not (-0.3 < place[1] < place[2] < 1.2):
        yield "finger_order", f"knuckles at {place.round(2).tolist()} between index and pinky"


def _faults_side(record: Record, points: np.ndarray) -> Iterator[Fault]:
    if record.side != "unknown":
        sign = 1 if record.side == "right" else -1
        bend = sign * _bending(points)
        # Overstretched fingers reach -0.08.
        if bend < -0.13:
            yield "side", f"called {record.side}, fingers bend by {bend:.2f}"


def _bending(points: np.ndarray) -> float:
    """How far the fingers of a right hand are bent, about the mean sine of the upper two joints.

    Fingers bend about the line of the knuckles in one direction only; in a mirror image in the
    other one. Frame: x right, y down, z forward.
    """
    across = points[_KNUCKLES[3]] - points[_KNUCKLES[0]]
    across = across / np.linalg.norm(across)
    total = 0.0
    for chain in _CHAINS:
        bones = np.diff(points[chain], axis=0)
        bones /= np.maximum(np.linalg.norm(bones, axis=1, keepdims=True), 1e-9)
        total -= float((np.cross(bones[:-1], bones[1:]) @ across).sum())
    return total / (2 * len(_CHAINS))


def _bone_lengths(points):
    parents, children = np.array(_HAND.bones).T
    return np.linalg.norm(points[children] - points[parents], axis=-1)


def _likeness(first, second):
    """Correlation along each axis, `[2]`; 1 where one of them does not vary."""
    first, second = first - first.mean(0), second - second.mean(0)
    scale = np.sqrt((first**2).sum(0) * (second**2).sum(0))
    return np.where(scale > 0, (first * second).sum(0) / np.maximum(scale, 1e-12), 1.0)


def _usable(record, points):
    return None if points is None else points[np.asarray(record.visible) > 0]


_CHECKS: tuple[Callable[[Record], Iterator[Fault]], ...] = (
    _faults_2d,
    _faults_box,
    _faults_intrinsics,
    _faults_3d,
    _faults_hand,
)
