"""Encoders and projection head against the official networks, and every name in small."""

import pathlib

import keras
import numpy as np
import pytest

from keras_pose.layers import build_resnet
from keras_pose.layers.encoders import ENCODERS, build_encoder
from keras_pose.layers.projection import build_projection_head
from keras_pose.layers.torch_weights import load_torch_weights
from keras_pose.layers.trunks import IMAGENET_MEAN, IMAGENET_STD
from tests.hand_pose.weight_rule import resnet_shapes, rule_state, rule_value

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "peclr"
MODELS = np.load(GOLDEN / "d_models.npz")
HEAD = np.load(GOLDEN / "a3_head.npz")
RESNETS = {
    18: ((2, 2, 2, 2), False),
    50: ((3, 4, 6, 3), True),
    152: ((3, 8, 36, 3), True),
}


def test_weight_rule_matches_its_probes():
    shapes = {**resnet_shapes(*RESNETS[50]), "fc.weight": (64, 2048)}
    for name in MODELS["rule_probe_keys"]:
        np.testing.assert_array_equal(
            rule_value(str(name), shapes[str(name)]).ravel()[:8], MODELS[f"probe_{name}"]
        )


def _check_features(depth):
    encoder = build_encoder(f"resnet{depth}", 128)
    load_torch_weights(encoder, rule_state(resnet_shapes(*RESNETS[depth])))
    picture = MODELS["image_rgb_u8"][None] / np.float32(255.0)
    features = np.array(encoder(picture, training=False))
    expected = MODELS[f"rn{depth}_feat_f64"]
    assert features.shape == expected.shape
    # Float32 rounding of up to 152 layers; the official float32 network is about as far off.
    np.testing.assert_allclose(features, expected, rtol=0, atol=2e-5 * expected.std())


@pytest.mark.parametrize("depth", [18, 50])
def test_features_are_those_of_the_official_network(depth):
    _check_features(depth)


@pytest.mark.slow
@pytest.mark.long
def test_features_of_152_layers_are_those_of_the_official_network():
    _check_features(152)


def test_every_stage_has_the_official_statistics():
    network = build_resnet(18, 128)
    load_torch_weights(network, rule_state(resnet_shapes(*RESNETS[18])))
    names = ("relu", "maxpool", "layer1_1_out", "layer2_1_out", "layer3_1_out", "layer4_1_out")
    stages = keras.Model(network.input, [network.get_layer(name).output for name in names])
    picture = (MODELS["image_rgb_u8"][None] / 255.0 - IMAGENET_MEAN) / IMAGENET_STD
    outputs = [np.array(stage, np.float64) for stage in stages(picture.astype(np.float32))]
    seen = [(stage.mean(), stage.std()) for stage in outputs]
    np.testing.assert_allclose(seen, MODELS["rn18_stage_mean_std"], rtol=1e-5)
    # [1, H, W, C] to the first channels' top left corner [C, H, W].
    corner = outputs[-1][0, :2, :2, :8].transpose(2, 0, 1)
    np.testing.assert_allclose(
        corner, MODELS["rn18_layer4_corner"], rtol=0, atol=2e-5 * outputs[-1].std()
    )


def _head():
    head = build_projection_head(2048, 512, 64)
    shapes = {
        "projection_head.0.weight": (512, 2048),
        "projection_head.0.bias": (512,),
        **{f"projection_head.1.{part}": (512,) for part in ("weight", "bias")},
        **{f"projection_head.1.{part}": (512,) for part in ("running_mean", "running_var")},
        "projection_head.3.weight": (128, 512),
    }
    load_torch_weights(head, rule_state(shapes))
    return head


def test_projection_head_at_rest_is_the_official_one():
    outputs = _head()(HEAD["features"], training=False)
    np.testing.assert_allclose(outputs, HEAD["head_eval_out"], rtol=0, atol=1e-5)


def test_projection_head_in_training_is_the_official_one_and_takes_in_the_same_statistics():
    head = _head()
    outputs = head(HEAD["features"], training=True)
    np.testing.assert_allclose(outputs, HEAD["head_train_out"], rtol=0, atol=2e-5)
    norm = head.get_layer("projection_head_1")
    np.testing.assert_allclose(norm.moving_mean, HEAD["peclr_bn_running_mean"], rtol=0, atol=1e-6)
    # Twelve rows: the biased variance would be off by a part in a hundred.
    np.testing.assert_allclose(norm.moving_variance, HEAD["peclr_bn_running_var"], rtol=1e-6)


# The deepest repeat blocks that the others have.
_DEEPEST = ("resnet101", "resnet152")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow, pytest.mark.long]) if name in _DEEPEST else name
        for name in ENCODERS
    ],
)
def test_every_encoder_makes_finite_features_of_a_small_picture(name):
    encoder = build_encoder(name, 32)
    random = np.random.default_rng(0)
    features = np.array(encoder(random.uniform(size=(2, 32, 32, 3)).astype(np.float32)))
    sizes = {"resnet10_half": 256, "resnet10": 512, "resnet18": 512, "resnet34": 512}
    sizes |= {"mobilenet_v3_small": 576, "mobilenet_v3_large": 960, "efficientnet_lite0": 1280}
    assert encoder.name == name
    assert features.dtype == np.float32
    assert features.shape == (2, sizes.get(name, 2048))
    assert np.isfinite(features).all() and features.std() > 0
