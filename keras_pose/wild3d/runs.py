"""Runs of Wild3D on disk: where their weights lie, how they are loaded, how one starts from another."""

import os

import keras

from keras_pose.train import config as configs
from keras_pose.train import runs
from keras_pose.train.weights import read_weights
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


def check_start(config: Config) -> None:
    """Refuse a run that shall start from a network of another shape, or from an unfinished run.

    Args:
        config: `init_from` may name a run folder.

    Raises:
        ValueError: if there is no such run, it has another network or no weights yet.
    """
    folder = config.init_from
    if not folder:
        return
    void = set() if config.backbone == "hourglass" else set(_HOURGLASS_FIELDS)
    # Depth maps are read from maps of any size.
    void |= {"image_size"} if config.depth_head == "map" else set()
    shape = tuple(name for name in _NETWORK_FIELDS if name not in void)
    runs.require_same(config, runs.read_config(folder, Config), shape, folder)
    runs.require_weights(network_path(folder))


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
    plain = configs.to_dict(config) | {"precision": "float32", "init_from": "", "teacher": ""}
    model = PoseModel(configs.from_dict(Config, plain))
    read_weights(model.network, network_path(model_dir))
    return config, model


def load_pose(model_dir: str) -> tuple[Config, keras.Model]:
    """Load the run's config and its model of `keras_pose.bodies.pose.build_pose`, see `load_model`."""
    config, model = load_model(model_dir)
    return config, model.pose
