"""Torch names to layers: the three published layouts, and everything that does not fit is named."""

import json
import pathlib

import keras
import numpy as np
import pytest

from keras_pose.layers import BatchNorm, encoders
from keras_pose.layers.encoders import build_encoder
from keras_pose.layers.torch_weights import load_torch_weights, split_state
from tests.hand_pose.weight_rule import resnet_shapes, rule_state

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "peclr"


def _toy():
    inputs = keras.Input((4, 4, 2))
    hidden = keras.layers.Conv2D(3, 3, name="layer1_0_conv1")(inputs)
    hidden = BatchNorm(name="layer1_0_bn1")(hidden)
    inner = keras.Model(inputs, keras.layers.Flatten()(hidden), name="inner")
    outputs = keras.layers.Dense(2, name="fc")(inner(inputs))
    return keras.Model(inputs, outputs, name="toy")


def _toy_state(prefix=""):
    random = np.random.default_rng(2)
    shapes = {
        "layer1.0.conv1.weight": (3, 2, 3, 3),
        "layer1.0.conv1.bias": (3,),
        **{f"layer1.0.bn1.{part}": (3,) for part in ("weight", "bias")},
        **{f"layer1.0.bn1.{part}": (3,) for part in ("running_mean", "running_var")},
        "fc.weight": (2, 12),
        "fc.bias": (2,),
    }
    return {
        prefix + name: random.uniform(0.5, 1.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("prefix", ["", "backend_model."])
def test_every_weight_goes_to_its_layer_in_keras_order(prefix):
    model, state = _toy(), _toy_state(prefix)
    if prefix:
        state["elsewhere.weight"] = np.zeros(3)
    state[f"{prefix}layer1.0.bn1.num_batches_tracked"] = np.array(9)
    load_torch_weights(model, state, prefix)
    conv, norm = (model.get_layer("inner").get_layer(f"layer1_0_{x}") for x in ("conv1", "bn1"))
    kernel = state[f"{prefix}layer1.0.conv1.weight"]
    assert conv.kernel.shape == (3, 3, 2, 3)
    # Output 2, input 1, row 0, column 2.
    assert float(conv.kernel[0, 2, 1, 2]) == kernel[2, 1, 0, 2]
    np.testing.assert_array_equal(norm.gamma, state[f"{prefix}layer1.0.bn1.weight"])
    np.testing.assert_array_equal(norm.beta, state[f"{prefix}layer1.0.bn1.bias"])
    np.testing.assert_array_equal(norm.moving_mean, state[f"{prefix}layer1.0.bn1.running_mean"])
    np.testing.assert_array_equal(norm.moving_variance, state[f"{prefix}layer1.0.bn1.running_var"])
    dense = model.get_layer("fc")
    assert float(dense.kernel[5, 1]) == state[f"{prefix}fc.weight"][1, 5]
    np.testing.assert_array_equal(dense.bias, state[f"{prefix}fc.bias"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer1.0.bn1.running_var": None}, r"1 missing \(layer1_0_bn1.running_var\)"),
        ({"layer9.weight": np.zeros(3)}, r"1 left over \(layer9\.weight\)"),
        (
            {"fc.weight": np.zeros((2, 13))},
            r"misshapen \(fc\.weight \(13, 2\) instead of \(12, 2\)\)",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_assigned(change, message):
    model, state = _toy(), {**_toy_state(), **change}
    state = {name: value for name, value in state.items() if value is not None}
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        load_torch_weights(model, state)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def _official_shapes(name):
    return json.loads((GOLDEN / f"{name}_rn50_state_dict_keys.json").read_text())


@pytest.mark.parametrize(
    ("layout", "others"),
    [("hybrid2", {"projection_head"}), ("rn25d", {"fc", "zroot_ref"})],
)
def test_official_files_hold_exactly_the_encoder_we_build(layout, others):
    shapes = _official_shapes(layout)
    # One byte per number would be 25 MB; broadcasting costs none.
    state = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    parts = split_state(state)
    assert set(parts) == {"encoder", *others}
    assert {name: value.shape for name, value in parts["encoder"].items()} == resnet_shapes(
        (3, 4, 6, 3), True
    )


def test_a_stranger_s_layout_is_refused():
    with pytest.raises(ValueError, match=r"'blocks\.0\.weight' is not a parameter of"):
        split_state({"blocks.0.weight": np.zeros(3)})


def test_torchvision_s_file_starts_an_encoder(monkeypatch, tmp_path):
    state = rule_state(resnet_shapes((2, 2, 2, 2), False))
    state |= {"fc.weight": np.zeros((1000, 512)), "bn1.num_batches_tracked": np.array(1)}
    monkeypatch.setattr(encoders, "read_torch_file", lambda path: state)
    path = tmp_path / "resnet18.pth"
    path.write_bytes(b"")
    encoder = build_encoder("resnet18", 32, weights=path)
    kernel = encoder.get_layer("resnet18").get_layer("layer4_0_downsample_0").kernel
    expected = state["layer4.0.downsample.0.weight"]
    np.testing.assert_array_equal(np.array(kernel)[0, 0], expected[:, :, 0, 0].T)
    with pytest.raises(ValueError, match=r"resnet18\.pth: .* of this very architecture"):
        build_encoder("resnet34", 32, weights=path)


def test_saved_encoder_weights_are_read_back(tmp_path):
    first = build_encoder("mobilenet_v3_small", 32)
    path = tmp_path / "encoder.weights.h5"
    first.save_weights(path)
    second = build_encoder("mobilenet_v3_small", 32, weights=path)
    for old, new in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="damaged or belong to another model"):
        build_encoder("mobilenet_v3_small", 32, weights=path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vgg16", 128), "--encoder=vgg16 is unknown"),
        (("resnet18", 16), "--image_size=16 is too small"),
        (("resnet18", 128, False, "imagenet"), "are torchvision's and are not downloaded"),
        (("resnet18", 128, False, "absent.pth"), "'absent.pth' are not a file"),
    ],
)
def test_wrong_requests_end_in_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_encoder(*arguments)


def test_wrong_files_end_in_one_sentence(tmp_path):
    (tmp_path / "weights.txt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="must end in"):
        build_encoder("resnet18", 32, weights=tmp_path / "weights.txt")
    (tmp_path / "weights.pth").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="read only for ResNets"):
        build_encoder("mobilenet_v3_small", 32, weights=tmp_path / "weights.pth")


def test_weights_that_cannot_be_fetched_are_told_in_one_sentence(monkeypatch):
    def unreachable(**_):
        raise OSError("no route to host")

    monkeypatch.setattr(keras.applications, "MobileNetV3Small", unreachable)
    with pytest.raises(ValueError, match="could not be downloaded .no route to host"):
        build_encoder("mobilenet_v3_small", 32, weights="imagenet")
