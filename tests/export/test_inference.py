"""Folded networks answer as before, and a SavedModel holds constant weights once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.export import (
    ConstantWeights,
    LoadedModel,
    Signature,
    fold_normalization,
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
