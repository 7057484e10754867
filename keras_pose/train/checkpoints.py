"""Everything a run needs to go on exactly where it stopped, in one checkpoint.

State is the model's variables (weights, averages, seed generators), every optimizer's variables and the
step. Keras' own savers leave out seed generators and only warn when an optimizer does not match.
"""

import os
import re

import tensorflow as tf


class Checkpoints:
    """Writes and restores checkpoints of a compiled model in `<folder>/step-<n>`.

    Args:
        model: compiled model with an attribute `optimizers`, a list of built optimizers.
        folder: where checkpoints live; created at the first save.
        keep: how many of the latest checkpoints stay.

    Raises:
        ValueError: if the folder's list of checkpoints cannot be read.
    """

    def __init__(self, model, folder: str, keep: int = 2):
        self.folder = folder
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        state = [variable.value for variable in model.variables]
        for optimizer in model.optimizers:
            state += [getattr(variable, "value", variable) for variable in optimizer.variables]
        self._checkpoint = tf.train.Checkpoint(state=state, step=self.step)
        try:
            self._manager = tf.train.CheckpointManager(
                self._checkpoint, folder, max_to_keep=keep, checkpoint_name="step"
            )
        except (ValueError, tf.errors.OpError) as error:
            self._check_nothing_is_lost()
            raise ValueError(
                f"{os.path.join(folder, 'checkpoint')} is not a list of checkpoints and there are "
                "none next to it; remove the file, then training starts at step 0."
            ) from error

    def save(self, step: int) -> str:
        """Write the state after `step` steps; older checkpoints go only after it is complete.

        Args:
            step: finished training steps.

        Returns:
            Path prefix of the checkpoint.

        Raises:
            OSError: if it cannot be written; the earlier checkpoints are untouched.
        """
        self.step.assign(step)
        try:
            return self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            self._remove_parts(step)
            raise OSError(
                f"{self.folder}: the checkpoint of step {step} could not be written "
                f"({_reason(error)}); free some disk space and run the same command again; earlier "
                "checkpoints are kept."
            ) from error

    def restore(self) -> int:
        """Restore the latest checkpoint, if there is one.

        Returns:
            The number of finished steps, 0 without a checkpoint.

        Raises:
            ValueError: if the latest checkpoint is damaged or belongs to another model, or the list of
                checkpoints is.
        """
        there = [path for path in self._manager.checkpoints if self._files(os.path.basename(path))]
        if not there:
            self._check_nothing_is_lost()
            return 0
        latest = there[-1]
        try:
            self._checkpoint.restore(latest).assert_consumed()
        except Exception as error:  # TensorFlow raises IndexError, RuntimeError and more
            name = os.path.basename(latest)
            advice = (
                f"delete {name}.* to resume from {there[-2]}" if there[:-1] else "train elsewhere"
            )
            raise ValueError(
                f"{latest}: this checkpoint is damaged or belongs to another model "
                f"({_reason(error)}); {advice}."
            ) from error
        return int(self.step.numpy())

    def _check_nothing_is_lost(self):
        """Refuse to begin at step 0 beside checkpoints that the list does not name."""
        found = self._files("step-")
        if found:
            name = max(found, key=lambda name: [int(n) for n in re.findall(r"\d+", name)[:1]])
            raise ValueError(
                f"{self.folder}: the list of checkpoints (file 'checkpoint') is damaged or "
                f"missing, but there are {', '.join(found)}; to resume, write "
                f"'model_checkpoint_path: \"{name.split('.')[0]}\"' and the same after "
                "'all_model_checkpoint_paths: ' into it."
            )

    def _files(self, prefix):
        """Names of the files of checkpoints that begin so."""
        if not os.path.isdir(self.folder):
            return []
        pattern = prefix + (r"\d+" if prefix.endswith("-") else "") + r"\.(index|data-.*)"
        return sorted(name for name in os.listdir(self.folder) if re.fullmatch(pattern, name))

    def _remove_parts(self, step):
        prefix = f"step-{step}"
        if not os.path.isdir(self.folder):
            return
        for name in os.listdir(self.folder):
            if name.startswith((f"{prefix}.", f"{prefix}_temp", "checkpoint.tmp")):
                path = os.path.join(self.folder, name)
                tf.io.gfile.rmtree(path) if os.path.isdir(path) else os.remove(path)


def _reason(error):
    text = str(getattr(error, "message", "") or error)
    return " ".join(text.split())[:160]
