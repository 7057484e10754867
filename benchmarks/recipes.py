"""Recipes of `flags/` as configs, for scripts that are no training run."""

from absl import flags

from keras_pose.tips.config import Config
from keras_pose.train.config import define_flags, from_flags


def read_recipe(path: str, **changes: object) -> Config:
    """Read a recipe of TIPS.

    Args:
        path: flagfile.
        **changes: fields to set otherwise.

    Returns:
        The config.

    Raises:
        ValueError: if the file is missing or its flags are wrong; the sentence names it.
    """
    values = flags.FlagValues()
    define_flags(Config, flag_values=values)
    changed = [f"--{name}={value}" for name, value in changes.items()]
    try:
        values(["recipe", f"--flagfile={path}", *changed])
    except flags.Error as error:
        raise ValueError(f"{path} is no readable recipe of TIPS: {error}") from error
    return from_flags(Config, values)
