"""EfficientNet-Lite0 with the layers and the padding of its published weights.

A mobile network of inverted residuals without squeeze-and-excitation and with ReLU6 alone, made so that
phones and 8-bit arithmetic take all of it. Layer names are those of the weights' modules, without their
leading underscores and with `_` for the dots: `conv_stem`, `bn0`, `blocks_3_depthwise_conv`, ...
"""

import functools

import keras
from keras import layers

from keras_pose.layers.batch_norm import BatchNorm
from keras_pose.layers.clipped_relu import ClippedRelu
from keras_pose.layers.depthwise import DepthwiseConvolution
from keras_pose.layers.pointwise import PointwiseConvolution

NUM_FEATURES = 1280
# Of the published training: pictures are (grey level - 127) / 128.
LITE_SCALE, LITE_OFFSET = 255.0 / 128.0, -127.0 / 128.0

_STEM = 32
# Blocks in a row, kernel, stride of the first, expansion, channels: Lite0 is B0 as it is.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_EPSILON = 1e-3


def build_efficientnet_lite(
    image_size: int | None = None,
    pooled: bool = True,
    synchronized: bool = False,
    momentum: float = 0.99,
    num_classes: int = 0,
    name: str = "efficientnet_lite0",
) -> keras.Model:
    """Build EfficientNet-Lite0.

    conv 3x3/2 - BN - ReLU6 - 16 inverted residuals in seven stages; pooled, 1x1 convolution to 1280
    channels, mean over pixels. Windows that stride are padded as TensorFlow's "same" does it: for even
    sizes, which multiples of 32 stay throughout, one pixel less above and left than below and right.

    Args:
        image_size: side of the square picture in px, a multiple of 32, or None for any size.
        pooled: whether the features are one vector; else the maps of the last stage.
        synchronized: batch statistics over all replicas of a strategy.
        momentum: share of the old running statistics that stays in a step.
        num_classes: outputs of a classifier on top of the vector; 0 for none.
        name: of the model.

    Returns:
        Model from float `[B, S, S, 3]`, RGB normalised to `LITE_SCALE * picture + LITE_OFFSET` of
        pictures in [0, 1], to features `[B, 1280]` in the policy's variable dtype; with classes, to
        logits `[B, num_classes]`; not pooled, to maps `[B, S / 32, S / 32, 320]` in the compute dtype.

    Raises:
        ValueError: if the size is no multiple of 32, or there are classes without a vector.

    Reference: Tan & Le 2019, table 1 (arXiv 1905.11946); the Lite variant: its release of 2020.
    """
    if image_size is not None and (image_size < 32 or image_size % 32):
        raise ValueError(f"image_size={image_size} must be a multiple of 32; use one.")
    if num_classes and not pooled:
        raise ValueError(f"num_classes={num_classes} needs pooled features; leave pooled on.")
    norm = functools.partial(BatchNorm, momentum, _EPSILON, synchronized=synchronized)
    picture = keras.Input((image_size, image_size, 3), name="image")
    hidden = layers.Conv2D(
        _STEM,
        3,
        2,
        padding="same",
        use_bias=False,
        kernel_initializer=_initializer(),
        name="conv_stem",
    )(picture)
    hidden = ClippedRelu(name="relu0")(norm(name="bn0")(hidden))
    number = 0
    for count, size, stride, expansion, filters in _STAGES:
        for index in range(count):
            hidden = _block(
                hidden,
                filters,
                size,
                stride if index == 0 else 1,
                expansion,
                norm,
                f"blocks_{number}",
            )
            number += 1
    if not pooled:
        return keras.Model(picture, hidden, name=name)
    hidden = _pointwise(hidden, NUM_FEATURES, "conv_head")
    hidden = ClippedRelu(name="relu1")(norm(name="bn1")(hidden))
    # The mean is taken in full precision: it costs nothing and losses start from here.
    full = keras.config.dtype_policy().variable_dtype
    features = layers.GlobalAveragePooling2D(name="avgpool", dtype=full)(hidden)
    if num_classes:
        features = layers.Dense(num_classes, name="fc", dtype=full)(features)
    return keras.Model(picture, features, name=name)


def _block(hidden, filters, size, stride, expansion, norm, name):
    """Inverted residual: widen by 1x1, filter each channel, narrow by 1x1 without activation."""
    shortcut = hidden
    width = hidden.shape[-1] * expansion
    if expansion > 1:
        hidden = _pointwise(hidden, width, f"{name}_expand_conv")
        hidden = ClippedRelu(name=f"{name}_relu0")(norm(name=f"{name}_bn0")(hidden))
    hidden = DepthwiseConvolution(
        size,
        stride,
        depthwise_initializer=_initializer(),
        name=f"{name}_depthwise_conv",
    )(hidden)
    hidden = ClippedRelu(name=f"{name}_relu1")(norm(name=f"{name}_bn1")(hidden))
    hidden = _pointwise(hidden, filters, f"{name}_project_conv")
    hidden = norm(name=f"{name}_bn2")(hidden)
    if stride == 1 and shortcut.shape[-1] == filters:
        hidden = layers.Add(name=f"{name}_add")([shortcut, hidden])
    return hidden


def _pointwise(hidden, filters, name):
    return PointwiseConvolution(filters, kernel_initializer=_initializer(), name=name)(hidden)


def _initializer():
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
