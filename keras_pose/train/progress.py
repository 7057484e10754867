"""How far long work is, on the error stream: a bar for people, now and then a line for log files."""

import sys
import time
from typing import TextIO

_WIDTH = 30
_EVERY_S, LINE_EVERY_S = 0.2, 60.0
_HOUR_S = 3600.0


class ProgressBar:
    """Shows how much is done.

    Args:
        what: the things counted, in plural.
        total: how many there are; 0 if unknown.
        stream: where to write; the error stream if None.
    """

    def __init__(self, what: str, total: int, stream: TextIO | None = None) -> None:
        self._what, self._total = what, total
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._begin = self._last = time.monotonic()
        self._is_shown = False

    def show(self, done: int) -> None:
        """Show the state, unless it was shown just now.

        Args:
            done: how many are through.
        """
        now = time.monotonic()
        if now - self._last < (_EVERY_S if self._is_terminal else LINE_EVERY_S):
            return
        self._last, self._is_shown = now, True
        line = progress_line(self._what, done, self._total, now - self._begin)
        print(f"\r{line}" if self._is_terminal else line, end="", file=self._stream)
        if not self._is_terminal:
            print(file=self._stream)
        self._stream.flush()

    def close(self) -> None:
        """End the line of the bar."""
        if self._is_shown and self._is_terminal:
            print(file=self._stream)


def progress_line(what: str, done: int, total: int, seconds: float) -> str:
    """Words a state.

    Args:
        what: the things counted, in plural.
        done: how many are through.
        total: how many there are; 0 if unknown.
        seconds: since the beginning.

    Returns:
        One line, such as `[###---] 120 of 240 frames, 12 s, 12 s to go`.
    """
    if not total:
        return f"{done} {what}, {seconds:.0f} s"
    share = min(done / total, 1.0)
    bar = "#" * round(share * _WIDTH)
    rest = f", {seconds * (total - done) / done:.0f} s to go" if 0 < done < total else ""
    return f"[{bar:-<{_WIDTH}}] {done} of {total} {what}, {seconds:.0f} s{rest}"


def duration(seconds: float) -> str:
    """Word a time: `40 s`, `12 minutes`, `3.4 hours`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return (
        f"{seconds / 60:.0f} minutes" if seconds < 2 * _HOUR_S else f"{seconds / _HOUR_S:.1f} hours"
    )
