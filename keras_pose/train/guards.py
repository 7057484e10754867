"""What a run watches itself for: numbers that are none, input that is slow, networks that stopped."""

import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose.files import write_file

# Below these, shares of the time of an epoch are noise.
_SLOW_SHARE, _FEW_STEPS = 0.3, 20
# Discriminators that always know: scores of real and generated poses differ by nearly all they can.
_DEAD_GAP = 0.98
# Views of one picture lie together, and the others' are not told apart from them any more.
_COLLAPSED_SIMILARITY, _COLLAPSED_ACCURACY = 0.99, 0.1


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
