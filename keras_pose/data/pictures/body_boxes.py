"""How large the square boxes of persons are, and pictures cut around them.

A box is x, y, width, height in px. Sets that come without square boxes get all the same room around a
person, so that persons of different sets have one size in the crop.
"""

import cv2
import numpy as np

# Side of the box over the longer side of the joints' extent. MPII's own boxes have 1.43 in the median
# of the validation persons with 16 joints.
BODY_JOINT_MARGIN = 1.4
# The same over a box that holds the whole person, hands and hair included, as COCO's do.
PERSON_MARGIN = 1.25


def cut_picture(
    image: np.ndarray, box: np.ndarray, size: int, context: float = 1.25
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a picture around a box and bring the box to a size, with some surroundings.

    Args:
        image: uint8 `[H, W, 3]`.
        box: float `[4]`, px, square.
        size: side that the box has afterwards, px.
        context: side of what is cut over the side of the box; surroundings that turned and enlarged
            crops will need.

    Returns:
        `picture` uint8 `[S, S, 3]` with S = size * context rounded, black beyond the picture's edge, and
        `matrix` float64 `[2, 3]`, old pixels -> new ones, exact in continuous pixels.

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
