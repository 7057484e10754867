"""A `.tflite` file of real numbers as a Keras model that computes the same and can be trained."""

import difflib
import os
import re

import keras

from keras_pose.geometry.shapes import Tensor
from keras_pose.weights.tflite_file import StoredGraph, read_graph
from keras_pose.weights.tflite_operations import HANDLERS, Call


def read_tflite(source: str | os.PathLike | bytes) -> keras.Model:
    """Read a network.

    Args:
        source: a `.tflite` file of float32 or float16 weights, or its content.

    Returns:
        A functional model of batches of any size: one tensor `[B, ...]` float32, or a dict by input name
        where there are several, to a dict by output name. All weights are trainable; float16 ones are
        widened. Layers are called after operation and output tensor, for example `conv_2d_17`.

    Raises:
        ValueError: if the file is none or damaged, or holds an operation, or a use of one, that is not
            read, which is named.
    """
    graph = read_graph(source)
    inputs, values = trace(graph)
    given = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    outputs = {name: values[number] for name, number in graph.outputs.items()}
    return keras.Model(given, outputs, name=_model_name(graph))


def read_layers(graph: StoredGraph) -> keras.Model:
    """Read a network cut between its operations, for comparisons of one layer at a time.

    Args:
        graph: of `read_graph`.

    Returns:
        A model of a dict of every tensor that an operation reads to a dict of every tensor that one
        makes, both called `tensor_<number>`.

    Raises:
        ValueError: if `read_tflite` refuses the file.
    """
    cuts: dict[int, Tensor] = {}
    _, values = trace(graph, cuts)
    inputs = {f"tensor_{number}": value for number, value in cuts.items()}
    computed = set(values) - set(graph.inputs.values())
    outputs = {f"tensor_{number}": values[number] for number in sorted(computed)}
    return keras.Model(inputs, outputs, name=_model_name(graph))


def trace(
    graph: StoredGraph, cuts: dict[int, Tensor] | None = None
) -> tuple[dict[str, Tensor], dict[int, Tensor]]:
    """Apply a Keras layer for each operation.

    Args:
        graph: of `read_graph`.
        cuts: filled with an input of its own for every tensor that is read, so that no operation's
            rounding reaches the next; None joins the operations.

    Returns:
        Symbolic inputs by name, and symbolic tensors by number, each `[B, ...]`.

    Raises:
        ValueError: if an operation, or a use of one, is not read.
    """
    unknown = sorted({operation.kind for operation in graph.operations} - set(HANDLERS))
    if unknown:
        raise ValueError(
            f"{graph.name} has operations that are not supported ({', '.join(unknown)}); convert the "
            "network without them."
        )
    inputs, values = {}, {}
    for name, number in graph.inputs.items():
        stored = graph.tensors[number]
        if stored.kind != "FLOAT32" or not stored.shape or stored.shape[0] != 1:
            raise ValueError(
                f"{graph.name} takes {name!r} as {stored.kind} {list(stored.shape)}; give a file that "
                "takes one FLOAT32 row at a time."
            )
        inputs[name] = keras.Input(stored.shape[1:], name=_plain(name))
        values[number] = inputs[name]
    for operation in graph.operations:
        if cuts is not None:
            _cut(graph, operation, values, cuts)
        call = Call(graph, operation, values if cuts is None else cuts)
        try:
            outputs = HANDLERS[operation.kind](call)
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise call.refuse("lacks inputs or options") from error
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        for position, (number, value) in enumerate(zip(operation.outputs, outputs, strict=True)):
            if tuple(value.shape[1:]) != call.output_shape(position)[1:]:
                raise call.refuse(f"would have the shape {list(value.shape)} here")
            values[number] = value
    missing = [name for name, number in graph.outputs.items() if number not in values]
    if missing:
        close = difflib.get_close_matches(missing[0], graph.inputs, n=1)
        raise ValueError(
            f"{graph.name} does not compute {missing[0]!r}, which it lists as an "
            f"output{f' ({close[0]} is an input)' if close else ''}: get it again."
        )
    return inputs, values


def _cut(graph, operation, values, cuts):
    for number in operation.inputs:
        if number in values and number not in cuts:
            shape = graph.tensors[number].shape[1:]
            cuts[number] = keras.Input(shape, name=f"tensor_{number}")


def _model_name(graph):
    return _plain(os.path.splitext(os.path.basename(graph.name))[0])


def _plain(name):
    """Return a name that Keras and TensorFlow take."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "tensor"
