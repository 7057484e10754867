"""The networks: the published size, shapes of every backbone and head, precision, refusals, phones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export
from keras_pose.bodies.pose import build_pose
from keras_pose.wild3d.network import BACKBONES, build_network

_SMALL = {"num_stacks": 1, "num_modules": 1, "num_depth_modules": 1, "width": 8, "image_size": 64}


def _num_parameters(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def test_the_default_network_is_the_published_one():
    network = build_network()
    assert _num_parameters(network) == 14_429_104
    depth = [layer for layer in network.layers if layer.name.startswith("depth")]
    assert sum(_num_parameters(layer) for layer in depth) == 1_781_776
    glass = [layer for layer in network.layers if layer.name.startswith("stack0_hourglass")]
    assert sum(_num_parameters(layer) for layer in glass) == 5_577_728
    assert [tuple(maps.shape) for maps in network.output["heatmaps"]] == 2 * [(None, 64, 64, 16)]
    assert tuple(network.output["depth"].shape) == (None, 16)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_any_size_fits_the_map_head(backbone):
    network = build_network(**{**_SMALL, "backbone": backbone, "depth_head": "map"})
    for height, width in ((64, 64), (64, 128)):
        outputs = network(np.zeros((1, height, width, 3), np.float32))
        assert len(outputs["heatmaps"]) == 1
        for maps in (outputs["heatmaps"][0], outputs["depth_maps"]):
            assert tuple(maps.shape) == (1, height // 4, width // 4, 16)


@pytest.mark.parametrize("backbone", ["hourglass", "mobilenet_v3_small"])
def test_vector_head_and_batch_statistics(backbone):
    network = build_network(**{**_SMALL, "backbone": backbone, "image_size": 128})
    before = [np.array(weight) for weight in network.non_trainable_weights]
    outputs = network(np.random.default_rng(0).random((2, 128, 128, 3), np.float32), training=True)
    assert tuple(outputs["depth"].shape) == (2, 16)
    after = network.non_trainable_weights
    assert all(np.any(np.array(new) != old) for new, old in zip(after, before, strict=True))


def test_normalisation_is_the_encoders_own():
    picture = np.random.default_rng(0).random((1, 64, 64, 3)).astype(np.float32)
    for backbone, expected in (
        ("resnet50", (picture - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        ("mobilenet_v3_small", 2.0 * picture - 1.0),
    ):
        network = build_network(**{**_SMALL, "backbone": backbone})
        inner = keras.Model(network.input, network.get_layer("normalize").output)
        np.testing.assert_allclose(np.array(inner(picture)), expected, atol=1e-6)


def test_running_statistics_move_as_asked():
    network = build_network(**_SMALL, bn_momentum=0.25)
    norm = network.get_layer("stem_bn")
    inner = keras.Model(network.input, network.get_layer("stem_conv").output)
    pictures = np.random.default_rng(0).random((2, 64, 64, 3)).astype(np.float32)
    mean = np.array(inner(pictures)).mean((0, 1, 2))
    network(pictures, training=True)
    np.testing.assert_allclose(np.array(norm.moving_mean), 0.75 * mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("head", ["vector", "map"])
def test_outputs_are_wide_under_mixed_precision(head):
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = build_network(**_SMALL, depth_head=head)
    outputs = network(np.zeros((1, 64, 64, 3), np.float32), training=True)
    flat = [*outputs.pop("heatmaps"), *outputs.values()]
    assert {keras.backend.standardize_dtype(value.dtype) for value in flat} == {"float32"}
    assert {weight.dtype for weight in network.trainable_weights} == {"float32"}
    assert network.get_layer("stem_residual0").compute_dtype == "bfloat16"


def test_every_weight_learns():
    network = build_network(**{**_SMALL, "num_stacks": 2})
    with tf.GradientTape() as tape:
        outputs = network(
            np.random.default_rng(0).random((2, 64, 64, 3), np.float32), training=True
        )
        loss = sum(tf.reduce_sum(maps**2) for maps in outputs["heatmaps"])
        loss = loss + tf.reduce_sum(outputs["depth"] ** 2)
    gradients = tape.gradient(loss, [weight.value for weight in network.trainable_weights])
    assert all(np.isfinite(np.array(gradient)).all() for gradient in gradients)
    # A bias before a normalisation, and gains of what a ReLU cut off, may have none.
    kernels = [
        gradient
        for gradient, weight in zip(gradients, network.trainable_weights, strict=True)
        if weight.name == "kernel"
    ]
    assert all(np.any(np.array(gradient) != 0) for gradient in kernels)


def test_names_and_weights_repeat_themselves(tmp_path):
    keras.utils.set_random_seed(3)
    first = build_network(**_SMALL)
    keras.utils.set_random_seed(3)
    second = build_network(**_SMALL)
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(np.array(one), np.array(other))
    keras.utils.set_random_seed(4)
    third = build_network(**_SMALL)
    first.save_weights(tmp_path / "w.weights.h5")
    third.load_weights(tmp_path / "w.weights.h5")
    pictures = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    np.testing.assert_array_equal(
        np.array(first(pictures)["depth"]), np.array(third(pictures)["depth"])
    )


@pytest.mark.parametrize("change", [
    {"backbone": "vgg"}, {"depth_head": "both"}, {"init": "xavier"}, {"image_size": 100},
    {"image_size": 0}, {"width": 7}, {"num_stacks": 0}, {"num_modules": 0},
    {"num_depth_modules": -1},
])  # fmt: skip
def test_impossible_networks_are_refused(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"--{name}="):
        build_network(**{**_SMALL, **change})


# Each head and kind of coordinates once; other pairs of them, when asked for.
_LONG = [pytest.mark.slow, pytest.mark.long]
_PHONES = [
    ("hourglass", "vector", "argmax"),
    ("hourglass", "map", "argmax_by_products"),
    pytest.param("mobilenet_v3_small", "map", "argmax_by_products", marks=_LONG),
    ("efficientnet_lite0 lateral", "map", "argmax_by_products"),
    pytest.param("resnet50", "map", "argmax_by_products", marks=_LONG),
    pytest.param("hourglass", "vector", "argmax_by_products", marks=_LONG),
    pytest.param("hourglass", "map", "soft_argmax", marks=_LONG),
]


@pytest.mark.parametrize(("backbone", "head", "coordinates"), _PHONES)
def test_phones_run_the_pose(tmp_path, backbone, head, coordinates):
    """Builtin operations only; by products, only such as GPU delegates take over."""
    backbone, _, kind = backbone.partition(" ")
    network = build_network(
        **_SMALL, backbone=backbone, depth_head=head, head=kind or "deconvolution"
    )
    pose = build_pose(network, 64, coordinates)
    signature = export.Signature(
        lambda image: pose(image, training=False), {"image": tf.TensorSpec((None, 64, 64, 3))}
    )
    folder = export.write_saved_model(tmp_path, "toy", {"pose": signature})
    allowed = export.PORTABLE_OPERATIONS
    if coordinates == "argmax_by_products":
        allowed = export.GPU_OPERATIONS
    content = export.convert_tflite(folder, "pose", batch_size=1, allowed_operations=allowed)
    pictures = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    outputs = export.tflite_runner(content, "pose")({"image": pictures})
    for name, expected in pose(pictures).items():
        # Points are up to 64 px, so float32 rounds them to a few 1e-6 each.
        np.testing.assert_allclose(
            outputs[name], np.array(expected), rtol=1e-5, atol=2e-5, err_msg=name
        )
