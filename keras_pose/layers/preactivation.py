"""Pre-activation bottleneck: normalisation and ReLU stand before each convolution, none after the sum."""

import keras
from keras import ops

from keras_pose.layers.batch_norm import BatchNorm
from keras_pose.layers.pointwise import PointwiseConvolution

INITS = ("torch", "he")


def convolution_initializers(init: str, fan_in: int) -> dict[str, keras.initializers.Initializer]:
    """Return the initial kernel and bias of a convolution or dense layer, fresh objects in each call.

    Args:
        init: `"torch"`: kernel and bias uniform within +-1/sqrt(fan_in), as torch draws them; `"he"`:
            normal with variance 2/fan_in and no bias.
        fan_in: inputs of one output.

    Returns:
        `kernel_initializer` and `bias_initializer`.

    Raises:
        ValueError: if `init` is neither.

    Reference: He et al. 2015 (arXiv 1502.01852); torch's default initialisation.
    """
    # One object each: an initializer gives the same values whenever it is used.
    if init == "torch":
        limit = fan_in**-0.5
        return {
            "kernel_initializer": keras.initializers.RandomUniform(-limit, limit),
            "bias_initializer": keras.initializers.RandomUniform(-limit, limit),
        }
    if init == "he":
        return {
            "kernel_initializer": keras.initializers.VarianceScaling(
                2.0, "fan_in", "untruncated_normal"
            ),
            "bias_initializer": keras.initializers.Zeros(),
        }
    raise ValueError(f"init must be one of {INITS}, got {init!r}.")


@keras.saving.register_keras_serializable("keras_pose")
class PreactivationResidual(keras.layers.Layer):
    """Bottleneck whose sum stays linear, so that signals pass a stack of them unchanged.

    BN - ReLU - conv 1x1 (filters / 2) - BN - ReLU - conv 3x3 - BN - ReLU - conv 1x1 (filters), plus the
    inputs, or their 1x1 convolution (of the raw inputs) where the number of channels changes. Every
    convolution has a bias.

    Args:
        filters: channels of the output, even.
        init: see `convolution_initializers`.
        momentum: see `BatchNorm`.
        synchronized: see `BatchNorm`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: float `[B, H, W, C]`.
        training: whether batch statistics are live.

    Returns:
        float `[B, H, W, filters]`.

    Raises:
        ValueError: if `filters` is odd or `init` unknown.

    Reference: He et al. 2016 (identity mappings, arXiv 1603.05027); Newell et al. 2016.
    """

    def __init__(
        self,
        filters: int,
        init: str = "torch",
        momentum: float = 0.9,
        synchronized: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if filters % 2 or filters < 2:
            raise ValueError(f"filters must be an even number, got {filters}.")
        convolution_initializers(init, 1)
        self.filters = filters
        self.init = init
        self.momentum = momentum
        self.synchronized = synchronized

    def build(self, input_shape):
        channels, half = input_shape[-1], self.filters // 2
        policy = self.dtype_policy

        def norm(name):
            return BatchNorm(self.momentum, synchronized=self.synchronized, name=name, dtype=policy)

        def pointwise(filters, fan_in, name):
            initial = convolution_initializers(self.init, fan_in)
            return PointwiseConvolution(filters, use_bias=True, name=name, dtype=policy, **initial)

        self.bn1 = norm("bn1")
        self.conv1 = pointwise(half, channels, "conv1")
        self.bn2 = norm("bn2")
        self.conv2 = keras.layers.Conv2D(
            half,
            3,
            padding="same",
            name="conv2",
            dtype=policy,
            **convolution_initializers(self.init, 9 * half),
        )
        self.bn3 = norm("bn3")
        self.conv3 = pointwise(self.filters, half, "conv3")
        self.shortcut = None
        if channels != self.filters:
            self.shortcut = pointwise(self.filters, channels, "shortcut")
            self.shortcut.build(input_shape)
        inner = (*input_shape[:-1], half)
        self.bn1.build(input_shape)
        self.conv1.build(input_shape)
        for layer in (self.bn2, self.conv2, self.bn3, self.conv3):
            layer.build(inner)

    def call(self, inputs, training=None):
        hidden = ops.relu(self.bn1(inputs, training=training))
        hidden = self.conv1(hidden, training=training)
        hidden = ops.relu(self.bn2(hidden, training=training))
        hidden = self.conv2(hidden)
        hidden = ops.relu(self.bn3(hidden, training=training))
        if self.shortcut is not None:
            inputs = self.shortcut(inputs, training=training)
        return self.conv3(hidden, added=inputs, training=training)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "init": self.init,
            "momentum": self.momentum,
            "synchronized": self.synchronized,
        }
