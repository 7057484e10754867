"""Videos and cameras one frame after the other, of any length, and drawings written as videos."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from keras_pose.data.pictures.mp4_shown import shown_frames

# For files that do not say how fast they are.
_FRAMES_PER_SECOND = 25.0


class VideoReader:
    """Frames of a video or of a camera in order; a context manager.

    Args:
        source: path of the video, or number of the camera.
        max_frames: stop after so many; 0 for all, of a camera: until it is unplugged.
        capture: opens a source; anything with `cv2.VideoCapture`'s manner.

    Attributes:
        num_frames: how many frames there will be; 0 if nobody knows.
        frames_per_second: as the source says, or 25.
        time_s: when the last frame that was given was seen, seconds after the first: by the source's time
            stamps, where it has none by `frames_per_second`.
        is_open: whether anything was opened.
    """

    def __init__(
        self,
        source: str | os.PathLike | int,
        max_frames: int = 0,
        capture: Callable[..., Any] = cv2.VideoCapture,
    ) -> None:
        # To FFmpeg, `12:30.mp4` is an address of the protocol 12; what begins with a slash is a file.
        path = "" if isinstance(source, int) else os.path.abspath(source)
        self._capture = capture(path or source)
        self._max_frames = max_frames
        self.is_open = bool(self._capture.isOpened())
        is_file = self.is_open and bool(path)
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT) if is_file else 0.0
        rate = self._capture.get(cv2.CAP_PROP_FPS) if self.is_open else 0.0
        self.num_frames = int(count) if 0 < count < 1e9 else 0
        self._is_cut = self._is_estimate = False
        if is_file:
            shown = shown_frames(path)
            self._is_cut = shown is not None and 0 < shown < self.num_frames
            if shown is not None and self._is_cut:
                self.num_frames = shown
            # Matroska has no number of frames: OpenCV makes one of duration and mean rate.
            self._is_estimate = path.lower().endswith(".mkv")
        if max_frames:
            is_known = 0 < self.num_frames < max_frames
            self.num_frames = self.num_frames if is_known else max_frames
        self.frames_per_second = rate if 0 < rate < 1e4 else _FRAMES_PER_SECOND
        self.time_s = 0.0

    def is_cut_off(self, num_read: int) -> bool:
        """Tell whether the source ended before its end.

        Args:
            num_read: frames that were read.
        """
        lacking = self.num_frames - num_read
        if self._is_estimate:
            return (
                lacking > 1 and self.time_s < 0.9 * self.num_frames / self.frames_per_second - 0.5
            )
        # An edit list may begin or end between two frames.
        return lacking > (2 if self._is_cut else 0)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Give uint8 `[H, W, 3]` RGB frames until the video ends or cannot be read on."""
        done, first, last = 0, 0.0, 0.0
        while not self._max_frames or done < self._max_frames:
            good, frame = self._capture.read()
            if not good:
                return
            stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
            if not done:
                self.time_s, first = 0.0, stamp
            elif stamp > last:
                # Where stamps begin late, as after frames without any, time still goes on.
                self.time_s = max(stamp - first, self.time_s + 1e-4)
            else:
                self.time_s += 1.0 / self.frames_per_second
            last = stamp
            done += 1
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def __enter__(self) -> "VideoReader":
        """Return the reader itself."""
        return self

    def __exit__(self, *error) -> None:
        """Close the file or the camera."""
        self._capture.release()


class VideoWriter:
    """Writes drawings as an mp4 that appears when it is complete; a context manager.

    Args:
        path: where to; folders are made.
        shape: of the drawings, height first; even numbers.
        frames_per_second: of the video.

    Raises:
        OSError: if it cannot be written.
    """

    def __init__(
        self, path: str | os.PathLike, shape: tuple[int, ...], frames_per_second: float
    ) -> None:
        self._path = Path(path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OSError(
                f"Cannot write {path}: {reason}; give another --output, a folder that can be made."
            ) from error
        self._partial = self._path.with_name(f".{os.getpid()}.{self._path.name}")
        code = cv2.VideoWriter.fourcc(*"mp4v")
        size = (int(shape[1]), int(shape[0]))
        self._size = size
        # An absolute path for the reason that VideoReader has.
        partial = os.path.abspath(self._partial)
        self._writer = cv2.VideoWriter(partial, code, frames_per_second, size)
        if not self._writer.isOpened():
            self._partial.unlink(missing_ok=True)
            raise OSError(
                f"Cannot write {path}: OpenCV cannot open an mp4 file there; give --nooverlay."
            )

    def write(self, drawing: np.ndarray) -> None:
        """Add a frame.

        Args:
            drawing: uint8 `[H, W, 3]` RGB, brought to the first one's size.
        """
        if drawing.shape[1::-1] != self._size:
            drawing = cv2.resize(drawing, self._size, interpolation=cv2.INTER_AREA)
        self._writer.write(cv2.cvtColor(drawing, cv2.COLOR_RGB2BGR))

    def __enter__(self) -> "VideoWriter":
        """Return the writer itself."""
        return self

    def __exit__(self, kind, *error) -> None:
        """Publish the file, or remove it after an error."""
        self._writer.release()
        if kind is None:
            os.replace(self._partial, self._path)
        else:
            self._partial.unlink(missing_ok=True)
