"""The One-Euro filter: calm at rest, quick in motion (Casiez, Roussel and Vogel, CHI 2012)."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_pose.predict.pose import FoundPose


class OneEuroFilter:
    """Smooths points that come one after the other.

    A low pass whose cutoff rises with speed: `min_cutoff + beta * |speed|`. Every number of a point is
    filtered for itself. A gap begins anew: what comes after it owes nothing to what was before.

    Args:
        min_cutoff: cutoff at rest, Hz; lower means calmer.
        beta: rise of the cutoff, Hz per unit of speed; higher means less lag.
        derivative_cutoff: cutoff of the speed's own low pass, Hz.

    Raises:
        ValueError: if a cutoff is not positive or beta is negative.
    """

    def __init__(
        self, min_cutoff: float = 1.0, beta: float = 0.0, derivative_cutoff: float = 1.0
    ) -> None:
        if not (min_cutoff > 0 and derivative_cutoff > 0 and beta >= 0):
            raise ValueError(
                f"min_cutoff={min_cutoff}, beta={beta}, derivative_cutoff={derivative_cutoff}: give "
                "cutoffs above 0 and a beta of at least 0."
            )
        self._min_cutoff, self._beta = min_cutoff, beta
        self._derivative_cutoff = derivative_cutoff
        self._time, self._value, self._speed = 0.0, np.zeros(0), np.zeros(0)

    def reset(self) -> None:
        """Forget what came before."""
        self._value = np.zeros(0)

    def smooth(self, points: np.ndarray | None, time_s: float) -> np.ndarray | None:
        """Take in the next points and return them smoothed.

        Args:
            points: `[J, D]`, any unit; None where nothing was found. Single rows that are not finite
                are gaps of their own.
            time_s: when they were seen, in seconds; later than the last time.

        Returns:
            float64 `[J, D]`; None for None. The first points after a gap come back as they are.

        Raises:
            ValueError: if time does not go on.
        """
        if points is None:
            self.reset()
            return None
        points = np.asarray(points, np.float64)
        if self._value.shape != points.shape:
            self._time, self._value, self._speed = time_s, points, np.zeros_like(points)
            return points.copy()
        step = time_s - self._time
        if not step > 0:
            raise ValueError(f"Time goes from {self._time} s to {time_s} s; give increasing times.")
        known = np.isfinite(self._value) & np.isfinite(points)
        raw_speed = np.where(known, (points - self._value) / step, 0.0)
        kept = _weight(self._derivative_cutoff, step)
        # Speed is filtered too, or noise would open the filter for itself.
        speed = np.where(known, self._speed + kept * (raw_speed - self._speed), 0.0)
        weight = _weight(self._min_cutoff + self._beta * np.abs(speed), step)
        value = np.where(known, self._value + weight * (points - self._value), points)
        self._time, self._value, self._speed = time_s, value, speed
        return value.copy()


def _weight(cutoff, step):
    """Share of the new value: a first-order low pass of time constant 1 / (2 pi cutoff)."""
    return 1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff * step))


class PoseSmoother:
    """Smooths the poses of a film, each hand and person for itself, in pixels and in metres.

    Speed counts in sizes of the pose per second, so that one setting fits near and far people, hands and
    bodies: the size is the box's longer side in pixels, and the largest distance from the root in metres.

    Args:
        min_cutoff: as of `OneEuroFilter`.
        beta: as of `OneEuroFilter`, Hz per size and second.
    """

    def __init__(self, min_cutoff: float, beta: float) -> None:
        self._min_cutoff, self._beta = min_cutoff, beta
        self._filters: dict[tuple[int, str, str, str], tuple[OneEuroFilter, float]] = {}

    def smooth(self, poses: Sequence[FoundPose], kind: str, time_s: float) -> list[FoundPose]:
        """Smooth what was found in one frame.

        Args:
            poses: all of one kind; who is missing, or not valid, begins anew afterwards.
            kind: "hand" or "body".
            time_s: of the frame, in seconds.

        Returns:
            The poses with other `keypoints_2d` and `keypoints_3d`.
        """
        out, seen = [], set()
        for pose in poses:
            key = (pose.person, pose.kind, pose.side)
            plane, space = pose.keypoints_2d, pose.keypoints_3d
            if pose.is_valid:
                seen.add((*key, "2d"))
                plane = self._filtered((*key, "2d"), plane, float(max(pose.box[2:])), time_s)
                if space is not None:
                    seen.add((*key, "3d"))
                    size = np.linalg.norm(space - space[pose.skeleton.root], axis=-1).max()
                    space = self._filtered((*key, "3d"), space, float(size), time_s)
            out.append(dataclasses.replace(pose, keypoints_2d=plane, keypoints_3d=space))
        for gone in [key for key in self._filters if key not in seen and key[1] == kind]:
            del self._filters[gone]
        return out

    def _filtered(self, key, points, size, time_s):
        if key not in self._filters:
            self._filters[key] = (OneEuroFilter(self._min_cutoff, self._beta), max(size, 1e-9))
        one_euro, unit = self._filters[key]
        smoothed = one_euro.smooth(points / unit, time_s)
        return None if smoothed is None else unit * smoothed
