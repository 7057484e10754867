"""Encoders as trunks of networks that read maps: features of the last size, not a vector."""

import keras
from keras import layers

from keras_pose.layers.efficientnet_lite import LITE_OFFSET, LITE_SCALE, build_efficientnet_lite
from keras_pose.layers.mobilenet import build_mobilenet
from keras_pose.layers.resnet import build_resnet

# Per channel R, G, B of pictures in [0, 1]; torchvision's, with which all ResNet weights are trained.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# MobileNetV3 was trained on pictures in [-1, 1].
MOBILENET_SCALE, MOBILENET_OFFSET = 2.0, -1.0


def build_trunk(
    picture: keras.KerasTensor,
    name: str,
    synchronized: bool = False,
    momentum: float = 0.99,
) -> tuple[keras.Model, keras.KerasTensor]:
    """Build an encoder that keeps its maps, and bring a picture to the numbers it was trained on.

    Args:
        picture: symbolic float `[B, S, S, 3]`, RGB in [0, 1]; S a number or None.
        name: `efficientnet_lite0`, `resnet50`, `mobilenet_v3_small` or `mobilenet_v3_large`.
        synchronized: batch statistics over all replicas of a strategy.
        momentum: share of the old running statistics that stays in a step.

    Returns:
        `(trunk, normalized)`: the model, from normalised pictures to maps of a 32nd of their side, with
        random weights; the normalised picture, in full precision.

    Raises:
        ValueError: if the name is unknown or the size does not fit.
    """
    side = picture.shape[1]
    scale: float | list[float]
    offset: float | list[float]
    if name == "resnet50":
        trunk = build_resnet(50, side, synchronized=synchronized, pooled=False, momentum=momentum)
        scale = [1.0 / std for std in IMAGENET_STD]
        offset = [-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    elif name == "efficientnet_lite0":
        trunk = build_efficientnet_lite(side, False, synchronized, momentum)
        scale, offset = LITE_SCALE, LITE_OFFSET
    else:
        trunk = build_mobilenet(name, side, False, synchronized, momentum)
        scale, offset = MOBILENET_SCALE, MOBILENET_OFFSET
    # Normalised in full precision: bfloat16 has fewer levels near 1 than a picture.
    full = keras.config.dtype_policy().variable_dtype
    return trunk, layers.Rescaling(scale, offset, name="normalize", dtype=full)(picture)
