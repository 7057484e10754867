"""Smooth round strokes on a picture, at fractions of a pixel, the same for every drawing."""

from collections.abc import Sequence

import cv2
import numpy as np

_SHIFT = 4  # OpenCV's fixed-point bits: positions to a sixteenth of a (small) pixel.


class Brush:
    """Draws on an enlarged copy of a picture; shrinking it in the end smooths every edge.

    Args:
            image: uint8 `[H, W, 3]`, left as it is.
    """

    def __init__(self, image: np.ndarray):
        self._size = image.shape[:2]
        # A large photograph is smooth enough at its own size, and enlarged it costs memory.
        self._factor = int(np.clip(2048 // max(self._size), 1, 4))
        enlarged = image.repeat(self._factor, axis=0).repeat(self._factor, axis=1)
        self._image = np.array(enlarged, order="C")

    def limb(self, start: np.ndarray, end: np.ndarray, width: float, colour: Sequence) -> None:
        """Draw a bar with round ends.

        Args:
                start: `[2]` or more; x and y in pixels, of which the first has its centre at 0.5.
                end: `[2]` or more, likewise.
                width: in pixels.
                colour: RGB, 0 to 255.
        """
        along = np.asarray(end[:2], float) - start[:2]
        length = float(np.hypot(*along))
        if length > 1e-6:
            across = np.array([-along[1], along[0]]) / length * width / 2
            corners = [start[:2] + across, end[:2] + across, end[:2] - across, start[:2] - across]
            cv2.fillConvexPoly(
                self._image, self._fixed(corners), _plain(colour), cv2.LINE_AA, _SHIFT
            )
        for point in (start, end):
            self.dot(point, width, colour)

    def dot(self, point: np.ndarray, width: float, colour: Sequence) -> None:
        """Draw a disc.

        Args:
                point: `[2]` or more; x and y of its centre in pixels.
                width: its diameter in pixels.
                colour: RGB, 0 to 255.
        """
        radius = max(int(round(width / 2 * self._factor * 2**_SHIFT)), 1)
        (centre,) = self._fixed([point[:2]])
        cv2.circle(
            self._image, centre.tolist(), radius, _plain(colour), cv2.FILLED, cv2.LINE_AA, _SHIFT
        )

    def ring(self, point: np.ndarray, radius: float, width: float, colour: Sequence) -> None:
        """Draw a circle.

        Args:
                point: `[2]` or more; x and y of its centre in pixels.
                radius: in pixels.
                width: of the line in pixels.
                colour: RGB, 0 to 255.
        """
        (centre,) = self._fixed([point[:2]])
        line = max(int(round(width * self._factor)), 1)
        around = max(int(round(min(radius, 1e4) * self._factor * 2**_SHIFT)), 1)
        cv2.circle(self._image, centre.tolist(), around, _plain(colour), line, cv2.LINE_AA, _SHIFT)

    def picture(self) -> np.ndarray:
        """Finish the drawing.

        Returns:
                uint8 `[H, W, 3]`, of the size of the picture that was given.
        """
        if self._factor == 1:
            return self._image
        return cv2.resize(self._image, self._size[::-1], interpolation=cv2.INTER_AREA)

    def _fixed(self, points: Sequence[np.ndarray]) -> np.ndarray:
        # The first small pixel has its centre at 0.5 as well, but OpenCV counts centres from 0.
        small = np.asarray(points, float) * self._factor - 0.5
        # Far outside the picture OpenCV's integers would overflow.
        limit = 2.0 ** (30 - _SHIFT)
        return np.round(np.clip(small, -limit, limit) * 2**_SHIFT).astype(np.int32)


def _plain(colour: Sequence) -> tuple[int, ...]:
    return tuple(int(round(float(part))) for part in colour)
