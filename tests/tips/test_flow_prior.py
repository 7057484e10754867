"""A normalising flow as the prior: who learns from it, and what it learns from."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.tips import training
from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config
from keras_pose.tips.draws import draw_noise

SMALL = {
    "width": 16, "num_blocks": 1, "discriminator_blocks": 1, "num_steps": 10, "prior": "flow",
    "flow_width": 8, "flow_couplings": 2, "batch_size": 8,
}  # fmt: skip


def _poses(count=8):
    return np.random.default_rng(11).uniform(-1, 1, (count, 16, 2)).astype(np.float32)


def _model(**settings):
    model = AdversarialLifter(Config(**{**SMALL, **settings}))
    model.compile()
    # At their start couplings ignore what they keep.
    for coupling in model.pose_flow.flows[0].couplings if model.pose_flow is not None else ():
        coupling.head.kernel.assign(tf.random.stateless_normal(coupling.head.kernel.shape, [1, 2]))
    return model


@pytest.mark.parametrize("settings", [{}, {"prior": "both"}, {"accumulation_steps": 2}])
def test_lifter_and_flow_learn_and_only_both_has_a_discriminator(settings):
    model = _model(**settings)
    networks = [*model.lifter.generators, *model.pose_flow.flows]
    assert (model.discriminator is not None) == (settings.get("prior") == "both")
    networks += [model.discriminator] if model.discriminator is not None else []
    before = [[np.array(v) for v in network.trainable_variables] for network in networks]
    frames = [np.array(v) for frame in model.pose_flow.frames for v in frame.weights]
    logs = model.train_step(_poses())
    for network, values in zip(networks, before, strict=True):
        pairs = zip(values, network.trainable_variables, strict=True)
        assert any(not np.array_equal(old, new) for old, new in pairs), network.name
    assert ("adversarial" in logs) == (model.discriminator is not None)
    assert {"flow", "flow_loss"} <= set(logs)
    assert all(np.isfinite(float(value)) for value in logs.values())
    assert {int(optimizer.iterations.numpy()) for optimizer in model.optimizers} == {1}
    # The frame is taken from data and not learnt.
    for old, new in zip(
        frames, (v for f in model.pose_flow.frames for v in f.weights), strict=True
    ):
        np.testing.assert_array_equal(old, new)
    assert {"flow", "flow_loss"} <= set(model.test_step(_poses()))


def test_the_discriminator_alone_has_no_flow():
    model = _model(prior="discriminator")
    assert model.pose_flow is None
    logs = model.train_step(_poses())
    assert "adversarial" in logs
    assert not {"flow", "flow_loss"} & set(logs)


def test_each_generator_learns_from_the_density_of_its_own_part():
    silent = {"reprojection_weight": 0.0, "ninety_degree_weight": 0.0, "bone_ratio_weight": 0.0}
    model = _model(**silent, pitch="none", elevation_range_deg=0.0)
    points_2d = tf.constant(_poses())
    # A turn about y mixes x and depth of the same joint, never joints.
    turn = tf.constant([[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]] * 8)
    with tf.GradientTape(persistent=True) as tape:
        lifted = model.geometry.lift(points_2d, model.lifter(points_2d))
        terms = model.cycle(model.lifter, points_2d, lifted, turn, model.pitch_rad(), True)
        legs, torso = tf.unstack(model.pose_flow(terms["view"]), axis=1)
        loss, means = model.generator_loss(terms)
    np.testing.assert_allclose(terms["flow"], -(legs + torso) / 32, rtol=1e-6)
    assert float(loss) == pytest.approx(model.config.flow_weight * float(means["flow"]))
    own = [v.value for v in model.lifter.generators[0].trainable_variables]
    other = [v.value for v in model.lifter.generators[1].trainable_variables]
    assert all(np.any(slope) for slope in tape.gradient(loss, own + other))
    assert all(np.any(slope) for slope in tape.gradient(legs, own))
    assert not any(slope is not None and np.any(slope) for slope in tape.gradient(legs, other))


def test_the_flow_learns_real_poses_alone():
    model, twin = _model(), _model(flow_weight=100.0)
    twin.set_weights(model.get_weights())
    model.train_step(_poses())
    twin.train_step(_poses())
    flows = zip(model.pose_flow.weights, twin.pose_flow.weights, strict=True)
    assert all(np.array_equal(mine, theirs) for mine, theirs in flows)
    lifters = zip(model.lifter.weights, twin.lifter.weights, strict=True)
    assert any(not np.array_equal(mine, theirs) for mine, theirs in lifters)


def test_the_lifter_rests_while_the_flow_is_ahead():
    model = _model(flow_steps_ahead=2, bone_ratio_weight=0.0)
    start = [np.array(variable) for variable in model.lifter.weights]
    for is_resting in (True, True, False):
        flow = [np.array(variable) for variable in model.pose_flow.flows[0].weights]
        model.train_step(_poses())
        moved = [
            not np.array_equal(old, v) for old, v in zip(start, model.lifter.weights, strict=True)
        ]
        assert any(moved) != is_resting
        news = zip(flow, model.pose_flow.flows[0].weights, strict=True)
        assert any(not np.array_equal(old, new) for old, new in news)


def test_real_poses_become_likelier():
    model = _model(flow_learning_rate=1e-2, learning_rate_schedule="constant")
    before = np.mean(model.unlikeliness(_poses()))
    for _ in range(5):
        model.train_step(_poses())
    assert np.mean(model.unlikeliness(_poses())) < before - 0.01


def test_noise_is_a_function_of_seed_and_step():
    config = Config(flow_noise=0.5)
    noise = np.array(draw_noise(config, 4000, 3))
    np.testing.assert_array_equal(noise, draw_noise(config, 4000, 3))
    assert np.std(noise) == pytest.approx(0.5, rel=0.02)
    for other in (draw_noise(config, 4000, 4), draw_noise(Config(seed=1), 4000, 3)):
        assert not np.array_equal(noise, other)


def test_training_takes_the_frame_from_poses_and_their_mirror_images():
    class Data:
        @staticmethod
        def batches(first_step):
            assert first_step == 0
            return tf.data.Dataset.from_tensors(tf.constant(_poses())).repeat()

    model = training.build_model(Config(**SMALL), Data())
    frame = model.pose_flow.frames[0]
    # Right and left leg exchanged, x negated: their means are each other's mirror image.
    mean = np.array(frame.mean).reshape(6, 2)
    np.testing.assert_allclose(mean[:3] * [-1, 1], mean[3:], atol=1e-6)
    assert np.any(np.abs(mean[:, 1]) > 0.01)
    untouched = training.build_model(Config(**SMALL)).pose_flow.frames[0]
    np.testing.assert_array_equal(untouched.mean, np.zeros(12))
