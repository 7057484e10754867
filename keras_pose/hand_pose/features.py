"""The encoder under a pose head: alone, or with the pretrained projection on top of it."""

import os

import keras

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.layers.encoders import build_encoder
from keras_pose.layers.projection import build_projection_head

_HIDDEN = "projection_head_2"
_WITH_PROJECTION = "pose_encoder"


def feature_layer_name(config: FinetuneConfig) -> str:
    """Return the name of the layer of a hand pose model whose output the pose head reads."""
    return config.encoder if config.projection == "drop" else _WITH_PROJECTION


def build_pose_encoder(
    config: FinetuneConfig,
) -> tuple[keras.Model, keras.Model, keras.Model | None]:
    """Build what the pose head stands on.

    Contrastive features are usually taken below the projection, which is trained to forget whatever the
    two views do not share. Where the loss undoes the views, the projected points do follow the hand, so
    that joints are nearly a linear map of them: with few labels a head on them has little to learn.

    Args:
        config: fields on the encoder, its start and `projection` are used.

    Returns:
        `(features, encoder, projection_head)`: a model from `[B, S, S, 3]` to `[B, F]`, the encoder in it
        and the whole projection head in it, or None where it is dropped.
    """
    # A folder is a pretraining run, which the binary reads once all is built.
    is_file = config.init_from and not os.path.isdir(config.init_from)
    encoder = build_encoder(
        config.encoder,
        config.image_size,
        synchronized=config.synchronized_batch_norm,
        weights=config.init_from if is_file else config.init,
    )
    if config.projection == "drop":
        return encoder, encoder, None
    head = build_projection_head(
        encoder.output_shape[-1],
        config.projection_width,
        config.num_points,
        synchronized=config.synchronized_batch_norm,
    )
    top = head
    if config.projection == "hidden":
        top = keras.Model(head.input, head.get_layer(_HIDDEN).output, name="projection_hidden")
    features = keras.Model(encoder.input, top(encoder.output), name=_WITH_PROJECTION)
    return features, encoder, head
