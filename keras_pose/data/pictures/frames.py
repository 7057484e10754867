"""Single frames of videos, or of folders of numbered pictures, read from several threads.

A video is only ever read forwards: jumping lands beside the frame in many of them. Frames that
will be asked for are kept for a while, since threads ask a little out of order.
"""

import collections
import os
import pathlib
import re
import threading
from collections.abc import Iterable

import cv2
import numpy as np

from keras_pose.data.pictures.mp4_shown import shown_frames
from keras_pose.data.pictures.picture import ENDINGS, decode_picture

VIDEO_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".m4v")
_KEPT = 8
_OPEN = 3


class FrameReader:
    """Frames of one recording, counted from 0.

    Attributes:
        path: the video or the folder.
        numbers: sorted int `[F]`, the frames there are.

    Args:
        path: a video that OpenCV reads, or a folder of pictures whose names end in the frame's number.
        first: number that a folder gives to its first frame.

    Raises:
        ValueError: if it is neither, or holds no frame.
    """

    def __init__(self, path: str | os.PathLike[str], first: int = 1) -> None:
        self.path = pathlib.Path(path)
        self._files: dict[int, pathlib.Path] = {}
        if self.path.is_dir():
            for file in self.path.iterdir():
                digits = re.search(r"(\d+)$", file.stem)
                if file.suffix.lower() in ENDINGS and digits:
                    self._files[int(digits.group(1)) - first] = file
            self.numbers = np.array(sorted(self._files), np.int64)
        else:
            capture = _capture(self.path)
            count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
            capture.release()
            # Of a trimmed film fewer frames are shown than stored.
            shown = shown_frames(self.path) if count > 0 else None
            self.numbers = np.arange(max(count if shown is None else min(count, shown), 0))
        if not len(self.numbers):
            raise ValueError(
                f"{self.path} is not a video that OpenCV can read and no folder of numbered "
                "pictures; get it again, or extract its frames."
            )

    def file(self, number: int) -> pathlib.Path | None:
        """Find the picture file of a frame.

        Args:
            number: from `numbers`.

        Returns:
            Its path; None for videos.
        """
        return self._files.get(number)


class FrameStore:
    """Reads frames of many recordings, keeping a few of them open.

    Args:
        wanted: pairs (recording, frame numbers that will be asked for).
    """

    def __init__(self, wanted: Iterable[tuple[FrameReader, np.ndarray]]) -> None:
        self._wanted = {reader.path: frozenset(map(int, numbers)) for reader, numbers in wanted}
        self._open: collections.OrderedDict[pathlib.Path, _Video] = collections.OrderedDict()
        self._lock = threading.Lock()

    def read(self, reader: FrameReader, number: int) -> np.ndarray:
        """Read one frame.

        Args:
            reader: the recording.
            number: frame, counted from 0.

        Returns:
            uint8 `[H, W, 3]`, RGB.

        Raises:
            ValueError: if the frame is missing or damaged, in one sentence naming it.
        """
        file = reader.file(number)
        if file is not None:
            try:
                return decode_picture(file.read_bytes(), file.name)
            except OSError as error:
                raise ValueError(
                    f"{file} cannot be read ({error.strerror}); get it again."
                ) from error
        with self._lock:
            video = self._open.get(reader.path)
            if video is None:
                video = _Video(reader.path, self._wanted.get(reader.path, frozenset()))
                self._open[reader.path] = video
                if len(self._open) > _OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(reader.path)
        return video.read(number)


def _capture(path):
    # To FFmpeg, `12:30.mp4` is an address of the protocol 12; what begins with a slash is a file.
    return cv2.VideoCapture(os.path.abspath(path))


class _Video:
    """One open video."""

    def __init__(self, path, wanted):
        self.path, self.wanted = path, wanted
        self.capture, self.next = None, 0
        self.kept: collections.OrderedDict[int, np.ndarray] = collections.OrderedDict()
        self.lock = threading.Lock()

    def read(self, number):
        with self.lock:
            if number in self.kept:
                return self.kept[number]
            if self.capture is None or number < self.next:
                self.capture, self.next = _capture(self.path), 0
            while self.next <= number:
                here = self.next
                good = self.capture.grab()
                self.next += 1
                if good and (here == number or here in self.wanted):
                    good, image = self.capture.retrieve()
                    if good:
                        self.kept[here] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                        if len(self.kept) > _KEPT:
                            self.kept.popitem(last=False)
                if not good:
                    self.capture = None
                    raise ValueError(
                        f"{self.path}: frame {here} cannot be read; the video may be cut off, get it "
                        "again."
                    )
            return self.kept[number]
