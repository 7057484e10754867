"""A finished or running TIPS run on disk: the lifter's weights and how to load them."""

import math
import os

from keras_pose.tips.config import Config
from keras_pose.tips.networks import PartLifter, PoseLifter
from keras_pose.train import config as configs
from keras_pose.train import run_folder

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
    path = weights_path(model_dir, which)
    partial = os.path.join(os.path.dirname(path), f".partial-{which}.weights.h5")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _reserve(partial, lifter)
        lifter.save_weights(partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        if os.path.exists(partial):
            os.unlink(partial)
        raise OSError(
            f"{path}: could not be written ({error}); free some disk space and run the same command "
            "again."
        ) from error


def _reserve(path, lifter):
    """Fail here if the disk is full: HDF5 crashes the process when one of its own writes fails."""
    values = sum(math.prod(variable.shape) for variable in lifter.weights)
    # Four or eight bytes a value; what HDF5 adds for each array was seen to stay below 3 kB.
    size = 8 * values + 4096 * (len(lifter.weights) + 4)
    with open(path, "wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(bytes(min(1 << 20, size - start)))


def read_config(model_dir: str) -> Config:
    """Config of the run in `model_dir`."""
    run = run_folder.read_run(model_dir)
    return configs.from_dict(Config, run["config"], os.path.join(model_dir, run_folder.RUN_FILE))


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
    path = weights_path(model_dir, which)
    model = PoseLifter(config, name="pose_lifter")
    if not os.path.exists(path):
        raise ValueError(f"{path}: there are no weights here yet; let the run finish first.")
    try:
        model.lifter.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(
            f"{path}: these weights are damaged or of another model ({reason}); run the training "
            "command again to write them anew."
        ) from error
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
