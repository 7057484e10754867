"""The model card of an exported hand student, filled from its run."""

import os

from keras_pose.export import DataFact, ModelCard
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hands.card import hand_card
from keras_pose.serving import Metadata
from keras_pose.train import config as configs
from keras_pose.train import run_folder


def model_card(
    metadata: Metadata,
    config: StudentConfig,
    run: dict,
    accuracy: dict | None = None,
    data: tuple[DataFact, ...] = (),
) -> ModelCard:
    """Gather the facts of a run for its card.

    Args:
        metadata: what the served network says of itself.
        config: the run's config.
        run: content of `run.json`.
        accuracy: content of `accuracy.json`.
        data: facts of the record folders; where empty, their names with a reminder.

    Returns:
        The card.

    Raises:
        ValueError: if a required fact is missing.
    """
    what, recipe = _words(config)
    return hand_card(metadata, config, run, what, recipe, accuracy, data)


def _words(config):
    recipe = configs.to_dict(config)
    what = f"Heat maps and depth for phones; backbone: {config.backbone}, taught by labels"
    if not config.teacher:
        return f"{what}.", recipe
    recipe["teacher"] = os.path.basename(os.path.normpath(config.teacher))
    if os.path.exists(os.path.join(config.teacher, run_folder.RUN_FILE)):
        run = run_folder.read_run(config.teacher)
        recipe["teacher_run"] = {
            "config": run["config"],
            "commit": run["environment"]["git_commit"],
        }
    return f"{what} and by a larger network of this package (teacher_run below).", recipe
