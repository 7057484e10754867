"""1x1 convolution: by hand, and the product of training against the convolution of rest."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.layers import PointwiseConvolution


@pytest.mark.parametrize("training", [False, True])
def test_every_second_pixel_by_hand(training):
    layer = PointwiseConvolution(1, strides=2)
    layer.build((None, 3, 3, 2))
    layer.kernel.assign([[[[10.0], [1.0]]]])
    picture = np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2)
    # Corners hold (0, 1), (4, 5), (12, 13), (16, 17).
    outputs = layer(picture, training=training)
    np.testing.assert_array_equal(np.array(outputs)[0, ..., 0], [[1.0, 45.0], [133.0, 177.0]])


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("side", [6, 7])
def test_product_has_the_values_and_gradients_of_the_convolution(strides, side):
    random = np.random.default_rng(side)
    layer = PointwiseConvolution(4, strides=strides, dtype="float64")
    layer.build((None, side, side, 3))
    layer.kernel.assign(random.normal(size=(1, 1, 3, 4)))
    inputs = tf.Variable(random.normal(size=(2, side, side, 3)))
    weighting = random.normal(size=(2, -(-side // strides), -(-side // strides), 4))
    seen = []
    for training in (False, True):
        with tf.GradientTape() as tape:
            outputs = layer(inputs, training=training)
            total = tf.reduce_sum(outputs * weighting)
        seen.append([outputs, *tape.gradient(total, [inputs, layer.kernel.value])])
    for convolution, product in zip(*seen, strict=True):
        assert convolution.shape == product.shape
        np.testing.assert_allclose(product, convolution, rtol=1e-12, atol=1e-12)


def test_pictures_of_unknown_size_are_taken_while_training():
    layer = PointwiseConvolution(4, strides=2)
    layer.build((None, None, None, 3))
    step = tf.function(lambda x: layer(x, training=True)).get_concrete_function(
        tf.TensorSpec((None, None, None, 3))
    )
    assert step(tf.ones((2, 5, 9, 3))).shape == (2, 3, 5, 4)


def test_round_trip_of_the_configuration():
    layer = PointwiseConvolution(4, strides=2, name="conv1")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again.filters, again.strides, again.use_bias) == (4, (2, 2), False)
