"""Fully connected residual networks on pose vectors.

The block is the one of Martinez et al. 2017 as used by the adversarial lifters: two dense units and
a skip, with no activation after the sum. A dense unit is Dense -> norm -> activation -> dropout.
"""

import keras
from keras import ops

NORMS = ("affine", "batch", "none")
ACTIVATIONS = ("relu", "leaky_relu")

# Batch normalisation in inference mode before any update divides by sqrt(1 + epsilon), epsilon 1e-3.
_INERT_BATCH_NORM_GAIN = 1.0 / (1.0 + 1e-3) ** 0.5


@keras.saving.register_keras_serializable("keras_pose")
class DenseUnit(keras.layers.Layer):
    """Dense layer, normalisation, activation and dropout as one unit.

    `norm="affine"` is a learnt scale and shift, that is batch normalisation whose statistics stay at
    their initial mean 0 and variance 1. It is folded into the kernel before the product, which is
    exact up to rounding and keeps the batch-sized elementwise work at one activation.

    Args:
        width: number of outputs.
        norm: `"affine"`, `"batch"` (statistics over the global batch, momentum 0.9) or `"none"`.
        activation: `"relu"` or `"leaky_relu"` (negative slope 0.01).
        dropout: rate in [0, 1).
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: float `[..., D]`.
        training: whether batch statistics and dropout are live.

    Returns:
        float `[..., width]`.

    Raises:
        ValueError: if `norm`, `activation` or `dropout` is out of range.

    Reference: Martinez et al. 2017, section 3.2; folding is ours.
    """

    def __init__(self, width, norm="affine", activation="relu", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {NORMS}, got {norm!r}.")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {ACTIVATIONS}, got {activation!r}.")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must lie in [0, 1), got {dropout}.")
        self.width = width
        self.norm = norm
        self.activation = activation
        self.dropout = dropout
        self.batch_norm = None
        if norm == "batch":
            self.batch_norm = keras.layers.BatchNormalization(
                momentum=0.9, synchronized=True, dtype=self.dtype_policy
            )
        self.dropout_layer = keras.layers.Dropout(dropout) if dropout else None

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], self.width), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.width,), initializer="zeros")
        if self.norm == "affine":
            self.scale = self.add_weight(name="scale", shape=(self.width,), initializer="ones")
            self.shift = self.add_weight(name="shift", shape=(self.width,), initializer="zeros")
        if self.batch_norm is not None:
            self.batch_norm.build((*input_shape[:-1], self.width))

    def call(self, inputs, training=False):
        kernel, bias = self.kernel, self.bias
        if self.norm == "affine":
            gain = self.scale * _INERT_BATCH_NORM_GAIN
            kernel, bias = kernel * gain, bias * gain + self.shift
        outputs = ops.add(ops.matmul(inputs, kernel), bias)
        if self.batch_norm is not None:
            outputs = self.batch_norm(outputs, training=training)
        if self.activation == "relu":
            outputs = ops.relu(outputs)
        else:
            outputs = ops.leaky_relu(outputs, negative_slope=0.01)
        if self.dropout_layer is not None:
            outputs = self.dropout_layer(outputs, training=training)
        return outputs

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.width)

    def get_config(self):
        return {
            **super().get_config(),
            "width": self.width,
            "norm": self.norm,
            "activation": self.activation,
            "dropout": self.dropout,
        }


@keras.saving.register_keras_serializable("keras_pose")
class ResidualMLP(keras.layers.Layer):
    """Dense unit, residual blocks of two dense units each, linear or tanh head.

    inputs -> unit -> [unit -> unit -> + skip] x num_blocks -> Dense.

    Args:
        num_outputs: size of the head.
        width: size of every hidden layer.
        num_blocks: number of residual blocks, 0 or more.
        norm: see `DenseUnit`; the author of TIPS uses `"affine"` in lifters and `"none"` in the
            discriminator.
        activation: see `DenseUnit`.
        dropout: see `DenseUnit`; within the blocks only.
        output_activation: `"linear"` or `"tanh"`. The head computes in the variables' dtype, so that
            depths keep float32 under mixed precision.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: float `[..., D]`.
        training: see `DenseUnit`.

    Returns:
        float `[..., num_outputs]`.

    Reference: Martinez et al. 2017, figure 1; TIPS-GAN (arXiv 2205.05980), generators and
    discriminator.
    """

    def __init__(
        self,
        num_outputs,
        width=1024,
        num_blocks=3,
        norm="affine",
        activation="relu",
        dropout=0.0,
        output_activation="linear",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_outputs = num_outputs
        self.width = width
        self.num_blocks = num_blocks
        self.norm = norm
        self.activation = activation
        self.dropout = dropout
        self.output_activation = output_activation
        unit = {"norm": norm, "activation": activation, "dtype": self.dtype_policy}
        self.stem = DenseUnit(width, name="stem", **unit)
        self.blocks = [
            [
                DenseUnit(width, dropout=dropout, name=f"block{block}_{half}", **unit)
                for half in "ab"
            ]
            for block in range(num_blocks)
        ]
        self.head = keras.layers.Dense(
            num_outputs,
            activation=output_activation,
            name="head",
            dtype=self.dtype_policy.variable_dtype,
        )

    def build(self, input_shape):
        self.stem.build(input_shape)
        hidden = (*input_shape[:-1], self.width)
        for first, second in self.blocks:
            first.build(hidden)
            second.build(hidden)
        self.head.build(hidden)

    def call(self, inputs, training=False):
        hidden = self.stem(inputs, training=training)
        for first, second in self.blocks:
            branch = second(first(hidden, training=training), training=training)
            hidden = hidden + branch
        return self.head(hidden)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.num_outputs)

    def get_config(self):
        return {
            **super().get_config(),
            "num_outputs": self.num_outputs,
            "width": self.width,
            "num_blocks": self.num_blocks,
            "norm": self.norm,
            "activation": self.activation,
            "dropout": self.dropout,
            "output_activation": self.output_activation,
        }
