"""A student's run as the contract of `keras_pose.serving` wants it, with the signatures of phones."""

import keras

from keras_pose.export import Signature
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.network import FEATURES
from keras_pose.hand_student.pose import decode_student
from keras_pose.hands.serving import pose_network, signatures
from keras_pose.serving import PoseNetwork
from keras_pose.serving.phone import phone_signatures


def student_network_of(config: StudentConfig, model: keras.Model) -> PoseNetwork:
    """Describe the network of a finished student's run to the contract.

    Args:
        config: of the run.
        model: of `keras_pose.hand_student.train.load_student`.

    Returns:
        The network; its features are those that were made to resemble the teacher's.
    """
    network = maps_of(model)
    encoder = keras.Model(network.input, network.get_layer(FEATURES).output)
    return pose_network(
        model, encoder, config.reference_bone, config.crop_scale, config.mirror_left
    )


def maps_of(model: keras.Model) -> keras.Model:
    """Find the network of heat maps inside a student's pose model.

    Args:
        model: of `keras_pose.hand_student.pose.build_student_pose`.

    Returns:
        The model of `build_student_network`, its weights shared.
    """
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def student_signatures(
    network: PoseNetwork, config: StudentConfig, model: keras.Model
) -> dict[str, Signature]:
    """Return the signatures of a student.

    Args:
        network: of `student_network_of`.
        config: of the run.
        model: of `keras_pose.hand_student.train.load_student`.

    Returns:
        Those of `signatures`, and `keras_pose.serving.phone.PHONE_SIGNATURES`; `z` is in reference bones.
    """
    maps = maps_of(model)
    # The same as arg-max to rounding, in operations that phone GPUs have.
    how = "argmax_by_products" if config.coordinates == "argmax" else config.coordinates
    phone = phone_signatures(
        lambda image: maps(image, training=False),
        network.image_size,
        decode=lambda outputs: decode_student(
            dict(outputs), network.image_size, how, config.sharpness
        ),
        weights=network.weights,
        uncertainty=network.uncertainty,
    )
    return signatures(network) | phone
