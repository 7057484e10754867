"""Batch normalisation: values by hand, the fused operation against the composed one, and Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.layers import BatchNorm


def _layer(shape, **kwargs):
    layer = BatchNorm(**kwargs)
    layer.build(shape)
    return layer


def test_values_and_running_statistics_by_hand():
    layer = _layer((None, 1), momentum=0.75, epsilon=0.25, dtype="float64")
    layer.gamma.assign([2.0])
    layer.beta.assign([10.0])
    # Mean 3, biased variance 8 / 4 = 2, unbiased 8 / 3, divisor sqrt(2 + 0.25) = 1.5.
    outputs = layer(np.array([[1.0], [5.0], [3.0], [3.0]]), training=True)
    third = 2.0 * 2.0 / 1.5
    np.testing.assert_allclose(outputs[:, 0], [10 - third, 10 + third, 10, 10], rtol=1e-12)
    np.testing.assert_allclose(layer.moving_mean, [0.25 * 3.0], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [0.75 + 0.25 * 8.0 / 3.0], rtol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_fused_operation_equals_the_composed_one(training):
    random = np.random.default_rng(3)
    pictures = random.normal(2.0, 3.0, size=(3, 4, 5, 6)).astype(np.float32)
    weights = [random.uniform(0.5, 1.5, 6) for _ in range(4)]
    weighting = random.normal(size=pictures.shape)
    seen = {}
    # Float64 has no fused operation; the same layer takes the other way.
    for dtype in ("float32", "float64"):
        layer = _layer(pictures.shape, dtype=dtype)
        layer.set_weights(weights)
        inputs = tf.Variable(pictures.astype(dtype))
        with tf.GradientTape() as tape:
            outputs = layer(inputs, training=training)
            total = tf.reduce_sum(outputs * weighting.astype(dtype))
        gradients = tape.gradient(total, [inputs, layer.gamma.value, layer.beta.value])
        seen[dtype] = [outputs, layer.moving_mean, layer.moving_variance, *gradients]
    for fused, composed in zip(seen["float32"], seen["float64"], strict=True):
        np.testing.assert_allclose(fused, composed, rtol=2e-4, atol=2e-5)


def test_differs_from_keras_in_the_running_variance_only():
    random = np.random.default_rng(4)
    pictures = random.normal(size=(2, 3, 3, 4)).astype(np.float32)
    ours, theirs = (
        _layer(pictures.shape),
        keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
    )
    np.testing.assert_allclose(
        ours(pictures, training=True), theirs(pictures, training=True), rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=0, atol=1e-6)
    biased = np.array(theirs.moving_variance) - 0.9
    np.testing.assert_allclose(np.array(ours.moving_variance) - 0.9, biased * 18 / 17, rtol=1e-4)


def test_frozen_layer_uses_and_keeps_its_running_statistics():
    pictures = np.random.default_rng(5).normal(3.0, size=(2, 3, 3, 4)).astype(np.float32)
    layer = _layer(pictures.shape)
    layer.trainable = False
    np.testing.assert_allclose(
        layer(pictures, training=True), pictures / np.sqrt(1.0 + 1e-5), rtol=1e-6
    )
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(4))


def test_low_precision_keeps_its_dtype_and_wide_statistics():
    pictures = np.random.default_rng(6).normal(100.0, 1.0, size=(8, 3, 3, 4)).astype(np.float32)
    layer = _layer(pictures.shape, dtype="mixed_bfloat16", momentum=0.0)
    outputs = layer(pictures, training=True)
    assert outputs.dtype == tf.bfloat16
    assert layer.moving_variance.dtype == "float32"
    # The picture itself was rounded to bfloat16, steps of a half near 100; the mean was not.
    np.testing.assert_allclose(layer.moving_mean, pictures.mean((0, 1, 2)), rtol=0, atol=0.1)


def test_round_trip_of_the_configuration():
    layer = BatchNorm(momentum=0.8, epsilon=1e-4, synchronized=True, name="bn")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again.momentum, again.epsilon, again.synchronized) == (0.8, 1e-4, True)


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="last axis"):
        BatchNorm(axis=1)
    with pytest.raises(ValueError, match="masks"):
        BatchNorm()(np.ones((2, 3), np.float32), mask=np.ones((2,), bool))
