"""Residual networks: values by hand, folding against Keras' own layers, capacity, round trips."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.layers import DenseUnit, ResidualMLP

# Batch normalisation that never saw an update divides by sqrt(1 + 0.001).
INERT = 1.001**-0.5


def _assign(unit, random):
    """Give every weight of a layer a random value, so that none hides behind 0 or 1."""
    for variable in unit.trainable_variables:
        variable.assign(random.normal(size=variable.shape))


def test_affine_unit_by_hand():
    unit = DenseUnit(2, norm="affine", dtype="float64")
    unit.build((None, 2))
    unit.kernel.assign([[1.0, 2.0], [3.0, -4.0]])
    unit.bias.assign([0.5, 1.0])
    unit.scale.assign([2.0, 3.0])
    unit.shift.assign([-1.0, 4.0])
    # x K + b = [1 + 6 + 0.5, 2 - 8 + 1] = [7.5, -5]; times scale plus shift = [14, -11].
    expected = [[15.0 * INERT - 1.0, 0.0]]
    assert -15.0 * INERT + 4.0 < 0
    np.testing.assert_allclose(unit(np.array([[1.0, 2.0]])), expected, rtol=1e-15)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_affine_unit_is_dense_with_batch_normalisation_at_rest(activation):
    random = np.random.default_rng(1)
    unit = DenseUnit(7, norm="affine", activation=activation, dtype="float64")
    unit.build((None, 5))
    _assign(unit, random)
    dense = keras.layers.Dense(7, dtype="float64")
    at_rest = keras.layers.BatchNormalization(dtype="float64")
    dense.build((None, 5))
    at_rest.build((None, 7))
    dense.set_weights([unit.kernel, unit.bias])
    at_rest.gamma.assign(unit.scale)
    at_rest.beta.assign(unit.shift)
    inputs = random.normal(size=(50, 5))
    expected = np.array(at_rest(dense(inputs), training=False))
    # TensorFlow keeps the slope of a leaky unit in float32 even for float64 inputs.
    negative = 0.0 if activation == "relu" else np.float64(np.float32(0.01))
    expected = np.where(expected > 0, expected, negative * expected)
    np.testing.assert_allclose(unit(inputs), expected, rtol=1e-12, atol=1e-14)


def test_leaky_slope_is_a_hundredth():
    unit = DenseUnit(1, norm="none", activation="leaky_relu")
    unit.build((None, 1))
    unit.kernel.assign([[1.0]])
    np.testing.assert_allclose(unit(np.array([[-3.0], [2.0]], np.float32)), [[-0.03], [2.0]])


def test_batch_unit_normalises_in_training_and_remembers_with_momentum_nine_tenths():
    unit = DenseUnit(1, norm="batch", activation="leaky_relu", dtype="float64")
    unit.build((None, 1))
    unit.kernel.assign([[1.0]])
    inputs = np.array([[1.0], [3.0], [5.0], [7.0]])  # mean 4, variance 5
    got = np.array(unit(inputs, training=True))[:, 0]
    normalised = (inputs[:, 0] - 4.0) / np.sqrt(5.0 + 1e-3)
    np.testing.assert_allclose(got, np.where(normalised > 0, normalised, 0.01 * normalised))
    np.testing.assert_allclose(unit.batch_norm.moving_mean, [0.1 * 4.0])
    np.testing.assert_allclose(unit.batch_norm.moving_variance, [0.9 + 0.1 * 5.0])
    at_rest = np.array(unit(np.array([[0.4]]), training=False))
    np.testing.assert_allclose(at_rest, [[0.0]], atol=1e-12)


def test_dropout_is_live_in_training_alone_and_keeps_the_mean():
    unit = DenseUnit(1, norm="none", dropout=0.5)
    unit.build((None, 1))
    unit.kernel.assign([[1.0]])
    ones = np.ones((4000, 1), np.float32)
    np.testing.assert_array_equal(unit(ones), ones)
    np.testing.assert_array_equal(unit(ones, training=False), ones)
    dropped = np.array(unit(ones, training=True))
    assert set(np.unique(dropped)) == {0.0, 2.0}
    # Five standard deviations of a mean of 4,000 draws.
    assert abs(np.mean(dropped == 0.0) - 0.5) < 5 * 0.5 / np.sqrt(4000)


def test_stem_and_head_never_drop():
    network = ResidualMLP(1, width=4, num_blocks=0, dropout=0.9)
    network.build((None, 3))
    inputs = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    np.testing.assert_array_equal(network(inputs, training=True), network(inputs, training=False))


def test_block_adds_its_branch_without_activation_after_the_sum():
    network = ResidualMLP(1, width=1, num_blocks=1, norm="none", activation="leaky_relu")
    network.build((None, 1))
    (first, second), head = network.blocks[0], network.head
    network.stem.kernel.assign([[1.0]])
    first.kernel.assign([[2.0]])
    first.bias.assign([1.0])
    second.kernel.assign([[1.0]])
    second.bias.assign([-5.0])
    head.kernel.assign([[10.0]])
    head.bias.assign([1.0])
    # Input 1: stem 1; first 3; second leaky(3 - 5) = -0.02; sum 0.98; head 10.8.
    # Input -100: stem leaky -1; first leaky(-1) = -0.01; second leaky(-5.01) = -0.0501;
    # sum -1.0501, which an activation after it would shrink a hundredfold; head -9.501.
    got = network(np.array([[1.0], [-100.0]], np.float32))
    np.testing.assert_allclose(got, [[10.8], [-9.501]], rtol=1e-6)


def test_tanh_head_is_bounded():
    network = ResidualMLP(2, width=2, num_blocks=0, norm="none", output_activation="tanh")
    network.build((None, 2))
    network.stem.kernel.assign(np.eye(2))
    network.head.kernel.assign([[1.0, 100.0], [0.0, 0.0]])
    np.testing.assert_allclose(
        network(np.array([[0.5, 0.0]], np.float32)), [[0.46211716, 1.0]], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "blocks", "norm", "expected"),
    [
        # Trainable parameters of the author's networks, specs of TIPS, section 4.
        (12, 6, 3, "affine", 6_331_398),
        (20, 10, 3, "affine", 6_343_690),
        (32, 16, 6, "affine", 12_672_016),
        (32, 16, 3, "affine", 6_362_128),
        (32, 1, 3, "none", 6_332_417),
    ],
    ids=["legs", "torso", "solo", "student", "discriminator"],
)
def test_capacity_equals_the_author(inputs, outputs, blocks, norm, expected):
    # Shapes alone decide, so nothing is drawn: a scope without initial values would still allocate.
    network = ResidualMLP(outputs, width=1024, num_blocks=blocks, norm=norm, dtype="bfloat16")
    network.build((None, inputs))
    assert sum(int(np.prod(v.shape)) for v in network.trainable_variables) == expected


@pytest.mark.parametrize("norm", ["affine", "batch", "none"])
def test_config_round_trip_gives_the_same_network(norm):
    network = ResidualMLP(
        3,
        width=6,
        num_blocks=2,
        norm=norm,
        activation="leaky_relu",
        dropout=0.25,
        output_activation="tanh",
        name="network",
    )
    network.build((None, 4))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert type(again) is ResidualMLP
    assert again.get_config() == network.get_config()
    again.set_weights(network.get_weights())
    inputs = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_array_equal(again(inputs), network(inputs))


def test_unit_config_round_trip():
    unit = DenseUnit(5, norm="batch", activation="leaky_relu", dropout=0.5, name="unit")
    again = DenseUnit.from_config(unit.get_config())
    assert again.get_config() == unit.get_config()
    assert (again.width, again.norm, again.activation, again.dropout) == (
        *(5, "batch", "leaky_relu"),
        0.5,
    )


def test_shapes_are_told_before_the_call():
    network = ResidualMLP(3, width=6, num_blocks=1)
    assert network.compute_output_shape((None, 4)) == (None, 3)
    assert DenseUnit(7).compute_output_shape((2, 5, 4)) == (2, 5, 7)


def test_mixed_precision_computes_in_bfloat16_and_answers_in_float32():
    network = ResidualMLP(2, width=8, num_blocks=1, dtype="mixed_bfloat16")
    network.build((None, 3))
    assert {v.dtype for v in network.trainable_variables} == {"float32"}
    inputs = np.ones((4, 3), np.float32)
    assert network.stem(inputs).dtype == tf.bfloat16
    assert network(inputs).dtype == tf.float32


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"norm": "layer"}, "norm must be one of"),
        ({"activation": "gelu"}, "activation must be one of"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"dropout": -0.1}, r"dropout must lie in \[0, 1\), got -0.1"),
    ],
    ids=["norm", "activation", "dropout", "negative dropout"],
)
def test_wrong_arguments_are_named(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        DenseUnit(3, **wrong)


@pytest.mark.parametrize("norm", ["affine", "batch", "none"])
def test_graph_equals_eager_and_every_weight_has_a_gradient(norm):
    network = ResidualMLP(2, width=16, num_blocks=1, norm=norm, dtype="float64")
    network.build((None, 3))
    inputs = tf.constant(np.random.default_rng(5).normal(size=(32, 3)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(inputs, training=True) ** 2)
    slopes = tape.gradient(loss, [v.value for v in network.trainable_variables])
    names = [v.path for v, slope in zip(network.trainable_variables, slopes, strict=True)
             if slope is None or not np.any(slope)]  # fmt: skip
    # A bias right before batch normalisation has no effect, by construction of the norm.
    unused = {"bias"} if norm == "batch" else set()
    assert [name for name in names if name.split("/")[-1] not in unused] == []
    graph = tf.function(lambda x: network(x, training=False))
    np.testing.assert_allclose(graph(inputs), network(inputs, training=False), rtol=1e-12)
