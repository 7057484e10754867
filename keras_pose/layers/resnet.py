"""Residual networks as torchvision builds them ("v1.5"), so that its weights fit by name.

`keras.applications.ResNet50` is another network: it strides in the 1x1 convolution, its convolutions
have biases and its epsilon is 1.001e-5. Layer names here are torchvision's module names with `_` for
the dots: `conv1`, `bn1`, `layer1_0_conv1`, `layer1_0_downsample_0`, ...
"""

import functools

import keras
from keras import layers

from keras_pose.layers.batch_norm import BatchNorm
from keras_pose.layers.pointwise import PointwiseConvolution

# Residual blocks in each of the four stages; three convolutions to a block from 50 layers on.
STAGES = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
_FIRST_BOTTLENECK = 50


def build_resnet(
    depth: int,
    image_size: int | None = None,
    name: str | None = None,
    synchronized: bool = False,
    width: int = 64,
    pooled: bool = True,
    momentum: float = 0.9,
) -> keras.Model:
    """Build a residual network without its classifier.

    conv 7x7/2 - BN - ReLU - max pool 3x3/2 - four stages - mean over pixels. The stride of a
    bottleneck is in its 3x3 convolution; every window that strides is padded by the same number of
    zeros on all sides (Keras' "same" would pad below and to the right only).

    Args:
        depth: 18, 34, 50, 101 or 152; or 10, a small one of the same kind that torchvision lacks.
        image_size: side of the square picture in px, or None for any size.
        name: of the model; `resnet<depth>` when None.
        synchronized: batch statistics over all replicas of a strategy.
        width: channels of the first stage; 64 in torchvision.
        pooled: whether the mean over pixels is taken.
        momentum: share of the old running statistics that stays in a step.

    Returns:
        Model from float `[B, S, S, 3]`, RGB already normalised, to features `[B, F]`, F = 512 up to 34
        layers and 2048 above where `width` is 64, in the policy's variable dtype (float32 under mixed
        precision); or, not pooled, to maps `[B, S / 32, S / 32, F]` in its compute dtype. Weights are
        random: He normal, fan out, as torchvision.

    Raises:
        ValueError: if no such depth is known.

    Reference: He et al. 2016 (arXiv 1512.03385), table 1; torchvision's `resnet.py`.
    """
    if depth not in STAGES:
        raise ValueError(f"depth must be one of {tuple(STAGES)}, got {depth}.")
    norm = functools.partial(BatchNorm, momentum, synchronized=synchronized)
    block = _bottleneck if depth >= _FIRST_BOTTLENECK else _basic_block
    picture = keras.Input((image_size, image_size, 3), name="image")
    hidden = _convolution(picture, width, 7, 2, "conv1")
    hidden = layers.ReLU(name="relu")(norm(name="bn1")(hidden))
    # After a ReLU zeros are as good as minus infinity.
    hidden = layers.ZeroPadding2D(1, name="maxpool_pad")(hidden)
    hidden = layers.MaxPooling2D(3, 2, name="maxpool")(hidden)
    for stage, num_blocks in enumerate(STAGES[depth], 1):
        for index in range(num_blocks):
            stride = 2 if stage > 1 and index == 0 else 1
            hidden = block(hidden, width * 2 ** (stage - 1), stride, f"layer{stage}_{index}", norm)
    name = name or f"resnet{depth}"
    if not pooled:
        return keras.Model(picture, hidden, name=name)
    # The mean is taken in full precision: it costs nothing and losses start from here.
    full = keras.config.dtype_policy().variable_dtype
    features = layers.GlobalAveragePooling2D(name="avgpool", dtype=full)(hidden)
    return keras.Model(picture, features, name=name)


def _convolution(hidden, filters, size, stride, name):
    """Convolution without bias, padded by `size // 2` on all sides."""
    initializer = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
    if size == 1:
        pointwise = PointwiseConvolution(filters, stride, kernel_initializer=initializer, name=name)
        return pointwise(hidden)
    # Not by TensorFlow's explicit padding: oneDNN's gradients of it are a hundred times slower.
    if stride > 1:
        hidden = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(hidden)
    return layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        kernel_initializer=initializer,
        name=name,
    )(hidden)


def _shortcut(hidden, filters, stride, name, norm):
    if stride == 1 and hidden.shape[-1] == filters:
        return hidden
    hidden = _convolution(hidden, filters, 1, stride, f"{name}_downsample_0")
    return norm(name=f"{name}_downsample_1")(hidden)


def _unit(hidden, filters, size, stride, name, number, norm):
    hidden = _convolution(hidden, filters, size, stride, f"{name}_conv{number}")
    return norm(name=f"{name}_bn{number}")(hidden)


def _sum(branch, shortcut, name):
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([branch, shortcut]))


def _basic_block(hidden, width, stride, name, norm):
    branch = _unit(hidden, width, 3, stride, name, 1, norm)
    branch = layers.ReLU(name=f"{name}_relu1")(branch)
    branch = _unit(branch, width, 3, 1, name, 2, norm)
    return _sum(branch, _shortcut(hidden, width, stride, name, norm), name)


def _bottleneck(hidden, width, stride, name, norm):
    branch = _unit(hidden, width, 1, 1, name, 1, norm)
    branch = layers.ReLU(name=f"{name}_relu1")(branch)
    branch = _unit(branch, width, 3, stride, name, 2, norm)
    branch = layers.ReLU(name=f"{name}_relu2")(branch)
    branch = _unit(branch, 4 * width, 1, 1, name, 3, norm)
    return _sum(branch, _shortcut(hidden, 4 * width, stride, name, norm), name)
