"""Pictures made of pictures: a pose in 2D and from two sides in 3D, and tiles of such panels."""

from collections.abc import Sequence

import cv2
import numpy as np

from keras_pose.skeletons import Skeleton
from keras_pose.viz.draw import BACKGROUND, draw_pose_2d, draw_pose_3d

VIEWS = ((0.0, 8.0, "3D, camera view"), (90.0, 8.0, "3D, from the right"))
"""What `pose_panel` shows: (azimuth, elevation, title), in degrees."""

_INK = (70, 74, 84)


def pose_panel(
    points_2d: np.ndarray,
    points_3d: np.ndarray,
    skeleton: Skeleton,
    image: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    height: int = 320,
    views: Sequence[tuple[float, float, str]] = VIEWS,
    title: str = "2D input",
    floor: bool | None = None,
) -> np.ndarray:
    """Draw what goes into a lifter and what comes out: the 2D pose, then the 3D pose from sides.

    Args:
            points_2d: `[J, 2]` in pixels, y down; of `image` if there is one, else of any scale.
            points_3d: `[J, 3]`, x right, y down, z forward, in any unit.
            skeleton: the joint order.
            image: uint8 `[H, W, 3]` RGB on which the 2D pose is drawn; None for an empty ground.
            truth: `[J, 3]` in the unit and place of `points_3d`, drawn thin and grey; None for none.
            height: of the panel in pixels; each part is square, but for the image.
            views: (azimuth, elevation, title) in degrees, one per 3D part.
            title: of the 2D part.
            floor: whether 3D poses stand on a floor; None means bodies do, single hands do not.

    Returns:
            uint8 [height, W, 3] RGB.

    Raises:
            ValueError: if the shapes do not fit or a 3D point is not finite.
    """
    if image is None:
        first = draw_pose_2d((height, height), _fitted(points_2d, height), skeleton)
    else:
        first = draw_pose_2d(image, points_2d, skeleton)
        width = max(round(image.shape[1] * height / image.shape[0]), 1)
        first = cv2.resize(first, (width, height), interpolation=cv2.INTER_AREA)
    parts = [label(first, title)]
    if floor is None:
        # Only a body has a left and a right of its own.
        floor = bool(skeleton.flip_pairs)
    for azimuth_deg, elevation_deg, name in views:
        part = draw_pose_3d(
            points_3d, skeleton, azimuth_deg, elevation_deg, (height, height), truth, floor=floor
        )
        parts.append(label(part, name))
    return tile([parts], gap=2)


def label(image: np.ndarray, text: str) -> np.ndarray:
    """Write a short title into the top left corner.

    Args:
            image: uint8 `[H, W, 3]` RGB.
            text: ASCII.

    Returns:
            A new uint8 `[H, W, 3]` RGB array.
    """
    image = image.copy()
    scale = max(image.shape[0] / 760, 0.36)
    place = (round(26 * scale), round(46 * scale))
    # A light rim first: the title may stand on a photograph.
    for colour, width in (((255, 255, 255), 4), (_INK, 1)):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width, cv2.LINE_AA)
    return image


def tile(rows: Sequence[Sequence[np.ndarray]], gap: int = 8) -> np.ndarray:
    """Set pictures of any size side by side in rows.

    Args:
            rows: rows of uint8 `[H, W, 3]` RGB pictures, aligned at the top left of their cells.
            gap: light stripe between cells, in pixels.

    Returns:
            uint8 `[H, W, 3]` RGB.

    Raises:
            ValueError: if there is no picture.
    """
    if not rows or not all(len(row) for row in rows):
        raise ValueError("There is no picture to tile: give rows of at least one.")
    columns = max(len(row) for row in rows)
    widths = [max(row[i].shape[1] for row in rows if i < len(row)) for i in range(columns)]
    heights = [max(image.shape[0] for image in row) for row in rows]
    size = (sum(heights) + gap * (len(rows) - 1), sum(widths) + gap * (columns - 1), 3)
    board = np.full(size, 255, np.uint8)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for image, width in zip(row, widths, strict=False):
            board[top : top + height, left : left + width] = BACKGROUND
            board[top : top + image.shape[0], left : left + image.shape[1]] = image
            left += width + gap
        top += height + gap
    return board


def _fitted(points_2d: np.ndarray, size: int) -> np.ndarray:
    """Move and scale points so that they fill a square, but for a margin."""
    points = np.asarray(points_2d, np.float64)
    seen = points[np.all(np.isfinite(points), axis=-1)]
    if not len(seen):
        return points
    low, high = seen.min(0), seen.max(0)
    scale = size * 0.74 / max((high - low).max(), 1e-9)
    # A little low, below the title.
    return (points - (low + high) / 2) * scale + np.array([size / 2, size * 0.53])
