"""Keras callbacks of every run: checkpoints, epoch rows, pictures, stop on non-finite numbers."""

import math
import os
from typing import Any

import keras
import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar_summary
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG

from keras_pose.train import run_folder


class SaveState(keras.callbacks.Callback):
    """Writes a checkpoint at the end of every epoch, after the other callbacks' work.

    Args:
        checkpoints: `keras_pose.train.checkpoints.Checkpoints`.
        steps_per_epoch: training steps of one epoch.
    """

    def __init__(self, checkpoints, steps_per_epoch: int):
        super().__init__()
        self.checkpoints = checkpoints
        self.steps_per_epoch = steps_per_epoch

    def on_epoch_end(self, epoch, logs=None):
        """Save the state after this epoch's steps."""
        self.checkpoints.save((epoch + 1) * self.steps_per_epoch)


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends the run with one sentence as soon as a logged number is NaN or infinite."""

    def on_epoch_end(self, epoch, logs=None):
        """Check the epoch's logs before they are written or the state is saved."""
        broken = [name for name, value in (logs or {}).items() if not math.isfinite(value)]
        if broken:
            raise FloatingPointError(
                f"epoch {epoch + 1}: {', '.join(broken)} became non-finite; lower --learning_rate "
                "or check the data; the last checkpoint is from the previous epoch."
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
