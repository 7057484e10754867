"""Runs of Wild3D on disk: where their weights lie and how one starts from another."""

import os

import keras

from keras_pose.train import run_folder, runs
from keras_pose.train.weights import read_weights
from keras_pose.wild3d.config import Config

# What the weights' shapes depend on.
_NETWORK_FIELDS = (
    *("backbone", "num_stacks", "num_modules", "width", "stem_width"),
    *("depth_head", "num_depth_modules", "image_size"),
)
# An hourglass' own choices mean nothing to other backbones.
_HOURGLASS_FIELDS = ("num_stacks", "num_modules", "width", "stem_width")


def network_path(model_dir: str) -> str:
    """Path of a run's weights."""
    return os.path.join(model_dir, "weights", "network.weights.h5")


def is_finished(model_dir: str) -> bool:
    """Whether the run in `model_dir` has trained to its end and been evaluated where asked."""
    return bool(run_folder.read_run(model_dir).get("finished"))


def read_config(model_dir: str) -> Config:
    """Config of the run in `model_dir`.

    Args:
        model_dir: run folder.

    Returns:
        The run's config.

    Raises:
        ValueError: if there is no run, or it is of another method.
    """
    return runs.read_config(model_dir, Config)


def check_start(config: Config) -> None:
    """Refuse a run that shall start from a network of another shape, or from an unfinished run.

    Args:
        config: config with `init_from` naming a run folder.

    Raises:
        ValueError: in one sentence.
    """
    earlier = read_config(config.init_from)
    for name in _NETWORK_FIELDS:
        if config.backbone != "hourglass" and name in _HOURGLASS_FIELDS:
            continue
        # Depth maps are read from maps of any size.
        if name == "image_size" and config.depth_head == "map":
            continue
        mine, theirs = getattr(config, name), getattr(earlier, name)
        if mine != theirs:
            raise ValueError(
                f"--{name}={mine} contradicts {config.init_from}, which has {theirs}; use that."
            )
    if not os.path.exists(network_path(config.init_from)):
        raise ValueError(
            f"{network_path(config.init_from)}: there are no weights here yet; let that run finish first."
        )


def load_start(network: keras.Model, init_from: str) -> None:
    """Load the weights of an earlier run.

    Args:
        network: from `build_network`.
        init_from: folder of a finished run of the same shape.

    Raises:
        ValueError: if there are no weights or they are damaged.
    """
    read_weights(network, network_path(init_from))
