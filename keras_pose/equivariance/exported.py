"""What an exported hand network says of itself: its settings, and the size of its crops."""

import json
import os
import re
from pathlib import Path

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.train import config as configs

_CARD = "card.md"


def trained_settings(folder: str | os.PathLike) -> FinetuneConfig | None:
    """Reads the settings that an exported network was trained with from its card.

    Args:
        folder: version folder that `keras_pose.hand_pose.export` wrote.

    Returns:
        The settings; None if there is no card.

    Raises:
        ValueError: if the card holds no settings, naming it.
    """
    path = Path(folder) / _CARD
    if not path.is_file():
        return None
    found = re.search(r"```json\n(.*?)\n```", path.read_text(encoding="utf-8"), re.DOTALL)
    try:
        recipe = json.loads(found[1]) if found else None
    except json.JSONDecodeError:
        recipe = None
    if not isinstance(recipe, dict):
        raise ValueError(
            f"{path} holds no settings as JSON; export the network again, or remove the card to go on "
            "with the settings of the flags."
        )
    # What it was pretrained with is for people.
    recipe.pop("pretraining", None)
    return configs.from_dict(FinetuneConfig, recipe, os.fspath(path))
