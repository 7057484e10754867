"""Films of moving people: 2D poses in the order of time, as a camera that stands still sees them."""

import dataclasses

import numpy as np
from keras import ops

from keras_pose.codecs import valid_poses
from keras_pose.data import motion
from keras_pose.lifter_motion.config import Config
from keras_pose.lifting.sources import CAMERA_SEED, read_motion

# Further headings of a clip are further draws of the virtual cameras.
_NEXT_HEADING = 1000


@dataclasses.dataclass(frozen=True)
class Films:
    """Films one after the other, each in the order of time.

    Attributes:
        points_px: float32 `[N, 17, 2]`, pixels, y down.
        film: int32 `[N]`, number of the film that a frame belongs to, ascending.
        step: frames of the data from one frame of the film to the next.
        points_3d: float32 `[N, 17, 3]`, metres, camera frame, root at 0; for measuring alone.
        px_per_m: float32 `[N]`, at the root's depth; for measuring alone.
        frames_per_second: rate of the films.
        source: where they come from, for reports.
    """

    points_px: np.ndarray
    film: np.ndarray
    step: int
    points_3d: np.ndarray
    px_per_m: np.ndarray
    frames_per_second: float
    source: str

    def __len__(self):
        return len(self.points_px)

    def window_rows(self, num_frames: int, answered: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the window around every frame.

        Args:
            num_frames: frames T of a window.
            answered: which of them the frame itself is.

        Returns:
            `(rows, is_there)`: int `[N, T]` and bool `[N, T]`, false beyond the ends of a film, where the
            row is the frame itself.
        """
        own = np.arange(len(self))[:, None]
        rows = own + self.step * (np.arange(num_frames) - answered)
        is_inside = (rows >= 0) & (rows < len(self))
        rows = np.where(is_inside, rows, own)
        is_there = is_inside & (self.film[rows] == self.film[own])
        return np.where(is_there, rows, own), is_there

    def whole_rows(self, num_frames: int) -> np.ndarray:
        """Return the first row of every stretch of so many frames within one film, int `[M]`."""
        starts = np.arange(len(self))
        last = starts + self.step * (num_frames - 1)
        starts, last = starts[last < len(self)], last[last < len(self)]
        return starts[self.film[starts] == self.film[last]]

    def thinned(self, stride: int) -> "Films":
        """Return every `stride`-th film at its own rate, step 1."""
        first = np.searchsorted(self.film, self.film)
        is_kept = ((np.arange(len(self)) - first) % self.step == 0) & (self.film % stride == 0)
        fields = ("points_px", "film", "points_3d", "px_per_m")
        kept = {name: getattr(self, name)[is_kept] for name in fields}
        return dataclasses.replace(self, **kept, step=1)


def load_films(config: Config, data_dir: str, split: str) -> Films:
    """Film one split: every clip by the four cameras of Human3.6M, placed once per clip.

    Args:
        config: uses dataset, frames_per_second, num_headings, val_stride, num_generated_frames,
            allow_pickle.
        data_dir: folder of the data set; unused for generated motion.
        split: `"train"`, all frames of the data, or `"val"`, every `val_stride`-th film, thinned.

    Returns:
        The films.

    Raises:
        ValueError: if the data are missing or broken, of unknown or too low a rate; the sentence names
            the file.
    """
    moved = read_motion(config, data_dir, split)
    rate = moved.frames_per_second
    if rate is None:
        raise ValueError(
            f"{moved.source}: the rate of frames is unknown; give motion that says it."
        )
    step = round(rate / config.frames_per_second)
    if step < 1:
        raise ValueError(
            f"{moved.source} has {rate:g} frames per second, too few for --frames_per_second="
            f"{config.frames_per_second:g}; give {rate:g} or less."
        )
    headings = config.num_headings if split == "train" else 1
    order = np.argsort(moved.clip, kind="stable")
    _, clip = np.unique(moved.clip[order], return_inverse=True)
    parts = []
    for heading in range(headings):
        seed = CAMERA_SEED[split] + _NEXT_HEADING * heading
        views = motion.render_views(moved, motion.h36m_rig(), seed=seed, per="clip")
        for camera in range(motion.h36m_rig().num_cameras):
            rows = np.flatnonzero(views.camera == camera)[order]
            points_3d = views.points_3d[rows]
            px_per_m = views.intrinsics[rows, 0, 0] / points_3d[:, 0, 2]
            parts.append((views.points_px[rows], points_3d - points_3d[:, :1], px_per_m))
    count = int(clip.max()) + 1
    films = Films(
        points_px=np.concatenate([part[0] for part in parts]),
        film=np.concatenate([clip + count * number for number in range(len(parts))]).astype(
            np.int32
        ),
        step=step,
        points_3d=np.concatenate([part[1] for part in parts]),
        px_per_m=np.concatenate([part[2] for part in parts]).astype(np.float32),
        frames_per_second=rate / step,
        source=f"{moved.source}, films of {rate / step:g} frames per second",
    )
    bad = np.flatnonzero(~ops.convert_to_numpy(valid_poses(films.points_px)))
    if len(bad):
        raise ValueError(
            f"{moved.source}: {split} frame {bad[0] % len(moved)} has non-finite or coinciding joints "
            f"({len(bad)} such); remove them from the data."
        )
    return films if split == "train" else films.thinned(config.val_stride)
