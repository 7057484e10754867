"""How fast a run goes: lines for log files, and a warning early on where it will take hours."""

import sys
import time

import keras

_LINE_EVERY_S = 60.0
_HOUR_S = 3600.0
# The first call traces and compiles; the pace of a few calls after it says enough.
_CALLS, _JUDGED_AFTER_S = 5, 10.0


class Pace(keras.callbacks.Callback):
    """Say how far a run is and, after its first steps, how long it will take if that is over an hour.

    Args:
        num_steps: updates in all.
        steps_per_epoch: updates of an epoch.
        clock: returns seconds; tests pass their own.
    """

    def __init__(self, num_steps: int, steps_per_epoch: int, clock=time.monotonic) -> None:
        super().__init__()
        self._num_steps, self._steps_per_epoch, self._clock = num_steps, steps_per_epoch, clock
        self._step = self._first_step = self._calls = 0
        self._first = self._last_line = 0.0
        self._is_judged = False

    def on_epoch_begin(self, epoch, logs=None):
        self._step = epoch * self._steps_per_epoch

    def on_train_batch_end(self, batch, logs=None):
        now, step = self._clock(), self._step + batch + 1
        self._calls += 1
        if self._calls == 1:
            self._first, self._first_step, self._last_line = now, step, now
            return
        left = (now - self._first) / (step - self._first_step) * (self._num_steps - step)
        if not self._is_judged and self._calls > _CALLS and now - self._first > _JUDGED_AFTER_S:
            self._is_judged = True
            if left > _HOUR_S:
                self._warn(now, step, left)
        if now - self._last_line >= _LINE_EVERY_S and not sys.stdout.isatty():
            self._last_line = now
            loss = f", loss {float(logs['loss']):.4g}" if logs and "loss" in logs else ""
            print(f"step {step} of {self._num_steps}{loss}, {duration(left)} to go", flush=True)

    def _warn(self, now, step, left):
        pace = (now - self._first) / (step - self._first_step)
        hour = max(1, step + int(_HOUR_S / pace))
        print(
            f"\nAt {pace:.2g} s per step this run takes {duration(left)} more; --num_steps={hour}, in "
            "another --model_dir, ends in an hour. Ctrl-C ends it; the same command resumes it.",
            file=sys.stderr,
            flush=True,
        )


def duration(seconds: float) -> str:
    """Word a time: `40 s`, `12 minutes`, `3.4 hours`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return (
        f"{seconds / 60:.0f} minutes" if seconds < 2 * _HOUR_S else f"{seconds / _HOUR_S:.1f} hours"
    )
