"""Networks as graphs for inference: normalisation inside the convolutions, weights as constants.

A trained network reads every weight from a variable and normalises after every convolution, which a
server pays for at each request: TensorFlow prepares constants once, and folded layers are gone.
"""

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

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
    folded = {}
    for part in _functional_parts(model):
        folded.update(_normalized_convolutions(part))
    into = {id(convolution): normalization for normalization, convolution in folded.values()}
    copies: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []
    passed: set[int] = set()
    num_calls: collections.Counter[int] = collections.Counter()

    def copy(layer):
        if id(layer) in folded:
            made = keras.layers.Identity(name=layer.name)
            passed.add(id(made))
            return made
        made = (
            _with_bias(layer)
            if id(layer) in into
            else layer.__class__.from_config(layer.get_config())
        )
        copies.append((layer, made))
        return made

    def call(layer, *arguments, **named):
        num_calls[id(layer)] += 1
        return arguments[0] if id(layer) in passed else layer(*arguments, **named)

    rebuilt = keras.models.clone_model(
        model, clone_function=copy, call_function=call, recursive=True
    )
    for layer, made in copies:
        if id(layer) in into:
            if num_calls[id(made)] > 1:
                raise ValueError(
                    f"{model.name}: layer {layer.name!r} is called more than once, so no normalisation "
                    "can be folded into it; serve the model as it is."
                )
            made.set_weights(_folded_weights(layer, into[id(layer)]))
        elif getattr(layer, "weights", None):
            made.set_weights(layer.get_weights())
    return rebuilt


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
