"""1x1 convolution that trains as the matrix product it is."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_pose")
class PointwiseConvolution(keras.layers.Conv2D):
    """1x1 convolution over `[B, H, W, C]`.

    While training it is computed as a product of matrices. On processors with bfloat16 units oneDNN's
    gradient of a convolution with respect to its kernel is three to six times slower than the product
    that gives the same numbers, and most kernels of a bottleneck network are 1x1; in float32 the two
    cost the same. At rest it stays a convolution, which converters and graph optimisers know how to
    fuse with what follows. The kernel is that of `Conv2D`, `[1, 1, C, filters]`.

    Args:
        filters: number of outputs.
        strides: every how many pixels there is an output, from the first pixel on.
        use_bias: whether a bias `[filters]` is added.
        **kwargs: passed to `keras.layers.Conv2D`.

    Call arguments:
        inputs: float `[B, H, W, C]`.
        training: whether the matrix product is taken.

    Returns:
        float `[B, ceil(H / strides), ceil(W / strides), filters]`.
    """

    def __init__(self, filters: int, strides: int = 1, use_bias: bool = False, **kwargs) -> None:
        # What a saved configuration repeats and is fixed here.
        for name in ("kernel_size", "padding"):
            kwargs.pop(name, None)
        super().__init__(filters, 1, strides=strides, padding="valid", use_bias=use_bias, **kwargs)

    def call(self, inputs, training=None):
        if not training:
            return super().call(inputs)
        # Windows of one pixel: a pooling is the fast way to leave out pixels, forwards and back.
        if max(self.strides) > 1:
            inputs = ops.average_pool(inputs, 1, self.strides, data_format="channels_last")
        _, height, width, channels = ops.shape(inputs)
        kernel = ops.reshape(self.kernel, (channels, self.filters))
        outputs = ops.matmul(ops.reshape(inputs, (-1, channels)), kernel)
        if self.use_bias:
            outputs = outputs + self.bias
        return ops.reshape(outputs, (-1, height, width, self.filters))
