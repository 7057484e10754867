"""Where a person of a video will be in the next frame: around the joints of this one."""

import numpy as np

from keras_pose.data.body_boxes import box_of_joints
from keras_pose.wild3d.exported import Body, shows_something

# Fewer sure joints than this say nothing about where a person is.
_FEWEST = 6
# Share of the old box that stays: joints tremble, persons hardly jump.
_INERTIA = 0.5


class BoxTracker:
    """The box of one person from frame to frame.

    Args:
        start: [4], (x, y, width, height) px, where to look first and after the person was lost.
        crop_scale: side of the crop over the side of the box.
        min_score: joints below it do not count.

    Attributes:
        box: float64 [4], px, where to look in the coming frame.
        is_lost: whether the last frame showed no person.
    """

    def __init__(self, start: np.ndarray, crop_scale: float, min_score: float) -> None:
        self._start = np.asarray(start, np.float64)
        self._crop_scale, self._min_score = crop_scale, min_score
        self.box, self.is_lost = self._start, True

    def update(self, body: Body, shape: tuple[int, ...]) -> bool:
        """Takes in what was found in `box`.

        Args:
            body: the person found there.
            shape: of the frame, height first.

        Returns:
            Whether a person is followed.
        """
        sure = body.score >= self._min_score
        around = box_of_joints(body.keypoints_2d, sure) if sure.sum() >= _FEWEST else None
        if around is None or not body.valid or not shows_something(around, shape):
            self.box, self.is_lost = self._start, True
            return False
        middle = around[:2] + around[2:] / 2.0
        side = self._crop_scale * around[2:]
        around = np.concatenate([middle - side / 2.0, side])
        keep = 0.0 if self.is_lost else _INERTIA
        self.box, self.is_lost = keep * self.box + (1.0 - keep) * around, False
        return True
