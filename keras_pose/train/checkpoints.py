"""Everything a run needs to go on exactly where it stopped, in one checkpoint.

State is the model's variables (weights, averages, seed generators), every optimizer's variables and the
step. Keras' own savers leave out seed generators and only warn when an optimizer does not match.
"""

import os

import tensorflow as tf


class Checkpoints:
    """Writes and restores checkpoints of a compiled model in `<folder>/step-<n>`.

    Args:
        model: compiled model with an attribute `optimizers`, a list of built optimizers.
        folder: where checkpoints live; created at the first save.
        keep: how many of the latest checkpoints stay.
    """

    def __init__(self, model, folder: str, keep: int = 2):
        self.folder = folder
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        state = [variable.value for variable in model.variables]
        for optimizer in model.optimizers:
            state += [getattr(variable, "value", variable) for variable in optimizer.variables]
        self._checkpoint = tf.train.Checkpoint(state=state, step=self.step)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, folder, max_to_keep=keep, checkpoint_name="step"
        )

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
                f"({_reason(error)}); free some disk space and run the same command again, earlier "
                "checkpoints are kept."
            ) from error

    def restore(self) -> int:
        """Restore the latest checkpoint, if there is one.

        Returns:
            The number of finished steps, 0 without a checkpoint.

        Raises:
            ValueError: if the latest checkpoint is damaged or belongs to another model.
        """
        latest = self._manager.latest_checkpoint
        if latest is None:
            return 0
        try:
            self._checkpoint.restore(latest).assert_consumed()
        except (tf.errors.OpError, ValueError, AssertionError) as error:
            older = [path for path in self._manager.checkpoints if path != latest]
            advice = f"go on from {older[-1]} by deleting it" if older else "train again elsewhere"
            raise ValueError(
                f"{latest}: this checkpoint is damaged or of another model ({_reason(error)}); {advice}."
            ) from error
        return int(self.step.numpy())

    def _remove_parts(self, step):
        prefix = f"step-{step}"
        if not os.path.isdir(self.folder):
            return
        for name in os.listdir(self.folder):
            if name.startswith((f"{prefix}.", f"{prefix}_temp")):
                path = os.path.join(self.folder, name)
                tf.io.gfile.rmtree(path) if os.path.isdir(path) else os.remove(path)


def _reason(error):
    text = str(getattr(error, "message", "") or error)
    return " ".join(text.split())[:160]
