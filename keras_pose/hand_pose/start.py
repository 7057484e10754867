"""What a hand pose run may start from: another one, or a pretraining run of the same encoder."""

import os
import types

import keras

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hands.pretrained import encoder_path
from keras_pose.hands.serving import BONE_LENGTHS
from keras_pose.train import run_folder
from keras_pose.train.runs import method_of, read_config, require_run, require_same, require_weights
from keras_pose.weights.imported import (
    HAND_LANDMARK,
    check_imported,
    find_network,
    hand_head,
    hand_trunk,
)

# Named, not imported: a method knows no other.
_PRETRAINING = "peclr"
_POSE_FIELDS = (
    *("encoder", "image_size", "projection", "head", "coordinates", "root", "reference_bone"),
    *("refine_root", "projection_width", "num_points"),
)


def hand_pose_path(model_dir: str) -> str:
    """Return the path of a hand pose run's weights, averaged ones where the run averages."""
    return os.path.join(model_dir, "weights", "hand_pose.weights.h5")


def is_hand_pose_run(model_dir: str) -> bool:
    """Return whether the run in `model_dir` is of this method.

    Raises:
        ValueError: if there is no run.
    """
    return method_of(model_dir) == FinetuneConfig.method


def is_imported(config: FinetuneConfig) -> bool:
    """Return whether a run starts from a network of others itself, not from a run that did."""
    is_run = os.path.isfile(os.path.join(config.init_from, run_folder.RUN_FILE))
    return config.encoder == HAND_LANDMARK and not is_run


def imported_trunk(config: FinetuneConfig, folder: str) -> keras.Model | None:
    """Read the encoder of others out of a folder.

    Args:
        config: fine-tuning config.
        folder: imported model or run folder.

    Returns:
        Model from `[B, S, S, 3]` to `[B, F]`; None where the config names an encoder of ours.

    Raises:
        ValueError: if the folder has lost its network.
    """
    if config.encoder != HAND_LANDMARK:
        return None
    path = find_network(folder, HAND_LANDMARK)
    if path is None:
        raise ValueError(
            f"{folder} holds no {HAND_LANDMARK}.tflite; copy it back among its weights."
        )
    return hand_trunk(path)


def take_imported_head(config: FinetuneConfig, head: keras.layers.Dense) -> None:
    """Make a linear head answer as that of the imported network, the bone's length apart.

    Args:
        config: fine-tuning config, whose `init_from` is an imported model.
        head: built layer named `head`.
    """
    path = find_network(config.init_from, HAND_LANDMARK)
    assert path is not None
    bone_m = BONE_LENGTHS[config.reference_bone].typical_m
    head.set_weights(hand_head(path, config.root, bone_m, config.coordinates))


def check_pretrained(config: FinetuneConfig) -> None:
    """Refuse a run whose encoder is another than the one to be fine-tuned.

    Args:
        config: fine-tuning config; `init_from` may name a run folder of either stage.

    Raises:
        ValueError: if there is no run, the encoders differ or the run has no weights yet.
    """
    folder = config.init_from
    sees = (config.init_from, config.image_size, config.precision)
    check_imported(HAND_LANDMARK, "encoder", config.encoder, *sees)
    if not folder or os.path.isfile(folder) or is_imported(config):
        return
    require_run("init_from", folder)
    if is_hand_pose_run(folder):
        require_same(config, read_config(folder, FinetuneConfig), _POSE_FIELDS, folder)
        return
    if method_of(folder) != _PRETRAINING:
        raise ValueError(
            f"--init_from={folder} is a run of keras_pose.{method_of(folder)}; give a pretraining run or "
            "one of keras_pose.hand_pose."
        )
    pretrained = types.SimpleNamespace(**run_folder.read_run(folder)["config"])
    if pretrained.encoder != config.encoder:
        raise ValueError(
            f"--encoder={config.encoder} contradicts {folder}, which pretrained "
            f"{pretrained.encoder}; use that."
        )
    if config.projection != "drop":
        require_same(config, pretrained, ("projection_width", "num_points"), folder)
    require_weights(encoder_path(folder))
