"""Operations of `.tflite` files that have no weights, as one layer, and two layers of their own."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_pose.geometry.shapes import Tensor


def _hard_swish(x):
    # Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
    return x * ops.relu6(x + 3.0) / 6.0


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda x: x,
    "relu": ops.relu,
    "relu6": ops.relu6,
    "relu_n1_to_1": lambda x: ops.clip(x, -1.0, 1.0),
    "tanh": ops.tanh,
}
"""What other operations may have built in."""


def _resize(method):
    def resize(x, size, align_corners, half_pixel_centers):
        return method(
            images=x,
            size=size,
            align_corners=align_corners,
            half_pixel_centers=half_pixel_centers,
        )

    return resize


def _strided_slice(x, begin, end, strides, begin_mask, end_mask, shrink_mask):
    return tf.strided_slice(
        x,
        begin,
        end,
        strides,
        begin_mask=begin_mask,
        end_mask=end_mask,
        shrink_axis_mask=shrink_mask,
    )


def _slice(x, begin, shape):
    return x[(slice(None), *(slice(a, a + size) for a, size in zip(begin, shape, strict=True)))]


def _reduced(method):
    return lambda x, axes, keep: method(x, axis=tuple(axes), keepdims=keep)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": ops.abs,
    # Trap: `keras.ops.add` of [3, 3] and [3, 1] adds a row instead of a column (Keras 3.15, TensorFlow).
    "add": tf.add,
    "average_pool_2d": lambda x, size, strides, padding: ops.average_pool(
        x, size, strides, padding
    ),
    "concatenation": lambda *parts, axis: ops.concatenate(parts, axis=axis),
    "depth_to_space": lambda x, block: tf.nn.depth_to_space(x, block),
    "div": tf.divide,
    "elu": ops.elu,
    "exp": ops.exp,
    "hard_swish": _hard_swish,
    "leaky_relu": lambda x, slope: ops.leaky_relu(x, slope),
    "logistic": ops.sigmoid,
    "max_pool_2d": lambda x, size, strides, padding: ops.max_pool(x, size, strides, padding),
    "maximum": tf.maximum,
    "mean": _reduced(ops.mean),
    "minimum": tf.minimum,
    "mirror_pad": lambda x, widths, mode: ops.pad(x, widths, mode=mode),
    "mul": tf.multiply,
    "neg": ops.negative,
    # Trap: the plain Pad, added to a convolution with a bias, ends the process (TensorFlow 2.21, oneDNN).
    "pad": lambda x, widths, value: tf.raw_ops.PadV2(
        input=x, paddings=widths, constant_values=value
    ),
    # TensorFlow's remapper prints an error at Keras's own PReLU, which holds a negated ReLU.
    "prelu": lambda x, slope: tf.where(x > 0.0, x, slope * x),
    "reduce_max": _reduced(ops.max),
    "reduce_min": _reduced(ops.min),
    "relu": ops.relu,
    "relu6": ops.relu6,
    "relu_n1_to_1": ACTIVATIONS["relu_n1_to_1"],
    "reshape": lambda x, shape: ops.reshape(x, (-1, *shape)),
    "resize_bilinear": _resize(tf.raw_ops.ResizeBilinear),
    "resize_nearest_neighbor": _resize(tf.raw_ops.ResizeNearestNeighbor),
    "rsqrt": ops.rsqrt,
    "slice": _slice,
    "softmax": lambda x, beta: ops.softmax(beta * x, axis=-1),
    "space_to_depth": lambda x, block: tf.nn.space_to_depth(x, block),
    "split": lambda x, ends, axis: ops.split(x, ends, axis=axis),
    "sqrt": ops.sqrt,
    "square": ops.square,
    "squared_difference": tf.math.squared_difference,
    "strided_slice": _strided_slice,
    "sub": tf.subtract,
    "sum": _reduced(ops.sum),
    "tanh": ops.tanh,
    "transpose": lambda x, order: ops.transpose(x, order),
}
"""Name to function of tensors `[B, ...]` and of settings."""


@keras.saving.register_keras_serializable(package="keras_pose")
class FixedOperation(keras.layers.Layer):
    """An operation without weights.

    Args:
        kind: key of `FUNCTIONS`.
        settings: its keyword arguments, as JSON holds them.
        activation: key of `ACTIVATIONS`, done last.
    """

    def __init__(
        self,
        kind: str,
        settings: Mapping[str, Any] | None = None,
        activation: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind, self.settings, self.activation = kind, dict(settings or {}), activation

    def call(self, inputs: Any) -> Any:
        """Apply the function to one tensor `[B, ...]`, or to several in a list."""
        parts = inputs if isinstance(inputs, list | tuple) else [inputs]
        outputs = FUNCTIONS[self.kind](*parts, **self.settings)
        if self.activation:
            outputs = ACTIVATIONS[self.activation](outputs)
        return outputs

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes the layer of."""
        own = {"kind": self.kind, "settings": self.settings, "activation": self.activation}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_pose")
class ConstantOperand(keras.layers.Layer):
    """An operation of a tensor and a stored array, which is trained as other weights are.

    Args:
        kind: key of `FUNCTIONS`, of two tensors.
        shape: of the array, which broadcasts to the tensor's axes behind the batch.
        comes_first: whether the array is the first of the two.
        activation: key of `ACTIVATIONS`, done last.
    """

    def __init__(
        self, kind: str, shape: Any, comes_first: bool, activation: str = "", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.kind, self.shape, self.activation = kind, tuple(shape), activation
        self.comes_first = comes_first
        self.operand = self.add_weight(shape=self.shape, name="operand")

    def call(self, inputs: Tensor) -> Tensor:
        """Apply the function to a tensor `[B, ...]` and the array."""
        pair = (self.operand, inputs) if self.comes_first else (inputs, self.operand)
        return ACTIVATIONS[self.activation](FUNCTIONS[self.kind](*pair))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes the layer of."""
        own = {
            "kind": self.kind,
            "shape": self.shape,
            "comes_first": self.comes_first,
            "activation": self.activation,
        }
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_pose")
class TransposedConvolution(keras.layers.Layer):
    """A transposed convolution to a given size, which Keras's own layer cannot be told.

    Args:
        kernel_shape: (height, width, outputs, inputs).
        output_shape: (height, width) of what comes out.
        strides: along height and width.
        padding: `SAME` or `VALID`.
        use_bias: whether a bias is added.
        activation: key of `ACTIVATIONS`, done last.
    """

    def __init__(
        self,
        kernel_shape: Any,
        output_shape: Any,
        strides: Any,
        padding: str,
        use_bias: bool,
        activation: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._own: dict[str, Any] = {
            "kernel_shape": tuple(kernel_shape),
            "output_shape": tuple(output_shape),
            "strides": tuple(strides),
            "padding": padding,
            "use_bias": use_bias,
            "activation": activation,
        }
        self.kernel = self.add_weight(shape=tuple(kernel_shape), name="kernel")
        self.bias = self.add_weight(shape=(kernel_shape[2],), name="bias") if use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        """Convolve `[B, H, W, C]`."""
        own = self._own
        shape = (ops.shape(inputs)[0], *own["output_shape"], own["kernel_shape"][2])
        outputs = tf.nn.conv2d_transpose(inputs, self.kernel, shape, own["strides"], own["padding"])
        if self.bias is not None:
            outputs += self.bias
        return ACTIVATIONS[own["activation"]](outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the given size, since TensorFlow's function needs a true batch to be asked."""
        return (input_shape[0], *self._own["output_shape"], self._own["kernel_shape"][2])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes the layer of."""
        return {**super().get_config(), **self._own}
