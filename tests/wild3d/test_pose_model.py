"""The training step of Wild3D: its loss is the published one, and each term moves what it should."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import codecs
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.model import PoseModel

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "wild3d"
# A quarter of a million parameters; the loss does not know.
SMALL = {"image_size": 64, "width": 16, "num_stacks": 2, "num_modules": 1, "num_depth_modules": 1}
WEIGHTS = {"depth_weight": 0.1, "geometric_weight": 0.01}


def _config(**changes):
    settings = {"batch_size": 4, "num_steps": 10, "init": "he", **SMALL, **changes}
    return Config(**settings)


def _batch(config, has_depth, seed=0):
    random = np.random.default_rng(seed)
    count, size = len(has_depth), config.image_size
    return {
        "image": tf.constant(random.integers(0, 256, (count, size, size, 3)), tf.uint8),
        "keypoints_2d": tf.constant(random.uniform(4, size - 4, (count, 16, 2)), tf.float32),
        "visible": tf.ones((count, 16)),
        "depth": tf.constant(random.normal(0, 0.3, (count, 16)), tf.float32),
        "has_depth": tf.constant(has_depth, tf.float32),
    }


@pytest.mark.parametrize(("stage", "geometric_weight"), [(2, 0.0), (3, 0.01)])
def test_mixed_batch_has_the_official_loss_and_gradient(stage, geometric_weight):
    """Float64, 1e-12: formulas without a network."""
    golden = np.load(GOLDEN / "fusion_loss.npz")
    has_depth = golden["is3d"] if "is3d" in golden else np.array([1.0, 0, 1, 0, 0, 1])
    target = golden["target3"]
    config = Config(geometric_weight=geometric_weight, batch_size=6, width=8, num_stacks=1)
    model = PoseModel(config, dtype="float64")
    depth = tf.Variable(golden["depth"], dtype=tf.float64)
    is_3d = np.asarray(has_depth, bool)
    batch = {
        # Pixels of the 64-pixel map in the vectors, of the 256-pixel crop here.
        "keypoints_2d": tf.constant(np.where(is_3d[:, None, None], 0.0, 4.0 * target[..., :2])),
        "visible": tf.constant(np.where(is_3d[:, None], 1.0, target[..., 2])),
        "depth": tf.constant(np.where(is_3d[:, None], target[..., 2], 0.0)),
        "has_depth": tf.constant(is_3d.astype(float)),
    }
    with tf.GradientTape() as tape:
        maps = tf.zeros((6, 64, 64, 16), tf.float64)
        terms = model.terms({"heatmaps": [maps], "depth": depth}, batch)
        total = tf.reduce_mean(
            config.depth_weight * terms["loss_depth"]
            + config.geometric_weight * terms["loss_geometric"]
        )
    np.testing.assert_allclose(total, golden[f"total_stage{stage}"], rtol=1e-12)
    gradient = tape.gradient(total, depth)
    np.testing.assert_allclose(gradient, golden[f"grad_stage{stage}"], rtol=1e-9, atol=1e-15)


def _gradients(model, batch):
    with tf.GradientTape() as tape:
        loss = model._loss(model(batch, training=True), batch)
    variables = model.network.trainable_variables
    gradients = tape.gradient(
        loss,
        [variable.value for variable in variables],
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return {
        variable.path: np.asarray(gradient)
        for variable, gradient in zip(variables, gradients, strict=True)
    }


def _depth_layers(gradients):
    chosen = {name: value for name, value in gradients.items() if name.startswith("depth")}
    assert len(chosen) > 10
    return chosen


def test_pictures_without_depth_labels_leave_the_depth_layers_alone_in_stage_2():
    config = _config(geometric_weight=0.0)
    keras.utils.set_random_seed(0)
    model = PoseModel(config)
    model.compile()
    gradients = _gradients(model, _batch(config, [0, 0, 0, 0]))
    for name, gradient in _depth_layers(gradients).items():
        assert np.all(gradient == 0), name
    assert any(np.any(gradient != 0) for gradient in gradients.values())
    mixed = _depth_layers(_gradients(model, _batch(config, [0, 1, 0, 0])))
    assert all(np.any(value != 0) for name, value in mixed.items() if "kernel" in name)


def test_geometric_stage_lowers_the_geometric_loss_of_pictures_without_depth():
    config = _config(
        geometric_weight=1.0, heatmap_weight=0.0, learning_rate=1e-3, optimizer="adamw"
    )
    keras.utils.set_random_seed(0)
    model = PoseModel(config)
    model.compile()
    batch = _batch(config, [0, 0, 0, 0])
    before = np.mean(model.terms(model(batch, training=True), batch)["loss_geometric"])
    step = tf.function(model.train_step, autograph=False)
    for _ in range(20):
        step(batch)
    after = np.mean(model.terms(model(batch, training=True), batch)["loss_geometric"])
    assert 0 < after < 0.7 * before


def test_geometry_can_act_on_labelled_pictures_too():
    batch = _batch(_config(), [1, 0, 1, 0])
    losses = {}
    for where in ("unlabelled", "all"):
        keras.utils.set_random_seed(0)
        config = _config(geometric_on=where)
        model = PoseModel(config)
        losses[where] = np.asarray(
            model.terms(model(batch, training=False), batch)["loss_geometric"]
        )
    assert np.all(losses["all"] > 0)
    np.testing.assert_array_equal(losses["unlabelled"], losses["all"] * [0, 1, 0, 1])


def test_masked_maps_ignore_joints_without_label():
    config = _config(mask_missing=True)
    keras.utils.set_random_seed(0)
    model = PoseModel(config)
    batch = _batch(config, [1, 0, 1, 0])
    visible = np.ones((4, 16), np.float32)
    visible[:, 3] = 0
    batch["visible"] = tf.constant(visible)
    maps = tf.random.normal((4, 16, 16, 16), seed=1)
    other = tf.concat([maps[..., :3], 9 * maps[..., 3:4], maps[..., 4:]], axis=-1)
    outputs = {"depth": batch["depth"]}
    first = model.terms(outputs | {"heatmaps": [maps]}, batch)["loss_heatmap"]
    second = model.terms(outputs | {"heatmaps": [other]}, batch)["loss_heatmap"]
    np.testing.assert_array_equal(first, second)
    published = PoseModel(_config())
    first = published.terms(outputs | {"heatmaps": [maps]}, batch)["loss_heatmap"]
    second = published.terms(outputs | {"heatmaps": [other]}, batch)["loss_heatmap"]
    assert np.all(second > first)


def test_every_stack_counts_equally_and_the_mean_is_over_all_pixels():
    """By hand: a map that is 1 everywhere, all joints hidden: targets are zero, the error is 1."""
    config = _config(num_stacks=2)
    model = PoseModel(config)
    batch = _batch(config, [0, 0, 0, 0]) | {"visible": tf.zeros((4, 16))}
    ones = tf.ones((4, 16, 16, 16))
    outputs = {"heatmaps": [ones, 3 * ones], "depth": batch["depth"]}
    terms = model.terms(outputs, batch)
    np.testing.assert_allclose(terms["loss_heatmap"], [10.0] * 4, rtol=1e-6)


@pytest.mark.parametrize("weight", ["coordinate_weight", "divergence_weight"])
def test_soft_argmax_brings_its_points_to_the_labels(weight):
    """Gradient descent on the maps themselves; the points of peaks elsewhere move to the joints."""
    config = _config(coordinates="soft_argmax", sharpness=1.0, heatmap_weight=0.0, **{weight: 1.0})
    model = PoseModel(config)
    batch = _batch(config, [0, 0, 0, 0])
    maps = tf.Variable(tf.zeros((4, 16, 16, 16)))
    true = np.asarray(batch["keypoints_2d"]) / 4

    def distance():
        points, _ = codecs.soft_argmax(maps, 1.0)
        return float(np.mean(np.linalg.norm(np.asarray(points) - true, axis=-1)))

    before = distance()
    for _ in range(60):
        with tf.GradientTape() as tape:
            terms = model.terms({"heatmaps": [maps], "depth": batch["depth"]}, batch)
            name = {"coordinate_weight": "loss_coordinates", "divergence_weight": "loss_divergence"}
            loss = tf.reduce_sum(terms[name[weight]])
        # The sign: neither term's gradient says how far there is to go.
        maps.assign_sub(0.3 * tf.sign(tape.gradient(loss, maps)))
    assert distance() < 0.35 * before


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"image_size": 100}, "128"),
        ({"coordinate_weight": 1.0}, "soft_argmax"),
        ({"divergence_weight": 1.0}, "soft_argmax"),
        ({"weight_decay": 0.1}, "adamw"),
        ({"share_3d": 0.05}, "share_3d"),
        ({"share_3d": 1.0}, "geometric_on"),
    ],
)
def test_contradictory_settings_are_refused(changes, word):
    with pytest.raises(ValueError, match=word):
        _config(**changes)


def test_the_learning_rate_falls_by_its_factor():
    model = PoseModel(_config(learning_rate=0.1, decay_steps=2, decay_factor=0.25))
    model.compile()
    rates = []
    for step in (0, 10):
        model.pose_optimizer.iterations.assign(step)
        rates.append(float(model.pose_optimizer.learning_rate))
    np.testing.assert_allclose(rates, [0.1, 0.025], rtol=1e-6)
