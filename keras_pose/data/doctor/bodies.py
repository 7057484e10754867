"""Faults in the labels of one person: size, limbs, joint order, sides, boxes, head sizes.

Thresholds were set on 17,928 persons of MPII, 4,037 poses of motion capture and generated bodies, well
outside of what these show; the worst of them stand beside each number.
"""

from collections.abc import Iterator

import numpy as np

from keras_pose.data.records.record import Record
from keras_pose.skeletons import MPII_16, MPII_16_SPINE, Skeleton

Fault = tuple[str, str]
_NAMES = (MPII_16.name, MPII_16_SPINE.name)
# The lines of a body that both orders have: arms from the neck, legs from the pelvis, and the trunk.
_LINES = (
    *(("right_ankle", "right_knee"), ("right_knee", "right_hip"), ("right_hip", "pelvis")),
    *(("left_hip", "pelvis"), ("left_hip", "left_knee"), ("left_knee", "left_ankle")),
    *(("right_wrist", "right_elbow"), ("right_elbow", "right_shoulder")),
    *(("right_shoulder", "upper_neck"), ("left_shoulder", "upper_neck")),
    *(("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist")),
    *(("pelvis", "upper_neck"), ("upper_neck", "head_top")),
)
_FROM, _TO = (list(MPII_16_SPINE.indices(line[end] for line in _LINES)) for end in (0, 1))
# Share of all lines' length in 3D; motion capture and generated bodies stay within 0.018 and 0.16.
_SHARES = (0.006, 0.22)
# Sum of all lines in metres: 3.3 to 4.6 in adults, about 1.9 in a child of a year.
_SUM_M = (1.6, 6.0)
# A limb over the same one of the other side; motion capture reaches 1.46 in the clavicles.
_UNEVEN = 1.8
# Mean sine of both knees, over 0 where they bend as knees do: 999 in 1,000 are above -0.15, of
# mirrored bodies 5 in 100.
_KNEES = -0.2
# Cosine between the lines of shoulders and hips.
_TWIST = -0.5
_PAIRS = ("shoulder", "hip")
# Side of the box over the joints' extent: 1.0 to 3.4 in MPII, 99 in 100.
_BOX = (0.7, 10.0)
# From upper neck to top of the head over `head_size`: 1.30 to 1.36 in MPII, 0.5 to 1.5 in generated
# bodies, which may look up and down.
_HEAD = (0.02, 4.0)
# Over the side of MPII's box: 0.1 after the adjustment, 0.125 without it, 0.08 after two.
_HEAD_OF_BOX = 0.1


def _rows(names: str, skeleton: Skeleton) -> list[int]:
    """Rows that rearrange a file in the order `names` into MPII's."""
    listed = names.split()
    seventh = skeleton.joints[7]
    return [listed.index("middle" if name == seventh else name) for name in skeleton.joints]


_RIGHT_LEG = "right_hip right_knee right_ankle"
_LEFT_LEG = "left_hip left_knee left_ankle"
_RIGHT_ARM = "right_shoulder right_elbow right_wrist"
_LEFT_ARM = "left_shoulder left_elbow left_wrist"
_TRUNK = "pelvis middle upper_neck head_top"
# Orders of 16 joints that a set called MPII may really be in.
_ORDERS = {
    "Human3.6M without the nose": (
        f"pelvis {_RIGHT_LEG} {_LEFT_LEG} middle upper_neck head_top {_LEFT_ARM} {_RIGHT_ARM}"
    ),
    "Human3.6M without the nose, right arm first": (
        f"pelvis {_RIGHT_LEG} {_LEFT_LEG} middle upper_neck head_top {_RIGHT_ARM} {_LEFT_ARM}"
    ),
    "right limbs, left limbs, trunk": (
        f"{_RIGHT_LEG} {_RIGHT_ARM} {_LEFT_LEG} {_LEFT_ARM} {_TRUNK}"
    ),
    "head first, then arms, legs and trunk": (
        f"head_top upper_neck {_RIGHT_ARM} {_LEFT_ARM} {_RIGHT_LEG} {_LEFT_LEG} pelvis middle"
    ),
    "each limb from its beginning": (f"{_RIGHT_LEG} {_LEFT_LEG} {_TRUNK} {_RIGHT_ARM} {_LEFT_ARM}"),
    "Leeds Sports Pose, then pelvis and middle": (
        "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow "
        "right_shoulder left_shoulder left_elbow left_wrist upper_neck head_top pelvis middle"
    ),
}
_ORDER_ROWS = {
    skeleton.name: {name: _rows(order, skeleton) for name, order in _ORDERS.items()}
    for skeleton in (MPII_16, MPII_16_SPINE)
}


def is_body(record: Record) -> bool:
    """Tell whether a record is of a person in one of MPII's orders.

    Args:
        record: any record.
    """
    return record.skeleton in _NAMES


def body_order_evidence(record: Record) -> tuple[str, float] | None:
    """Compare the joint order with others by the length of all lines; see `order_evidence`.

    Args:
        record: of a person.

    Returns:
        Name of the best other order and how many times as long the lines are in the record's own; None
        where it cannot be told.
    """
    points = record.keypoints_3d if record.keypoints_3d is not None else record.keypoints_2d
    if (
        points is None
        or not np.isfinite(points).all()
        or not (np.asarray(record.visible) > 0).all()
    ):
        return None
    points = points.astype(np.float64)
    others = {n: _lengths(points[rows]).sum() for n, rows in _ORDER_ROWS[record.skeleton].items()}
    best = min(others, key=lambda name: others[name])
    return (best, float(_lengths(points).sum() / others[best])) if others[best] > 0 else None


def body_faults(record: Record) -> Iterator[Fault]:
    """Find what is wrong with the labels of a person beyond what holds for all records.

    Args:
        record: labels finite.

    Yields:
        Pairs (kind, detail), see `check_findings.KINDS`.
    """
    if not is_body(record):
        return
    yield from _faults_3d(record)
    yield from _faults_sides(record)
    yield from _faults_2d(record)


def _faults_3d(record: Record) -> Iterator[Fault]:
    points = record.keypoints_3d
    if points is None or np.ptp(points, axis=0).max() == 0:
        return
    lengths = _lengths(points.astype(np.float64))
    total = float(lengths.sum())
    for low, high, unit in ((600, 9000, "millimetres"), (60, 600, "centimetres"), (0, 0.01, "km")):
        if low < total <= high:
            yield "unit", f"all lines together measure {total:.4g}, so these may be {unit}"
            return
    if not _SUM_M[0] < total < _SUM_M[1]:
        yield "body_size", f"all lines together measure {total:.2f} m"
    shares = lengths / total
    for line, share in zip(_LINES, shares, strict=True):
        if not _SHARES[0] < share < _SHARES[1]:
            yield "body_lines", f"{' - '.join(line)} is {100 * share:.1f} % of all lines"
            return
    for one, line in enumerate(_LINES):
        other_line = tuple(name.replace("right_", "left_") for name in line)
        other = [set(other_line) == set(candidate) for candidate in _LINES].index(True)
        if line != other_line and lengths[one] > 0 and lengths[other] > 0:
            ratio = max(lengths[one] / lengths[other], lengths[other] / lengths[one])
            if ratio > _UNEVEN:
                yield "uneven", f"{' - '.join(line)} is {ratio:.1f} times the other side's"
                return
    across = [_joint(points, f"right_{part}") - _joint(points, f"left_{part}") for part in _PAIRS]
    twist = float(_unit(across[0]) @ _unit(across[1]))
    bend = _knees(points.astype(np.float64))
    if twist < _TWIST:
        yield "twisted", f"cosine {twist:.2f} between shoulders and hips"
    elif bend < _KNEES:
        yield "knees", f"mean sine {bend:.2f}"


def _faults_sides(record: Record) -> Iterator[Fault]:
    """Left and right exchanged in one of 2D and 3D, where no camera tells."""
    flat, solid = record.keypoints_2d, record.keypoints_3d
    if flat is None or solid is None or not (np.asarray(record.visible) > 0).all():
        return
    order = list(MPII_16_SPINE.flip_permutation)
    as_it_is = _misfit(solid[:, :2].astype(np.float64), flat.astype(np.float64))
    exchanged = _misfit(solid[order, :2].astype(np.float64), flat.astype(np.float64))
    # Seen from the side both fit alike. Perspective leaves up to 0.08.
    if exchanged < 0.1 and as_it_is > max(0.15, 3 * exchanged):
        yield "sides_2d_3d", f"2D fits 3D with left and right swapped ({as_it_is:.2f} before)"


def _faults_2d(record: Record) -> Iterator[Fault]:
    points, visible = record.keypoints_2d, np.asarray(record.visible) > 0
    if points is None:
        return
    if visible.any() and not visible.all():
        names = [name for name, here in zip(MPII_16.joints, visible, strict=True) if not here]
        yield "missing_joints", f"{len(names)} of 16: {', '.join(names[:4])}"
    kept = points[visible].astype(np.float64)
    if len(kept) < 2 or np.ptp(kept, axis=0).max() <= 0:
        return
    outside = ((kept < 0) | (kept > [record.width, record.height])).any(1)
    if outside.any() and not outside.mean() > 0.5:
        yield "partly_outside", f"{int(outside.sum())} of {len(kept)} joints"
    extent = float(np.ptp(kept, axis=0).max())
    if record.keypoints_3d is None and visible.all():
        yield from _faults_twist(points.astype(np.float64), extent)
    if record.box is not None and min(record.box[2:]) > 0 and len(kept) >= 12:
        ratio = float(max(record.box[2:])) / extent
        if not _BOX[0] < ratio < _BOX[1]:
            yield "box_scale", f"the box is {ratio:.2f} times the extent of the joints"
    if record.head_size > 0:
        yield from _faults_head(record, extent)


def _faults_twist(points: np.ndarray, extent: float) -> Iterator[Fault]:
    """In 2D only where both lines are wide; 9 in 1,000 persons of MPII bend over like that."""
    shoulders, hips = (
        _joint(points, f"right_{part}") - _joint(points, f"left_{part}") for part in _PAIRS
    )
    is_wide = np.linalg.norm(shoulders) > 0.2 * extent and np.linalg.norm(hips) > 0.12 * extent
    twist = float(_unit(shoulders) @ _unit(hips))
    if is_wide and twist < -0.8:
        yield "twisted", f"cosine {twist:.2f} between shoulders and hips in 2D"


def _faults_head(record: Record, extent: float) -> Iterator[Fault]:
    ratio = record.head_size / extent
    if not _HEAD[0] < ratio < _HEAD[1]:
        yield "head_size", f"{record.head_size:.4g} px, the joints reach over {extent:.4g} px"
    elif record.source == "mpii" and record.box is not None and max(record.box[2:]) > 0:
        share = record.head_size / float(max(record.box[2:]))
        if abs(share / _HEAD_OF_BOX - 1) > 0.02:
            times = _HEAD_OF_BOX / share
            yield "mpii_scale", f"the box is {times:.2f} times the one of the adjusted scale"


def _knees(points: np.ndarray) -> float:
    """Mean sine by which the knees bend forwards; negative in a mirror image."""
    right = _unit(_joint(points, "right_hip") - _joint(points, "left_hip"))
    total = 0.0
    for side in ("right", "left"):
        hip, knee, ankle = (_joint(points, f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        # Right of the person x down = forwards; a shin bends back, so its axis points to the left.
        total -= float(np.cross(_unit(knee - hip), _unit(ankle - knee)) @ right)
    return total / 2


def _misfit(first: np.ndarray, second: np.ndarray) -> float:
    """Return what is left after the best scale and shift, as a share of the second's size."""
    first, second = first - first.mean(0), second - second.mean(0)
    size = (first**2).sum()
    scale = (first * second).sum() / size if size > 0 else 0.0
    rest = ((second - scale * first) ** 2).sum() / max((second**2).sum(), 1e-12)
    return float(np.sqrt(rest))


def _joint(points, name):
    return points[MPII_16_SPINE.index(name)]


def _unit(vector):
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _lengths(points):
    return np.linalg.norm(points[_FROM] - points[_TO], axis=-1)
