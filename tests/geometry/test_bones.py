"""Bones and lengths: 3-4-5 triangles, laws, gradients where a bone vanishes."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.geometry import bone_lengths, bone_vectors, length, rotate, rotation_z
from keras_pose.skeletons import H36M_17

POINTS = np.array([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [3.0, 4.0, 12.0], [3.0, 4.0, 12.0]])
CHAIN = ((0, 1), (1, 2), (2, 3))


def test_bones_by_hand():
    np.testing.assert_array_equal(bone_vectors(POINTS, CHAIN), [[3, 4, 0], [0, 0, 12], [0, 0, 0]])
    np.testing.assert_array_equal(bone_lengths(POINTS, CHAIN), [5, 12, 0])


def test_bones_of_a_picture_have_two_coordinates():
    np.testing.assert_array_equal(bone_lengths(POINTS[:, :2], CHAIN), [5, 0, 0])


def test_lengths_ignore_rotation_and_shift_and_follow_scale():
    poses = np.random.default_rng(0).normal(size=(5, 17, 3))
    moved = 2.5 * np.asarray(rotate(poses, rotation_z(np.float64(0.7)))) + [1, 2, 3]
    np.testing.assert_allclose(
        bone_lengths(moved, H36M_17.bones), 2.5 * bone_lengths(poses, H36M_17.bones), atol=1e-13
    )


def test_gradient_by_hand_and_zero_for_a_vanishing_bone():
    points = tf.Variable(POINTS)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(bone_lengths(points, CHAIN))
    # Each end is pulled along the unit bone; the bone of length zero pulls nothing.
    expected = [[-0.6, -0.8, 0], [0.6, 0.8, -1], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_allclose(tape.gradient(total, points), expected, atol=1e-15)


def test_gradient_equals_the_finite_difference():
    poses = np.random.default_rng(1).normal(size=(2, 17, 3))
    exact, numeric = tf.test.compute_gradient(
        lambda x: bone_lengths(x, H36M_17.bones), [tf.constant(poses)], delta=1e-5
    )
    np.testing.assert_allclose(exact[0], numeric[0], atol=1e-8)


def test_length_keeps_a_missing_joint_missing():
    got = length(np.array([[np.nan, 1.0], [3.0, 4.0]]))
    assert np.isnan(got[0]) and got[1] == 5
    assert length(np.zeros((4, 2)), keepdims=True).shape == (4, 1)


def test_graph_gives_the_eager_numbers():
    graph = tf.function(
        lambda x: bone_lengths(x, CHAIN), input_signature=[tf.TensorSpec([None, 3], tf.float64)]
    )
    np.testing.assert_array_equal(graph(POINTS), bone_lengths(POINTS, CHAIN))


@pytest.mark.parametrize(
    ("points", "bones", "complaint"),
    [
        (POINTS[0], CHAIN, r"points must have the shape \[\.\.\., joints, coordinates\]"),
        (POINTS, (), "bones is empty"),
        (POINTS, ((0, 4),), r"bones \(0, 4\) is joint 4, but the points have the joints 0 to 3"),
        (POINTS, ((-1, 0),), r"bones \(-1, 0\) is joint -1"),
    ],
)
def test_wrong_bones_are_refused(points, bones, complaint):
    with pytest.raises(ValueError, match=complaint):
        bone_lengths(points, bones)
