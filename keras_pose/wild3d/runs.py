"""Runs of Wild3D on disk: where their weights lie, how they are loaded, how one starts from another."""

import os

import keras

from keras_pose.train import config as configs
from keras_pose.train import run_folder, runs
from keras_pose.train.weights import read_weights
from keras_pose.weights.imported import POSE_LANDMARK, body_trunk, check_imported, find_network
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.model import PoseModel

# What the weights' shapes depend on.
_NETWORK_FIELDS = (
    *("backbone", "num_stacks", "num_modules", "width", "stem_width"),
    *("head", "depth_head", "num_depth_modules", "image_size"),
)
# An hourglass' own choices mean nothing to other backbones.
_HOURGLASS_FIELDS = ("num_stacks", "num_modules", "width", "stem_width")


def network_path(model_dir: str) -> str:
    """Return the path of a run's weights."""
    return os.path.join(model_dir, "weights", "network.weights.h5")


def is_imported(config: Config) -> bool:
    """Return whether a run starts from a network of others itself, not from a run that did."""
    is_run = os.path.isfile(os.path.join(config.init_from, run_folder.RUN_FILE))
    return config.backbone == POSE_LANDMARK and not is_run


def imported_trunk(config: Config, folder: str) -> keras.Model | None:
    """Read the backbone of others out of an imported model or a run; None where it is one of ours.

    Args:
        config: of the run.
        folder: the folder.

    Raises:
        ValueError: if the folder has lost its network.
    """
    if config.backbone != POSE_LANDMARK:
        return None
    path = find_network(folder, POSE_LANDMARK)
    if path is None:
        raise ValueError(
            f"{folder} holds no {POSE_LANDMARK}.tflite; copy it back among its weights."
        )
    return body_trunk(path)


def check_start(config: Config) -> None:
    """Refuse a run that shall start from a network of another shape, or from an unfinished run.

    Args:
        config: `init_from` may name a run folder or an exported network.

    Raises:
        ValueError: if there is no such run or network, it has another network or no weights yet.
    """
    folder = config.init_from
    sees = (folder, config.image_size, config.precision)
    check_imported(POSE_LANDMARK, "backbone", config.backbone, *sees)
    if not folder or is_imported(config):
        return
    void = set() if config.backbone == "hourglass" else set(_HOURGLASS_FIELDS)
    # Depth maps are read from maps of any size.
    void |= {"image_size"} if config.depth_head == "map" else set()
    shape = tuple(name for name in _NETWORK_FIELDS if name not in void)
    if runs.is_exported(folder):
        runs.require_same(config, runs.read_exported_config(folder, Config), shape, folder)
        return
    runs.require_same(config, runs.read_config(folder, Config), shape, folder)
    runs.require_weights(network_path(folder))


def plain_config(config: Config) -> Config:
    """Return the config of the same network in single precision, whose weights come from elsewhere."""
    plain = configs.to_dict(config) | {"precision": "float32", "init_from": "", "teacher": ""}
    return configs.from_dict(Config, plain)


def load_model(model_dir: str) -> tuple[Config, PoseModel]:
    """Build the model of a finished run, in single precision, and load its weights.

    Args:
        model_dir: run folder.

    Returns:
        The run's config and the uncompiled model.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    config = runs.read_config(model_dir, Config)
    # Weights come from the run, so what they once started from need not exist any more.
    model = PoseModel(plain_config(config), imported_trunk(config, model_dir))
    read_weights(model.network, network_path(model_dir))
    return config, model


def load_pose(model_dir: str) -> tuple[Config, keras.Model]:
    """Load the run's config and its model of `keras_pose.bodies.pose.build_pose`, see `load_model`."""
    config, model = load_model(model_dir)
    return config, model.pose
