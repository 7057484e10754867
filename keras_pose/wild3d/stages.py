"""The stages of a training in order: recipes, each started from the run before.

What a stage is stands in its recipe; this module only knows that one follows the other.
"""

import dataclasses
import os

from keras_pose.train import config as configs
from keras_pose.train.options import RunOptions
from keras_pose.train.runs import is_finished, read_config
from keras_pose.wild3d.config import Config, StageOptions


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a plan.

    Attributes:
        number: place in the order, from 1.
        recipe: path of its flagfile.
        config: its settings, `init_from` naming the run before.
        options: run options with the stage's own folder.
    """

    number: int
    recipe: str
    config: Config
    options: RunOptions

    @property
    def is_finished(self) -> bool:
        """Whether this stage was trained to its end before, by these very settings."""
        folder = self.options.model_dir
        if not os.path.isdir(folder) or not os.listdir(folder):
            return False
        return read_config(folder, Config) == self.config and is_finished(folder)


def plan(chosen: StageOptions, options: RunOptions) -> list[Stage]:
    """Read the recipes of all stages before any of them runs.

    Args:
        chosen: which stages.
        options: run options; `model_dir` holds the stages' folders.

    Returns:
        The stages in order.

    Raises:
        ValueError: if a recipe is missing, ambiguous or wrong, or --model_dir is.
    """
    if not options.model_dir:
        raise ValueError("--model_dir is missing; name a folder for the stages' runs.")
    if options.mode == "eval":
        raise ValueError(
            "--mode=eval measures one run; give the folder of a stage as --model_dir, without --stages."
        )
    given = configs.given_flags(Config)
    stages: list[Stage] = []
    for number, word in enumerate(filter(None, chosen.stages.split(",")), 1):
        recipe = chosen.recipe_of(word)
        values = configs.flagfile_values(recipe, Config, RunOptions) | given
        folder = os.path.join(options.model_dir, f"stage{number}")
        if stages:
            values["init_from"] = stages[-1].options.model_dir
        config = configs.from_dict(Config, values, recipe)
        stages.append(Stage(number, recipe, config, dataclasses.replace(options, model_dir=folder)))
    if not stages:
        raise ValueError(f"--stages={chosen.stages} names no stage; give numbers such as 1,2,3.")
    return stages
