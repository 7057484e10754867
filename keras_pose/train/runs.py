"""Runs on disk: of which method one is, its config, and what a run must have to be gone on from."""

import json
import os
from typing import Any, TypeVar

from keras_pose.train import config as configs
from keras_pose.train import run_folder

_Config = TypeVar("_Config", bound=configs.MethodConfig)

# Runs of before `run.json` named its method have one of these settings, which no other method has.
_TELLING_FIELDS = (
    ("geometric_weight", "wild3d"),
    ("imitation", "hand_student"),
    ("loss_2d_weight", "hand_pose"),
    ("inverse", "peclr"),
    ("input_2d", "tips"),
)


def method_of(model_dir: str) -> str:
    """Return the method of the run in `model_dir`, the name of its room.

    Raises:
        ValueError: if there is no run or it is of no known method.
    """
    run = run_folder.read_run(model_dir)
    named = run.get("method")
    for field, method in _TELLING_FIELDS:
        named = named or (method if field in run["config"] else None)
    if not named:
        path = os.path.join(model_dir, run_folder.RUN_FILE)
        raise ValueError(f"{path}: this run's method is unknown; restore the file or retrain.")
    return named


def read_config(model_dir: str, config_class: type[_Config]) -> _Config:
    """Read the config of the run in `model_dir`.

    Args:
        model_dir: run folder.
        config_class: the method's frozen config.

    Returns:
        The run's config.

    Raises:
        ValueError: if there is no run or it is of another method.
    """
    method = method_of(model_dir)
    path = os.path.join(model_dir, run_folder.RUN_FILE)
    if method != config_class.method:
        raise ValueError(
            f"{path}: this is a run of keras_pose.{method}; give the folder of a run of "
            f"keras_pose.{config_class.method}."
        )
    return configs.from_dict(config_class, run_folder.read_run(model_dir)["config"], path)


def is_exported(folder: str) -> bool:
    """Return whether a folder is a version of an exported network, not a run."""
    return os.path.isfile(os.path.join(folder, "saved_model.pb"))


def holds_exported(folder: str) -> bool:
    """Return whether a folder is a version of an exported or imported network, or holds versions."""
    return is_exported(folder) or any(
        is_exported(os.path.join(folder, name)) for name in os.listdir(folder)
    )


def read_exported_config(folder: str, config_class: type[_Config]) -> _Config:
    """Read the config of the run that an exported network is of.

    Args:
        folder: version folder with `metadata.json`.
        config_class: the method's frozen config.

    Returns:
        The run's config.

    Raises:
        ValueError: if the file is not there or damaged, or the network is of another method.
    """
    path = os.path.join(folder, "metadata.json")
    try:
        with open(path, encoding="utf-8") as file:
            settings = json.load(file)["settings"]
        method, values = settings["method"], settings["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: there are no settings of a training run ({error}); give the version folder "
            "of a network that this package exported."
        ) from error
    if method != config_class.method:
        raise ValueError(
            f"{path}: this network is of keras_pose.{method}; give one of "
            f"keras_pose.{config_class.method}."
        )
    return configs.from_dict(config_class, values, path)


def require_run(flag: str, folder: str) -> None:
    """Refuse a folder without a run by the flag that names it.

    Args:
        flag: name of the flag.
        folder: its value.

    Raises:
        ValueError: if there is no run in it.
    """
    if not os.path.exists(folder):
        raise ValueError(
            f"--{flag}={folder} is not a run folder, for there is no such folder; correct the path."
        )
    if not os.path.isfile(os.path.join(folder, run_folder.RUN_FILE)):
        raise ValueError(
            f"--{flag}={folder} is not a run folder (it has no {run_folder.RUN_FILE}); correct the "
            "path, or train that run first."
        )


def require_same(config: Any, earlier: Any, fields: tuple[str, ...], folder: str) -> None:
    """Refuse a setting that contradicts a run which the new one builds on.

    Args:
        config: of the new run.
        earlier: of the run in `folder`.
        fields: names that must have equal values.
        folder: for the sentence.

    Raises:
        ValueError: if one differs, naming the first flag.
    """
    for name in fields:
        mine, theirs = getattr(config, name), getattr(earlier, name)
        if mine != theirs:
            raise ValueError(f"--{name}={mine} contradicts {folder}, which has {theirs}; use that.")


def require_weights(path: str) -> None:
    """Refuse a run that has not written its weights yet.

    Args:
        path: where they belong.

    Raises:
        ValueError: if they are not there.
    """
    if not os.path.exists(path):
        raise ValueError(f"{path}: there are no weights here yet; let that run finish first.")


def is_finished(model_dir: str) -> bool:
    """Return whether the run in `model_dir` has trained to its end and been evaluated where asked."""
    return bool(run_folder.read_run(model_dir).get("finished"))


def limit_threads(num_threads: int) -> None:
    """Limit the threads of one operation on the CPU.

    Args:
        num_threads: how many; 0 leaves them as they are.

    Raises:
        ValueError: if TensorFlow has computed in this process already, with another number.
    """
    if not num_threads:
        return
    try:
        # Here, so that commands can look at a run before TensorFlow is imported.
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    except RuntimeError as error:
        raise ValueError(
            f"--num_threads={num_threads} comes too late, since TensorFlow is already in use in "
            "this process; give it to the first run of a new process, or omit it."
        ) from error


def updates_made(config: Any) -> int:
    """Return the number of updates of a finished run: `num_steps`, rounded up to whole epochs.

    Args:
        config: the run's, with `num_steps` and `steps_per_epoch`.
    """
    epoch = min(config.steps_per_epoch, config.num_steps)
    return -(-config.num_steps // epoch) * epoch
