"""Signals that ask a run to stop: it stops between two steps, with a checkpoint, and says so."""

import signal
import sys
import threading
from types import FrameType
from typing import Any

from keras_pose.train.binary import finish_after_stop

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(SystemExit):
    """The run was asked to stop and has saved everything; the exit code is 128 + the signal."""


class Interruption:
    """Context manager that notes SIGTERM and SIGINT instead of dying of them.

    The second signal of a kind acts as it did before, for whoever cannot wait for the step to end.

    Attributes:
        signal: number of the signal that came, or None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        # Python lets the main thread alone set handlers; elsewhere whoever runs us deals with signals.
        if threading.current_thread() is threading.main_thread():
            # Commands end some seconds after Ctrl-C; a step and its checkpoint may take longer.
            finish_after_stop()
            for number in _SIGNALS:
                # A signal that the parent had ignored, as `nohup` does, stays ignored.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def stopped(self, step: int) -> Stopped:
        """Say that the run stops, and return what ends the program.

        Args:
            step: finished steps, all of them saved.

        Returns:
            What to raise.
        """
        # Another worker may have been asked, not this one.
        number = self.signal or signal.SIGTERM
        print(
            f"Stopped by {signal.Signals(number).name} after step {step}, which is saved; the same "
            "command goes on from there.",
            file=sys.stderr,
        )
        return Stopped(128 + number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, self._before[number])
