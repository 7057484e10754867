"""A hand pose run as the contract of `keras_pose.serving` wants it."""

import keras

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.features import feature_layer_name
from keras_pose.hands.serving import pose_network
from keras_pose.serving import PoseNetwork


def network_of(config: FinetuneConfig, model: keras.Model) -> PoseNetwork:
    """Describe the network of a finished run to the contract.

    Args:
        config: of the run.
        model: of `keras_pose.hand_pose.train.load_hand_pose`.

    Returns:
        The network.
    """
    return pose_network(
        model,
        model.get_layer(feature_layer_name(config)),
        config.reference_bone,
        config.crop_scale,
        config.mirror_left,
    )
