"""Poses of generated bodies: drawn from motion, with bones of any person's length."""

import numpy as np

from keras_pose.data.motion.motion import MotionSet, stand_on_floor
from keras_pose.skeletons import H36M_17

# The soles lie this far below the ankles, which are the lowest joints; a body of 1.71 m.
_SOLE_M = 0.078


class PosePool:
    """Poses of a motion, ready to be drawn by person.

    Args:
        motion: any poses; a subject nobody knows (-1) counts as another one in every clip.
    """

    def __init__(self, motion: MotionSet):
        self.motion = stand_on_floor(motion)
        order = np.argsort(motion.clip, kind="stable")
        starts = np.flatnonzero(np.diff(motion.clip[order], prepend=motion.clip[order[0]] - 1))
        self._clips = np.split(order, starts[1:])
        firsts = order[starts]
        subject = motion.subject[firsts].astype(np.int64)
        unknown = subject < 0
        subject[unknown] = 2**32 + motion.clip[firsts[unknown]].astype(np.int64)
        _, self._subject = np.unique(subject, return_inverse=True)
        # Long clips are more of the same: the root keeps them from drowning the short ones.
        self._weight = np.sqrt([len(clip) for clip in self._clips])

    @property
    def num_subjects(self) -> int:
        """Number of subjects, each clip of an unknown one counted."""
        return int(self._subject.max()) + 1

    def draw(
        self, rng: np.random.Generator, person: int, people: int
    ) -> tuple[np.ndarray, int, int]:
        """Draw one pose of those subjects that a person stands for.

        Args:
            rng: source of the draws.
            person: number of the person; plays the subjects of this number modulo `people`.
            people: number of persons; 0 where any may have any pose.

        Returns:
            Joints float64 `[17, 3]` in metres, world frame, the pelvis over the origin; the row of
            the motion; the number of the subject.
        """
        weight = self._weight
        if people:
            is_own = self._subject % people == person % min(people, self.num_subjects)
            weight = weight * is_own
        clip = int(rng.choice(len(self._clips), p=weight / weight.sum()))
        rows = self._clips[clip]
        row = int(rows[int(rng.integers(len(rows)))])
        joints = self.motion.poses_m[row].astype(np.float64)
        joints[:, ::2] -= joints[H36M_17.root, ::2]
        return joints, row, int(self._subject[clip])


def random_lengths(rng: np.random.Generator) -> np.ndarray:
    """Draw how much longer a person's bones are than those of the motion.

    Args:
        rng: source of the draws.

    Returns:
        float64 `[17]`, factor of the bone from each joint's parent; the same left and right.
    """
    stature = np.clip(rng.normal(1.0, 0.05), 0.88, 1.12)
    kinds = ("hip", "knee", "ankle", "spine", "thorax", "nose", "shoulder", "elbow", "wrist")
    drawn = dict(zip(kinds, np.clip(rng.normal(1.0, 0.04, len(kinds)), 0.9, 1.1), strict=True))
    # Nose and top of the head keep their places on one skull.
    drawn["head"], drawn["pelvis"] = drawn["nose"], 1.0
    return stature * np.array([drawn[joint.split("_")[-1]] for joint in H36M_17.joints])


def with_lengths(joints: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Change the lengths of bones, not their directions.

    Args:
        joints: float64 `[17, 3]`, metres, world frame (y down).
        factors: float64 `[17]`, of the bone from each joint's parent.

    Returns:
        float64 `[17, 3]`; the lowest joint keeps its height.
    """
    scaled = joints.copy()
    for joint, parent in enumerate(H36M_17.parents):
        if parent >= 0:
            scaled[joint] = scaled[parent] + factors[joint] * (joints[joint] - joints[parent])
    scaled[:, 1] += joints[:, 1].max() - scaled[:, 1].max()
    return scaled


def placed(joints: np.ndarray, heading: float, spot: np.ndarray) -> np.ndarray:
    """Turn a body about the vertical through the origin and put it somewhere on its soles.

    Args:
        joints: float64 `[17, 3]`, metres, world frame, the lowest joint about on the floor.
        heading: radians.
        spot: float64 `[2]`, x and z in metres.

    Returns:
        float64 `[17, 3]`.
    """
    cosine, sine = np.cos(heading), np.sin(heading)
    turned = joints @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    return turned + np.array([spot[0], -_SOLE_M, spot[1]])
