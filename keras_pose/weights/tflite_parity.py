"""Proof that a network that was read computes what LiteRT computes, layer by layer."""

import os
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from keras_pose.weights.tflite_file import read_graph
from keras_pose.weights.tflite_reader import read_layers


@dataclass(frozen=True)
class Difference:
    """How far one tensor is from LiteRT's.

    Attributes:
        tensor: its name in the file.
        operation: what makes it.
        relative: largest absolute difference, where both are given LiteRT's own inputs of the
            operation, over the largest absolute value that LiteRT has in the tensor, in any row.
    """

    tensor: str
    operation: str
    relative: float


def compare_layers(source: str | os.PathLike | bytes, inputs: np.ndarray) -> list[Difference]:
    """Compare every operation of a network with LiteRT.

    Args:
        source: a `.tflite` file with one input, or its content.
        inputs: float32 `[B, ...]`, rows for the network.

    Returns:
        One difference per computed tensor, in the order of execution.

    Raises:
        ValueError: if the file is not read.
    """
    graph = read_graph(source)
    model = read_layers(graph)
    content = source if isinstance(source, bytes) else None
    # XNNPACK keeps no tensors that lie between its operations.
    interpreter = Interpreter(
        model_path=None if content else os.fspath(source),
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    (number,) = graph.inputs.values()
    read = [int(name.removeprefix("tensor_")) for name in model.input]
    errors: dict[int, float] = {}
    scales: dict[int, float] = {}
    for given in inputs:
        interpreter.set_tensor(number, given[None])
        interpreter.invoke()
        own = model({f"tensor_{cut}": interpreter.get_tensor(cut) for cut in read}, training=False)
        for name, value in own.items():
            made = int(name.removeprefix("tensor_"))
            true = interpreter.get_tensor(made)
            error = float(np.abs(np.asarray(value) - true).max())
            errors[made] = max(errors.get(made, 0.0), error)
            scales[made] = max(scales.get(made, 0.0), float(np.abs(true).max()))
    return [
        Difference(
            graph.tensors[made].name,
            operation.kind,
            errors[made] / max(scales[made], float(np.finfo(np.float32).tiny)),
        )
        for operation in graph.operations
        for made in operation.outputs
    ]
