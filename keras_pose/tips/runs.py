"""A finished or running TIPS run on disk: the lifter's weights and how to load them."""

import os

from keras_pose.tips.config import Config
from keras_pose.tips.networks import PartLifter, PoseLifter
from keras_pose.train import runs
from keras_pose.train.weights import read_weights, write_weights

WEIGHTS = ("last", "picked")


def weights_path(model_dir: str, which: str) -> str:
    """Path of the lifter's weights: `"last"` or the epoch `"picked"` by the stop rule."""
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


def read_config(model_dir: str) -> Config:
    """Config of the run in `model_dir`."""
    return runs.read_config(model_dir, Config)


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
    config = read_config(model_dir)
    model = PoseLifter(config, name="pose_lifter")
    read_weights(model.lifter, weights_path(model_dir, which))
    return config, model


def check_student(config: Config) -> None:
    """Refuse a student whose input or geometry differs from its teacher's.

    Args:
        config: config of the student.

    Raises:
        ValueError: naming the first flag that differs.
    """
    teacher = read_config(config.teacher_dir)
    for name in ("input_2d", "geometry", "camera_distance", "scale_rule", "depth_activation"):
        mine, theirs = getattr(config, name), getattr(teacher, name)
        if mine != theirs:
            raise ValueError(
                f"--{name}={mine} contradicts the teacher in {config.teacher_dir}, which has {theirs}; "
                "use the teacher's value."
            )
