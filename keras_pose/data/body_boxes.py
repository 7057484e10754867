"""Square boxes of persons, and pictures cut around them.

A box is x, y, width, height in px. Sets that come without square boxes get them here, all with the
same room around a person, so that persons of different sets have one size in the crop.
"""

from __future__ import annotations

import cv2
import numpy as np

# Side of the box over the longer side of the joints' extent. MPII's own boxes have 1.43 in the median
# of the validation persons with 16 joints.
JOINTS_MARGIN = 1.4
# The same over a box that holds the whole person, hands and hair included, as COCO's do.
PERSON_MARGIN = 1.25


def square_box(box: np.ndarray, margin: float = PERSON_MARGIN) -> np.ndarray:
    """Make a square about the centre of a box.

    Args:
        box: float [4], px.
        margin: side of the square over the longer side of the box.

    Returns:
        float64 [4], px; it may reach beyond the picture.
    """
    left, top, width, height = np.asarray(box, np.float64)
    side = margin * max(width, height)
    return np.array([left + width / 2 - side / 2, top + height / 2 - side / 2, side, side])


def box_of_joints(
    points: np.ndarray, visible: np.ndarray, margin: float = JOINTS_MARGIN
) -> np.ndarray | None:
    """Make a square box around the joints of a person.

    Args:
        points: float [J, 2], px.
        visible: float [J], over 0 where a joint is labelled.
        margin: side of the square over the longer side of the joints' extent.

    Returns:
        float64 [4], px; None where there are fewer than two places.
    """
    kept = np.asarray(points, np.float64)[np.asarray(visible) > 0]
    if len(kept) < 2 or np.ptp(kept, axis=0).max() <= 0:
        return None
    low, size = kept.min(0), np.ptp(kept, axis=0)
    return square_box(np.array([*low, *size]), margin)


def cut_picture(
    image: np.ndarray, box: np.ndarray, size: int, context: float = 1.25
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a picture around a box and bring the box to a size, with some surroundings.

    Args:
        image: uint8 [H, W, 3].
        box: float [4], px, square.
        size: side that the box has afterwards, px.
        context: side of what is cut over the side of the box; surroundings that turned and enlarged
            crops will need.

    Returns:
        `picture` uint8 [S, S, 3] with S = size * context rounded, black beyond the picture's edge, and
        `matrix` float64 [2, 3], old pixels -> new ones, exact in continuous pixels.

    Raises:
        ValueError: if the box has no area or lies outside the picture.
    """
    left, top, width, height = np.asarray(box, np.float64)
    rows, columns = image.shape[:2]
    if not (width > 0 and height > 0):
        raise ValueError("the box has no area; give x, y, width, height in pixels")
    if left >= columns or top >= rows or left + width <= 0 or top + height <= 0:
        raise ValueError(f"the box lies outside the picture of {columns} x {rows} px")
    side = max(round(context * max(width, height)), 1)
    start = np.round([left + width / 2 - side / 2, top + height / 2 - side / 2]).astype(int)
    low = np.maximum(start, 0)
    high = np.minimum(start + side, [columns, rows])
    cut = np.zeros((side, side, 3), np.uint8)
    inside = (low - start, high - start)
    cut[inside[0][1] : inside[1][1], inside[0][0] : inside[1][0]] = image[
        low[1] : high[1], low[0] : high[0]
    ]
    result = max(round(size * context), 1)
    # Averaging where it shrinks, or fine patterns would flicker. Resizing keeps corners on corners.
    kind = cv2.INTER_AREA if result < side else cv2.INTER_LINEAR
    factor = result / side
    matrix = np.array(
        [[factor, 0, -factor * start[0]], [0, factor, -factor * start[1]]], np.float64
    )
    return cv2.resize(cut, (result, result), interpolation=kind), matrix


def move_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Take points along with a picture.

    Args:
        points: float [..., 2], px.
        matrix: float [2, 3], from `cut_picture`.

    Returns:
        float64 [..., 2], px of the new picture.
    """
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def move_intrinsics(intrinsics: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Take the intrinsics along with a picture: K' = M K.

    Args:
        intrinsics: float [3, 3], px.
        matrix: float [2, 3], from `cut_picture`.

    Returns:
        float64 [3, 3], px of the new picture.
    """
    return np.vstack([matrix, [0, 0, 1]]) @ np.asarray(intrinsics, np.float64)
