"""Depth regression: the student learns what its teacher knows, labels come in the pose's unit."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.lifting.data import Poses, depth_targets
from keras_pose.tips.config import Config
from keras_pose.tips.draws import mirror_depths, mirror_poses
from keras_pose.tips.regression import DepthRegressor

SMALL = {
    "width": 32,
    "num_blocks": 1,
    "split": "whole",
    "learning_rate": 3e-3,
    "num_steps": 500,
    "ema_momentum": 0.9,
    "geometry": "orthographic",
    "input_2d": "orthographic",
}
WEIGHTS = np.random.default_rng(8).normal(0, 0.2, (16, 2)).astype(np.float32)


def _oracle(points_2d):
    """A depth that any pose tells by itself and that mirroring carries along."""
    return 0.6 * points_2d[..., 1]


def _poses(count, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, 16, 2)).astype(np.float32)


def _train(model, data):
    model.compile()
    step = tf.function(model.train_step, autograph=False)
    errors = []
    for number in range(SMALL["num_steps"]):
        model.tracker.reset_state()
        rows = np.arange(number * 32, number * 32 + 32) % len(data[0])
        batch = tuple(array[rows] for array in data)
        errors.append(float(step(batch[0] if len(batch) == 1 else batch)["depth_error"]))
    return errors


def _spread(depth):
    return float(np.mean((depth - np.mean(depth)) ** 2))


def test_student_learns_an_oracle_teacher_and_generalises():
    model = DepthRegressor(Config(**SMALL), teacher=_oracle)
    errors = _train(model, (_poses(2000),))
    unseen = _poses(500, seed=1)
    depth = np.array(model(unseen))[..., 2]
    error = np.mean((depth - np.array(_oracle(unseen))) ** 2)
    assert errors[-1] < 0.1 * errors[0]
    assert error < 0.1 * _spread(np.array(_oracle(unseen)))


def test_supervised_learns_its_labels_with_mirroring():
    poses = _poses(2000)
    labels = np.array(_oracle(poses))
    model = DepthRegressor(Config(**SMALL, model="supervised"))
    errors = _train(model, (poses, labels))
    # The oracle is the same for both sides, so mirrored labels contradict nothing.
    assert errors[-1] < 0.15 * errors[0]


def test_every_trainable_variable_moves_and_the_average_follows():
    model = DepthRegressor(Config(**{**SMALL, "width": 8}), teacher=_oracle)
    model.compile()
    before = [np.array(variable) for variable in model.trainable_variables]
    averaged = [np.array(variable) for variable in model.averaged_lifter.weights]
    model.train_step(_poses(16))
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert not np.array_equal(old, new), new.path
    # Momentum after the first step is 2 / 11.
    pairs = zip(averaged, model.averaged_lifter.weights, model.lifter.weights, strict=True)
    for old, average, raw in pairs:
        np.testing.assert_allclose(average, (2 * old + 9 * np.array(raw)) / 11, atol=1e-6)


def test_the_teacher_is_not_trained():
    frozen = tf.Variable(WEIGHTS)
    model = DepthRegressor(
        Config(**SMALL), teacher=lambda points_2d: tf.reduce_sum(points_2d * frozen, axis=-1)
    )
    model.compile()
    model.train_step(_poses(16))
    np.testing.assert_array_equal(frozen, WEIGHTS)


def test_labels_are_mirrored_with_their_poses():
    # Labels that are each joint's own |x|: right for a mirrored pose only if they move along with it.
    poses, every = _poses(64), np.ones(64, np.float32)
    labels = np.abs(poses[..., 0])
    mirrored = np.array(mirror_poses(poses, every, "swap"))
    moved = mirror_depths(labels, every, "swap")
    np.testing.assert_array_equal(np.abs(mirrored[..., 0]), moved)
    assert not np.array_equal(labels, moved)


def test_depth_targets_are_in_units_of_the_pose():
    random = np.random.default_rng(3)
    points_3d = random.normal(size=(4, 17, 3)).astype(np.float32)
    points_3d -= points_3d[:, :1]
    scale = np.array([0.5, 1.0, 2.0, 30.0], np.float32)
    points_2d = points_3d[:, 1:, :2] / scale[:, None, None]
    poses = Poses(points_2d, scale, points_3d, "test")
    expected = points_3d[:, 1:, 2] / scale[:, None]
    np.testing.assert_allclose(depth_targets(poses), expected, rtol=1e-5, atol=1e-6)


def test_supervised_without_labels_is_refused():
    poses = Poses(_poses(4), np.ones(4), None, "mine.npz")
    with pytest.raises(ValueError, match="mine.npz: supervised training needs 3D labels"):
        depth_targets(poses)
