"""ReLU6: values and gradient by hand, compiled and plain alike."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.layers import ClippedRelu


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("training", [False, True])
def test_values_and_gradient(dtype, training):
    layer = ClippedRelu(dtype=dtype)
    numbers = tf.constant([-2.0, -0.5, 0.5, 3.0, 5.5, 6.5, 100.0], dtype)
    with tf.GradientTape() as tape:
        tape.watch(numbers)
        outputs = layer(numbers, training=training)
        loss = tf.reduce_sum(2.0 * tf.cast(outputs, "float32"))
    gradient = tape.gradient(loss, numbers)
    assert outputs.dtype == dtype
    np.testing.assert_array_equal(
        np.array(tf.cast(outputs, "float32")), [0.0, 0.0, 0.5, 3.0, 5.5, 6.0, 6.0]
    )
    np.testing.assert_array_equal(
        np.array(tf.cast(gradient, "float32")), [0.0, 0.0, 2.0, 2.0, 2.0, 0.0, 0.0]
    )
