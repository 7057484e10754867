"""Finished and running PeCLR runs on disk: which weights lie where, and how to start from them."""

import os
from typing import Any, TypeVar

import keras
import tensorflow as tf

from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.finetune_config import FinetuneConfig
from keras_pose.train import config as configs
from keras_pose.train import run_folder
from keras_pose.train.weights import read_weights

_Config = TypeVar("_Config", PretrainConfig, FinetuneConfig)


def encoder_path(model_dir: str) -> str:
    """Path of a pretraining run's encoder weights."""
    return os.path.join(model_dir, "weights", "encoder.weights.h5")


def head_path(model_dir: str) -> str:
    """Path of a pretraining run's projection head weights."""
    return os.path.join(model_dir, "weights", "projection_head.weights.h5")


def hand_pose_path(model_dir: str) -> str:
    """Path of a fine-tuning run's weights, averaged ones where the run averages."""
    return os.path.join(model_dir, "weights", "hand_pose.weights.h5")


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
        tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    except RuntimeError as error:
        raise ValueError(
            f"--num_threads={num_threads} comes too late, since TensorFlow has computed in this process "
            "already; give it to the first run of a new process, or leave it out."
        ) from error


def updates_made(config: Any) -> int:
    """Number of updates of a finished run: `num_steps`, rounded up to whole epochs.

    Args:
        config: the run's, of either stage or a student's.
    """
    epoch = min(config.steps_per_epoch, config.num_steps)
    return -(-config.num_steps // epoch) * epoch


def require_heldout(is_there: bool, model_dir: str, val_share: float, what: str) -> None:
    """Refuse to evaluate a run on nothing.

    Args:
        is_there: whether the run's data leave a held-out part.
        model_dir: run folder, for the sentence.
        val_share: share that the run holds out.
        what: records that count, for the sentence.

    Raises:
        ValueError: if there is none.
    """
    if not is_there:
        raise ValueError(
            f"{model_dir}: the run's --val_share={val_share} of --data_dir holds no {what}, so there is "
            "nothing to evaluate on; give other records, or train with another share."
        )


def read_config(model_dir: str, config_class: type[_Config]) -> _Config:
    """Config of the run in `model_dir`.

    Args:
        model_dir: run folder.
        config_class: `PretrainConfig` or `FinetuneConfig`.

    Returns:
        The run's config.

    Raises:
        ValueError: if there is no run or it is of the other stage.
    """
    run = run_folder.read_run(model_dir)
    path = os.path.join(model_dir, run_folder.RUN_FILE)
    if "imitation" in run["config"]:
        raise ValueError(
            f"{path}: this is a run of keras_pose.peclr.student; give the folder of another run, or use "
            "that command."
        )
    is_finetuning = is_finetuning_run(model_dir)
    if is_finetuning != (config_class is FinetuneConfig):
        stages = ("pretraining", "fine-tuning")
        raise ValueError(
            f"{path}: this is a {stages[is_finetuning]} run; give the folder of a "
            f"{stages[not is_finetuning]} run."
        )
    return configs.from_dict(config_class, run["config"], path)


def require_run(flag: str, folder: str) -> None:
    """Refuse a folder without a run by the flag that names it.

    Args:
        flag: name of the flag.
        folder: its value.

    Raises:
        ValueError: if there is no run in it.
    """
    if not os.path.isfile(os.path.join(folder, run_folder.RUN_FILE)):
        raise ValueError(
            f"--{flag}={folder} is no folder of a run (it has no {run_folder.RUN_FILE}); correct the "
            "path, or train that run first."
        )


def is_finetuning_run(model_dir: str) -> bool:
    """Whether the run in `model_dir` is of the supervised stage.

    Raises:
        ValueError: if there is no run.
    """
    return "init_from" in run_folder.read_run(model_dir)["config"]


def check_pretrained(config: FinetuneConfig) -> None:
    """Refuse a run whose encoder is another than the one to be fine-tuned.

    Args:
        config: fine-tuning config with `init_from` naming a run folder of either stage.

    Raises:
        ValueError: if there is no run, the encoders differ or the run has no weights yet.
    """
    require_run("init_from", config.init_from)
    if is_finetuning_run(config.init_from):
        earlier = read_config(config.init_from, FinetuneConfig)
        names = ("encoder", "image_size", "projection", "head", "coordinates", "root")
        for name in (*names, "reference_bone", "refine_root", "projection_width", "num_points"):
            mine, theirs = getattr(config, name), getattr(earlier, name)
            if mine != theirs:
                raise ValueError(
                    f"--{name}={mine} contradicts {config.init_from}, which has {theirs}; use that."
                )
        return
    pretrained = read_config(config.init_from, PretrainConfig)
    if pretrained.encoder != config.encoder:
        raise ValueError(
            f"--encoder={config.encoder} contradicts {config.init_from}, which pretrained "
            f"{pretrained.encoder}; use that."
        )
    for name in ("projection_width", "num_points"):
        mine, theirs = getattr(config, name), getattr(pretrained, name)
        if config.projection != "drop" and mine != theirs:
            raise ValueError(
                f"--{name}={mine} contradicts {config.init_from}, which has {theirs}; use that."
            )
    if not os.path.exists(encoder_path(config.init_from)):
        raise ValueError(
            f"{encoder_path(config.init_from)}: there are no weights here yet; let the pretraining run "
            "finish first."
        )


def load_pretrained(
    encoder: keras.Model, projection_head: keras.Model | None, init_from: str
) -> None:
    """Load the weights of a pretraining run.

    Args:
        encoder: built encoder of the same kind.
        projection_head: built projection head of the same sizes, or None to leave it.
        init_from: folder of a pretraining run.

    Raises:
        ValueError: if there are no weights or they are damaged.
    """
    read_weights(encoder, encoder_path(init_from))
    if projection_head is not None:
        read_weights(projection_head, head_path(init_from))
