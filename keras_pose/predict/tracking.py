"""Where a hand or person of a video will be in the next frame: around the joints of this one."""

import numpy as np

from keras_pose.data.pictures.boxes import joints_box
from keras_pose.predict.pose import FoundPose
from keras_pose.predict.regions import shows_something

# Fewer sure joints than this share say nothing about where somebody is.
_FEWEST = 0.375
# Share of the old box that stays: joints tremble, people hardly jump.
_INERTIA = 0.5
# Side of a tight box around all flesh over the longer side of the joints' extent: hair, feet and
# fingertips lie beyond the joints of a body, skin a little beyond those of a hand.
_MARGIN = {"body": 1.12, "hand": 1.1}


def tight_box(pose: FoundPose, min_score: float, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the tight box around all flesh of a hand or person.

    Args:
        pose: what was found.
        min_score: joints below it do not count.
        shape: of the picture, height first.

    Returns:
        float64 `[4]`, (x, y, side, side) px; None where too few joints are sure or all lie outside.
    """
    sure = pose.score >= min_score
    if not pose.is_valid or sure.sum() < _FEWEST * len(sure):
        return None
    around = joints_box(pose.keypoints_2d, sure, _MARGIN[pose.kind])
    return around if around is not None and shows_something(around, shape) else None


class BoxTracker:
    """The tight box of one hand or person from frame to frame.

    Args:
        start: `[4]`, (x, y, width, height) px, where to look first and after it was lost.
        min_score: joints below it do not count.

    Attributes:
        box: float64 `[4]`, px, where to look in the coming frame.
        is_lost: whether the last frame showed nobody.
    """

    def __init__(self, start: np.ndarray, min_score: float) -> None:
        self._start = np.asarray(start, np.float64)
        self._min_score = min_score
        self.box, self.is_lost = self._start, True

    def update(self, pose: FoundPose, shape: tuple[int, ...]) -> bool:
        """Take in what was found in `box`.

        Args:
            pose: what was found there.
            shape: of the frame, height first.

        Returns:
            Whether somebody is followed.
        """
        around = tight_box(pose, self._min_score, shape)
        if around is None:
            self.box, self.is_lost = self._start, True
            return False
        keep = 0.0 if self.is_lost else _INERTIA
        self.box, self.is_lost = keep * self.box + (1.0 - keep) * around, False
        return True
