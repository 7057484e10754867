"""The fine-tuning step: its loss, missing labels, what is frozen, decay, averaging, replicas."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.model import PoseRegressor
from tests.hand_pose.regressor_runs import SIZE, toy_batch, toy_config, toy_encoder, uneven_batch
from tests.train.command_server import ROOT, environment

# Other choices of the same code, when asked for.
_LONG = [pytest.mark.slow, pytest.mark.long]


def _model(norm=True, **changes):
    keras.utils.clear_session()  # layers are numbered from 1 in every model
    keras.utils.set_random_seed(1)
    with_policy = changes.get("precision", "float32")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(with_policy)
    encoder = toy_encoder(norm)
    keras.config.set_dtype_policy(before)
    model = PoseRegressor(toy_config(**changes), encoder)
    model.compile()
    return model


def _logs(model, batch):
    model.reset_metrics()
    return {name: float(value) for name, value in model.train_step(batch).items()}


def _weights(model):
    return {v.path: np.array(v) for v in model.weights}


@pytest.mark.parametrize("refine", [False, True])
def test_loss_is_the_published_sum(refine):
    model = _model(norm=False, refine_root=refine)
    batch = uneven_batch()
    out = {k: np.array(v, np.float64) for k, v in model(batch, training=True).items()}
    hands, scale = batch["keypoints_3d"].astype(np.float64), batch["scale"].astype(np.float64)
    weight = batch["visible"] * batch["has_2d"][:, None]
    error = np.abs(out["keypoints_2d"] - batch["keypoints_2d"]).mean(-1)
    loss_2d = (error * weight).sum() / weight.sum()
    relative = (hands[..., 2] - hands[:, :1, 2]) / scale[:, None]
    weight = np.repeat(batch["has_depth"][:, None], 21, 1)
    loss_depth = (np.abs(out["depth"] - relative) * weight).sum() / weight.sum()
    usable = batch["has_3d"] * out["valid"]
    error = np.abs(out["root_depth"][:, 0] - hands[:, 0, 2] / scale) * usable
    loss_root = error.sum() / max(usable.sum(), 1)
    metres = np.abs(out["keypoints_3d"] * scale[:, None, None] - hands).mean((1, 2))
    logs = _logs(model, batch)
    np.testing.assert_allclose(logs["loss_2d"], loss_2d, rtol=1e-5)
    np.testing.assert_allclose(logs["loss_depth"], loss_depth, rtol=1e-5)
    np.testing.assert_allclose(logs["loss_root"], loss_root * refine, rtol=1e-5)
    total = loss_2d + 5 * loss_depth + refine * loss_root
    np.testing.assert_allclose(logs["loss"], total, rtol=1e-5)
    expected = 1000 * (metres * usable).sum() / max(usable.sum(), 1)
    np.testing.assert_allclose(logs["error_3d_mm"], expected, rtol=1e-4)


@pytest.mark.parametrize("root", ["wrist", "palm_middle", "palm_index"])
@pytest.mark.parametrize("bone", ["middle", "index"])
def test_targets_are_what_a_perfect_head_says(root, bone):
    model = _model(root=root, reference_bone=bone, refine_root=True)
    batch = toy_batch()
    targets = {name: np.array(value) for name, value in model.targets(batch).items()}
    scale = targets["scale"]
    np.testing.assert_allclose(
        targets["root_depth"] * scale,
        batch["keypoints_3d"][:, 0, 2]
        if root == "wrist"
        else (
            batch["keypoints_3d"][:, 0, 2]
            + batch["keypoints_3d"][:, {"palm_middle": 9, "palm_index": 5}[root], 2]
        )
        / 2,
        rtol=1e-5,
    )
    # Lifted with the true root depth, the targets are the labels.
    rays = (targets["points_2d"] - [16.0, 16.0]) / [110.0, 112.0]
    z = (targets["depth"] + targets["root_depth"][:, None]) * scale[:, None]
    lifted = np.concatenate([rays, np.ones_like(rays[..., :1])], -1) * z[..., None]
    np.testing.assert_allclose(lifted[:, 1:], batch["keypoints_3d"][:, 1:], atol=1e-5)
    np.testing.assert_allclose(targets["depth"][:, 0], 0.0)
    if root == "wrist":
        np.testing.assert_allclose(lifted[:, 0], batch["keypoints_3d"][:, 0], atol=1e-5)


def test_palm_of_flat_labels_is_half_way_in_the_picture():
    model = _model(root="palm_middle")
    batch = toy_batch()
    batch["has_3d"][:3] = 0
    targets = np.array(model.targets(batch)["points_2d"])
    middle = (batch["keypoints_2d"][:, 0] + batch["keypoints_2d"][:, 9]) / 2
    np.testing.assert_allclose(targets[:3, 0], middle[:3], atol=1e-5)
    assert np.all(np.abs(targets[3:, 0] - middle[3:]).max(-1) > 1e-4)


def test_palm_of_flat_labels_counts_where_both_its_ends_are_labelled():
    model = _model(root="palm_middle")
    batch = toy_batch()
    batch["has_3d"][:3], batch["has_3d"][3:], batch["has_2d"][:] = 0, 1, 1
    batch["visible"][:] = 1
    batch["visible"][0, 9] = batch["visible"][1, 0] = batch["visible"][3, 9] = 0
    weight = np.array(model.targets(batch)["weight_2d"])
    # The fourth hand's palm comes of its 3D joints.
    np.testing.assert_array_equal(weight[:4, 0], [0, 0, 1, 1])
    np.testing.assert_array_equal(weight[:, 1:], batch["visible"][:, 1:])


@pytest.mark.parametrize("refine", [False, True])
def test_labels_that_are_not_there_change_nothing(refine):
    batch = uneven_batch()
    junk = {name: value.copy() for name, value in batch.items()}
    flat, hidden = junk["has_2d"] == 0, (junk["has_depth"] == 0) & (junk["has_3d"] == 0)
    junk["keypoints_2d"][flat] = np.nan
    junk["keypoints_2d"][junk["visible"] == 0] = np.inf
    results = []
    for labels in (batch, junk):
        model = _model(norm=False, refine_root=refine)
        logs = _logs(model, labels)
        assert all(np.isfinite(value) for value in logs.values())
        results.append((logs, _weights(model)))
    assert results[0][0] == results[1][0]
    for name, value in results[0][1].items():
        np.testing.assert_array_equal(value, results[1][1][name])
    # Without any 3D there may be no intrinsics either.
    junk["keypoints_3d"][hidden] = 0
    junk["intrinsics"][hidden] = 0
    model = _model(norm=False, refine_root=refine)
    _logs(model, junk)
    assert all(np.all(np.isfinite(value)) for value in _weights(model).values())


def test_a_batch_without_labels_moves_nothing_but_decay():
    model = _model(norm=False, weight_decay=0.0, refine_root=True)
    batch = toy_batch()
    for name in ("has_2d", "has_3d", "has_depth"):
        batch[name][:] = 0
    before = _weights(model)
    logs = _logs(model, batch)
    assert logs["loss"] == 0.0
    for name, value in _weights(model).items():
        if "moving" not in name and "root_refiner/norm" not in name:
            np.testing.assert_array_equal(value, before[name], err_msg=name)


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize("trainable", [False, True])
def test_what_is_frozen_stays(trainable, freeze):
    model = _model(encoder_trainable=trainable, freeze_batch_norm=freeze)
    encoder = {v.path: np.array(v) for v in model.encoder.weights}
    head = np.array(model.pose.get_layer("head").kernel)
    for seed in range(2):
        _logs(model, toy_batch(seed=seed))
    moved = {v.path for v in model.encoder.weights if np.any(np.array(v) != encoder[v.path])}
    assert np.any(np.array(model.pose.get_layer("head").kernel) != head)
    statistics = {name for name in encoder if "moving" in name}
    affine = {name for name in encoder if "gamma" in name or "beta" in name}
    expected = set() if freeze else set(statistics)
    if trainable:
        expected |= set(encoder) - statistics - (affine if freeze else set())
    assert moved == expected


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_decay_of_one_step_by_hand(optimizer):
    rate, decay = 1e-2, 0.1
    batch = toy_batch()
    settings = {"optimizer": optimizer, "learning_rate": rate, "weight_decay": decay}
    model = _model(norm=False, **settings)
    head = model.pose.get_layer("head")
    kernel, bias = np.array(head.kernel, np.float64), np.array(head.bias, np.float64)
    with tf.GradientTape() as tape:
        loss = model._loss(model(batch, training=True), model.targets(batch))
    slopes = [np.array(s) for s in tape.gradient(loss, [head.kernel.value, head.bias.value])]
    slope = slopes[0] + decay * kernel if optimizer == "adam" else slopes[0]
    # The first step of Adam is the sign of the gradient, but for epsilon.
    expected = kernel - rate * slope / (np.abs(slope) + 1e-8)
    if optimizer == "adamw":
        expected -= rate * decay * kernel
    _logs(model, batch)
    np.testing.assert_allclose(np.array(head.kernel), expected, atol=2e-6)
    plain = bias - rate * slopes[1] / (np.abs(slopes[1]) + 1e-8)
    np.testing.assert_allclose(np.array(head.bias), plain, atol=2e-6)


def test_averaged_weights_follow_and_are_what_is_called():
    model = _model(averaging_momentum=0.5)
    start = {v.path: np.array(v) for v in model.pose.weights}
    for average in model.averaged_pose.weights:
        np.testing.assert_array_equal(average, start[average.path])
    _logs(model, toy_batch())
    # After the first step the momentum is (1 + 1) / (10 + 1).
    kept = 2 / 11
    pairs = zip(model.pose.weights, model.averaged_pose.weights, strict=True)
    for present, average in pairs:
        expected = kept * start[present.path] + (1 - kept) * np.array(present)
        np.testing.assert_allclose(np.array(average), expected, atol=1e-6)
    batch = {name: toy_batch()[name] for name in ("image", "intrinsics")}
    called = np.array(model(batch)["keypoints_2d"])
    np.testing.assert_allclose(
        called, model.averaged_pose(batch, training=False)["keypoints_2d"], rtol=1e-6
    )
    model.reset_average()
    np.testing.assert_array_equal(
        model(batch)["keypoints_2d"], model.pose(batch, training=False)["keypoints_2d"]
    )


@pytest.mark.parametrize(
    "precision",
    ["float32", pytest.param("mixed_bfloat16", marks=_LONG), "mixed_float16"],
)
def test_fit_lowers_the_loss_and_bytes_are_pictures(precision):
    model = _model(precision=precision, refine_root=True, learning_rate=3e-3)
    batch = toy_batch()
    batch["image"] = (255 * batch["image"]).astype(np.uint8)
    dataset = tf.data.Dataset.from_tensors(batch).repeat()
    first = model.evaluate(dataset, steps=1, verbose=0, return_dict=True)
    model.fit(dataset, steps_per_epoch=60, verbose=0, shuffle=False)
    last = model.evaluate(dataset, steps=1, verbose=0, return_dict=True)
    assert last["loss"] < 0.6 * first["loss"], (first, last)
    float_batch = batch | {"image": batch["image"].astype(np.float32) / 255}
    np.testing.assert_allclose(
        model(batch)["keypoints_2d"], model(float_batch)["keypoints_2d"], atol=1e-4
    )


def test_it_is_built_from_the_config_of_the_run():
    config = FinetuneConfig(encoder="resnet18", image_size=SIZE, precision="mixed_bfloat16")
    model = PoseRegressor(config)
    model.compile()
    assert keras.config.dtype_policy().name == "float32"
    assert {v.dtype for v in model.weights} == {"float32"}
    assert model.encoder.output_shape == (None, 512)
    logs = _logs(model, toy_batch(2))
    assert logs.keys() == {"loss", "loss_2d", "loss_depth", "loss_root", "error_3d_mm"}
    assert model.optimizers == [model.pose_optimizer]
    assert model.inference_pose is model.pose


def test_encoder_may_come_from_a_file(tmp_path):
    first = PoseRegressor(toy_config())
    first.encoder.save_weights(tmp_path / "encoder.weights.h5")
    second = PoseRegressor(toy_config(init_from=str(tmp_path / "encoder.weights.h5")))
    for ours, theirs in zip(second.encoder.weights, first.encoder.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("projection", [pytest.param("hidden", marks=_LONG), "points"])
def test_kept_projection_is_averaged_too(projection):
    model = PoseRegressor(
        toy_config(
            projection=projection, projection_width=24, num_points=10, averaging_momentum=0.9
        )
    )
    model.compile()
    width = {"hidden": 24, "points": 20}[projection]
    assert model.pose.get_layer("head").kernel.shape == (width, 63)
    batch = toy_batch(4)
    logs = _logs(model, batch)
    assert np.isfinite(logs["loss"])
    ours, average = model.pose.weights, model.averaged_pose.weights
    assert [v.shape for v in ours] == [v.shape for v in average]
    assert any(np.any(np.array(a) != np.array(b)) for a, b in zip(ours, average, strict=True))


@pytest.mark.parametrize("optimizer", ["adam", pytest.param("adamw", marks=_LONG)])
def test_one_replica_equals_two(tmp_path, optimizer):
    changes = {
        "optimizer": optimizer,
        "refine_root": True,
        "averaging_momentum": 0.9,
        "synchronized_batch_norm": True,
        "weight_decay": 0.05,
        "precision": "float64",
    }
    script = ROOT / "tests" / "hand_pose" / "regressor_runs.py"
    # A process of its own: two logical processors, and a failed collective poisons its process.
    done = subprocess.run(
        [sys.executable, script, tmp_path / "runs.npz", json.dumps(changes), "2"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "runs.npz") as arrays:
        runs = {name: arrays[name] for name in arrays.files}
    assert (runs["one/replicas"], runs["two/replicas"]) == (1, 2)
    names = {name.removeprefix("one/") for name in runs if name.startswith("one/")}
    assert len(names) > 40
    for name in names - {"replicas"}:
        np.testing.assert_allclose(
            runs[f"two/{name}"], runs[f"one/{name}"], rtol=1e-6, atol=1e-7, err_msg=name
        )
