"""Depthwise convolution whose gradients go through the kernels that are fast on processors."""

import functools

import keras

# The side of kernels that TensorFlow has a fast gradient for.
_FAST = 3


@keras.saving.register_keras_serializable("keras_pose")
class DepthwiseConvolution(keras.layers.DepthwiseConv2D):
    """Depthwise convolution over `[B, H, W, C]`, one filter to a channel, padded as "same".

    The layer, its weights and its outputs are those of `DepthwiseConv2D`; where TensorFlow is the
    backend and a gradient is asked for, that is composed differently. With respect to a kernel of 5x5
    TensorFlow's is ten times slower than that of one of 3x3, so it is put together of four of those, each
    looking from another offset. With respect to strided inputs the one in half precision is forty times
    slower than in float32, so it is computed in float32. Both give the same sums.

    Args:
        kernel_size: side of the kernel, odd.
        strides: every how many pixels there is an output.
        **kwargs: passed to `keras.layers.DepthwiseConv2D`.

    Call arguments:
        inputs: float `[B, H, W, C]`.
        training: whether gradients will be asked for.

    Returns:
        float `[B, ceil(H / strides), ceil(W / strides), C]`.
    """

    def __init__(self, kernel_size: int, strides: int = 1, **kwargs) -> None:
        for name in ("padding", "use_bias", "depth_multiplier"):
            kwargs.pop(name, None)
        super().__init__(kernel_size, strides, padding="same", use_bias=False, **kwargs)

    def call(self, inputs, training=None):
        known = None not in inputs.shape[1:3]
        if not training or not known or keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        # A tensor rather than a variable, whose gradient cannot be customised.
        kernel = keras.ops.reshape(self.kernel, self.kernel.shape)
        return _differentiable(self.strides[0])(inputs, kernel)


@functools.cache
def _differentiable(stride):
    """Return a function of inputs `[B, H, W, C]` and kernel `[K, K, C, 1]` with faster gradients."""
    import tensorflow as tf

    strides = [1, stride, stride, 1]

    @tf.custom_gradient
    def convolve(inputs, kernel):
        def gradient(upstream):
            wide = tf.float32 if stride > 1 else inputs.dtype
            to_inputs = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(inputs),
                filter=tf.cast(kernel, wide),
                out_backprop=tf.cast(upstream, wide),
                strides=strides,
                padding="SAME",
            )
            return tf.cast(to_inputs, inputs.dtype), _kernel_gradient(
                inputs, kernel.shape, upstream, stride
            )

        return tf.nn.depthwise_conv2d(inputs, kernel, strides, "SAME"), gradient

    return convolve


def _kernel_gradient(inputs, shape, upstream, stride):
    import tensorflow as tf

    def narrow(pixels, size):
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=pixels,
            filter_sizes=[size, size, *shape[2:]],
            out_backprop=upstream,
            strides=[1, stride, stride, 1],
            padding="VALID",
        )

    size = shape[0]
    if size <= _FAST:
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=inputs,
            filter_sizes=shape,
            out_backprop=upstream,
            strides=[1, stride, stride, 1],
            padding="SAME",
        )
    # What a window of 3x3 sees from each offset, all at once padded as "same" pads for the whole kernel.
    ends = []
    for pixels, outputs in zip(inputs.shape[1:3], upstream.shape[1:3], strict=True):
        ends.append(((outputs - 1) * stride, max((outputs - 1) * stride + size - pixels, 0)))
    (last_row, rows), (last_column, columns) = ends
    offsets = range(0, size, _FAST)
    margin = offsets[-1] + _FAST - size
    padded = tf.pad(
        inputs,
        [
            [0, 0],
            [rows // 2, rows - rows // 2 + margin],
            [columns // 2, columns - columns // 2 + margin],
            [0, 0],
        ],
    )

    def seen(row, column):
        return padded[:, row : row + last_row + _FAST, column : column + last_column + _FAST, :]

    whole = tf.concat(
        [
            tf.concat([narrow(seen(row, column), _FAST) for column in offsets], axis=1)
            for row in offsets
        ],
        axis=0,
    )
    return whole[:size, :size]
