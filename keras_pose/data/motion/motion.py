"""Motion of one body as 17-joint poses in the world frame.

Every reader of this room returns a `MotionSet`, whatever the file looked like: metres, Human3.6M-17
joints, world frame with y down along gravity. Cameras come later, in `virtual_cameras`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_pose.skeletons import H36M_17


@dataclasses.dataclass(frozen=True)
class MotionSet:
    """Poses in the world frame with the clip and the subject that each belongs to.

    Attributes:
        poses_m: float32 `[N, 17, 3]`, Human3.6M-17 joints in metres, world frame (y down).
        clip: int32 `[N]`, number of the clip; rows of one clip are in order of time.
        subject: int32 `[N]`, number of the subject; -1 where nobody knows.
        source: where the poses come from, in words.
        licence: what the licence of the poses says, in words.
        frames_per_second: rate of the rows within a clip; None where it is unknown.
        clip_names: name of every clip number, or empty.

    Raises:
        ValueError: if a shape is wrong, there is no pose, or a coordinate is not finite.
    """

    poses_m: np.ndarray
    clip: np.ndarray
    subject: np.ndarray
    source: str
    licence: str
    frames_per_second: float | None = None
    clip_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Bring the arrays to their stated dtypes and refuse what is not a set of poses."""
        poses = np.asarray(self.poses_m, np.float32)
        expected = (H36M_17.num_joints, 3)
        if poses.ndim != 3 or poses.shape[1:] != expected:
            raise ValueError(
                f"{self.source}: poses have shape {poses.shape}, but [N, 17, 3] in the joint order "
                "Human3.6M-17 is needed; convert them with keras_pose.skeletons.convert."
            )
        if not len(poses):
            raise ValueError(f"{self.source}: there is no pose; give at least one frame.")
        finite = np.isfinite(poses).all(axis=(1, 2))
        if not finite.all():
            raise ValueError(
                f"{self.source}: {int((~finite).sum())} poses, the first in row "
                f"{int(np.argmin(finite))}, are not finite; remove such frames."
            )
        object.__setattr__(self, "poses_m", poses)
        for name in ("clip", "subject"):
            values = np.asarray(getattr(self, name), np.int32)
            if values.shape != (len(poses),):
                raise ValueError(
                    f"{self.source}: '{name}' has shape {values.shape} beside {len(poses)} poses; "
                    "give one number per pose."
                )
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        """Return the number of poses."""
        return len(self.poses_m)

    def select(self, rows: np.ndarray | slice) -> MotionSet:
        """Return the poses at `rows` (slice, indices `[M]` or bool mask `[N]`) as a set of their own.

        The frame rate is forgotten, since rows left out change it.
        """
        return dataclasses.replace(
            self,
            poses_m=self.poses_m[rows],
            clip=self.clip[rows],
            subject=self.subject[rows],
            frames_per_second=None,
        )


def concatenate(motions: Sequence[MotionSet]) -> MotionSet:
    """Join sets of poses one after the other; clips are numbered anew so that none are merged.

    Args:
        motions: at least one set.

    Returns:
        One set with the rows of all; sources and licences are joined with "; ".

    Raises:
        ValueError: if there is no set.
    """
    if not motions:
        raise ValueError("concatenate needs at least one MotionSet; none was given.")
    clips, first = [], 0
    for motion in motions:
        clips.append(motion.clip - motion.clip.min() + first)
        first = int(clips[-1].max()) + 1
    rates = {motion.frames_per_second for motion in motions}
    return MotionSet(
        poses_m=np.concatenate([motion.poses_m for motion in motions]),
        clip=np.concatenate(clips),
        subject=np.concatenate([motion.subject for motion in motions]),
        source="; ".join(dict.fromkeys(motion.source for motion in motions)),
        licence="; ".join(dict.fromkeys(motion.licence for motion in motions)),
        frames_per_second=rates.pop() if len(rates) == 1 else None,
    )


def stand_on_floor(motion: MotionSet) -> MotionSet:
    """Shift every clip vertically so that its floor lies at y = 0 (y down: the body has y < 0).

    The floor of a clip is the first percentile of the height of the lowest joint, so that a few
    frames of noise do not lift the whole clip.
    """
    poses = motion.poses_m.copy()
    lowest = poses[:, :, 1].max(axis=1)
    order = np.argsort(motion.clip, kind="stable")
    starts = np.flatnonzero(np.diff(motion.clip[order], prepend=motion.clip[order[0]] - 1))
    for rows in np.split(order, starts[1:]):
        # y points down: the first percentile of height is the 99th of y.
        poses[rows, :, 1] -= np.percentile(lowest[rows], 99.0).astype(np.float32)
    return dataclasses.replace(motion, poses_m=poses)
