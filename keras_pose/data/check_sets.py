"""What shows on a set as a whole and on none of its records: orders, boxes, sizes of pictures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_pose.data.body_boxes import PERSON_MARGIN
from keras_pose.data.check_bodies import is_body
from keras_pose.data.check_labels import order_evidence
from keras_pose.data.record import Record

Fault = tuple[str, str]
# Of squares that were made of two corners 76 in 100 look like it (5,712 persons of photographs), of true
# ones 2 in 100 there and 6 in 100 in MPII's validation part.
_CORNERS = 0.4


class SetEvidence:
    """Evidence of record after record; memory does not grow but by some numbers each."""

    def __init__(self) -> None:
        self._orders: list[tuple[str, float]] = []
        self._num_squares = self._num_of_corners = 0

    def add(self, record: Record) -> None:
        """Take in a record.

        Args:
            record: labels of any kind.
        """
        if order := order_evidence(record):
            self._orders.append(order)
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
        if self._num_of_corners > max(_CORNERS * self._num_squares, 2):
            yield "corners_of_set", f"{self._num_of_corners} of {self._num_squares} squares"


def looks_like_corners(box: np.ndarray, points: np.ndarray) -> bool:
    """Tell whether a square may have been made of two corners taken for corner and size.

    Of x1, y1, x2, y2 the longer side becomes M, the larger of x2 and y2, while the square's middle less
    M / 2 stays at x1 or y1: the person then ends at M where it should end M further on.

    Args:
        box: float [4], a square with the margin of whole persons, px.
        points: float [P, 2], visible joints, px.
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
