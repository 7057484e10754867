"""Predicted persons drawn over their picture, and in 3D from two sides beside it."""

from collections.abc import Sequence

import cv2
import numpy as np

from keras_pose.skeletons import MPII_16, MPII_16_SPINE
from keras_pose.viz import VIEWS, draw_pose_2d, draw_pose_3d, label, tile
from keras_pose.viz.brush import Brush
from keras_pose.wild3d.exported import Body

# Height of the drawing: small pictures are enlarged until limbs can be told apart, photographs shrunk.
_LOWEST, _HIGHEST = 360, 720
_FRAME = (255, 255, 255)
_MARK = (0, 114, 178)


def draw_picture_bodies(
    image: np.ndarray, bodies: Sequence[Body], min_score: float = 0.0
) -> np.ndarray:
    """Draws persons and the squares that were looked at.

    Args:
        image: uint8 [H, W, 3] RGB.
        bodies: the persons; those that are not valid are left out.
        min_score: joints below it are left out in 2D.

    Returns:
        uint8 [H', W', 3] RGB: the picture, beside it the first person from two sides, below it the
        others. Its size follows from that of the picture and the number of persons alone.
    """
    factor = np.clip(image.shape[0], _LOWEST, _HIGHEST) / image.shape[0]
    # Even sizes, as video codecs want them.
    size = tuple(max(2 * round(factor * length / 2), 2) for length in image.shape[1::-1])
    scale = np.array(size) / [image.shape[1], image.shape[0]]
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    brush = Brush(cv2.resize(image, size, interpolation=how))
    for body in bodies:
        if body.valid:
            _square(brush, body.box, scale)
    drawing = brush.picture()
    for body in bodies:
        if body.valid:
            sure = np.where(body.score[:, None] >= min_score, body.keypoints_2d * scale, np.nan)
            drawing = draw_pose_2d(drawing, sure, MPII_16)
    height = size[1]
    views = [_side_views(body, number, len(bodies), height) for number, body in enumerate(bodies)]
    if not views:
        views = [_side_views(None, 0, 1, height)]
    rows = [[drawing, *views[0]], *([*view] for view in views[1:])]
    return _even(tile(rows, gap=2))


def _square(brush, box, scale):
    x, y, width, height = box
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]]) * scale
    for thickness, colour in ((3.0, _FRAME), (1.4, _MARK)):
        for number in range(4):
            brush.limb(corners[number], corners[(number + 1) % 4], thickness, colour)


def _side_views(body, number, count, height):
    side = min(height, _LOWEST)
    which = f"person {number + 1}, " if count > 1 else ""
    if body is None or not body.valid:
        return [label(np.full((side, side, 3), 240, np.uint8), which + "nobody") for _ in VIEWS]
    is_metric = body.keypoints_3d is not None
    points = body.keypoints_3d if is_metric else body.points
    skeleton = MPII_16_SPINE if is_metric else MPII_16
    return [
        label(draw_pose_3d(points, skeleton, azimuth, elevation, (side, side)), which + title)
        for azimuth, elevation, title in VIEWS
    ]


def _even(drawing):
    height, width = drawing.shape[:2]
    return np.ascontiguousarray(drawing[: height // 2 * 2, : width // 2 * 2])
