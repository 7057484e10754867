"""A pyramid of features: what an encoder knows at each size, brought to its finest one."""

from collections.abc import Callable

import keras
from keras import layers

from keras_pose.layers.depthwise import DepthwiseConvolution
from keras_pose.layers.hourglass import UpsampledSum
from keras_pose.layers.pointwise import PointwiseConvolution

# Names that the last layer of a block ends in, in the encoders of this package.
_ENDS = ("_add", "_bn2", "_out", "project_bn")


def feature_levels(trunk: keras.Model, strides: tuple[int, ...]) -> list[keras.KerasTensor]:
    """Find an encoder's features at some sizes: the outputs of the last block of each.

    Args:
        trunk: encoder of square pictures of a known side, from `build_efficientnet_lite`,
            `build_mobilenet` or `build_resnet`, not pooled.
        strides: pixels of the picture to a pixel of the features.

    Returns:
        Symbolic `[B, S / stride, S / stride, C]` for each stride.

    Raises:
        ValueError: if the picture's side is not known or there are no such features.
    """
    side = trunk.input_shape[1]
    if side is None:
        raise ValueError(f"{trunk.name} accepts pictures of any size; build it for one size.")
    found = []
    for stride in strides:
        wanted = (side // stride, side // stride)
        if tuple(trunk.output.shape[1:3]) == wanted:
            found.append(trunk.output)
            continue
        ends = [
            layer.output
            for layer in trunk.layers
            if layer.name.endswith(_ENDS) and tuple(layer.output.shape[1:3]) == wanted
        ]
        if not ends:
            raise ValueError(f"{trunk.name} has no features at a {stride}th of the picture's side.")
        found.append(ends[-1])
    return found


def build_pyramid(
    levels: list[keras.KerasTensor],
    width: int,
    norm: Callable[..., keras.layers.Layer],
    name: str = "pyramid",
) -> keras.KerasTensor:
    """Bring features of several sizes together at the finest one.

    From the coarsest to the finest: what came so far is doubled and added to the level's own features
    through a 1x1 convolution, then filtered by a depthwise 3x3 and mixed by a 1x1 convolution.

    Args:
        levels: `[B, H_i, W_i, C_i]`, finest first, each half as large as the one before.
        width: channels F of the result.
        norm: makes a normalisation, given `name`.
        name: prefix of all layer names.

    Returns:
        `[B, H_0, W_0, F]`, after a ReLU.

    Reference: Lin et al. 2017, figure 3 (arXiv 1612.03144); Howard et al. 2017 for the separable
    convolution.
    """
    hidden = None
    for number in reversed(range(len(levels))):
        part = f"{name}{number}"
        lateral = PointwiseConvolution(width, name=f"{part}_lateral")(levels[number])
        lateral = norm(name=f"{part}_lateral_bn")(lateral)
        if hidden is None:
            hidden = layers.ReLU(name=f"{part}_relu")(lateral)
            continue
        hidden = UpsampledSum(name=f"{part}_sum")(lateral, hidden)
        hidden = DepthwiseConvolution(3, name=f"{part}_depthwise")(hidden)
        hidden = norm(name=f"{part}_depthwise_bn")(hidden)
        hidden = PointwiseConvolution(width, name=f"{part}_mix")(hidden)
        hidden = norm(name=f"{part}_mix_bn")(hidden)
        hidden = layers.ReLU(name=f"{part}_relu")(hidden)
    return hidden
