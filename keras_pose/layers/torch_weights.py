"""Weights that torch trained, put into our layers by name.

Three layouts are known: torchvision's ResNet (`layer1.0.conv1.weight`), the official contrastive
checkpoints (`encoder.features.4.0.conv1.weight`, `projection_head.0.weight`) and the official pose
model (`backend_model.layer1.0.conv1.weight`, `zroot_ref.zroot_ref.0.weight`).
"""

import re
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from keras_pose.layers.assignment import assign_weights

# torch's name of a parameter: Keras' name of the weight, per kind of layer.
_DENSE = {"weight": "kernel", "bias": "bias"}
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
# `nn.Sequential(*list(resnet.children())[:-1])` numbers the modules.
_SEQUENTIAL = {
    "0": "conv1",
    "1": "bn1",
    "4": "layer1",
    "5": "layer2",
    "6": "layer3",
    "7": "layer4",
}
_UNUSED = re.compile(r"(.*\.)?num_batches_tracked\Z|encoder\.final_layer\.")


def split_state(state: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Sort a state dict of one of the three known layouts into parts with torchvision's names.

    Args:
        state: torch's parameter name to array `[...]`, as `read_torch_file` returns.

    Returns:
        Part to its state: `encoder` (names of torchvision's ResNet without prefix) and, where the
        file has them, `projection_head` (`projection_head.0.weight`, ...), `fc` (`fc.weight`, ...)
        and `zroot_ref` (`zroot_ref.zroot_ref.0.weight`, ...). Counters of batches and the official
        encoder's unused `final_layer` are left out.

    Raises:
        ValueError: if a name fits none of the layouts.
    """
    parts: dict[str, dict[str, np.ndarray]] = {"encoder": {}}
    for name, value in state.items():
        short = name.removeprefix("module.").removeprefix("backend_model.")
        if _UNUSED.match(short):
            continue
        numbered = re.match(r"encoder\.features\.(\d)\.(.*)", short)
        if numbered and numbered[1] in _SEQUENTIAL:
            parts["encoder"][f"{_SEQUENTIAL[numbered[1]]}.{numbered[2]}"] = value
        elif re.match(r"(conv1|bn1|layer[1-4])\.", short):
            parts["encoder"][short] = value
        elif re.match(r"(projection_head|fc|zroot_ref)\.", short):
            parts.setdefault(short.split(".")[0], {})[short] = value
        else:
            raise ValueError(
                f"'{name}' is not a parameter of a torchvision ResNet, of PeCLR's contrastive "
                "model or of its pose model; give a file of one of these."
            )
    return parts


def load_torch_weights(
    model: keras.Model, state: Mapping[str, np.ndarray], prefix: str = ""
) -> None:
    """Assign torch weights to a model whose layers carry torch's module names with `_` for dots.

    Every weight of the model must be there in its shape, and everything under `prefix` must have a
    place, counters of batches (`num_batches_tracked`) apart; nothing is assigned otherwise.

    Args:
        model: built model, nested models included.
        state: torch's parameter name to array: convolutions `[O, I, H, W]`, dense layers `[O, I]`,
            vectors `[C]`.
        prefix: only names that begin with it are used, without it.

    Raises:
        ValueError: if names are missing or left over, or shapes differ, all of them named.
    """
    given = {
        name.removeprefix(prefix): value
        for name, value in state.items()
        if name.startswith(prefix) and not name.endswith("num_batches_tracked")
    }
    # Keras layers cannot have a dot in their names, so it is compared with dots replaced.
    by_layer = {_flat(name): name for name in given}
    wanted = []
    for layer in _layers_with_weights(model):
        names = _NORM if isinstance(layer, keras.layers.BatchNormalization) else _DENSE
        ours = {variable.name: variable for variable in layer.weights}
        for torch_name, keras_name in names.items():
            if keras_name in ours:
                name = f"{layer.name}.{torch_name}"
                wanted.append((by_layer.get(name, name), ours[keras_name]))
    assign_weights(
        wanted,
        {name: _keras_layout(np.asarray(value)) for name, value in given.items()},
        f"The torch weights{f' under {prefix!r}' if prefix else ''} and model '{model.name}'",
        "give a file of this very architecture",
    )


def _flat(name):
    module, _, parameter = name.rpartition(".")
    return f"{module.replace('.', '_')}.{parameter}"


def _layers_with_weights(model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_with_weights(layer)
        elif layer.weights:
            yield layer


def _keras_layout(value):
    """Convolutions OIHW to HWIO, dense kernels OI to IO."""
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    return value.T
