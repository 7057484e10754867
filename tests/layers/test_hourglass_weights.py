"""The official network's numbers from its own weights: inference, one training pass, refusals."""

import functools
import json
import pathlib
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.layers.hourglass_weights import load_official_weights, official_variables
from keras_pose.wild3d.network import build_network

_GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "wild3d"
_GROUPS = (
    (((0, 1), 1.0085885098415446), ((1, 2), 1.0), ((3, 4), 1.0), ((4, 5), 1.0085885098415446)),
    (((10, 11), 1.1375361376887123), ((11, 12), 1.0), ((13, 14), 1.0),
     ((14, 15), 1.1375361376887123)),
    (((2, 6), 1.0), ((3, 6), 1.0)),
    (((12, 8), 1.0), ((13, 8), 1.0)),
)  # fmt: skip


@functools.cache
def _vectors():
    with np.load(_GOLDEN / "model.npz") as file:
        return dict(file)


@functools.cache
def _manifest():
    return json.loads((_GOLDEN / "model_manifest.json").read_text())


def _parameter(name, shape):
    """The rule by which the vectors' weights were made (README of the golden vectors)."""
    random = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF)
    kind = name.rsplit(".", 1)[1]
    if kind == "running_var":
        return random.uniform(0.5, 1.5, shape)
    if kind in ("running_mean", "bias"):
        return 0.1 * random.standard_normal(shape)
    if len(shape) == 1:
        return 1.0 + 0.1 * random.standard_normal(shape)
    return random.standard_normal(shape) * np.sqrt(0.25 / np.prod(shape[1:]))


def _state(case):
    return {name: _parameter(name, shape) for name, shape in _manifest()[case]["names"].items()}


def _pictures(case):
    manifest = _manifest()[case]
    random = np.random.RandomState(manifest["image_seed"])
    small = random.uniform(0, 1, (manifest["batch"], 3, 16, 16))
    return small.repeat(16, 2).repeat(16, 3).transpose(0, 2, 3, 1)


def _network(case, dtype):
    sizes = _manifest()[case]["cfg"]
    keras.config.set_dtype_policy(dtype)
    network = build_network(
        num_stacks=sizes["nStack"],
        num_modules=sizes["nModules"],
        width=sizes["nFeats"],
        num_depth_modules=sizes["nRegModules"],
    )
    load_official_weights(network, _state(case))
    return network


@pytest.mark.parametrize("case", ["A", "B"])
def test_inference_equals_the_official_code(case):
    network = _network(case, "float32")
    count = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert count == _manifest()[case]["params"]
    outputs = network(_pictures(case).astype(np.float32))
    vectors = _vectors()
    for stack, maps in enumerate(outputs["heatmaps"]):
        expected = vectors[f"{case}_eval_hm{stack}"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(np.array(maps)[:1], expected, atol=1e-5)
    np.testing.assert_allclose(np.array(outputs["depth"]), vectors[f"{case}_eval_depth"], atol=1e-5)


def _target_maps(points):
    """7x7 Gaussians of peak 1 and sigma 1.75 at whole pixels [B, J, 2]; [B, 64, 64, J]."""
    distance = np.arange(64) - points[..., None]
    profile = np.where(np.abs(distance) <= 3, np.exp(-(distance**2) / (2 * 1.75**2)), 0.0)
    return np.einsum("bjx,bjy->byxj", profile[:, :, 0], profile[:, :, 1])


def _geometric_loss(depth, points):
    """Sum over groups of the variance of weighted lengths, of one person: depth [16], px [16, 2]."""
    unit = 2.0 * points / 64 - 1.0
    total = 0.0
    for group in _GROUPS:
        lengths = [
            weight * tf.sqrt(float(np.sum((unit[a] - unit[b]) ** 2)) + (depth[a] - depth[b]) ** 2)
            for (a, b), weight in group
        ]
        total = total + tf.math.reduce_variance(tf.stack(lengths))
    return total


@pytest.mark.parametrize("case", ["A", "B"])
def test_one_training_pass_equals_the_official_code(case):
    vectors = {
        name.removeprefix(f"{case}_"): value
        for name, value in _vectors().items()
        if name.startswith(f"{case}_")
    }
    network = _network(case, "float64")
    points, target_depth = vectors["train_target_xy"], vectors["train_target_depth"]
    maps = _target_maps(np.floor(points))
    with tf.GradientTape() as tape:
        outputs = network(_pictures(case), training=True)
        losses = [tf.reduce_mean((each - maps) ** 2) for each in outputs["heatmaps"]]
        depth_losses = []
        for person, is_3d in enumerate(vectors["train_is3d"]):
            depth = outputs["depth"][person]
            if is_3d:
                depth_losses.append(0.1 * tf.reduce_mean((depth - target_depth[person]) ** 2))
            else:
                depth_losses.append(0.01 * _geometric_loss(depth, points[person]))
        depth_loss = tf.reduce_mean(tf.stack(depth_losses))
        loss = tf.add_n(losses) + depth_loss
    np.testing.assert_allclose(losses, vectors["train_loss2d"], rtol=1e-8)
    np.testing.assert_allclose(depth_loss, vectors["train_loss_depth"], rtol=1e-8)
    np.testing.assert_allclose(loss, vectors["train_loss"], rtol=1e-8)
    np.testing.assert_allclose(outputs["depth"], vectors["train_depth"], rtol=1e-8, atol=1e-8)

    by_name = dict(official_variables(network))
    trained = {name: value for name, value in by_name.items() if value.trainable}
    gradients = tape.gradient(loss, [variable.value for variable in trained.values()])
    gradients = {
        name: np.array(gradient) for name, gradient in zip(trained, gradients, strict=True)
    }
    assert sorted(gradients) == sorted(vectors["grad_names"])
    for name, norm in zip(vectors["grad_names"], vectors["grad_norms"], strict=True):
        # Biases before a batch normalisation have gradient 0 but for rounding.
        np.testing.assert_allclose(
            np.linalg.norm(gradients[name]), norm, rtol=1e-8, atol=1e-12, err_msg=name
        )
    whole = [name for name in vectors if name.startswith("grad_") and name[5:] in gradients]
    assert len(whole) == 7
    for name in whole:
        np.testing.assert_allclose(
            gradients[name[5:]], vectors[name], rtol=1e-8, atol=1e-12, err_msg=name
        )
    after = [name for name in vectors if name.startswith("after_")]
    assert len(after) == 4
    for name in after:
        np.testing.assert_allclose(
            np.array(by_name[name.removeprefix("after_")]), vectors[name], rtol=1e-8, err_msg=name
        )


def test_wrong_weights_are_refused_and_nothing_is_assigned():
    network = build_network(
        num_stacks=1, num_modules=1, width=8, num_depth_modules=1, image_size=64
    )
    state = {}
    for name, variable in official_variables(network):
        shape = tuple(variable.shape)
        state[name] = np.zeros(
            [shape[axis] for axis in (3, 2, 0, 1)] if len(shape) == 4 else shape[::-1]
        )
    before = [np.array(weight) for weight in network.weights]
    missing = {name: value for name, value in state.items() if name != "reg.bias"}
    with pytest.raises(ValueError, match=r"1 missing \(reg.bias\)"):
        load_official_weights(network, missing)
    with pytest.raises(ValueError, match=r"1 left over \(r6.bias\)"):
        load_official_weights(network, {**state, "r6.bias": np.zeros(3)})
    with pytest.raises(ValueError, match=r"misshapen \(bn1.weight \(3,\) instead of"):
        load_official_weights(network, {**state, "bn1.weight": np.zeros(3)})
    for weight, kept in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(np.array(weight), kept)
    # As DataParallel and later versions of torch store it.
    load_official_weights(
        network,
        {f"module.{name}": value for name, value in state.items()}
        | {"module.bn1.num_batches_tracked": np.array(7)},
    )
    assert not any(np.array(weight).any() for weight in network.weights)


def test_other_networks_are_refused():
    network = build_network(depth_head="map", num_stacks=1, num_modules=1, width=8)
    with pytest.raises(ValueError, match="'depth_residual0' has no official counterpart"):
        load_official_weights(network, {})
