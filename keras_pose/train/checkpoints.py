"""Everything a run needs to go on exactly where it stopped, in one checkpoint.

State is the model's variables (weights, averages, seed generators), every optimizer's variables and the
step; inside an epoch also the metrics of every replica. Keras' own savers leave out seed generators and
only warn when an optimizer does not match. A checkpoint is a TensorFlow bundle, so every tensor carries
its checksum; it is written under a hidden name, flushed and renamed, the file with the names last.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import re
import shutil
import sys
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose.files import flush_folder, write_file

_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
_STEP, _FACTS, _METRIC = f"step{_SUFFIX}", "run/facts", "run/metrics/"
_LIST = "checkpoint"


@dataclasses.dataclass(frozen=True)
class Begun:
    """What belongs to an epoch that has begun.

    Attributes:
        metrics: one array `[R, ...]` per metric variable, R replicas.
        facts: JSON-ready state of callbacks, by name.
    """

    metrics: list[np.ndarray] = dataclasses.field(default_factory=list)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)


class Checkpoints:
    """Writes and restores checkpoints of a compiled model in `<folder>/step-<n>`.

    Args:
        model: compiled model with an attribute `optimizers`, a list of built optimizers.
        folder: where checkpoints live; created at the first save.
        keep: how many of the latest checkpoints stay.
    """

    def __init__(self, model, folder: str, keep: int = 2):
        self.folder = folder
        self.keep = keep
        self.kept_step: int | None = None  # a checkpoint that outlives those after it
        self.begun = Begun()  # what the restored checkpoint says of its epoch
        self._state = [variable.value for variable in model.variables]
        self._num_weights = len(self._state)
        for optimizer in model.optimizers:
            self._state += [
                getattr(variable, "value", variable) for variable in optimizer.variables
            ]
        self._writer = concurrent.futures.ThreadPoolExecutor(1, "checkpoint")
        self._pending: concurrent.futures.Future | None = None

    def save(self, step: int, begun: Begun | None = None, wait: bool = True) -> str:
        """Write the state after `step` steps; older checkpoints go only after it is complete.

        Args:
            step: finished training steps.
            begun: what belongs to the epoch inside which the step lies.
            wait: False copies the state and writes it beside training; `flush` then says what went
                wrong, and so does the next `save`.

        Returns:
            Path prefix of the checkpoint.

        Raises:
            OSError: if it cannot be written; the earlier checkpoints are untouched.
            FloatingPointError: if a weight is NaN or infinite; nothing is written.
        """
        self.flush()
        tensors = {
            f"state/{number}{_SUFFIX}": np.array(variable.numpy())
            for number, variable in enumerate(self._state)
        }
        self._pending = self._writer.submit(self._write, step, tensors, begun or Begun())
        if wait:
            self.flush()
        return self._prefix(step)

    def flush(self) -> None:
        """Wait until what was saved is on the disk.

        Raises:
            OSError: if it cannot be written.
            FloatingPointError: if a weight is NaN or infinite.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    @property
    def failed(self) -> bool:
        """Whether writing beside training has ended in an error, which `flush` raises."""
        pending = self._pending
        return pending is not None and pending.done() and pending.exception() is not None

    def restore(self) -> int:
        """Restore the newest checkpoint that is whole; a damaged one is named on the error stream.

        Returns:
            The number of finished steps, 0 without a checkpoint.

        Raises:
            ValueError: if there are checkpoints and none is whole, or the newest whole one belongs to
                another model.
        """
        damaged = []
        for step in reversed(self.steps()):
            prefix = self._prefix(step)
            try:
                tensors = read_checkpoint(prefix)
            except Exception as error:  # TensorFlow raises IndexError, RuntimeError and more
                damaged.append(f"{prefix}: this checkpoint is damaged ({_reason(error)})")
                continue
            for sentence in damaged:
                print(f"{sentence}; the run goes on from step {step}.", file=sys.stderr)
            self._take(tensors, prefix)
            return step
        if damaged:
            raise ValueError(
                f"{damaged[0]} and there is no whole one beside it; restore it, or give --restart to "
                "begin anew and keep this run aside."
            )
        return 0

    def steps(self) -> list[int]:
        """Return the steps of the checkpoints that are there, whole or not, oldest first."""
        return checkpoint_steps(self.folder)

    def _prefix(self, step):
        return os.path.join(self.folder, f"step-{step}")

    def _take(self, tensors, prefix):
        """Assign what was read, unless it is of another model."""
        count = len(self._state)
        values = [tensors.get(f"state/{number}{_SUFFIX}") for number in range(count + 1)]
        fits = values.pop() is None and all(
            value is not None
            and tuple(value.shape) == tuple(variable.shape)
            and value.dtype == variable.dtype.as_numpy_dtype
            for value, variable in zip(values, self._state, strict=True)
        )
        if not fits:
            raise ValueError(
                f"{prefix}: this checkpoint is of another model; train elsewhere, or give --restart to "
                "begin anew and keep this run aside."
            )
        for value, variable in zip(values, self._state, strict=True):
            variable.assign(value)
        names = [name for name in tensors if name.startswith(_METRIC)]
        metrics = [tensors[f"{_METRIC}{number}"] for number in range(len(names))]
        facts = json.loads(tensors[_FACTS]) if _FACTS in tensors else {}
        self.begun = Begun(metrics, facts)

    def _write(self, step, tensors, begun):
        """Write aside, flush, rename."""
        broken = sum(
            not np.isfinite(
                tensors[f"state/{number}{_SUFFIX}"].astype(np.float32, copy=False)
            ).all()
            for number in range(self._num_weights)
            if self._state[number].dtype.is_floating
        )
        if broken:
            raise FloatingPointError(
                f"step {step}: {broken} weights became non-finite; lower --learning_rate or look at "
                f"the data, {self.newest()}."
            )
        tensors[_STEP] = np.array(step, np.int64)
        tensors[_FACTS] = np.array(json.dumps(begun.facts).encode(), object)
        for number, value in enumerate(begun.metrics):
            tensors[f"{_METRIC}{number}"] = value
        partial = os.path.join(self.folder, f".partial-{os.getpid()}")
        prefix = self._prefix(step)
        try:
            os.makedirs(partial, exist_ok=True)
            aside = os.path.join(partial, os.path.basename(prefix))
            with tf.device("/cpu:0"):
                tf.raw_ops.SaveV2(
                    prefix=aside,
                    tensor_names=list(tensors),
                    shape_and_slices=[""] * len(tensors),
                    tensors=[tf.constant(value) for value in tensors.values()],
                )
            # A checkpoint of the same step that is replaced must not mix with this one's tensors.
            with contextlib.suppress(FileNotFoundError):
                os.remove(f"{prefix}.index")
            for name in sorted(os.listdir(partial), key=lambda name: name.endswith(".index")):
                flush_folder(os.path.join(partial, name))
                os.replace(os.path.join(partial, name), os.path.join(self.folder, name))
            flush_folder(self.folder)
            self._forget(step)
        except (tf.errors.OpError, OSError) as error:
            for name in os.listdir(self.folder) if os.path.isdir(self.folder) else ():
                if name.startswith(f"step-{step}."):
                    os.remove(os.path.join(self.folder, name))
            raise OSError(
                f"{self.folder}: the checkpoint of step {step} could not be written "
                f"({_reason(error)}); free some disk space or make the folder writable and run the "
                "same command again, earlier checkpoints are kept."
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def newest(self) -> str:
        """Word which checkpoint is the newest, for sentences."""
        there = self.steps()
        return (
            f"the last finite checkpoint is {self._prefix(there[-1])}"
            if there
            else ("there is no checkpoint yet")
        )

    def _forget(self, step):
        """Name what is kept in TensorFlow's own list, for its tools, and remove the rest."""
        # A damaged one of a later step was passed over; this run will come by it again.
        there = [one for one in self.steps() if one <= step]
        kept = there[-self.keep :]
        listed = "".join(f'all_model_checkpoint_paths: "step-{one}"\n' for one in kept)
        write_file(
            os.path.join(self.folder, _LIST), f'model_checkpoint_path: "step-{step}"\n{listed}'
        )
        for name in os.listdir(self.folder):
            match = re.fullmatch(r"step-(\d+)\.(index|data-.*)", name)
            if match and int(match[1]) in there and int(match[1]) not in (*kept, self.kept_step):
                os.remove(os.path.join(self.folder, name))
            elif name.startswith(".partial-") and name != f".partial-{os.getpid()}":
                # Of a process that was killed; there is one writer.
                path = os.path.join(self.folder, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


def checkpoint_steps(folder: str) -> list[int]:
    """Return the steps of the checkpoints of a folder, whole or not, oldest first."""
    if not os.path.isdir(folder):
        return []
    found = (re.fullmatch(r"step-(\d+)\.(index|data-.*)", name) for name in os.listdir(folder))
    return sorted({int(match[1]) for match in found if match})


def read_checkpoint(prefix: str) -> dict[str, Any]:
    """Read every tensor of a checkpoint, each checked against its checksum.

    Args:
        prefix: path without ending, `<folder>/step-<n>`.

    Returns:
        Arrays and bytes by name.

    Raises:
        Exception: if it is damaged; of many kinds, TensorFlow's among them.
    """
    reader = tf.train.load_checkpoint(prefix)
    names = reader.get_variable_to_shape_map()
    wanted = ("state/", _STEP, "run/")
    tensors = {name: reader.get_tensor(name) for name in names if name.startswith(wanted)}
    if int(tensors[_STEP]) != int(prefix.rpartition("-")[2]):
        raise ValueError("its step is not that of its name")
    return tensors


def _reason(error):
    text = str(getattr(error, "message", "") or error)
    return " ".join(text.split())[:160]
