"""What shows on a set as a whole and on none of its records: orders, boxes, sizes of pictures."""

from collections.abc import Iterator

import numpy as np

from keras_pose.data.doctor.bodies import is_body
from keras_pose.data.doctor.labels import order_evidence
from keras_pose.data.pictures.body_boxes import PERSON_MARGIN
from keras_pose.data.records.record import Record
from keras_pose.skeletons import MPII_16

Fault = tuple[str, str]
# Of squares that were made of two corners 76 in 100 look like it (5,712 persons of photographs), of true
# ones 2 in 100 there and 6 in 100 in MPII's validation part.
_CORNERS = 0.4
# Limbs, and the range of their set's median length over the median limb of each person. Draws of 16
# persons out of 5,712 of photographs and 2,958 of MPII stay within 0.95 to 1.51 for thighs and shanks,
# 0.62 to 1.06, 0.44 to 0.92, 1.34 to 1.93, 0.24 to 0.75 and 0.61 to 1.19 for the others.
_LIMBS = {
    ("hip", "knee"): (0.55, 2.2),
    ("knee", "ankle"): (0.55, 2.2),
    ("shoulder", "elbow"): (0.35, 1.7),
    ("elbow", "wrist"): (0.25, 1.6),
    ("shoulder", "hip"): (0.9, 2.8),
}
_WIDTHS = {"hip": (0.05, 1.2), "shoulder": (0.2, 1.8)}
_LINES = [
    *(
        (f"{side}_{a}", f"{side}_{b}", r)
        for (a, b), r in _LIMBS.items()
        for side in ("left", "right")
    ),
    *((f"left_{part}", f"right_{part}", r) for part, r in _WIDTHS.items()),
]
_FROM = list(MPII_16.indices(start for start, _, _ in _LINES))
_TO = list(MPII_16.indices(end for _, end, _ in _LINES))
_FEW_PERSONS, _FEW_LIMBS = 8, 6
# Legs over arms: draws of 8 persons of the same sets have 1.04 to 2.31 in the median.
_LEGS, _ARMS = slice(0, 4), slice(4, 8)
_LEGS_PER_ARMS = (0.9, 3.0)


class SetEvidence:
    """Evidence of record after record; memory does not grow but by some numbers each."""

    def __init__(self) -> None:
        self._orders: list[tuple[str, float]] = []
        self._num_squares = self._num_of_corners = 0
        self._limbs: list[np.ndarray] = []
        self._reaches: list[np.ndarray] = []

    def add(self, record: Record) -> None:
        """Take in a record.

        Args:
            record: labels of any kind.
        """
        if order := order_evidence(record):
            self._orders.append(order)
        if (reach := _reach(record)) is not None:
            self._reaches.append(reach)
        if is_body(record) and (limbs := _limb_lengths(record)) is not None:
            self._limbs.append(limbs)
        if is_body(record) and record.box is not None and record.keypoints_2d is not None:
            self._num_squares += 1
            points = record.keypoints_2d[np.asarray(record.visible) > 0]
            self._num_of_corners += looks_like_corners(record.box, points)

    def faults(self) -> Iterator[Fault]:
        """Judge the set.

        Yields:
            Pairs (kind, detail), see `check_findings.KINDS`.
        """
        # Seen over hands: 0.84 to 0.91 in the right order, 1.25 to 1.76 in a wrong one; over eight
        # persons of MPII at random at most 0.88, and at least 1.16.
        middle = float(np.median([ratio for _, ratio in self._orders])) if self._orders else 0.0
        if middle > 1.05:
            names = [name for name, _ in self._orders]
            best = max(set(names), key=names.count)
            yield "order_of_set", f"bones are {middle:.2f} times as long as in this order: {best}"
        yield from self._limb_faults()
        yield from self._size_faults()
        if self._num_of_corners > max(_CORNERS * self._num_squares, 2):
            yield "corners_of_set", f"{self._num_of_corners} of {self._num_squares} squares"

    def _limb_faults(self) -> Iterator[Fault]:
        table = np.reshape(self._limbs, (-1, len(_LINES) + 1))
        ranges = [*_LINES, ("legs", "arms", _LEGS_PER_ARMS)]
        for line, (start, end, (low, high)) in enumerate(ranges):
            known = table[np.isfinite(table[:, line]), line]
            if len(known) < _FEW_PERSONS:
                continue
            middle = float(np.median(known))
            if not low < middle < high:
                what = "of the median limb" if line < len(_LINES) else "(one over the other)"
                yield "limbs_of_set", f"{start} - {end} measures {middle:.2f} {what}"
                return

    def _size_faults(self) -> Iterator[Fault]:
        if len(self._reaches) < _FEW_PERSONS:
            return
        reaches = np.array(self._reaches)
        low = np.percentile(reaches[:, 0], 5, axis=0)
        high = np.percentile(reaches[:, 1], 95, axis=0)
        # Of 1.5 times larger pictures the joints reach to 0.67 of the side, and their middle is at 0.33.
        if (high < 0.7).all() and (low + high < 0.75).all():
            share = " x ".join(f"{100 * part:.0f} %" for part in high)
            yield (
                "labels_of_part",
                f"they reach from the upper left corner to {share} of the picture",
            )


def _reach(record: Record) -> np.ndarray | None:
    """Least and greatest 2D joint over the picture's size, `[2, 2]`."""
    if record.keypoints_2d is None or min(record.width, record.height) < 1:
        return None
    points = record.keypoints_2d[np.asarray(record.visible) > 0]
    if len(points) < 2 or not np.isfinite(points).all():
        return None
    return np.stack([points.min(0), points.max(0)]) / [record.width, record.height]


def _limb_lengths(record: Record) -> np.ndarray | None:
    """Length of each line over the median one, then legs over arms; NaN where a joint is not there."""
    points = record.keypoints_2d if record.keypoints_2d is not None else record.keypoints_3d
    if points is None:
        return None
    points = points.astype(np.float32)
    there = (np.asarray(record.visible) > 0) & np.isfinite(points).all(-1)
    lengths = np.linalg.norm(points[_FROM] - points[_TO], axis=-1)
    lengths[~(there[_FROM] & there[_TO])] = np.nan
    known = lengths[np.isfinite(lengths)]
    if len(known) < _FEW_LIMBS or not np.median(known) > 0:
        return None
    has_both = np.isfinite(lengths[_LEGS]).any() and np.isfinite(lengths[_ARMS]).any()
    arms = np.nanmean(lengths[_ARMS]) if has_both else 0.0
    ratio = np.nanmean(lengths[_LEGS]) / arms if arms > 0 else np.nan
    return np.append(lengths / np.median(known), ratio).astype(np.float32)


def looks_like_corners(box: np.ndarray, points: np.ndarray) -> bool:
    """Tell whether a square may have been made of two corners taken for corner and size.

    Of x1, y1, x2, y2 the longer side becomes M, the larger of x2 and y2, while the square's middle less
    M / 2 stays at x1 or y1: the person then ends at M where it should end M further on.

    Args:
        box: float `[4]`, a square with the margin of whole persons, px.
        points: float `[P, 2]`, visible joints, px.
    """
    if len(points) < 4 or not (np.isfinite(box).all() and np.isfinite(points).all() and box[2] > 0):
        return False
    low, high = points.min(0).astype(np.float64), points.max(0).astype(np.float64)
    for axis in (0, 1):
        extent = high[axis] - low[axis]
        side = float(box[2]) / PERSON_MARGIN
        start = float(box[axis]) + (float(box[2]) - side) / 2
        # Persons fill their boxes but for hair, hands and feet.
        if not (extent > 0 and side > 1.35 * extent and start > 0.05 * side):
            continue
        if abs(low[axis] - start) < 0.25 * extent and abs(side - high[axis]) < 0.25 * extent:
            return True
    return False
