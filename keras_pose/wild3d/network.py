"""The networks of Wild3D: pictures to heat maps and depth.

A backbone makes maps of a quarter of the picture's side; a head of heat maps and a head of depth read
them. The paper's backbone is the stacked hourglass, whose heat maps are fed back into its features; the
others are encoders followed by three transposed convolutions, or by lateral connections that keep what
an encoder knows at finer sizes. Every network takes pictures in [0, 1] and normalises them itself.
"""

import functools

import keras
from keras import layers

from keras_pose.layers import (
    INITS,
    BatchNorm,
    PointwiseConvolution,
    PreactivationResidual,
    build_hourglass,
    build_pyramid,
    build_trunk,
    convolution_initializers,
    feature_levels,
)
from keras_pose.wild3d.config import BACKBONES, HEADS, MULTIPLE, STRIDE, picture_multiple

DEPTH_HEADS = ("vector", "map")
NUM_JOINTS = 16

_DECONVOLUTIONS = 3
_LEVELS = (STRIDE, 8, 16, 32)


def build_network(
    *,
    backbone: str = "hourglass",
    image_size: int = 256,
    num_stacks: int = 2,
    num_modules: int = 2,
    width: int = 256,
    depth_head: str = "vector",
    num_depth_modules: int = 2,
    init: str = "torch",
    synchronized_batch_norm: bool = False,
    bn_momentum: float = 0.9,
    stem_width: int = 64,
    head: str = "deconvolution",
    name: str | None = None,
    trunk: keras.Model | None = None,
) -> keras.Model:
    """Build a network with random weights.

    The defaults are the paper's network, 14,429,104 parameters.

    Args:
        backbone: one of `BACKBONES`.
        image_size: side S of the square pictures in px, a multiple of `MULTIPLE`. With the map head
            any other multiple, and any rectangle of them, can be fed too.
        num_stacks: hourglasses in a row; `hourglass` alone.
        num_modules: residuals in a row within an hourglass; `hourglass` alone.
        width: channels of the maps that the heads read, even.
        depth_head: `"vector"`: four times residuals and a max pooling, then one dense layer to a
            number per joint, as published; `"map"`: residuals and a 1x1 convolution to a map per
            joint, whose value at the joint is its depth.
        num_depth_modules: residuals in a row within the depth head; 0 or more.
        init: `"torch"` or `"he"`, see `convolution_initializers`; the encoders keep their own.
        synchronized_batch_norm: batch statistics over all replicas of a strategy.
        bn_momentum: share of the old running statistics that stays in a step.
        stem_width: channels of the first convolution; `hourglass` alone.
        head: what brings an encoder's features to a quarter of the picture: `"deconvolution"` (of the
            last ones alone) or `"lateral"` (of those at a 4th, 8th, 16th and 32nd of the side); of no
            meaning to the hourglass.
        name: of the model; `backbone` when None.
        trunk: model from `[B, S, S, 3]`, RGB in [0, 1], to maps `[B, S/4, S/4, C]`, which the heads then
            read; None builds the backbone.

    Returns:
        Model from float `[B, S, S, 3]`, RGB in [0, 1], to a dict in the policy's variable dtype:
        `heatmaps`, list of K linear maps `[B, S/4, S/4, 16]` (K is `num_stacks`, 1 for other
        backbones); and `depth` `[B, 16]` or `depth_maps` `[B, S/4, S/4, 16]`, half sides of the crop.

    Raises:
        ValueError: if a name is unknown or a number out of range.

    Reference: Zhou et al. 2017, section 3; Newell et al. 2016 (arXiv 1603.06937); for the other backbones
    Xiao et al. 2018 (arXiv 1804.06208).
    """
    _check(
        BACKBONES[0] if trunk is not None else backbone,
        image_size,
        num_stacks,
        num_modules,
        width,
        depth_head,
        num_depth_modules,
        init,
        head,
    )
    residual = functools.partial(
        _residual, init=init, momentum=bn_momentum, synchronized=synchronized_batch_norm
    )
    norm = functools.partial(BatchNorm, bn_momentum, synchronized=synchronized_batch_norm)
    is_lateral = head == "lateral" and backbone != "hourglass"
    side = None if depth_head == "map" and not is_lateral and trunk is None else image_size
    full = keras.config.dtype_policy().variable_dtype
    picture = keras.Input((side, side, 3), name="image", dtype=full)
    if trunk is not None:
        hidden = trunk(picture)
        heatmaps = [_map_head("heatmaps")(hidden)]
    elif backbone == "hourglass":
        hidden = _stem(picture, width, stem_width, init, residual, norm)
        heatmaps = []
        for stack in range(num_stacks):
            hidden, maps = _stack(hidden, num_modules, init, residual, norm, f"stack{stack}")
            heatmaps.append(maps)
    else:
        trunk, normalized = build_trunk(picture, backbone, synchronized_batch_norm, bn_momentum)
        if is_lateral:
            levels = keras.Model(trunk.input, feature_levels(trunk, _LEVELS), name=trunk.name)
            hidden = build_pyramid(levels(normalized), width, norm)
        else:
            hidden = _deconvolutions(trunk(normalized), width, norm)
        heatmaps = [_map_head("heatmaps")(hidden)]
    outputs = {"heatmaps": heatmaps}
    if depth_head == "map":
        for module in range(num_depth_modules):
            hidden = residual(hidden, width, f"depth_residual{module}")
        # Small weights, so that depth starts near 0, at the root, and rises with training.
        outputs["depth_maps"] = _map_head("depth_maps")(hidden)
    else:
        outputs["depth"] = _depth_vector(hidden, num_depth_modules, init, residual)
    return keras.Model(picture, outputs, name=name or backbone)


def _check(backbone, image_size, num_stacks, num_modules, width, depth_head, num_depth, init, head):
    for flag, value, known in (
        ("backbone", backbone, BACKBONES),
        ("depth_head", depth_head, DEPTH_HEADS),
        ("init", init, INITS),
        ("head", head, HEADS),
    ):
        if value not in known:
            raise ValueError(f"--{flag}={value} is unknown; use one of {', '.join(known)}.")
    multiple = picture_multiple(backbone, head, depth_head)
    if image_size < MULTIPLE or image_size % multiple:
        raise ValueError(
            f"--image_size={image_size} must be a multiple of {multiple}, since maps are a quarter "
            "of the picture and are halved four times."
        )
    if width < 2 or width % 2:
        raise ValueError(f"--width={width} must be even, since residual modules halve it.")
    if min(num_stacks, num_modules) < 1 or num_depth < 0:
        raise ValueError(
            f"--num_stacks={num_stacks} and --num_modules={num_modules} must be 1 or more, "
            f"--num_depth_modules={num_depth} 0 or more."
        )


def _residual(hidden, filters, name, init, momentum, synchronized):
    return PreactivationResidual(filters, init, momentum, synchronized, name=name)(hidden)


def _pointwise(hidden, filters, init, name, dtype=None):
    initial = convolution_initializers(init, hidden.shape[-1])
    return PointwiseConvolution(filters, use_bias=True, name=name, dtype=dtype, **initial)(hidden)


def _stem(picture, width, stem_width, init, residual, norm):
    """Picture to a quarter of its side: `[B, S, S, 3]` to `[B, S/4, S/4, width]`."""
    # Keras' "same" would pad two pixels above and left, three below and right.
    hidden = layers.ZeroPadding2D(3, name="stem_pad")(picture)
    initial = convolution_initializers(init, 7 * 7 * 3)
    hidden = layers.Conv2D(stem_width, 7, 2, name="stem_conv", **initial)(hidden)
    hidden = layers.ReLU(name="stem_relu")(norm(name="stem_bn")(hidden))
    hidden = residual(hidden, 2 * stem_width, "stem_residual0")
    hidden = layers.MaxPooling2D(2, name="stem_pool")(hidden)
    hidden = residual(hidden, 2 * stem_width, "stem_residual1")
    return residual(hidden, width, "stem_residual2")


def _stack(hidden, num_modules, init, residual, norm, name):
    """One hourglass; its features and heat maps are added to what the next reads."""
    width = hidden.shape[-1]
    full = keras.config.dtype_policy().variable_dtype
    features = build_hourglass(
        hidden,
        num_modules,
        lambda inner, label: residual(inner, width, label),
        f"{name}_hourglass",
    )
    for module in range(num_modules):
        features = residual(features, width, f"{name}_residual{module}")
    features = _pointwise(features, width, init, f"{name}_features")
    features = norm(name=f"{name}_features_bn")(features)
    features = layers.ReLU(name=f"{name}_features_relu")(features)
    # Heat maps leave the network, so they are computed in full precision: it costs next to nothing.
    maps = _pointwise(features, NUM_JOINTS, init, f"{name}_heatmaps", full)
    features_back = _pointwise(features, width, init, f"{name}_features_back")
    maps_back = _pointwise(maps, width, init, f"{name}_heatmaps_back")
    # After the last stack too: the depth head reads the sum.
    return layers.Add(name=f"{name}_sum")([hidden, features_back, maps_back]), maps


def _deconvolutions(hidden, width, norm):
    """Bring maps from a 32nd of the picture's side to a quarter of it."""
    for number in range(_DECONVOLUTIONS):
        name = f"deconvolution{number}"
        # Even kernels: Keras' "same" is torch's padding 1, one pixel on all sides of the output.
        hidden = layers.Conv2DTranspose(
            width,
            4,
            2,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
            name=name,
        )(hidden)
        hidden = layers.ReLU(name=f"{name}_relu")(norm(name=f"{name}_bn")(hidden))
    return hidden


def _map_head(name):
    """1x1 convolution to a map per joint, in full precision, near 0 at the start."""
    return PointwiseConvolution(
        NUM_JOINTS,
        use_bias=True,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        name=name,
        dtype=keras.config.dtype_policy().variable_dtype,
    )


def _depth_vector(hidden, num_modules, init, residual):
    """Map of S/4 px to a number per joint, `[B, 16]`."""
    width = hidden.shape[-1]
    for size in range(4):
        for module in range(num_modules):
            hidden = residual(hidden, width, f"depth_size{size}_residual{module}")
        hidden = layers.MaxPooling2D(2, name=f"depth_size{size}_pool")(hidden)
    hidden = layers.Flatten(name="depth_flatten")(hidden)
    full = keras.config.dtype_policy().variable_dtype
    initial = convolution_initializers(init, hidden.shape[-1])
    return layers.Dense(NUM_JOINTS, name="depth", dtype=full, **initial)(hidden)
