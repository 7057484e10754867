"""Networks as graphs for inference: normalisation inside the convolutions, weights as constants.

A trained network reads every weight from a variable and normalises after every convolution, which a
server pays for at each request: TensorFlow prepares constants once, and folded layers are gone. Both
can be undone, so that training goes on from what was exported.
"""

import collections
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def fold_normalization(model: keras.Model) -> keras.Model:
    """Build the network again with each batch normalisation inside the convolution before it.

    Folded is what a convolution without activation gives to a normalisation alone; all others stay.
    Layers are copied, so the model itself is left as it was.

    Args:
        model: functional model, of functional models too; its batch normalisation uses running
            statistics, which is what a call with `training=False` does.

    Returns:
        A model of the same inputs and outputs. Numbers agree to rounding.

    Raises:
        ValueError: if a convolution that would be folded into is called more than once.

    Reference: Jacob et al. 2018, section 3.2 (arXiv 1712.05877).
    """
    return _fold(model, None).model


def take_folded(
    model: keras.Model, folder: str | os.PathLike, batches: Iterable[np.ndarray]
) -> None:
    """Set a model's weights such that for inference it is an exported network, and can be trained on.

    A folded convolution has lost the statistics of what it gives, so they are measured; they become the
    running ones, and what normalises learns their spread and their mean.

    Args:
        model: as for `fold_normalization`, any weights; its own are replaced.
        folder: version folder of a SavedModel whose graphs read what `fold_normalization` makes of such
            a model by `ConstantWeights`.
        batches: inputs of the model, floating `[B, ...]` (pictures `[B, H, W, 3]`), of the kind that it
            will be trained on, at least one, all of one size.

    Raises:
        ValueError: if there is no SavedModel or its weights are another network's.
    """
    folded, seen = _fold(model, None), _fold(model, _Moments)
    variables = folded.model.variables
    constants = _read_constants(folder, [tuple(variable.shape) for variable in variables])
    for variable, value in zip(variables, constants, strict=True):
        variable.assign(value)
    for key, (_, copied) in folded.copies.items():
        if copied.weights:
            seen.copies[key][1].set_weights(copied.get_weights())
    for batch in batches:
        seen.model(batch, training=False)
    for layer, copied in folded.copies.values():
        if copied.weights and id(layer) not in folded.into:
            layer.set_weights(copied.get_weights())
    for normalization, convolution in folded.normalized.values():
        kernel, bias = folded.copies[id(convolution)][1].get_weights()
        plain = [kernel, np.zeros_like(bias)] if convolution.use_bias else [kernel]
        convolution.set_weights(plain)
        _take_statistics(normalization, bias, *seen.stand_ins[id(normalization)].statistics())


class _Fold(NamedTuple):
    """A folded network and what became of the model's layers, by their ids.

    Attributes:
        model: the folded network.
        copies: a layer and its copy.
        stand_ins: what is where a normalisation was.
        normalized: a normalisation and its convolution, by the id of the normalisation.
        into: the normalisation in a convolution.
    """

    model: keras.Model
    copies: dict[int, tuple]
    stand_ins: dict[int, Any]
    normalized: dict[int, tuple]
    into: dict[int, Any]


def _fold(model: keras.Model, stand_in: Callable | None) -> _Fold:
    """Fold; a layer that `stand_in` makes sees what each folded convolution gives, if not None."""
    folded = {}
    for part in _functional_parts(model):
        folded.update(_normalized_convolutions(part))
    into = {id(convolution): normalization for normalization, convolution in folded.values()}
    copies: dict[int, tuple[keras.layers.Layer, keras.layers.Layer]] = {}
    stand_ins = {}
    passed: set[int] = set()
    num_calls: collections.Counter[int] = collections.Counter()

    def copy(layer):
        if id(layer) in folded:
            made = (stand_in or keras.layers.Identity)(name=layer.name)
            stand_ins[id(layer)] = made
            passed.add(id(made))
            return made
        made = (
            _with_bias(layer)
            if id(layer) in into
            else layer.__class__.from_config(layer.get_config())
        )
        copies[id(layer)] = (layer, made)
        return made

    def call(layer, *arguments, **named):
        num_calls[id(layer)] += 1
        if id(layer) in passed:
            return arguments[0] if stand_in is None else layer(arguments[0])
        return layer(*arguments, **named)

    rebuilt = keras.models.clone_model(
        model, clone_function=copy, call_function=call, recursive=True
    )
    for layer, made in copies.values():
        if id(layer) in into:
            if num_calls[id(made)] > 1:
                raise ValueError(
                    f"{model.name}: layer {layer.name!r} is called more than once, so no normalisation "
                    "can be folded into it; serve the model as it is."
                )
            made.set_weights(_folded_weights(layer, into[id(layer)]))
        elif getattr(layer, "weights", None):
            made.set_weights(layer.get_weights())
    return _Fold(rebuilt, copies, stand_ins, folded, into)


class _Moments(keras.layers.Layer):
    """Passes on what it is given, and gathers its mean and variance of each channel."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self._moments = []

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def call(self, inputs):
        axes = list(range(len(inputs.shape) - 1))
        self._moments.append([np.float64(value) for value in tf.nn.moments(inputs, axes)])
        return inputs

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of all that was seen, batches of one size."""
        means, variances = (np.stack(values) for values in zip(*self._moments, strict=True))
        return means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)


def _take_statistics(normalization, bias, mean, variance):
    """Make a normalisation add `bias`, whose convolution gives `mean` and `variance` with that bias."""
    # Where nothing can be learnt, what is exact comes before what is measured.
    if not normalization.scale:
        variance = np.full_like(variance, 1.0 - normalization.epsilon)
    mean = mean - bias if normalization.center else -bias
    if normalization.scale:
        normalization.gamma.assign(np.sqrt(variance + normalization.epsilon))
    if normalization.center:
        normalization.beta.assign(mean + bias)
    normalization.moving_mean.assign(mean)
    normalization.moving_variance.assign(variance)


class ConstantWeights:
    """Weights as constants of the graphs that read them.

    They lie in one function that all these graphs call, so that a SavedModel holds them once.

    Args:
        variables: read at once; later changes are not seen.
    """

    def __init__(self, variables: Iterable[keras.Variable]) -> None:
        self._variables = list({id(variable): variable for variable in variables}.values())
        values = [variable.numpy() for variable in self._variables]
        self._constants = tf.function(
            lambda: [tf.constant(value) for value in values], autograph=False
        )

    def inside(self, function: Callable) -> Callable:
        """Return a function in which these variables are constants.

        Args:
            function: of tensors, which calls layers; traceable without AutoGraph.
        """

        def run(*arguments):
            mapping = list(zip(self._variables, self._constants(), strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return function(*arguments)

        return run


def _read_constants(folder, shapes) -> list[np.ndarray]:
    """Read the weights that `ConstantWeights` put into a SavedModel, of variables of these shapes."""
    path = os.path.join(folder, "saved_model.pb")
    if not os.path.isfile(path):
        raise ValueError(f"{path} does not exist; give the version folder of an exported network.")
    saved = saved_model_pb2.SavedModel()
    with open(path, "rb") as file:
        saved.ParseFromString(file.read())
    for function in saved.meta_graphs[0].graph_def.library.function:
        nodes = {node.name: node for node in function.node_def}
        has_others = {node.op for node in nodes.values()} - {"Const", "Identity", "NoOp"}
        if has_others or len(function.signature.output_arg) != len(shapes):
            continue
        values = []
        for output in function.signature.output_arg:
            node = nodes[function.ret[output.name].split(":")[0]]
            while node.op == "Identity":
                node = nodes[node.input[0].split(":")[0]]
            values.append(tf.make_ndarray(node.attr["value"].tensor))
        if [value.shape for value in values] == shapes:
            return values
    raise ValueError(
        f"{path}: its weights are not those of a network of this shape; give the settings it was "
        "trained with."
    )


def _functional_parts(model: keras.Model) -> Iterator[keras.Model]:
    yield model
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _functional_parts(layer)


def _normalized_convolutions(model: keras.Model) -> dict[int, tuple]:
    """Return (normalisation, convolution) by the id of the normalisation."""
    made_by, num_readers = {}, dict.fromkeys(map(id, _tensors(model.outputs)), 1)
    for layer in model.layers:
        inputs = _inputs(layer)
        for tensor in inputs:
            num_readers[id(tensor)] = num_readers.get(id(tensor), 0) + 1
        if isinstance(layer, _CONVOLUTIONS) and len(inputs) == 1:
            made_by[id(layer.output)] = layer
    return {
        id(layer): (layer, made_by[id(layer.input)])
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
        and len(_inputs(layer)) == 1
        and id(layer.input) in made_by
        and num_readers[id(layer.input)] == 1
        and made_by[id(layer.input)].activation is keras.activations.linear
    }


def _tensors(structure) -> list:
    return keras.tree.flatten(structure)


def _inputs(layer) -> list:
    """Return the input tensors of a layer; none of one that has not been called."""
    try:
        return _tensors(layer.input)
    except (AttributeError, ValueError):
        return []


def _with_bias(layer):
    # A depthwise layer of this package's own has no bias; for inference it is Keras' one.
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    kind = keras.layers.DepthwiseConv2D if is_depthwise else type(layer)
    return kind.from_config(layer.get_config() | {"use_bias": True})


def _folded_weights(layer, normalization) -> Sequence[np.ndarray]:
    """Return kernel and bias of a convolution that normalises by itself, computed in float64."""
    mean, variance = (
        np.asarray(value.numpy(), np.float64)
        for value in (normalization.moving_mean, normalization.moving_variance)
    )
    scale = 1.0 / np.sqrt(variance + normalization.epsilon)
    if normalization.scale:
        scale = scale * normalization.gamma.numpy()
    offset = normalization.beta.numpy() if normalization.center else 0.0
    bias = layer.bias.numpy() if layer.use_bias else 0.0
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    kernel = layer.kernel.numpy()
    # A depthwise kernel is `[H, W, C, 1]`, any other `[H, W, C, F]`.
    scaled = kernel * (scale.reshape(kernel.shape[2:]) if is_depthwise else scale)
    return [array.astype(kernel.dtype) for array in (scaled, (bias - mean) * scale + offset)]
