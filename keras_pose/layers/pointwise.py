"""1x1 convolution that is differentiated as the matrix product it is."""

import functools

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_pose")
class PointwiseConvolution(keras.layers.Conv2D):
    """1x1 convolution over `[B, H, W, C]`.

    Forwards it is a convolution, into which bias and sum are fused. Its gradients are products of
    matrices: on processors with bfloat16 units oneDNN's gradient of a convolution with respect to its
    kernel is three to six times slower than the product that gives the same numbers, and most kernels
    of a bottleneck network are 1x1. The gradient of the bias is a product with ones, four times faster
    than a sum over pixels. The kernel is that of `Conv2D`, `[1, 1, C, filters]`.

    Args:
        filters: number of outputs.
        strides: every how many pixels there is an output, from the first pixel on.
        use_bias: whether a bias `[filters]` is added.
        **kwargs: passed to `keras.layers.Conv2D`.

    Call arguments:
        inputs: float `[B, H, W, C]`.
        added: None, or what is added to the outputs, of their shape.
        training: whether gradients will be asked for, which are then the products above.

    Returns:
        float `[B, ceil(H / strides), ceil(W / strides), filters]`.
    """

    def __init__(self, filters: int, strides: int = 1, use_bias: bool = False, **kwargs) -> None:
        # What a saved configuration repeats and is fixed here.
        for name in ("kernel_size", "padding"):
            kwargs.pop(name, None)
        super().__init__(filters, 1, strides=strides, padding="valid", use_bias=use_bias, **kwargs)

    def call(self, inputs, added=None, training=None):
        if not training:
            outputs = ops.conv(
                inputs, self.kernel, self.strides, "valid", data_format="channels_last"
            )
            return _plus(outputs, self.bias if self.use_bias else None, added)
        # Windows of one pixel: a pooling is the fast way to leave out pixels, forwards and back.
        if max(self.strides) > 1:
            inputs = ops.average_pool(inputs, 1, self.strides, data_format="channels_last")
        # Tensors rather than variables, whose gradients cannot be customised.
        factors = [ops.reshape(self.kernel, self.kernel.shape[2:])]
        if self.use_bias:
            factors.append(ops.reshape(self.bias, self.bias.shape))
        if added is not None:
            factors.append(added)
        return _differentiable(self.use_bias, added is not None)(inputs, *factors)


def _plus(outputs, bias, added):
    if bias is not None and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # TensorFlow fuses this operation, while a sum of three is made to be another sum first.
        outputs = tf.nn.bias_add(outputs, ops.cast(bias, outputs.dtype))
    elif bias is not None:
        outputs = outputs + ops.cast(bias, outputs.dtype)
    return outputs if added is None else outputs + added


@functools.cache
def _differentiable(has_bias, has_added):
    """Return the function of inputs `[B, H, W, C]`, kernel `[C, F]`, bias `[F]` and what is added."""

    @ops.custom_gradient
    def product(inputs, kernel, *rest):
        bias = rest[0] if has_bias else None
        added = rest[-1] if has_added else None

        def gradient(*args, upstream=None):
            to_outputs = args[0] if upstream is None else upstream
            rows = _rows(to_outputs)
            to_inputs = ops.reshape(ops.matmul(rows, ops.transpose(kernel)), ops.shape(inputs))
            gradients = [to_inputs, ops.matmul(ops.transpose(_rows(inputs)), rows)]
            if has_bias:
                ones = ops.ones((1, ops.shape(rows)[0]), dtype=rows.dtype)
                gradients.append(ops.matmul(ones, rows)[0])
            if has_added:
                gradients.append(to_outputs)
            return gradients

        outputs = ops.conv(inputs, kernel[None, None], data_format="channels_last")
        return _plus(outputs, bias, added), gradient

    return product


def _rows(maps):
    return ops.reshape(maps, (-1, maps.shape[-1]))
