"""The phone-sized hand network: a mobile encoder, light upsampling with lateral connections, two heads.

Every operation is one that the GPU delegates of phones run (`keras_pose.export.GPU_OPERATIONS`).
"""

import functools

import keras
from keras import layers

from keras_pose.hand_student.config import BACKBONES, MULTIPLE
from keras_pose.layers import (
    BatchNorm,
    DepthwiseConvolution,
    PointwiseConvolution,
    build_trunk,
    feature_levels,
)
from keras_pose.skeletons import HAND_21_FREIHAND

# The network's maps have a pixel for so many of the crop; its encoder halves three times more.
STRIDE = 4
_LATERALS = (STRIDE, 8, 16)
NUM_JOINTS = HAND_21_FREIHAND.num_joints

FEATURES = "pooled_features"
"""Name of the layer whose output, float `[B, F]`, is the encoder averaged over pixels."""


def build_student_network(
    backbone: str = "mobilenet_v3_small",
    image_size: int = 128,
    width: int = 64,
    depth_width: int = 128,
    synchronized: bool = False,
    bn_momentum: float = 0.99,
    name: str = "hand_student",
) -> keras.Model:
    """Build the network with random weights.

    Features of the encoder's last map are doubled in size three times; each time a 1x1 convolution of the
    encoder's map of that size is added and a separable 3x3 convolution follows.

    Args:
        backbone: one of `BACKBONES`.
        image_size: side S of the square crops in px, a multiple of `MULTIPLE`.
        width: channels of the upsampled maps.
        depth_width: hidden width of the head that reads depth from pooled features.
        synchronized: batch statistics over all replicas of a strategy.
        bn_momentum: share of the old running statistics that stays in a step.
        name: of the model.

    Returns:
        Model from float32 `[B, S, S, 3]`, RGB in [0, 1], of crops of right hands to a dict in the
        policy's variable dtype: `heatmaps` `[B, S/4, S/4, 21]`, linear, peak about 1; `depth`
        `[B, 21]`, relative to the wrist (whose row is 0), growing away from the camera, in lengths of
        the reference bone.

    Raises:
        ValueError: if the backbone is unknown or a size does not fit.

    Reference: Howard et al. 2019 (MobileNetV3); Tan & Le 2019 (EfficientNet); Lin et al. 2017 (lateral
    connections).
    """
    if backbone not in BACKBONES:
        raise ValueError(f"--backbone={backbone} is unknown; use one of {', '.join(BACKBONES)}.")
    if image_size < MULTIPLE or image_size % MULTIPLE:
        raise ValueError(
            f"--image_size={image_size} must be a multiple of {MULTIPLE}, as the encoder halves it five "
            f"times; use {max(1, round(image_size / MULTIPLE)) * MULTIPLE}."
        )
    full = keras.config.dtype_policy().variable_dtype
    picture = keras.Input((image_size, image_size, 3), name="image", dtype="float32")
    trunk, normalized = build_trunk(picture, backbone, synchronized, bn_momentum)
    levels = [*feature_levels(trunk, _LATERALS), trunk.output]
    *laterals, top = keras.Model(trunk.input, levels, name=backbone)(normalized)

    norm = functools.partial(BatchNorm, bn_momentum, synchronized=synchronized)
    hidden = PointwiseConvolution(width, name="top")(top)
    hidden = _normalized(hidden, norm, "top")
    for level, lateral in zip((2, 1, 0), reversed(laterals), strict=True):
        hidden = layers.UpSampling2D(interpolation="bilinear", name=f"up{level}")(hidden)
        beside = PointwiseConvolution(width, name=f"lateral{level}")(lateral)
        beside = norm(name=f"lateral{level}_bn")(beside)
        hidden = layers.Add(name=f"sum{level}")([hidden, beside])
        hidden = DepthwiseConvolution(3, name=f"depthwise{level}")(hidden)
        hidden = _normalized(hidden, norm, f"depthwise{level}")
        hidden = PointwiseConvolution(width, name=f"mixing{level}")(hidden)
        hidden = _normalized(hidden, norm, f"mixing{level}")
    heatmaps = PointwiseConvolution(
        NUM_JOINTS,
        use_bias=True,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        name="heatmaps",
        dtype=full,
    )(hidden)

    pooled = layers.GlobalAveragePooling2D(name=FEATURES, dtype=full)(top)
    depth = layers.Dense(depth_width, activation="relu", name="depth_hidden")(pooled)
    others = NUM_JOINTS - 1
    depth = layers.Dense(others, name="depth_others", dtype=full)(depth)
    # The wrist is the first joint, and depth is relative to it.
    depth = layers.ZeroPadding1D((1, 0), name="depth_wrist")(
        layers.Reshape((others, 1), name="depth_column")(depth)
    )
    depth = layers.Reshape((NUM_JOINTS,), name="depth")(depth)
    return keras.Model(picture, {"heatmaps": heatmaps, "depth": depth}, name=name)


def _normalized(hidden, norm, name):
    hidden = norm(name=f"{name}_bn")(hidden)
    return layers.ReLU(name=f"{name}_relu")(hidden)
