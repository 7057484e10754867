"""The model card of an exported hand pose network, filled from its run."""

import os

from keras_pose.export import DataFact, ModelCard
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hands.card import hand_card
from keras_pose.serving import Metadata
from keras_pose.train import config as configs
from keras_pose.train import run_folder


def pretraining_recipe(init_from: str) -> dict:
    """What the encoder was pretrained with.

    Args:
        init_from: folder of the pretraining run, or a file.

    Returns:
        The pretraining's config, commit and records; the file's name; empty if the folder is gone.
    """
    if not init_from:
        return {}
    if not os.path.exists(os.path.join(init_from, run_folder.RUN_FILE)):
        return {"file": os.path.basename(init_from)}
    run = run_folder.read_run(init_from)
    return {
        "config": run["config"],
        "commit": run["environment"]["git_commit"],
        "pictures": run.get("pictures", {}),
    }


def model_card(
    metadata: Metadata,
    config: FinetuneConfig,
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
    if config.init_from:
        # A path of somebody's machine says nothing; what was pretrained does.
        recipe["init_from"] = os.path.basename(os.path.normpath(config.init_from))
        recipe["pretraining"] = pretraining_recipe(config.init_from)
    start = "pretrained" if config.init_from else config.init
    what = (
        f"2.5D fine-tuning of PeCLR (arXiv 2106.05953); encoder: {config.encoder}, start: {start}."
    )
    return what, recipe
