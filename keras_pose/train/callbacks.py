"""What looks at every run beside its steps: epoch rows, left-out records, pictures, broken numbers."""

import json
import math
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar_summary
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG

from keras_pose.files import write_file
from keras_pose.train import run_folder
from keras_pose.train.progress import LINE_EVERY_S, duration

# Below these, shares of the time of an epoch are noise.
_SLOW_SHARE, _FEW_STEPS = 0.3, 20
# Discriminators that always know: scores of real and generated poses differ by nearly all they can.
_DEAD_GAP = 0.98
# Views of one picture lie together, and the others' are not told apart from them any more.
_COLLAPSED_SIMILARITY, _COLLAPSED_ACCURACY = 0.99, 0.1
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
        if now - self._last_line >= LINE_EVERY_S and not sys.stdout.isatty():
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


class EpochRows(keras.callbacks.Callback):
    """Evaluates after every epoch and keeps one row per epoch in `epochs.jsonl` and TensorBoard.

    Args:
        model_dir: run folder.
        steps_per_epoch: training steps of one epoch.
        evaluate: function `(model, epoch) -> dict` of name to float, added to the training logs.
        on_row: function `(model, rows)` called with all rows so far, or None.
        panel: dict of chart title to list of row names, drawn together in TensorBoard's custom
            scalars, or None.
    """

    def __init__(self, model_dir, steps_per_epoch, evaluate=None, on_row=None, panel=None):
        super().__init__()
        self.model_dir = model_dir
        self.steps_per_epoch = steps_per_epoch
        self.evaluate = evaluate
        self.on_row = on_row
        self.panel = panel
        self.rows = []
        self.writer: Any = None  # TensorFlow's summary writer, while training

    def on_train_begin(self, logs=None):
        """Open the TensorBoard log and draw up its panel."""
        self.writer = tf.summary.create_file_writer(os.path.join(self.model_dir, "tensorboard"))
        if self.panel:
            with self.writer.as_default():
                tensor, metadata = _panel_summary(self.panel)
                # TensorBoard looks the layout up under this very tag.
                tf.summary.write(CONFIG_SUMMARY_TAG, tensor, step=0, metadata=metadata)

    def on_epoch_begin(self, epoch, logs=None):
        """Drop rows that a resumed run is about to make again."""
        self.rows = run_folder.read_epochs(self.model_dir)[:epoch]

    def on_epoch_end(self, epoch, logs=None):
        """Evaluate and write the epoch's row."""
        row = {"epoch": epoch + 1, "step": (epoch + 1) * self.steps_per_epoch}
        row |= {name: float(value) for name, value in (logs or {}).items()}
        if self.evaluate:
            row |= {name: float(value) for name, value in self.evaluate(self.model, epoch).items()}
        self.rows.append(row)
        run_folder.write_epochs(self.model_dir, self.rows)
        with self.writer.as_default():
            for name, value in row.items():
                tf.summary.scalar(name, value, step=row["step"])
        if self.on_row:
            self.on_row(self.model, self.rows)

    def on_train_end(self, logs=None):
        """Close the TensorBoard log."""
        self.writer.close()


class SkippedRecords(keras.callbacks.Callback):
    """Keeps the list of left-out records in `run.json` after every epoch, for a run may be killed.

    Args:
        model_dir: run folder.
        skipped: function without arguments that gives those met by this process, id as text to reason.
    """

    def __init__(self, model_dir, skipped):
        super().__init__()
        self.model_dir = model_dir
        self.skipped = skipped

    def on_epoch_end(self, epoch, logs=None):
        """Add what was met so far."""
        run_folder.add_skipped(self.model_dir, self.skipped())


class Pictures(keras.callbacks.Callback):
    """Writes one picture per epoch to TensorBoard.

    Args:
        model_dir: run folder.
        steps_per_epoch: training steps of one epoch.
        draw: function `model -> uint8 [H, W, 3]`; given by the method, as this room draws nothing.
        name: tag of the picture.
    """

    def __init__(self, model_dir, steps_per_epoch, draw, name="poses"):
        super().__init__()
        self.folder = os.path.join(model_dir, "tensorboard")
        self.steps_per_epoch = steps_per_epoch
        self.draw = draw
        self.name = name
        self.writer: Any = None  # TensorFlow's summary writer, while training

    def on_train_begin(self, logs=None):
        """Open the TensorBoard log."""
        self.writer = tf.summary.create_file_writer(self.folder, filename_suffix=".pictures")

    def on_epoch_end(self, epoch, logs=None):
        """Draw and write."""
        with self.writer.as_default():
            step = (epoch + 1) * self.steps_per_epoch
            tf.summary.image(self.name, self.draw(self.model)[None], step=step)

    def on_train_end(self, logs=None):
        """Close the TensorBoard log."""
        self.writer.close()


def _panel_summary(panel):
    """Return the tag-less summary that lays charts side by side: its tensor and its metadata."""
    charts = [
        layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=names))
        for title, names in panel.items()
    ]
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title="health", chart=charts)])
    value = custom_scalar_summary.pb(layout).value[0]
    return tf.make_ndarray(value.tensor), value.metadata


_STATE = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")


def callback_state(callbacks: list) -> dict[str, dict]:
    """Return what Keras' callbacks that stop early or lower the learning rate remember, JSON-ready."""
    return {
        str(number): {
            name: None if vars(callback)[name] is None else float(vars(callback)[name])
            for name in _STATE
            if name in vars(callback)
        }
        for number, callback in enumerate(callbacks)
        if isinstance(callback, keras.callbacks.EarlyStopping | keras.callbacks.ReduceLROnPlateau)
    }


def restore_callback_state(callbacks: list, state: dict[str, dict]) -> None:
    """Give callbacks back what `callback_state` took, after their `on_train_begin`."""
    for number, values in state.items():
        if int(number) < len(callbacks):
            vars(callbacks[int(number)]).update(values)


def broken_logs(logs: Mapping[str, Any]) -> list[str]:
    """Names of the logs that are NaN or infinite."""
    return [name for name, value in logs.items() if not math.isfinite(float(value))]


def write_broken_batch(
    model_dir: str, batches: tf.data.Dataset, first_step: int, count: int, broken: list[str]
) -> str:
    """Write down which records a step learned from when its numbers broke.

    Args:
        model_dir: run folder.
        batches: dataset of global batches whose first is that of the step after `first_step`.
        first_step: finished steps before.
        count: batches of the execution.
        broken: names of the logs that broke.

    Returns:
        Path of the file, `non-finite-step-<n>.json`: ids of the batch's records, or their number where
        batches have no ids, and by name how many values of the batch are non-finite themselves.
    """
    ids: list[int | str] = []
    rows, bad = 0, dict[str, int]()
    for batch in batches.take(count):
        named = batch if isinstance(batch, dict) else dict(enumerate(tf.nest.flatten(batch)))
        for name, values in named.items():
            values = np.asarray(values)
            if name == "id":
                ids += [one.decode() if isinstance(one, bytes) else one for one in values.tolist()]
            if values.dtype.kind == "f" and (number := int((~np.isfinite(values)).sum())):
                bad[str(name)] = bad.get(str(name), 0) + number
        rows += len(next(iter(named.values())))
    content = {
        "step": first_step + count,
        "broken": broken,
        "ids": ids,
        "rows": rows,
        "non_finite_inputs": bad,
    }
    path = os.path.join(model_dir, f"non-finite-step-{first_step + count}.json")
    write_file(path, json.dumps(content, indent=2) + "\n")
    return path


class Watch:
    """Warns once per run and kind, at the end of an epoch, on the error stream."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def input(self, waited_s: float, epoch_s: float, steps: int) -> None:
        """Say that steps waited for their input.

        Args:
            waited_s: seconds spent waiting in the epoch.
            epoch_s: seconds of its steps.
            steps: how many there were.
        """
        if steps >= _FEW_STEPS and waited_s > _SLOW_SHARE * epoch_s:
            self._say(
                "input",
                f"The input is slower than the step: {waited_s / epoch_s:.0%} of the epoch was spent "
                "waiting for it; give it more processors, prepare smaller pictures, or make the views "
                "on the device where the method can (--augment_on).",
            )

    def networks(self, logs: Mapping[str, Any]) -> None:
        """Say that a discriminator or a representation has stopped to be of use.

        Args:
            logs: means over the epoch.
        """
        gap = float(logs.get("discriminator_gap", 0.0))
        if abs(gap) > _DEAD_GAP:
            self._say(
                "discriminator",
                f"The discriminator has won (discriminator_gap {gap:.3f}) and teaches nothing any "
                "more; lower its learning rate or its size.",
            )
        similarity = float(logs.get("positive_similarity", 0.0))
        accuracy = float(logs.get("accuracy", 1.0))
        if similarity > _COLLAPSED_SIMILARITY and accuracy < _COLLAPSED_ACCURACY:
            self._say(
                "representation",
                f"The representation has collapsed (positive_similarity {similarity:.3f}, accuracy "
                f"{accuracy:.3f}): every picture looks the same to it; lower --learning_rate or raise "
                "--batch_size.",
            )

    def _say(self, kind, sentence):
        if kind not in self._said:
            self._said.add(kind)
            print(f"WARNING: {sentence}", file=sys.stderr)
