"""Hourglass and its residuals: by hand, against a plain reading of the paper, configurations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.layers import (
    BatchNorm,
    PointwiseConvolution,
    PreactivationResidual,
    UpsampledSum,
    build_hourglass,
    convolution_initializers,
)


def test_each_pixel_is_added_to_four_by_hand():
    coarse = np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]])
    fine = np.full((1, 4, 4, 1), 10.0)
    expected = [[11, 11, 12, 12], [11, 11, 12, 12], [13, 13, 14, 14], [13, 13, 14, 14]]
    layer = UpsampledSum(dtype="float64")
    np.testing.assert_array_equal(np.array(layer(fine, coarse))[0, ..., 0], expected)


def test_maps_of_unknown_size_are_doubled_alike():
    layer = UpsampledSum(dtype="float64")
    spec = tf.TensorSpec((None, None, None, 1), tf.float64)
    step = tf.function(lambda fine, coarse: layer(fine, coarse)).get_concrete_function(spec, spec)
    coarse = np.random.default_rng(0).normal(size=(2, 3, 2, 1))
    fine = np.random.default_rng(1).normal(size=(2, 6, 4, 1))
    expected = fine + coarse.repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(step(tf.constant(fine), tf.constant(coarse)), expected, rtol=1e-15)


def _plain_residual(layer, x):
    """The paper's bottleneck in NumPy, from running statistics."""

    def norm(x, bn):
        scale = np.array(bn.gamma) / np.sqrt(np.array(bn.moving_variance) + 1e-5)
        return np.maximum((x - np.array(bn.moving_mean)) * scale + np.array(bn.beta), 0.0)

    def product(x, conv):
        return x @ np.array(conv.kernel)[0, 0] + np.array(conv.bias)

    hidden = norm(product(norm(x, layer.bn1), layer.conv1), layer.bn2)
    kernel, padded = np.array(layer.conv2.kernel), np.pad(hidden, [(0, 0), (1, 1), (1, 1), (0, 0)])
    height, width = x.shape[1:3]
    hidden = np.array(layer.conv2.bias) + sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3)
    )
    outputs = product(norm(hidden, layer.bn3), layer.conv3)
    return outputs + (x if layer.shortcut is None else product(x, layer.shortcut))


@pytest.mark.parametrize("channels", [4, 6])
def test_residual_is_the_papers(channels):
    random = np.random.default_rng(channels)
    layer = PreactivationResidual(6, dtype="float64")
    layer.build((None, 4, 5, channels))
    for weight in layer.weights:
        weight.assign(random.uniform(0.5, 1.5, weight.shape))
    inputs = random.normal(size=(2, 4, 5, channels))
    np.testing.assert_allclose(np.array(layer(inputs)), _plain_residual(layer, inputs), rtol=1e-12)
    assert (layer.shortcut is None) == (channels == 6)


def test_what_is_added_and_the_bias_have_their_gradients():
    random = np.random.default_rng(0)
    layer = PointwiseConvolution(3, use_bias=True, dtype="float64")
    layer.build((None, 2, 2, 4))
    layer.bias.assign([1.0, 2.0, 3.0])
    inputs, added = (tf.Variable(random.normal(size=(2, 2, 2, size))) for size in (4, 3))
    weighting = random.normal(size=(2, 2, 2, 3))
    kernel = np.array(layer.kernel)[0, 0]
    for training in (False, True):
        with tf.GradientTape() as tape:
            outputs = layer(inputs, added=added, training=training)
            total = tf.reduce_sum(outputs * weighting)
        expected = np.array(inputs) @ kernel + [1.0, 2.0, 3.0] + np.array(added)
        np.testing.assert_allclose(outputs, expected, rtol=1e-12)
        variables = [inputs, added, layer.kernel.value, layer.bias.value]
        to_inputs, to_added, to_kernel, to_bias = tape.gradient(total, variables)
        np.testing.assert_allclose(to_inputs, weighting @ kernel.T, rtol=1e-12)
        np.testing.assert_allclose(to_added, weighting, rtol=1e-12)
        flat = np.array(inputs).reshape(-1, 4).T @ weighting.reshape(-1, 3)
        np.testing.assert_allclose(to_kernel[0, 0], flat, rtol=1e-12)
        np.testing.assert_allclose(to_bias, weighting.sum((0, 1, 2)), rtol=1e-12)


def test_hourglass_halves_and_doubles_as_the_paper_says():
    """With residuals that multiply by a number, an hourglass of two sizes can be written down."""
    factors = {"kept": 2.0, "before": 3.0, "inner": 5.0, "after": 7.0}
    names = []

    def residual(hidden, name):
        names.append(name)
        part = name.rstrip("0123456789").rsplit("_", 1)[1]
        return keras.layers.Rescaling(factors[part], name=name)(hidden)

    picture = keras.Input((8, 8, 1))
    model = keras.Model(picture, build_hourglass(picture, 1, residual, "glass", depth=2))
    inputs = np.random.default_rng(0).normal(size=(1, 8, 8, 1)).astype(np.float32)

    def pool(x):
        return x.reshape(1, x.shape[1] // 2, 2, x.shape[2] // 2, 2, 1).max((2, 4))

    def double(x):
        return x.repeat(2, 1).repeat(2, 2)

    half = pool(inputs) * 3.0
    inner = 2.0 * half + double(pool(half) * 3.0 * 5.0 * 7.0)
    np.testing.assert_allclose(np.array(model(inputs)), 2 * inputs + double(7 * inner), rtol=1e-5)
    assert names[:2] == ["glass_size1_kept0", "glass_size1_before0"] and len(names) == 7


def test_configurations_survive_a_round_trip():
    for layer in (
        PreactivationResidual(8, "he", 0.7, True, name="r"),
        UpsampledSum(name="u"),
        PointwiseConvolution(4, use_bias=True),
    ):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()


def test_mixed_precision_keeps_variables_wide():
    layer = PreactivationResidual(8, dtype="mixed_bfloat16")
    outputs = layer(np.ones((1, 4, 4, 6), np.float32), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    assert isinstance(layer.bn1, BatchNorm)


def test_torch_initialisation_has_torchs_range():
    layer = PreactivationResidual(64)
    layer.build((None, 4, 4, 100))
    for values, fan_in in (
        (layer.conv1.kernel, 100),
        (layer.conv1.bias, 100),
        (layer.conv2.kernel, 9 * 32),
        (layer.conv3.bias, 32),
    ):
        largest = np.abs(np.array(values)).max()
        assert 0.7 * fan_in**-0.5 < largest <= fan_in**-0.5
    # Two layers never start alike.
    again = PreactivationResidual(64)
    again.build((None, 4, 4, 100))
    assert np.abs(np.array(layer.conv2.kernel) - np.array(again.conv2.kernel)).max() > 0.01


@pytest.mark.parametrize("call", [
    lambda: PreactivationResidual(5),
    lambda: PreactivationResidual(4, init="xavier"),
    lambda: convolution_initializers("xavier", 3),
])  # fmt: skip
def test_impossible_settings_are_refused(call):
    with pytest.raises(ValueError, match="must be"):
        call()
