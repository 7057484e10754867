"""What an exported hand network says of itself: its settings, and the size of its crops."""

import json
import os
import re
from pathlib import Path

import tensorflow as tf

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


def crop_size(folder: str | os.PathLike, signature: str) -> int:
    """Returns the side of the square crops that a signature takes as `image`, in pixels.

    Args:
        folder: version folder.
        signature: `serve_image`, `keypoints` or `embed`.

    Raises:
        ValueError: if it takes no square pictures.
    """
    signatures = tf.saved_model.load(os.fspath(folder)).signatures
    inputs = signatures[signature].structured_input_signature[1] if signature in signatures else {}
    shape = inputs["image"].shape.as_list() if "image" in inputs else []
    if len(shape) != 4 or shape[1] is None or shape[1] != shape[2]:
        raise ValueError(
            f"{folder}: signature {signature!r} takes no square 'image' of a fixed size; give a folder "
            "that keras_pose.hand_pose.export wrote."
        )
    return shape[1]
