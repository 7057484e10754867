"""Laws of one adversarial training step: what moves, what follows, what stays apart."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import losses
from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config

SMALL = {"width": 16, "num_blocks": 1, "discriminator_blocks": 1, "num_steps": 10}


def _poses(count=8):
    random = np.random.default_rng(11)
    return random.uniform(-1, 1, (count, 16, 2)).astype(np.float32)


def _model(**settings):
    model = AdversarialLifter(Config(**{**SMALL, **settings}))
    model.compile()
    return model


def _values(variables):
    return {variable.path: np.array(variable) for variable in variables}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"pitch": "learnt", "split": "five", "norm": "batch", "adversary": "cross_entropy"},
        {"dropout": 0.3, "three_d_weight": 1.0, "deformation_weight": 1.0},
        {"geometry": "orthographic", "pitch": "none", "split": "whole", "norm": "none"},
        {"precision": "float64", "pitch": "learnt"},
        {"precision": "mixed_bfloat16", "adversarial_views": "all"},
    ],
    ids=["default", "five batch", "dropout", "whole orthographic", "float64", "bfloat16"],
)
def test_every_trainable_variable_moves_in_one_step(settings):
    model = _model(**settings)
    before = _values(model.trainable_variables)
    logs = model.train_step(_poses())
    after = _values(model.trainable_variables)
    # A bias right before batch normalisation has no effect but that of rounding.
    idle = {path for path in before if model.config.norm == "batch" and path.endswith("bias")}
    still = [path for path in before if np.array_equal(before[path], after[path])]
    assert sorted(set(still) - idle) == []
    assert len(before) > 15
    assert all(np.isfinite(float(value)) for value in logs.values())
    for optimizer in model.optimizers:
        assert int(optimizer.iterations.numpy()) == 1


def test_averages_start_equal_and_follow():
    model = _model(ema_momentum=0.999, norm="batch")
    raw, averaged = model.lifter.weights, model.averaged_lifter.weights
    start = [np.array(variable) for variable in raw]
    for mine, average in zip(start, averaged, strict=True):
        np.testing.assert_array_equal(mine, average)
    expected = start
    for step in (1, 2, 3):
        model.train_step(_poses())
        # Early on the average forgets quickly: momentum (1 + n) / (10 + n) after n steps.
        momentum = (1 + step) / (10 + step)
        expected = [
            momentum * old + (1 - momentum) * np.array(new)
            for old, new in zip(expected, raw, strict=True)
        ]
        for value, average in zip(expected, averaged, strict=True):
            np.testing.assert_allclose(average, value, rtol=1e-5, atol=1e-7)


def test_averages_are_what_is_lifted_with():
    model = _model()
    for variable in model.averaged_lifter.weights:
        variable.assign(tf.zeros_like(variable))
    depth = np.array(model(_poses()))[..., 2]
    np.testing.assert_array_equal(depth, np.zeros((8, 16)))
    assert np.any(np.array(model(_poses(), training=True))[..., 2])
    without = _model(ema_momentum=0.0)
    assert without.averaged_lifter is None
    assert without.inference_lifter is without.lifter


def test_the_averaged_lifter_is_not_trained_itself():
    model = _model()
    trained = {id(variable) for variable in model.trainable_variables}
    assert not trained & {id(variable) for variable in model.averaged_lifter.variables}


def test_mixed_precision_keeps_losses_and_variables_in_float32():
    model = _model(precision="mixed_bfloat16")
    assert model.lifter.generators[0].stem.compute_dtype == "bfloat16"
    logs = model.train_step(_poses())
    assert {value.dtype for value in logs.values()} == {tf.float32}
    weights = [v for v in model.variables if "seed_generator" not in v.path]
    assert {variable.dtype for variable in weights} == {"float32"}
    assert model(_poses()).dtype == tf.float32


def test_bfloat16_losses_are_near_those_of_float32():
    exact, coarse = _model(), _model(precision="mixed_bfloat16")
    coarse.set_weights(exact.get_weights())
    expected, got = exact.train_step(_poses()), coarse.train_step(_poses())
    for name in ("adversarial", "reprojection", "ninety_degree", "bone_ratio"):
        assert float(got[name]) == pytest.approx(float(expected[name]), rel=0.1, abs=0.02)


def test_legs_never_learn_from_torso_inputs():
    model = _model(split="legs_torso")
    points_2d = tf.constant(_poses())
    with tf.GradientTape() as tape:
        tape.watch(points_2d)
        legs = tf.reduce_sum(model.lifter(points_2d)[:, :6] ** 2)
    slopes = tape.gradient(legs, points_2d).numpy()
    np.testing.assert_array_equal(slopes[:, 6:], np.zeros((8, 10, 2)))
    assert np.all(np.any(slopes[:, :6], axis=(0, 2)))


@pytest.mark.parametrize("split", ["legs_torso", "five"])
def test_consistency_of_one_part_teaches_that_part_alone(split):
    # Only the adversarial term sees the whole pose (specs of TIPS, 13.5).
    model = _model(split=split, adversarial_weight=0.0, bone_ratio_weight=0.0)
    part = model.lifter.slices[model.lifter.generators[0].name]
    points_2d = tf.constant(_poses())
    variables = [v.value for v in model.lifter.trainable_variables]
    rotation = tf.eye(3, batch_shape=[8])
    with tf.GradientTape() as tape:
        lifted = model.geometry.lift(points_2d, model.lifter(points_2d))
        model.part_mean = [1.0 if part.start <= j < part.stop else 0.0 for j in range(16)]
        terms = model.cycle(model.lifter, points_2d, lifted, rotation, model.pitch_rad(), True)
        loss = tf.reduce_sum(terms["reprojection"]) + tf.reduce_sum(terms["ninety_degree"])
    slopes = tape.gradient(loss, variables)
    own = len(model.lifter.generators[0].trainable_variables)
    assert all(np.any(slope) for slope in slopes[:own])
    assert not any(np.any(slope) for slope in slopes[own:] if slope is not None)


def test_scale_gradient_is_the_identity_with_a_factor_per_joint_in_its_slope():
    values = tf.constant(np.random.default_rng(0).normal(size=(4, 3, 2)))
    with tf.GradientTape() as tape:
        tape.watch(values)
        same = losses.scale_gradient(values, [0.375, 0.0, 2.0])
        loss = tf.reduce_sum(same**2)
    np.testing.assert_allclose(same, values, rtol=1e-15)
    expected = 2.0 * values.numpy() * np.array([0.375, 0.0, 2.0])[:, None]
    np.testing.assert_allclose(tape.gradient(loss, values), expected, rtol=1e-14)


def test_shares_of_the_adversarial_term_are_the_authors():
    # 6/16 for the legs, 10/16 for the torso, times the weight.
    model = _model(split="legs_torso", adversarial_weight=2.0)
    np.testing.assert_allclose(model.adversarial_share, [0.75] * 6 + [1.25] * 10)
    np.testing.assert_allclose(model.part_mean, [1 / 6] * 6 + [1 / 10] * 10)
    np.testing.assert_allclose(_model(split="whole").adversarial_share, [1.0] * 16)
    five = _model(split="five").adversarial_share
    np.testing.assert_allclose(five, [3 / 16] * 6 + [4 / 16] * 4 + [3 / 16] * 6)


@pytest.mark.parametrize("label", [1.0, 0.8])
def test_exchanged_labels_change_places(label):
    model = _model(real_label=label)
    real, fake = _poses(4), _poses(8)[4:]
    straight, real_scores, fake_scores = model.discriminator_loss(real, fake, np.zeros(4, "f4"))
    r, f = np.array(real_scores), np.array(fake_scores)
    np.testing.assert_allclose(straight, 0.5 * (f**2 + (r - label) ** 2), rtol=1e-5)
    crossed, again, _ = model.discriminator_loss(real, fake, np.ones(4, "f4"))
    np.testing.assert_array_equal(again, real_scores)
    np.testing.assert_allclose(crossed, 0.5 * ((f - label) ** 2 + r**2), rtol=1e-5)


def test_discriminator_learns_before_the_generators_and_not_from_their_half():
    model = _model(adversarial_weight=0.0, label_exchange=0.0)
    twin = _model(adversarial_weight=100.0, label_exchange=0.0)
    twin.set_weights(model.get_weights())
    model.train_step(_poses())
    twin.train_step(_poses())
    # The generators' weight of the adversarial term does not reach the discriminator.
    for mine, theirs in zip(model.discriminator.weights, twin.discriminator.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    moved = [np.array_equal(a, b) for a, b in zip(
        model.lifter.weights, twin.lifter.weights, strict=True)]  # fmt: skip
    assert not any(moved)


def test_a_step_is_a_function_of_seed_and_step():
    logs = [_model(seed=seed) for seed in (3, 3, 4)]
    for model in logs[1:]:
        model.set_weights(logs[0].get_weights())
    first, same, other = ({k: float(v) for k, v in m.train_step(_poses()).items()} for m in logs)
    assert first == same
    assert first["reprojection"] != other["reprojection"]


def test_testing_changes_nothing():
    model = _model(norm="batch", dropout=0.3)
    before = [np.array(variable) for variable in model.weights]
    logs = model.test_step(_poses())
    for value, variable in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(value, variable)
    assert {"reprojection", "discriminator_gap", "adversarial"} <= set(logs)


def test_each_network_has_an_optimizer_of_its_own():
    model = _model(split="five", pitch="learnt", bone_ratios="learnt")
    names = [optimizer.name for optimizer in model.optimizers]
    assert len(set(names)) == len(names) == 5 + 1 + 2
    # Each has two moments per variable of its own, and a step counter.
    moments = sum(len(optimizer.variables) - 1 for optimizer in model.optimizers)
    assert moments == 2 * len(model.trainable_variables)


def test_pitch_and_bone_ratios_learn_at_rates_of_their_own():
    rates = {"pitch_learning_rate": 0.5, "bone_ratio_learning_rate": 0.25, "learning_rate": 0.125}
    model = _model(pitch="learnt", bone_ratios="learnt", **rates)
    pitch, ratios = (float(optimizer.learning_rate) for optimizer in model.scene_optimizers)
    assert (pitch, ratios) == (0.5, 0.25)
