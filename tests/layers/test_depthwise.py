"""Depthwise convolution: values and gradients are those of the Keras layer, in any precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.layers import DepthwiseConvolution


def _pair(size, stride, dtype="float32"):
    keras.config.set_dtype_policy("mixed_bfloat16" if dtype == "bfloat16" else dtype)
    ours = DepthwiseConvolution(size, stride)
    theirs = keras.layers.DepthwiseConv2D(size, stride, padding="same", use_bias=False)
    for layer in (ours, theirs):
        layer.build((2, 12, 9, 5))
    theirs.kernel.assign(ours.kernel)
    return ours, theirs


def _gradients(layer, pictures):
    pictures = tf.cast(pictures, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        outputs = layer(pictures, training=True)
        weights = tf.cast(tf.sin(tf.range(tf.size(outputs), dtype=tf.float32)), outputs.dtype)
        loss = tf.reduce_sum(outputs * tf.reshape(weights, outputs.shape))
    return [outputs, *tape.gradient(loss, [pictures, layer.kernel.value])]


@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(12, 9), (11, 8), (3, 4)])
def test_gradients_are_those_of_keras(size, stride, shape):
    ours, theirs = _pair(size, stride)
    pictures = np.random.default_rng(0).normal(size=(2, *shape, 5)).astype(np.float32)
    for mine, other in zip(_gradients(ours, pictures), _gradients(theirs, pictures), strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)


def test_half_precision_is_near_full_precision():
    pictures = np.random.default_rng(1).normal(size=(2, 12, 9, 5)).astype(np.float32)
    ours, _ = _pair(5, 2, "bfloat16")
    kernel = np.array(ours.kernel)
    narrow = _gradients(ours, pictures)
    wide, _ = _pair(5, 2)
    wide.kernel.assign(kernel)
    for half, full in zip(narrow, _gradients(wide, pictures), strict=True):
        # bfloat16 has 8 bits.
        np.testing.assert_allclose(
            np.array(tf.cast(half, tf.float32)), full, atol=0.03 * np.abs(full).max()
        )


def test_a_saved_layer_comes_back():
    layer = DepthwiseConvolution(5, 2, name="filter")
    again = DepthwiseConvolution.from_config(layer.get_config())
    assert (again.kernel_size, again.strides, again.padding) == ((5, 5), (2, 2), "same")
