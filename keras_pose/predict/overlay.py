"""Found hands and persons drawn over their picture, and in 3D from two sides beside it."""

from collections.abc import Sequence

import cv2
import numpy as np

from keras_pose.metrics import region_radius
from keras_pose.predict.pose import FoundPose, join_poses, join_scores, persons_of
from keras_pose.viz import VIEWS, draw_pose_2d, draw_pose_3d, label, tile
from keras_pose.viz.brush import Brush

# Height of the drawing: small pictures are enlarged until limbs can be told apart, photographs shrunk.
_LOWEST, _HIGHEST = 360, 720
# A strip of few rows would else become a drawing of gigabytes, which no JPEG holds.
_WIDEST = 8000
# Height from which two views have room beside a drawing, one above the other; stripe between parts.
_TALL, _GAP = 640, 2
_FRAME = (255, 255, 255)
_MARK = (0, 114, 178)
_EMPTY = 240
# Of the disc that holds eight joints of ten, in standard deviations.
_REGION = region_radius(0.8, 2)
# Width of fingers over that of a body's limbs.
_FINGER = 0.3


def draw_on_picture(
    image: np.ndarray, poses: Sequence[FoundPose], min_score: float = 0.0
) -> np.ndarray:
    """Draw joints and the boxes that were looked at.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        poses: what was found; what is not valid is left out.
        min_score: joints below it are left out.

    Returns:
        uint8 [H', W', 3] RGB, of even size, which follows from the picture's alone.
    """
    factor = np.clip(image.shape[0], _LOWEST, _HIGHEST) / image.shape[0]
    factor = min(factor, _WIDEST / image.shape[1])
    # Even sizes, as video codecs want them.
    size = tuple(max(2 * round(factor * length / 2), 2) for length in image.shape[1::-1])
    # The same for points as for pixels, although sizes were rounded.
    scale = np.array(size) / [image.shape[1], image.shape[0]]
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    brush = Brush(cv2.resize(image, size, interpolation=how))
    shown = [pose for pose in poses if pose.is_valid]
    for pose in shown:
        _rectangle(brush, pose.box, scale)
    drawing = brush.picture()
    for pose in shown:
        sure = np.where(pose.score[:, None] >= min_score, pose.keypoints_2d * scale, np.nan)
        radius = None if pose.sigma_2d is None else _REGION * pose.sigma_2d * scale.mean()
        drawing = draw_pose_2d(drawing, sure, pose.skeleton, depth=pose.depth, radius=radius)
    return drawing


def is_drawn(pose: FoundPose, min_score: float) -> bool:
    """Return whether any joint of a pose is drawn on the picture."""
    return pose.is_valid and bool((pose.score >= min_score).any())


def draw_beside(
    drawing: np.ndarray, poses: Sequence[FoundPose], min_score: float = 0.0
) -> np.ndarray:
    """Set 3D views of all persons beside a drawing.

    Args:
        drawing: uint8 `[H, W, 3]` RGB, from `draw_on_picture`.
        poses: what was found; a body and its hands are drawn as one.
        min_score: joints below it are left out here too.

    Returns:
        uint8 [H', W', 3] RGB of even size: the drawing, beside it the first person from two sides (one
        above the other where it is tall), below it the others. Its size follows from that of the
        drawing and the number of persons, or of hands where there is no person: hands that are attached
        to nobody get no view.
    """
    persons = persons_of(poses)
    bodies = [person for person in persons if person[0].kind == "body"]
    persons = bodies or persons
    if not persons:
        return drawing
    height = drawing.shape[0]
    # A tall drawing has room for both views beside it, a low one for one of its height.
    is_tall = height >= _TALL
    side = (height - _GAP) // 2 if is_tall else height
    first, *others = (
        _side_views(person, number, len(persons), side if number == 0 else _LOWEST, min_score)
        for number, person in enumerate(persons)
    )
    beside = [tile([[view] for view in first], gap=_GAP)] if is_tall else first
    board = tile([[drawing, *beside]], gap=_GAP)
    if others:
        views = [view for pair in others for view in pair]
        columns = max(board.shape[1] // (_LOWEST + _GAP) // 2 * 2, 2)
        rows = [views[start : start + columns] for start in range(0, len(views), columns)]
        board = tile([[board], [tile(rows, gap=_GAP)]], gap=_GAP)
    return _even(board)


def _rectangle(brush, box, scale):
    x, y, width, height = box
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]]) * scale
    for thickness, colour in ((3.0, _FRAME), (1.4, _MARK)):
        for number in range(4):
            brush.limb(corners[number], corners[(number + 1) % 4], thickness, colour)


def _side_views(person, number, count, side, min_score):
    which = (
        f"{'hand' if person[0].kind == 'hand' else 'person'} {number + 1}, " if count > 1 else ""
    )
    joined = [pose for pose in person if pose.is_valid] or person
    skeleton, _, points = join_poses(joined)
    unsure = not any(is_drawn(pose, min_score) for pose in person)
    if points is None or unsure:
        empty = np.full((side, side, 3), _EMPTY, np.uint8)
        words = "nobody"
        if any(pose.is_valid for pose in person):
            words = "no joint is sure" if unsure else "no metric 3D"
        return [label(empty, which + words) for _ in VIEWS]
    is_shown = join_scores(joined) >= min_score
    # Who is seen to the waist stands on nothing that can be drawn.
    has_floor = any(
        shown and joint.endswith("ankle")
        for joint, shown in zip(skeleton.joints, is_shown, strict=True)
    )
    widths = np.ones(skeleton.num_joints)
    # Fingers come after the joints of their body.
    widths[person[0].skeleton.num_joints :] = _FINGER
    return [
        label(
            draw_pose_3d(
                points,
                skeleton,
                azimuth,
                elevation,
                (side, side),
                floor=has_floor,
                widths=widths,
                is_shown=is_shown,
            ),
            which + title,
        )
        for azimuth, elevation, title in VIEWS
    ]


def _even(drawing):
    height, width = drawing.shape[:2]
    return np.ascontiguousarray(drawing[: height // 2 * 2, : width // 2 * 2])
