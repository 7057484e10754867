"""Where a film is cut: the picture is another one, or a person is somewhere else at once."""

import cv2
import numpy as np

# Guessed, not measured. Grey levels of 0 to 1 that differ by this much on average, in pictures this
# small that neither noise nor edges count, and colours of which less than this share is common to both.
_MEAN_DIFFERENCE = 0.1
_COMMON_COLOURS = 0.6
_SMALL = (32, 18)
_LEVELS = 8
# Half a pose from one frame to the next is a person's length in a fifteenth of a second.
_FARTHEST_MOVE = 0.5


class CutFinder:
    """Compares every picture of a film with the one before: its places, and its colours.

    A camera that pans moves the places and keeps the colours; a light that goes on keeps the places. A
    cut changes both.
    """

    def __init__(self) -> None:
        self._grey = np.zeros(0)
        self._colours = np.zeros(0)

    def is_cut(self, image: np.ndarray) -> bool:
        """Take in the next picture.

        Args:
            image: uint8 `[H, W, 3]` RGB.

        Returns:
            Whether it shows something else than the one before; the first one never does.
        """
        small = cv2.resize(image, _SMALL, interpolation=cv2.INTER_AREA)
        grey = small.astype(np.float64).mean(axis=-1) / 255.0
        levels = small.reshape(-1, 3).astype(int) * _LEVELS // 256
        number = (levels * [_LEVELS**2, _LEVELS, 1]).sum(axis=-1)
        colours = np.bincount(number, minlength=_LEVELS**3) / len(number)
        before, self._grey, self._colours = (self._grey, self._colours), grey, colours
        if not len(before[0]):
            return False
        difference = float(np.abs(grey - before[0]).mean())
        common = float(np.minimum(colours, before[1]).sum())
        return difference > _MEAN_DIFFERENCE and common < _COMMON_COLOURS


def cut_rows(points_px: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Find where a person is somewhere else at once.

    Args:
        points_px: float `[F, 17, 2]`, successive frames.
        score: float `[F, 17]`, 0 where missing.

    Returns:
        int `[C]`, rows that begin another piece: from the row before, half the joints or more that are
        there in both moved by more than half the size of the pose.
    """
    there = score > 0
    low = np.where(there[..., None], points_px, np.inf).min(axis=1)
    high = np.where(there[..., None], points_px, -np.inf).max(axis=1)
    size = np.where(there.any(axis=1), (high - low).max(axis=1), 0.0)
    both = there[1:] & there[:-1]
    moves = np.linalg.norm(points_px[1:] - points_px[:-1], axis=-1)
    is_far = both & (moves > _FARTHEST_MOVE * np.maximum(size[1:], size[:-1])[:, None])
    count = both.sum(axis=1)
    return 1 + np.flatnonzero((count > 0) & (2 * is_far.sum(axis=1) >= count))
