"""Weights of the official hourglass, put into ours.

The authors publish whole pickled modules of Python 2 and torch 0.1, which nothing current reads: load
one there, store its `state_dict()`, and give that here. The numbering of the official names is flat
(`Residual.{stack * modules + module}`) and their nesting deep (`hourglass.0.low2.low2.up1_.0`), ours is
the place in the network; this file holds the dictionary of the two.
"""

import re
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from keras_pose.layers import PreactivationResidual
from keras_pose.layers.assignment import assign_weights

_WEIGHT = {"weight": "kernel", "bias": "bias"}
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
# Our layer of a residual: torch's.
_RESIDUAL = {
    "bn1": "bn",
    "conv1": "conv1",
    "bn2": "bn1",
    "conv2": "conv2",
    "bn3": "bn2",
    "conv3": "conv3",
    "shortcut": "conv4",
}
_BRANCHES = {"kept": "up1_", "before": "low1_", "inner": "low2_", "after": "low3_"}
_PLAIN = {
    "stem_conv": "conv1_",
    "stem_bn": "bn1",
    "stem_residual0": "r1",
    "stem_residual1": "r4",
    "stem_residual2": "r5",
    "depth": "reg",
}
_STACK_LAYERS = {
    "features": "lin_.{}.0",
    "features_bn": "lin_.{}.1",
    "heatmaps": "tmpOut.{}",
    "features_back": "ll_.{}",
    "heatmaps_back": "tmpOut_.{}",
}


def official_module(layer_name: str, num_modules: int, num_depth_modules: int) -> str:
    """Translate the name of a layer.

    Args:
        layer_name: of a layer of `build_network` with the hourglass and the vector head.
        num_modules: residuals in a row within an hourglass.
        num_depth_modules: residuals in a row within the depth head.

    Returns:
        The official module's name, `hourglass.0.low2.up1_.1` for example.

    Raises:
        ValueError: if no official module corresponds.

    Reference: names in the checkpoints that Zhou et al. 2017 released.
    """
    if layer_name in _PLAIN:
        return _PLAIN[layer_name]
    if match := re.fullmatch(r"stack(\d+)_hourglass_size(\d+)_([a-z]+)(\d+)", layer_name):
        stack, size, branch, module = match.groups()
        nesting = "low2." * (int(size) - 1)
        return f"hourglass.{stack}.{nesting}{_BRANCHES[branch]}.{module}"
    if match := re.fullmatch(r"stack(\d+)_residual(\d+)", layer_name):
        return f"Residual.{int(match[1]) * num_modules + int(match[2])}"
    if match := re.fullmatch(r"depth_size(\d+)_residual(\d+)", layer_name):
        return f"reg_.{int(match[1]) * num_depth_modules + int(match[2])}"
    if (match := re.fullmatch(r"stack(\d+)_(\w+)", layer_name)) and match[2] in _STACK_LAYERS:
        return _STACK_LAYERS[match[2]].format(match[1])
    raise ValueError(
        f"Layer '{layer_name}' has no official counterpart; build the network with "
        "--backbone=hourglass and --depth_head=vector."
    )


def official_variables(network: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """List every weight of a network under its official name.

    Args:
        network: from `build_network`, with the hourglass and the vector head.

    Yields:
        `(official parameter or buffer, our variable)`.

    Raises:
        ValueError: if a layer has no official counterpart.
    """
    names = {layer.name for layer in network.layers}
    num_modules = _count(names, r"stack0_residual(\d+)")
    num_depth_modules = _count(names, r"depth_size0_residual(\d+)")
    for layer in network.layers:
        if not layer.weights:
            continue
        module = official_module(layer.name, num_modules, num_depth_modules)
        if isinstance(layer, PreactivationResidual):
            for ours, theirs in _RESIDUAL.items():
                inner = getattr(layer, ours)
                if inner is not None:
                    yield from _variables(inner, f"{module}.{theirs}")
        else:
            yield from _variables(layer, module)


def load_official_weights(network: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Assign the official network's weights to ours.

    Every weight of the network must be there in its shape and every entry must have a place, counters
    of batches (`num_batches_tracked`) apart; nothing is assigned otherwise.

    Args:
        network: from `build_network`, with the hourglass and the vector head.
        state: official name to array: convolutions `[O, I, H, W]`, the dense layer `[16, F]`, vectors
            `[C]`.

    Raises:
        ValueError: if names are missing or left over, or shapes differ, all of them named.
    """
    wanted = list(official_variables(network))
    given = {
        name.removeprefix("module."): _keras_order(np.asarray(value), network)
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }
    assign_weights(
        wanted,
        given,
        "The official weights and the network",
        "build it with the same numbers of stacks and modules, width and picture size",
    )


def _count(names, pattern):
    return sum(re.fullmatch(pattern, name) is not None for name in names)


def _variables(layer, module):
    is_norm = isinstance(layer, keras.layers.BatchNormalization)
    for theirs, ours in (_NORM if is_norm else _WEIGHT).items():
        yield f"{module}.{theirs}", getattr(layer, ours)


def _keras_order(value, network):
    """Convolutions OIHW to HWIO; the dense layer, flattened CHW there and HWC here."""
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    if value.ndim == 2:
        _, height, width, channels = network.get_layer("depth_flatten").input.shape
        if value.shape[1] != channels * height * width:
            return value.T
        maps = value.reshape(-1, channels, height, width)
        return maps.transpose(2, 3, 1, 0).reshape(-1, len(value))
    return value
