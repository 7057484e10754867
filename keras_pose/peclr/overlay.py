"""Predicted hands drawn over their picture, and from two sides where there is metric 3D."""

from collections.abc import Sequence

import cv2
import numpy as np

from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.viz import VIEWS, draw_pose_2d, draw_pose_3d, label, tile
from keras_pose.viz.brush import Brush

# Longer side of the drawing: small crops are enlarged until limbs can be told apart, photographs shrunk.
_SMALLEST, _LARGEST = 480, 1280
_SIDE_VIEW = 320
_FRAME = (255, 255, 255)
_MARK = (0, 114, 178)
_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0))


def draw_picture_hands(
    image: np.ndarray,
    points_2d: np.ndarray,
    points_3d: Sequence[np.ndarray | None],
    corners: np.ndarray,
) -> np.ndarray:
    """Draws hands and the crops that were looked at.

    Args:
        image: uint8 [H, W, 3] RGB.
        points_2d: [N, 21, 2], pixels of the picture, FreiHAND's order.
        points_3d: N times [21, 3], camera frame, any unit, or None where there is no 3D.
        corners: [N, 4, 2], corners of the crops in pixels of the picture.

    Returns:
        uint8 [H', W', 3] RGB: the picture, below it every hand with 3D from two sides.
    """
    longer = max(image.shape[:2])
    factor = np.clip(longer, _SMALLEST, _LARGEST) / longer
    size = (max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1))
    # The same for points as for pixels, although sizes were rounded.
    scale = np.array(size) / [image.shape[1], image.shape[0]]
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    drawing = cv2.resize(image, size, interpolation=how)
    brush = Brush(drawing)
    for frame in np.asarray(corners) * scale:
        for width, colour in ((3.0, _FRAME), (1.4, _MARK)):
            for start, end in _EDGES:
                brush.limb(frame[start], frame[end], width, colour)
    drawing = brush.picture()
    for points in np.asarray(points_2d) * scale:
        drawing = draw_pose_2d(drawing, points, HAND_21_FREIHAND)
    rows = [[drawing]]
    for number, points in enumerate(points_3d):
        if points is not None:
            which = f"hand {number + 1}, " if len(points_3d) > 1 else ""
            rows.append([_side_views(points, which)])
    return tile(rows)


def _side_views(points, which):
    views = [
        label(
            draw_pose_3d(
                points,
                HAND_21_FREIHAND,
                azimuth,
                elevation,
                (_SIDE_VIEW, _SIDE_VIEW),
                floor=False,
            ),
            which + title,
        )
        for azimuth, elevation, title in VIEWS
    ]
    return tile([views])
