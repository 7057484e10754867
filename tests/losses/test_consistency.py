"""Consistency losses: values by hand, gradients in float64, points that coincide."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import losses

PER_JOINT = [losses.squared_error, losses.absolute_error, losses.distance, losses.deformation]


def test_errors_of_one_joint_by_hand():
    points = np.array([[[3.0, -4.0], [1.0, 1.0]]])
    target = np.array([[[0.0, 0.0], [1.0, 3.0]]])
    np.testing.assert_allclose(losses.squared_error(points, target), [[12.5, 2.0]])
    np.testing.assert_allclose(losses.absolute_error(points, target), [[3.5, 1.0]])
    np.testing.assert_allclose(losses.distance(points, target), [[5.0, 2.0]])


def test_slopes_by_hand():
    points = tf.constant([[[3.0, -4.0]]])
    slopes = {}
    for loss in (losses.squared_error, losses.absolute_error, losses.distance):
        with tf.GradientTape() as tape:
            tape.watch(points)
            value = loss(points, tf.zeros_like(points))
        slopes[loss.__name__] = tape.gradient(value, points).numpy()[0, 0].tolist()
    assert slopes["squared_error"] == pytest.approx([3.0, -4.0])
    assert slopes["absolute_error"] == pytest.approx([0.5, -0.5])
    assert slopes["distance"] == pytest.approx([0.6, -0.8])


def test_deformation_by_hand():
    # Poses of one joint on a line. Change to the pose before: (1 - 6, 3 - 1, 6 - 3) = (-5, 2, 3);
    # in the target (0 - 4, 2 - 0, 4 - 2) = (-4, 2, 2).
    points = np.array([1.0, 3.0, 6.0]).reshape(3, 1, 1) * [[[1.0, 0.0, 0.0]]]
    target = np.array([0.0, 2.0, 4.0]).reshape(3, 1, 1) * [[[1.0, 0.0, 0.0]]]
    np.testing.assert_allclose(losses.deformation(points, target)[:, 0], [1.0, 0.0, 1.0])


def test_deformation_ignores_what_all_poses_share():
    random = np.random.default_rng(0)
    points, offset = random.normal(size=(5, 4, 3)), random.normal(size=(1, 4, 3))
    np.testing.assert_allclose(losses.deformation(points, points + offset), 0.0, atol=1e-15)
    # A lone pose has nobody to differ from.
    np.testing.assert_array_equal(losses.deformation(points[:1], random.normal(size=(1, 4, 3))), 0)


@pytest.mark.parametrize("loss", PER_JOINT, ids=lambda loss: loss.__name__)
def test_slopes_of_finite_differences(loss):
    random = np.random.default_rng(1)
    points, target = (tf.constant(random.normal(size=(3, 2, 3))) for _ in range(2))
    assert loss(points, target).shape == (3, 2)
    assert loss(points, target).dtype == tf.float64
    theory, numeric = tf.test.compute_gradient(loss, [points, target], delta=1e-6)
    for slope, finite_difference in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(slope, finite_difference, atol=1e-8)


@pytest.mark.parametrize("loss", PER_JOINT, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_coinciding_points_cost_nothing_and_push_nowhere(loss, dtype):
    points = tf.constant(np.random.default_rng(2).normal(size=(3, 4, 3)).astype(dtype))
    target = tf.identity(points)
    with tf.GradientTape() as tape:
        tape.watch(points)
        value = loss(points, target)
    np.testing.assert_array_equal(value, np.zeros((3, 4)))
    np.testing.assert_array_equal(tape.gradient(value, points), np.zeros((3, 4, 3)))


def test_distance_of_nearly_coinciding_points_stays_right():
    points = np.array([[[3e-12, 4e-12, 0.0]]])
    np.testing.assert_allclose(losses.distance(points, np.zeros_like(points)), [[5e-12]])


def test_weighted_joint_sum_by_hand():
    values = np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 10.0]])
    np.testing.assert_allclose(losses.weighted_joint_sum(values, [0.5, 0.5, 2.0]), [9.5, 20.5])
    thirds = losses.weighted_joint_sum(values, [1 / 3] * 3)
    np.testing.assert_allclose(thirds, [7 / 3, 11 / 3])
    assert thirds.dtype == tf.float64
    assert losses.weighted_joint_sum(values.astype(np.float32), [1.0] * 3).dtype == tf.float32


@pytest.mark.parametrize("loss", PER_JOINT, ids=lambda loss: loss.__name__)
def test_graph_equals_eager(loss):
    random = np.random.default_rng(3)
    points, target = random.normal(size=(4, 5, 3)), random.normal(size=(4, 5, 3))
    np.testing.assert_allclose(tf.function(loss)(points, target), loss(points, target), rtol=1e-14)
