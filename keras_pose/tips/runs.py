"""A finished or running TIPS run on disk: the lifter's weights and how to load them."""

import os

from keras_pose.tips.config import Config
from keras_pose.tips.networks import PartLifter, PoseLifter
from keras_pose.train import runs
from keras_pose.train.weights import read_weights, write_weights

SHARED_FIELDS = ("input_2d", "geometry", "camera_distance", "scale_rule", "depth_activation")
"""What must agree for a student and its teacher to mean the same by a depth."""


def weights_path(model_dir: str, which: str) -> str:
    """Return the path of the lifter's weights: `"last"` or the epoch `"picked"` by the stop rule."""
    return os.path.join(model_dir, "weights", f"{which}.weights.h5")


def save_lifter(lifter: PartLifter, model_dir: str, which: str) -> None:
    """Write the weights of an inference lifter aside and rename them into place.

    Args:
        lifter: `PartLifter`.
        model_dir: run folder.
        which: `"last"` or `"picked"`.

    Raises:
        OSError: if they cannot be written; earlier weights stay.
    """
    write_weights(lifter, weights_path(model_dir, which))


def load_lifter(model_dir: str, which: str = "last") -> tuple[Config, PoseLifter]:
    """Build the lifter of a run and load its weights.

    Args:
        model_dir: run folder.
        which: `"last"` or `"picked"`.

    Returns:
        The run's config and its `PoseLifter`.

    Raises:
        ValueError: if the run has no such weights or they are damaged.
    """
    config = runs.read_config(model_dir, Config)
    model = PoseLifter(config, name="pose_lifter")
    read_weights(model.lifter, weights_path(model_dir, which))
    return config, model
