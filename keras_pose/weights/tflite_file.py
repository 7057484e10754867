"""A `.tflite` file as arrays and operations: weights widened, unfolded and sorted out from what runs."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_pose.export.flatbuffer import operation_name, unpack

_TYPES = {code: name for name, code in vars(schema.TensorType).items() if name[0] != "_"}
# What weights and shapes are stored as; whole numbers with a scale are another kind of network.
_STORED = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
}


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file.

    Attributes:
        name: as the file has it.
        shape: its axes, the batch of 1 included.
        kind: as in the schema, for example `FLOAT32`.
        value: the array of a constant, float16 widened to float32; None where it is computed.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    value: np.ndarray | None


@dataclass(frozen=True)
class StoredOperation:
    """One operation of a file.

    Attributes:
        kind: as in the schema, for example `CONV_2D`.
        inputs: tensor numbers; -1 where an optional one is left out.
        outputs: tensor numbers.
        options: the schema's own object, or None.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


@dataclass(frozen=True)
class StoredGraph:
    """A file's one graph.

    Attributes:
        name: of the file, for messages.
        tensors: by number.
        operations: in the order of execution, without those that only widen or unfold weights.
        inputs: names to tensor numbers.
        outputs: names to tensor numbers.
    """

    name: str
    tensors: tuple[StoredTensor, ...]
    operations: tuple[StoredOperation, ...]
    inputs: dict[str, int]
    outputs: dict[str, int]


def read_graph(source: str | os.PathLike | bytes) -> StoredGraph:
    """Read a `.tflite` file.

    Args:
        source: the file, or its content.

    Returns:
        Its graph; float16 weights are float32, sparse ones are dense.

    Raises:
        ValueError: if the file cannot be read, is none, is cut off, or holds weights of whole numbers.
    """
    name = "This TFLite file" if isinstance(source, bytes) else os.fspath(source)
    content = source if isinstance(source, bytes) else _content(name)
    try:
        model = unpack(content)
        graph = model.subgraphs[0]
        tensors = [_tensor(name, model, tensor) for tensor in graph.tensors]
        operations = [_operation(model, operator) for operator in graph.operators]
        inputs, outputs = _ends(model, graph, tensors)
    except ValueError as error:
        words = str(error)
        if words.startswith("This is not a TFLite file"):
            words = f"{name} is not a TFLite file (mark TFL3 missing): give another file."
        elif not words.startswith(name):
            words = f"{name} is not a readable TFLite file (cut off or damaged): get it again."
        raise ValueError(words) from error
    # The parser has no check of its own: numbers that lead out of the file raise what they happen to.
    except Exception as error:
        raise ValueError(
            f"{name} is not a readable TFLite file (cut off or damaged): get it again."
        ) from error
    rest = []
    for operation in operations:
        source_number = operation.inputs[0] if operation.inputs else -1
        value = tensors[source_number].value
        if operation.kind in ("DEQUANTIZE", "DENSIFY") and value is not None:
            number = operation.outputs[0]
            old = tensors[number]
            tensors[number] = StoredTensor(old.name, old.shape, old.kind, value)
        else:
            rest.append(operation)
    return StoredGraph(name, tuple(tensors), tuple(rest), inputs, outputs)


def _content(path):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(f"{path} cannot be read ({reason}): give a .tflite file.") from error


def _tensor(name, model, tensor):
    kind = _TYPES[tensor.type]
    shape = () if tensor.shape is None else tuple(int(size) for size in tensor.shape)
    label = tensor.name.decode()
    data = model.buffers[tensor.buffer].data
    if data is None or not len(data):
        return StoredTensor(label, shape, kind, None)
    if kind not in _STORED:
        raise ValueError(
            f"{name} holds weights of the kind {kind} ({label}): give a file of float32 or float16."
        )
    values: np.ndarray = np.frombuffer(np.asarray(data, np.uint8).tobytes(), _STORED[kind])
    if tensor.sparsity is not None:
        values = unfold(values, shape, tensor.sparsity)
    value = values.reshape(shape)
    return StoredTensor(
        label, shape, kind, value.astype(np.float32) if kind == "FLOAT16" else value
    )


def unfold(values: np.ndarray, shape: tuple[int, ...], sparsity: Any) -> np.ndarray:
    """Write out a sparse tensor.

    A tree of levels, one per axis and then one per blocked axis, each either dense or a list of the
    places that are filled (Kjolstad et al. 2017, "The tensor algebra compiler", section 3).

    Args:
        values: `[V]`, what is stored, in the order of the tree.
        shape: of the dense tensor.
        sparsity: the schema's `SparsityParametersT`.

    Returns:
        The dense tensor, zero where nothing is stored.
    """
    places = np.zeros((1, 0), np.int64)
    positions = np.zeros(1, np.int64)
    sizes = []
    for level in sparsity.dimMetadata:
        if level.format == schema.DimensionType.DENSE:
            sizes.append(level.denseSize)
            steps = np.tile(np.arange(level.denseSize), len(positions))
            parents = np.repeat(np.arange(len(positions)), level.denseSize)
            positions = positions[parents] * level.denseSize + steps
        else:
            sizes.append(0)
            segments = np.asarray(level.arraySegments.values, np.int64)
            counts = segments[positions + 1] - segments[positions]
            parents = np.repeat(np.arange(len(positions)), counts)
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            positions = segments[positions][parents] + within
            steps = np.asarray(level.arrayIndices.values, np.int64)[positions]
        places = np.concatenate([places[parents], steps[:, None]], axis=1)
    rank = len(shape)
    blocked = [] if sparsity.blockMap is None else list(sparsity.blockMap)
    columns: list[Any] = [None] * rank
    inner: dict[int, tuple[np.ndarray, int]] = {}
    for level, axis in enumerate(sparsity.traversalOrder):
        if axis < rank:
            columns[axis] = places[:, level]
        else:
            inner[blocked[axis - rank]] = (places[:, level], sizes[level])
    for axis, (offset, size) in inner.items():
        columns[axis] = columns[axis] * size + offset
    dense = np.zeros(shape, values.dtype)
    dense[tuple(columns)] = values[positions]
    return dense


def _operation(model, operator):
    return StoredOperation(
        operation_name(model, operator),
        tuple(int(number) for number in operator.inputs),
        tuple(int(number) for number in operator.outputs),
        operator.builtinOptions,
    )


def _ends(model, graph, tensors):
    """Return inputs and outputs under the names of the signature, or else of the tensors."""
    if model.signatureDefs:
        entry = model.signatureDefs[0]
        return tuple(
            {item.name.decode(): int(item.tensorIndex) for item in part}
            for part in (entry.inputs, entry.outputs)
        )
    return tuple(
        {tensors[number].name: int(number) for number in part}
        for part in (graph.inputs, graph.outputs)
    )
