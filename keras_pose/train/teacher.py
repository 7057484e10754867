"""A finished run that teaches another: whether it fits, what it says, how good it is.

A teacher is loaded aside, in float32 and frozen. The student holds it as a plain function, so that its
weights are in no checkpoint and nothing moves them.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_pose.train import runs
from keras_pose.train.config import MethodConfig


def check_teacher(
    config: Any,
    teacher_class: type[MethodConfig],
    shared: tuple[str, ...],
    weights_path: Callable[[str], str],
) -> None:
    """Refuse a teacher that is unfinished or means something else by its answers.

    Args:
        config: of the run that learns: `teacher`, a run folder or empty, and the shared fields.
        teacher_class: config of the teacher's method.
        shared: fields that must agree for two networks to mean the same.
        weights_path: function of a run folder to the file of its weights.

    Raises:
        ValueError: if there is no such run, it has other settings or no weights yet, or its crops are no
            whole fraction of the student's.
    """
    if not config.teacher:
        return
    runs.require_run("teacher", config.teacher)
    teacher: Any = runs.read_config(config.teacher, teacher_class)
    runs.require_same(config, teacher, shared, f"the teacher {config.teacher}")
    if hasattr(config, "image_size") and config.image_size % teacher.image_size:
        raise ValueError(
            f"--image_size={config.image_size} is not a multiple of the {teacher.image_size} px of "
            f"the teacher {config.teacher}; use a multiple, so that the teacher can see the same "
            "crops."
        )
    runs.require_weights(weights_path(config.teacher))


def frozen_answer(network: keras.Model) -> Callable[[Any], Any]:
    """Return a trained network as a plain function of its inputs, without gradient.

    Args:
        network: the teacher; it is switched off for training.
    """
    network.trainable = False

    def answer(inputs: Any) -> Any:
        return keras.tree.map_structure(ops.stop_gradient, network(inputs, training=False))

    return answer


def shrink_crops(crops: Any, ratio: int) -> Any:
    """Return crops `[B, S, S, 3]` at `1 / ratio` of their side S, each pixel the mean of its own."""
    return ops.average_pool(crops, ratio, ratio) if ratio > 1 else crops


def measure_teacher(
    config: Any,
    load_teacher: Callable[[Any], Any],
    evaluate: Callable[[Any, Any, Any], dict],
    data: Any,
) -> dict[str, Any]:
    """Measure a student's teacher on the student's held-out part.

    Args:
        config: the student's, with `teacher`.
        load_teacher: loads it in a form that `evaluate` takes.
        evaluate: the student's own measure of a config, a model and data.
        data: the student's.

    Returns:
        `teacher_results` for `run.json`; nothing, and a sentence, if the teacher is gone.
    """
    if config.teacher and not os.path.isdir(config.teacher):
        print(
            f"--teacher={config.teacher} no longer exists; only the student is measured.",
            file=sys.stderr,
        )
        return {}
    if not config.teacher:
        return {}
    return {"teacher_results": evaluate(config, load_teacher(config), data)}
