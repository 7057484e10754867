"""What each operation of a `.tflite` file is in Keras: settings from options, weights from tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_pose.geometry.shapes import Tensor
from keras_pose.weights.fixed_operations import (
    ConstantOperand,
    FixedOperation,
    TransposedConvolution,
)
from keras_pose.weights.tflite_file import StoredGraph, StoredOperation

_FUSED = {
    schema.ActivationFunctionType.NONE: "",
    schema.ActivationFunctionType.RELU: "relu",
    schema.ActivationFunctionType.RELU_N1_TO_1: "relu_n1_to_1",
    schema.ActivationFunctionType.RELU6: "relu6",
    schema.ActivationFunctionType.TANH: "tanh",
}
_OF_KERAS = ("relu", "relu6", "tanh")
_PADDINGS = {schema.Padding.SAME: "same", schema.Padding.VALID: "valid"}
_MIRRORS = {schema.MirrorPadMode.REFLECT: "reflect", schema.MirrorPadMode.SYMMETRIC: "symmetric"}
# In the file the batch is always 1.
_BATCH = 1


class Call:
    """One operation with what it is applied to.

    Args:
        graph: the file's graph.
        operation: one of its operations.
        values: tensor number to the symbolic tensor `[B, ...]` of what is computed.

    Attributes:
        kind: as in the schema.
        options: the schema's object, or None.
        name: for the Keras layer.
    """

    def __init__(
        self, graph: StoredGraph, operation: StoredOperation, values: Mapping[int, Tensor]
    ) -> None:
        self._graph, self._operation, self._values = graph, operation, values
        self.kind, self.options = operation.kind, operation.options
        self.name = f"{operation.kind.lower()}_{operation.outputs[0]}"

    def refuse(self, what: str) -> ValueError:
        """Word the error of an operation that is used in a way that is not read.

        Args:
            what: the way, as a clause.
        """
        number = self._operation.outputs[0]
        label = self._graph.tensors[number].name
        return ValueError(
            f"{self._graph.name}: {self.kind} that makes {label!r} {what}, which is not supported; "
            "convert the network without it."
        )

    def has(self, position: int) -> bool:
        """Say whether an optional input is there."""
        inputs = self._operation.inputs
        return position < len(inputs) and inputs[position] >= 0

    def is_constant(self, position: int) -> bool:
        """Say whether an input is stored in the file."""
        return self._graph.tensors[self._operation.inputs[position]].value is not None

    def tensor(self, position: int) -> Tensor:
        """Find a computed input, `[B, ...]`."""
        number = self._operation.inputs[position]
        if number not in self._values:
            raise self.refuse(f"takes input {position} from the file")
        return self._values[number]

    def tensors(self) -> list[Tensor]:
        """Find all inputs, which are all computed, each `[B, ...]`."""
        return [self.tensor(position) for position in range(len(self._operation.inputs))]

    def constant(self, position: int) -> np.ndarray:
        """Find a stored input, `[...]` as in the file."""
        value = self._graph.tensors[self._operation.inputs[position]].value
        if value is None:
            raise self.refuse(f"computes input {position} as it runs")
        return value

    def output_shape(self, position: int = 0) -> tuple[int, ...]:
        """Find the shape of an output in the file, the batch of 1 first."""
        return self._graph.tensors[self._operation.outputs[position]].shape

    def activation(self) -> str:
        """Find the built-in activation, a key of `ACTIVATIONS`."""
        code = getattr(self.options, "fusedActivationFunction", 0)
        if code not in _FUSED:
            raise self.refuse(f"has the built-in activation {code}")
        return _FUSED[code]

    def padding(self) -> str:
        """Find the padding, `same` or `valid`."""
        return _PADDINGS[self.options.padding]

    def fixed(self, inputs: Any, **settings: Any) -> Any:
        """Apply a `FixedOperation` of this kind."""
        kind = self.kind.lower().removesuffix("_v2").removesuffix("v2")
        return FixedOperation(kind, settings, self.activation(), name=self.name)(inputs)

    def weighted(self, layer: keras.layers.Layer, inputs: Tensor, weights: list) -> Tensor:
        """Apply a layer to `[B, ...]` and give it its weights."""
        outputs = layer(inputs)
        layer.set_weights(weights)
        return outputs

    def activated(self, outputs: Tensor) -> Tensor:
        """Add to `[B, ...]` the built-in activation, where Keras does not know it by name."""
        activation = self.activation()
        if not activation or activation in _OF_KERAS:
            return outputs
        return FixedOperation(activation, name=f"{self.name}_{activation}")(outputs)

    def of_keras(self) -> str | None:
        """Find the built-in activation as Keras names it; None where there is none."""
        activation = self.activation()
        return activation if activation in _OF_KERAS else None


def _weights(call, kernel):
    return [kernel, call.constant(2)] if call.has(2) else [kernel]


def _convolution(call):
    x, kernel = call.tensor(0), call.constant(1).transpose(1, 2, 3, 0)
    options = call.options
    layer = keras.layers.Conv2D(
        kernel.shape[3],
        kernel.shape[:2],
        (options.strideH, options.strideW),
        call.padding(),
        dilation_rate=(options.dilationHFactor, options.dilationWFactor),
        groups=x.shape[3] // kernel.shape[2],
        activation=call.of_keras(),
        use_bias=call.has(2),
        name=call.name,
    )
    return call.activated(call.weighted(layer, x, _weights(call, kernel)))


def _depthwise(call):
    x, kernel = call.tensor(0), call.constant(1)[0]
    options = call.options
    if options.strideH != options.strideW:
        raise call.refuse("has two strides")
    kernel = kernel.reshape(*kernel.shape[:2], x.shape[3], -1)
    layer = keras.layers.DepthwiseConv2D(
        kernel.shape[:2],
        (options.strideH, options.strideW),
        call.padding(),
        depth_multiplier=kernel.shape[3],
        dilation_rate=(options.dilationHFactor, options.dilationWFactor),
        activation=call.of_keras(),
        use_bias=call.has(2),
        name=call.name,
    )
    return call.activated(call.weighted(layer, x, _weights(call, kernel)))


def _transposed(call):
    kernel = call.constant(1).transpose(1, 2, 0, 3)
    bias = [call.constant(3)] if call.has(3) else []
    layer = TransposedConvolution(
        kernel.shape,
        call.output_shape()[1:3],
        (call.options.strideH, call.options.strideW),
        call.padding().upper(),
        bool(bias),
        call.activation(),
        name=call.name,
    )
    return call.weighted(layer, call.tensor(2), [kernel, *bias])


def _fully_connected(call):
    x, kernel = call.tensor(0), call.constant(1).T
    if call.options.weightsFormat:
        raise call.refuse("has shuffled weights")
    wanted = call.output_shape()
    if len(x.shape) != len(wanted) or x.shape[-1] != kernel.shape[0]:
        if wanted[0] != _BATCH or np.prod(x.shape[1:]) != kernel.shape[0]:
            raise call.refuse("mixes the batch with other axes")
        settings = {"shape": [kernel.shape[0]]}
        x = FixedOperation("reshape", settings, name=f"{call.name}_reshape")(x)
    layer = keras.layers.Dense(
        kernel.shape[1], call.of_keras(), use_bias=call.has(2), name=call.name
    )
    return call.activated(call.weighted(layer, x, _weights(call, kernel)))


def _prelu(call):
    x, slope = call.tensor(0), call.constant(1)
    if slope.ndim == len(x.shape):
        slope = slope[0]
    layer = ConstantOperand("prelu", slope.shape, False, name=call.name)
    return call.weighted(layer, x, [slope])


def _pair(call):
    is_stored = [call.is_constant(0), call.is_constant(1)]
    if not any(is_stored):
        first, second = call.tensors()
        if len(first.shape) != len(second.shape):
            raise call.refuse("has operands of different numbers of axes")
        return call.fixed([first, second])
    if all(is_stored):
        raise call.refuse("has two operands from the file")
    position = is_stored.index(True)
    x, value = call.tensor(1 - position), call.constant(position)
    if value.dtype != np.float32:
        raise call.refuse(f"has an operand of {value.dtype}")
    if value.ndim == len(x.shape):
        if value.shape[0] != _BATCH:
            raise call.refuse("makes a batch of what is stored")
        value = value[0]
    layer = ConstantOperand(
        call.kind.lower(), value.shape, position == 0, call.activation(), name=call.name
    )
    return call.weighted(layer, x, [value])


def _pool(call):
    options = call.options
    return call.fixed(
        call.tensor(0),
        size=[options.filterHeight, options.filterWidth],
        strides=[options.strideH, options.strideW],
        padding=call.padding(),
    )


def _widths(call):
    widths = call.constant(1)
    if widths[0].any():
        raise call.refuse("pads the batch")
    return widths.tolist()


def _pad(call):
    value = float(call.constant(2).reshape(())) if call.has(2) else 0.0
    return call.fixed(call.tensor(0), widths=_widths(call), value=value)


def _mirror_pad(call):
    return call.fixed(call.tensor(0), widths=_widths(call), mode=_MIRRORS[call.options.mode])


def _reshape(call):
    x, wanted = call.tensor(0), call.output_shape()
    if not wanted or wanted[0] != _BATCH or np.prod(wanted[1:]) != np.prod(x.shape[1:]):
        raise call.refuse("mixes the batch with other axes")
    return FixedOperation("reshape", {"shape": list(wanted[1:])}, name=call.name)(x)


def _resize(call):
    return call.fixed(
        call.tensor(0),
        size=list(call.output_shape()[1:3]),
        align_corners=bool(call.options.alignCorners),
        half_pixel_centers=bool(call.options.halfPixelCenters),
    )


def _concatenation(call):
    return call.fixed(call.tensors(), axis=_axis(call, call.options.axis, len(call.output_shape())))


def _axis(call, axis, rank):
    axis = int(axis) % rank
    if axis == 0:
        raise call.refuse("works along the batch")
    return axis


def _reduction(call):
    x = call.tensor(0)
    axes = [_axis(call, axis, len(x.shape)) for axis in call.constant(1).reshape(-1)]
    return call.fixed(x, axes=axes, keep=bool(call.options.keepDims))


def _strided_slice(call):
    options = call.options
    begin, end, strides = (call.constant(position) for position in (1, 2, 3))
    if options.ellipsisMask or options.newAxisMask:
        raise call.refuse("has an ellipsis or a new axis")
    takes_first = (options.beginMask & 1 or begin[0] == 0) and strides[0] == 1
    if not takes_first or options.shrinkAxisMask & 1:
        raise call.refuse("cuts the batch")
    return call.fixed(
        call.tensor(0),
        begin=begin.tolist(),
        end=end.tolist(),
        strides=strides.tolist(),
        begin_mask=options.beginMask | 1,
        end_mask=options.endMask | 1,
        shrink_mask=options.shrinkAxisMask,
    )


def _slice(call):
    begin = call.constant(1)
    if begin[0] != 0:
        raise call.refuse("cuts the batch")
    return call.fixed(call.tensor(0), begin=begin[1:].tolist(), shape=list(call.output_shape()[1:]))


def _split(call):
    x = call.tensor(1)
    axis = _axis(call, call.constant(0).reshape(()), len(x.shape))
    size = x.shape[axis] // call.options.numSplits
    ends = [size * number for number in range(1, call.options.numSplits)]
    return call.fixed(x, ends=ends, axis=axis)


def _split_v(call):
    x = call.tensor(0)
    axis = _axis(call, call.constant(2).reshape(()), len(x.shape))
    ends = np.cumsum(call.constant(1))[:-1].tolist()
    settings = {"ends": ends, "axis": axis}
    return FixedOperation("split", settings, name=call.name)(x)


def _transpose(call):
    order = call.constant(1).tolist()
    if order[0] != 0:
        raise call.refuse("moves the batch")
    return call.fixed(call.tensor(0), order=order)


def _alone(**read: Callable[[Any], Any]):
    """Return an operation of one tensor, its settings read from the options."""

    def handle(call):
        return call.fixed(
            call.tensor(0), **{name: value(call.options) for name, value in read.items()}
        )

    return handle


_block = _alone(block=lambda options: int(options.blockSize))

HANDLERS: dict[str, Callable[[Call], Any]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _fully_connected,
    "PRELU": _prelu,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "PAD": _pad,
    "PADV2": _pad,
    "MIRROR_PAD": _mirror_pad,
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
    "EXPAND_DIMS": _reshape,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "CONCATENATION": _concatenation,
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "TRANSPOSE": _transpose,
    "DEPTH_TO_SPACE": _block,
    "SPACE_TO_DEPTH": _block,
    "LEAKY_RELU": _alone(slope=lambda options: float(options.alpha)),
    "SOFTMAX": _alone(beta=lambda options: float(options.beta)),
    **dict.fromkeys(
        ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"), _pair
    ),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), _reduction),
    **dict.fromkeys(
        (
            *("RELU", "RELU6", "RELU_N1_TO_1", "ELU", "HARD_SWISH", "LOGISTIC", "TANH"),
            *("ABS", "EXP", "NEG", "RSQRT", "SQRT", "SQUARE"),
        ),
        _alone(),
    ),
}
"""Operation to the function that applies its layers and returns one symbolic tensor or a list."""
