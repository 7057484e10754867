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
        sure = pose.score >= self._min_score
        around = None
        if sure.sum() >= _FEWEST * len(sure):
            around = joints_box(pose.keypoints_2d, sure, _MARGIN[pose.kind])
        if around is None or not pose.is_valid or not shows_something(around, shape):
            self.box, self.is_lost = self._start, True
            return False
        keep = 0.0 if self.is_lost else _INERTIA
        self.box, self.is_lost = keep * self.box + (1.0 - keep) * around, False
        return True
