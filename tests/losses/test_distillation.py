"""Distillation: hand values, gradients, and no gradient into the teacher."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import losses


def _gradients(function, *values):
    tensors = [tf.constant(value, tf.float64) for value in values]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        result = tf.reduce_sum(function(*tensors))
    return tape.gradient(result, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def test_trust_falls_with_the_teachers_error_and_needs_a_label_to_fall():
    teacher = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0], [np.nan, 0.0]])
    label = np.array([[0.0, 0.0], [0.0, 0.0], [np.nan, 0.0], [0.0, 0.0]])
    trust = losses.teacher_trust(teacher, label, np.array([1, 1, 0, 1]), 5.0)
    np.testing.assert_allclose(trust, [1.0, np.exp(-1.0), 1.0, 0.0], rtol=1e-12)


def test_trust_has_no_gradient():
    gradients = _gradients(
        lambda said, true: losses.teacher_trust(said, true, np.ones(2), 1.0),
        np.ones((2, 2)),
        np.zeros((2, 2)),
    )
    assert all(np.all(np.asarray(gradient) == 0) for gradient in gradients)


def test_maps_of_one_size_give_the_weighted_mean_square():
    student = np.zeros((1, 2, 2, 2))
    teacher = np.zeros((1, 2, 2, 2))
    teacher[0, 0, 0] = [2.0, 4.0]
    # Squares 4 and 16 over 4 pixels each, weights 1 and 0.5, over 2 joints.
    value = losses.map_imitation(student, teacher, np.array([[1.0, 0.5]]))
    np.testing.assert_allclose(value, [(4 / 4 + 0.5 * 16 / 4) / 2], rtol=1e-12)


def test_coarser_maps_of_the_teacher_are_widened():
    teacher = np.zeros((1, 2, 2, 1))
    teacher[0, :, 1, 0] = 4.0
    # Pixel centres of the fine map lie at 0.25, 0.75, 1.25, 1.75 coarse pixels.
    row = np.array([0.0, 1.0, 3.0, 4.0])
    same = np.broadcast_to(row[None, None, :, None], (1, 4, 4, 1))
    np.testing.assert_allclose(losses.map_imitation(same, teacher, np.ones((1, 1))), [0.0])
    # 26 a row over 4 pixels.
    value = losses.map_imitation(np.zeros((1, 4, 4, 1)), teacher, np.ones((1, 1)))
    np.testing.assert_allclose(value, [26 / 4], rtol=1e-12)


def test_points_and_numbers_give_the_weighted_mean_of_absolute_differences():
    student = np.array([[[1.0, 2.0], [0.0, 0.0]]])
    teacher = np.array([[[0.0, 0.0], [4.0, -2.0]]])
    # (1 + 2) / 2 and half of (4 + 2) / 2, over two joints.
    value = losses.point_imitation(student, teacher, np.array([[1.0, 0.5]]))
    np.testing.assert_allclose(value, [(1.5 + 1.5) / 2], rtol=1e-12)
    value = losses.number_imitation([[1.0, np.nan]], [[-2.0, 7.0]], [[1.0, 0.0]])
    np.testing.assert_allclose(value, [1.5], rtol=1e-6)


def test_gradients_reach_the_student_alone():
    student = np.array([[[1.0, -2.0], [3.0, 1.0]]])
    teacher = np.zeros((1, 2, 2))
    weights = np.array([[1.0, 0.5]])
    to_student, to_teacher = _gradients(
        lambda s, t: losses.point_imitation(s, t, weights), student, teacher
    )
    # Signs times the weight over 2 coordinates and 2 joints.
    np.testing.assert_allclose(to_student, [[[0.25, -0.25], [0.125, 0.125]]], rtol=1e-12)
    assert np.all(np.asarray(to_teacher) == 0)
    maps = np.full((1, 2, 2, 1), 3.0)
    to_student, to_teacher = _gradients(
        lambda s, t: losses.map_imitation(s, t, np.ones((1, 1))), maps, np.ones((1, 2, 2, 1))
    )
    np.testing.assert_allclose(to_student, np.full((1, 2, 2, 1), 2 * 2.0 / 4), rtol=1e-12)
    assert np.all(np.asarray(to_teacher) == 0)


def test_features_are_compared_by_direction():
    student = np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    teacher = np.array([[5.0, 0.0], [5.0, 0.0], [5.0, 0.0], [5.0, 0.0], [5.0, 0.0]])
    value = losses.feature_imitation(student, teacher)
    np.testing.assert_allclose(value, [0, 1, 2, 1 - np.sqrt(0.5), 1], atol=1e-12)
    to_student, to_teacher = _gradients(losses.feature_imitation, [[0.0, 2.0]], [[3.0, 0.0]])
    # The cosine of (e, 2) with the x axis is e / 2.
    np.testing.assert_allclose(to_student, [[-0.5, 0.0]], atol=1e-12)
    assert np.all(np.asarray(to_teacher) == 0)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="batch, height, width, joints"):
        losses.map_imitation(np.zeros((2, 2, 1)), np.zeros((2, 2, 1)), np.ones(1))
    with pytest.raises(ValueError, match="teacher's width"):
        losses.feature_imitation(np.zeros((1, 2)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="tolerance"):
        losses.teacher_trust(np.zeros((1, 2)), np.zeros((1, 2)), np.ones(1), 0.0)
