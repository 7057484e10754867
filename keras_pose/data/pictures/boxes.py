"""The square of a picture that its views are about: from a box, from joints, or the whole picture.

Boxes are (x, y, width, height) in continuous pixels, (x, y) the top-left corner.
"""

import numpy as np

CROP_SOURCES = ("joints", "box", "picture")
# Side of the square around a hand's joints over the longer side of their bounding rectangle: flesh goes
# past the joints, and the crop ranges then resemble the published ones (Spurr et al. 2021).
JOINT_MARGIN = 1.2


def square_box(box: np.ndarray, margin: float = 1.0) -> np.ndarray:
    """Return the square about the middle of boxes.

    Args:
        box: `[..., 4]`, (x, y, width, height) in pixels.
        margin: side of the square over the longer side of the box.

    Returns:
        float64 `[..., 4]`, the same form; it may reach beyond the picture.
    """
    box = np.asarray(box, np.float64)
    side = margin * np.maximum(box[..., 2], box[..., 3])[..., None]
    corner = box[..., :2] + (box[..., 2:] - side) / 2.0
    return np.concatenate([corner, side, side], axis=-1)


def joints_box(
    keypoints_2d: np.ndarray, visible: np.ndarray, margin: float = JOINT_MARGIN
) -> np.ndarray | None:
    """Return the square around the visible joints of one record.

    Args:
        keypoints_2d: `[J, 2]`, pixels.
        visible: `[J]`, above 0 where a joint counts.
        margin: side of the square over the longer side of the joints' bounding rectangle.

    Returns:
        float64 `[4]`, (x, y, side, side); None if no two visible joints lie apart.
    """
    points = np.asarray(keypoints_2d, np.float64)[np.asarray(visible) > 0]
    if len(points) < 2 or not np.isfinite(points).all():
        return None
    low, high = points.min(0), points.max(0)
    side = margin * float((high - low).max())
    if side <= 0:
        return None
    corner = (low + high - side) / 2.0
    return np.array([*corner, side, side])


def record_box(
    crop_source: str,
    box: np.ndarray | None,
    keypoints_2d: np.ndarray | None,
    visible: np.ndarray | None,
    picture: tuple[int, int],
) -> np.ndarray:
    """Return the square that a record's views are cropped about.

    What is asked for may be missing; then the next of joints, box, picture serves (D20).

    Args:
        crop_source: "joints", "box" or "picture".
        box: `[4]`, (x, y, width, height) in pixels, or None.
        keypoints_2d: `[J, 2]` pixels, or None.
        visible: `[J]`, 0 or 1, or None.
        picture: height and width of the picture.

    Returns:
        float64 `[4]`, (x, y, side, side).

    Raises:
        ValueError: if `crop_source` is no such word.
    """
    if crop_source not in CROP_SOURCES:
        raise ValueError(f"crop_source is {crop_source!r}; use one of {', '.join(CROP_SOURCES)}.")
    if box is not None and not (np.isfinite(box).all() and min(box[2], box[3]) > 0):
        box = None
    if crop_source == "box" and box is not None:
        return square_box(box)
    if crop_source != "picture" and keypoints_2d is not None and visible is not None:
        around = joints_box(keypoints_2d, visible)
        if around is not None:
            return around
    if crop_source != "picture" and box is not None:
        return square_box(box)
    return square_box(np.array([0.0, 0.0, picture[1], picture[0]]))
