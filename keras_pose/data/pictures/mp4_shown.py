"""How many frames of an MP4 or MOV file are shown: its edit list may leave stored ones out.

Phones that trim a film, and programs that cut without encoding again, keep frames that only help to
decode others. The boxes are those of ISO/IEC 14496-12: moov, trak, edts, elst, mdia, stbl.
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

_INSIDE = (b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl")
_MOST_SAMPLES = 10_000_000


class _Box(NamedTuple):
    kind: bytes
    start: int  # of its content
    end: int


def shown_frames(path: str | os.PathLike[str]) -> int | None:
    """Count the frames of the first video track that its edit list shows.

    Args:
        path: a file of any kind.

    Returns:
        The number; None where the file is no MP4 or MOV, is not whole, or does not say.
    """
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            top = list(_boxes(file, 0, size))
            if not top or top[-1].end != size or b"moov" not in [box.kind for box in top]:
                return None
            moov = next(box for box in top if box.kind == b"moov")
            movie_scale = _time_scale(file, moov, b"mvhd")
            for trak in _boxes(file, moov.start, moov.end):
                if trak.kind == b"trak" and _handler(file, trak) == b"vide":
                    return _count(file, trak, movie_scale)
    except (OSError, struct.error, ValueError, StopIteration, MemoryError):
        pass
    return None


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            head = 16
        elif size == 0:  # up to the end of the file
            size = end - start
        if size < head or start + size > end:
            return
        yield _Box(kind, start + head, start + size)
        start += size


def _find(file: BinaryIO, box: _Box, kind: bytes) -> bytes:
    """Return the content of the first box of a kind, however deep; empty where there is none."""
    for inner in _boxes(file, box.start, box.end):
        if inner.kind == kind:
            file.seek(inner.start)
            return file.read(inner.end - inner.start)
        if inner.kind in _INSIDE and (content := _find(file, inner, kind)):
            return content
    return b""


def _time_scale(file: BinaryIO, box: _Box, kind: bytes) -> int:
    content = _find(file, box, kind)
    return int(struct.unpack_from(">I", content, 20 if content[0] else 12)[0])


def _handler(file: BinaryIO, trak: _Box) -> bytes:
    return _find(file, trak, b"hdlr")[8:12]


def _count(file: BinaryIO, trak: _Box, movie_scale: int) -> int | None:
    times = _times(_find(file, trak, b"stts"), _find(file, trak, b"ctts"))
    edits = _find(file, trak, b"elst")
    if not len(times):
        return None
    if not edits:
        return len(times)
    scale = _time_scale(file, trak, b"mdhd") / movie_scale
    kind = ">QqI" if edits[0] else ">IiI"
    (number,) = struct.unpack_from(">I", edits, 4)
    shown = 0
    for entry in range(number):
        place = 8 + entry * struct.calcsize(kind)
        duration, start, _ = struct.unpack_from(kind, edits, place)
        if start >= 0:  # -1 is a pause before the film
            # The duration is rounded to whole units of the movie, which are coarser.
            end = start + (duration - 1) * scale if duration else np.inf
            shown += int(((times >= start) & (times < end)).sum())
    return shown


def _times(durations: bytes, offsets: bytes) -> np.ndarray:
    """When each stored frame is shown, in units of the track."""
    steps = _runs(durations)
    times = np.concatenate([[0], np.cumsum(steps)[:-1]]) if len(steps) else np.zeros(0)
    shifts = _runs(offsets)
    return times + shifts if len(shifts) == len(times) else times


def _runs(content: bytes) -> np.ndarray:
    if len(content) < 8:
        return np.zeros(0)
    table = np.frombuffer(content[8:], ">i4")
    counts, values = table[::2], table[1::2]
    if len(counts) != len(values) or (counts < 0).any() or counts.sum() > _MOST_SAMPLES:
        raise ValueError("no table of runs")
    return np.repeat(values.astype(np.float64), counts)
