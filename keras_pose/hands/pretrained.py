"""Weights of a pretraining run: where they lie, and how a hand network starts from them."""

import os

import keras

from keras_pose.train.weights import read_weights


def encoder_path(model_dir: str) -> str:
    """Return the path of a pretraining run's encoder weights."""
    return os.path.join(model_dir, "weights", "encoder.weights.h5")


def head_path(model_dir: str) -> str:
    """Return the path of a pretraining run's projection head weights."""
    return os.path.join(model_dir, "weights", "projection_head.weights.h5")


def load_pretrained(
    encoder: keras.Model, projection_head: keras.Model | None, init_from: str
) -> None:
    """Load the weights of a pretraining run.

    Args:
        encoder: built encoder of the same kind.
        projection_head: built projection head of the same sizes, or None to leave it.
        init_from: folder of a pretraining run.

    Raises:
        ValueError: if there are no weights or they are damaged.
    """
    read_weights(encoder, encoder_path(init_from))
    if projection_head is not None:
        read_weights(projection_head, head_path(init_from))
