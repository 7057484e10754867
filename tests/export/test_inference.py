"""Folded networks answer as before and can be trained on; a SavedModel holds constant weights once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.export import (
    ConstantWeights,
    LoadedModel,
    Signature,
    fold_normalization,
    take_folded,
    write_saved_model,
)
from keras_pose.layers import BatchNorm, PointwiseConvolution
from keras_pose.layers.depthwise import DepthwiseConvolution
from keras_pose.layers.precision import in_precision

layers = keras.layers


def _normalizations(model):
    parts = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    own = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    return own + [one for part in parts for one in _normalizations(part)]


def _network(dtype):
    """Return a network of every kind, with running statistics of all sizes; eight normalisations."""
    trunk_in = keras.Input((8, 8, 4), dtype=dtype)
    hidden = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(trunk_in)
    hidden = BatchNorm()(hidden)
    hidden = layers.ReLU()(hidden)
    hidden = BatchNorm(name="after_relu")(DepthwiseConvolution(5)(BatchNorm(name="kept")(hidden)))
    side = PointwiseConvolution(6, use_bias=True)(hidden)
    both = layers.Add()([BatchNorm()(side), BatchNorm(scale=False, center=False)(side)])
    trunk = keras.Model(trunk_in, [hidden, both], name="trunk")

    picture = keras.Input((8, 8, 4), dtype=dtype)
    _, features = trunk(picture)
    features = layers.Conv2D(3, 1, activation="relu")(features)
    features = BatchNorm(name="after_activation")(features)
    last = PointwiseConvolution(5, name="seen_by_two")(features)
    outputs = {"raw": last, "normalized": BatchNorm(scale=False)(last)}
    outputs["deep"] = BatchNorm()(layers.DepthwiseConv2D(3, use_bias=True)(features))
    model = keras.Model(picture, outputs, name="whole")
    rng = np.random.default_rng(0)
    for layer in model.layers + trunk.layers:
        if isinstance(layer, keras.Model) or not layer.weights:
            continue
        layer.set_weights([rng.uniform(0.3, 1.7, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.fixture
def double():
    with in_precision("float64"):
        yield "float64"


def test_folded_networks_agree_to_rounding(double):
    model = _network(double)
    before = [value.copy() for value in model.get_weights()]
    folded = fold_normalization(model)
    picture = np.random.default_rng(1).normal(size=(3, 8, 8, 4))
    expected, found = model(picture, training=False), folded(picture, training=False)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-11, atol=1e-11)
    # Left are those after a ReLU, two that share a convolution, one after an activation, and one whose
    # convolution is an output too.
    assert len(_normalizations(model)) == 8
    assert len(_normalizations(folded)) == 5
    for value, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, kept)


def _exported(model, folder):
    folded = fold_normalization(model)
    constants = ConstantWeights(folded.variables)
    spec = {"x": tf.TensorSpec((None, 8, 8, 4), model.inputs[0].dtype)}
    answer = tf.function(constants.inside(lambda x: folded(x, training=False)), autograph=False)
    return write_saved_model(folder, "whole", {"plain": Signature(lambda x: answer(x), spec)})


def test_an_exported_network_can_be_trained_on(double, tmp_path):
    model = _network(double)
    folder = _exported(model, tmp_path)
    fresh = _network(double)
    for layer in fresh.layers + fresh.get_layer("trunk").layers:
        if layer.weights:
            layer.set_weights([2.0 * value for value in layer.get_weights()])
    random = np.random.default_rng(1)
    batches = [random.normal(size=(4, 8, 8, 4)) for _ in range(3)]
    take_folded(fresh, folder, batches)
    picture = random.normal(size=(3, 8, 8, 4))
    expected, found = model(picture, training=False), fresh(picture, training=False)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-10, atol=1e-10)
    # The statistics are those of what the first convolution gives on the batches.
    trunk = fresh.get_layer("trunk")
    first, normalization = trunk.layers[1], trunk.layers[2]
    given = np.concatenate([first(batch) for batch in batches]).reshape(-1, 4)
    np.testing.assert_allclose(normalization.moving_mean, given.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(normalization.moving_variance, given.var(axis=0), rtol=1e-10)
    np.testing.assert_allclose(
        normalization.gamma, np.sqrt(given.var(axis=0) + normalization.epsilon), rtol=1e-10
    )


def test_weights_of_another_network_are_refused(tmp_path):
    picture = keras.Input((8, 8, 4))
    other = keras.Model(picture, {"y": layers.Conv2D(2, 1)(picture)}, name="other")
    folder = _exported(other, tmp_path)
    with pytest.raises(ValueError, match="its weights are not those of a network of this shape"):
        take_folded(_network("float32"), folder, [])
    with pytest.raises(ValueError, match=r"saved_model.pb does not exist; give the version folder"):
        take_folded(_network("float32"), tmp_path / "nothing", [])


def test_a_layer_called_twice_is_refused():
    picture = keras.Input((4, 4, 2))
    shared = layers.Conv2D(2, 1, name="shared")
    outputs = [BatchNorm()(shared(picture)), shared(2.0 * picture)]
    model = keras.Model(picture, outputs, name="twice")
    with pytest.raises(ValueError, match="twice: layer 'shared' is called more than once"):
        fold_normalization(model)


def test_constant_weights_lie_in_the_saved_model_once(tmp_path):
    picture = keras.Input((4,))
    model = keras.Model(picture, layers.Dense(50_000, name="wide")(picture))
    constants = ConstantWeights(model.variables)
    answer = tf.function(constants.inside(lambda x: model(x, training=False)), autograph=False)
    spec = {"x": tf.TensorSpec((None, 4), tf.float32)}
    signatures = {
        "plain": Signature(lambda x: {"y": answer(x)}, spec),
        "doubled": Signature(lambda x: {"y": 2.0 * answer(x)}, spec),
        # One of its own, traced apart.
        "negative": Signature(
            lambda x: {"y": -constants.inside(lambda x: model(x, training=False))(x)}, spec
        ),
    }
    rows = np.arange(8, dtype=np.float32).reshape(2, 4)
    expected = rows @ model.get_weights()[0]
    folder = write_saved_model(tmp_path, "wide", signatures)
    model.layers[-1].set_weights([np.zeros((4, 50_000)), np.zeros(50_000)])
    loaded = LoadedModel(folder)
    for name, factor in (("plain", 1), ("doubled", 2), ("negative", -1)):
        found = loaded.runner(name)({"x": rows})["y"]
        np.testing.assert_allclose(found, factor * expected, rtol=1e-5, atol=1e-6)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert 1_000_000 < size < 1_100_000
