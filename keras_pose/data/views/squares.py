"""Squares that hold what views show: how large they must be, and how they are cut out of a picture."""

import math

import numpy as np

from keras_pose.data.views.draws import ViewRanges
from keras_pose.data.views.host_pixels import DOUBLE, halve, in_view, shrink_factor
from keras_pose.geometry import affine2d

_ROUND_TO = 16
# The rectangle of `in_view` begins at a multiple of 8 and has 4 more pixels on each side.
_SLACK = 16


def reach(ranges: ViewRanges) -> float:
    """Say how far views look, as the side of a square about the box over the box's side.

    Args:
        ranges: what views are drawn from.

    Returns:
        The smallest such number for which no view shows anything outside the square.
    """
    farthest = 0.5 + max(abs(ranges.shift[0]), abs(ranges.shift[1]))
    return 2 * farthest * ranges.scale[1] * turn_spread(ranges)


def turn_spread(ranges: ViewRanges) -> float:
    """Say how much larger than a view the upright square is that holds it however it is turned.

    Args:
        ranges: what views are drawn from.

    Returns:
        Side of that square over the view's side, from 1 to the square root of 2.
    """
    low, high = ranges.angle_deg
    angles = np.radians([low, high])
    spread = float((np.abs(np.cos(angles)) + np.abs(np.sin(angles))).max())
    # Between the ends the sum peaks at 45 degrees and every quarter turn from there.
    if math.floor((high - 45) / 90) >= math.ceil((low - 45) / 90):
        spread = math.sqrt(2)
    return spread


def square_side(ranges: ViewRanges, size: int) -> int:
    """Return the side of the square at which the smallest crop has as many pixels as the view.

    Args:
        ranges: what views are drawn from.
        size: side of a view in pixels.

    Returns:
        Pixels, a multiple of 16.
    """
    return _with_slack(size * reach(ranges) / ranges.scale[0])


def lone_side(ranges: ViewRanges, size: int) -> int:
    """Return the side of the square that has room for any one view, as dense as the host looks it up.

    The host halves a picture until fewer than two of its pixels fall on one of the view's.

    Args:
        ranges: what views are drawn from.
        size: side of a view in pixels.

    Returns:
        Pixels, a multiple of 16.
    """
    return _with_slack(2 * size * turn_spread(ranges))


def _with_slack(side: float) -> int:
    return math.ceil((side + _SLACK) / _ROUND_TO) * _ROUND_TO


def cut_out(
    image: np.ndarray, maps: np.ndarray, size: int, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut out what any view shows, halved until it is neither too large nor needlessly dense.

    Args:
        image: uint8 `[H, W, 3]`.
        maps: float64 `[V, 2, 3]`, pixels of the picture to pixels of its views.
        size: side of the views in pixels.
        length: the largest side that the part may have in pixels.

    Returns:
        uint8 [h, w, 3], and the maps from its pixels, float64 `[V, 2, 3]`; nothing of the picture if it
        is out of view.
    """
    seen = np.array([in_view(matrix, size, image.shape) for matrix in maps])
    seen = seen[(seen[:, :2] < seen[:, 2:]).all(axis=1)]
    if not len(seen):
        return image[:0, :0], maps
    low, high = seen[:, :2].min(axis=0), seen[:, 2:].max(axis=0)
    image = image[low[1] : high[1], low[0] : high[0]]
    maps = affine2d.compose(maps, np.array([[1.0, 0.0, low[0]], [0.0, 1.0, low[1]]]))
    while max(image.shape[:2]) > length or min(shrink_factor(matrix) for matrix in maps) >= 2:
        image, maps = halve(image), affine2d.compose(maps, DOUBLE)
    return image, maps
