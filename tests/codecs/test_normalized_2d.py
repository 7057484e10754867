"""Normalised 2D poses: values by hand, round trips at any size, poses that cannot be normalised."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_pose.codecs import (
    SCALE_RULES,
    decode_root_relative,
    encode_root_relative,
    pose_scale,
    valid_poses,
)

RULES = pytest.mark.parametrize("rule", SCALE_RULES)
COORDINATES = arrays.arrays(np.float64, (2, 5, 2), elements=st.floats(-1, 1, width=16))


def test_encoding_by_hand():
    points = np.array([[[10.0, 20.0], [13.0, 20.0], [10.0, 16.0]]])
    # Around the root (3, 0) and (0, -4); the largest coordinate is 4.
    normalized, scale = encode_root_relative(points)
    np.testing.assert_allclose(normalized, [[[0.75, 0.0], [0.0, -1.0]]])
    np.testing.assert_allclose(scale, [4.0])
    # The mean of the four squares is 25 / 4.
    normalized, scale = encode_root_relative(points, "root_mean_square")
    np.testing.assert_allclose(scale, [2.5])
    np.testing.assert_allclose(normalized, [[[1.2, 0.0], [0.0, -1.6]]])


def test_decoding_by_hand():
    lifted = np.array([[[0.5, -1.0, 2.0]]])
    np.testing.assert_allclose(
        decode_root_relative(lifted, np.array([4.0])), [[[0.0, 0.0, 0.0], [2.0, -4.0, 8.0]]]
    )


@RULES
@given(COORDINATES, st.integers(-100, 100), st.floats(-10, 10))
@settings(max_examples=40, deadline=None)
def test_round_trip_at_any_size(rule, shape, exponent, offset):
    points = (shape + offset) * 10.0**exponent
    normalized, scale = encode_root_relative(points, rule)
    back = np.array(decode_root_relative(normalized, scale)) + points[:, :1]
    # Centring and un-centring round to the size of the offset, not of the pose.
    np.testing.assert_allclose(back, points, rtol=1e-13, atol=1e-14 * np.abs(points).max())
    assert np.all(np.array(scale) > 0)
    if rule == "max_abs":
        assert np.abs(normalized).max(initial=0) <= 1.0


@RULES
@given(COORDINATES, st.integers(-30, 30))
@settings(max_examples=40, deadline=None)
def test_size_goes_into_the_scale_alone(rule, shape, exponent):
    shape[:, 1, 0] = shape[:, 0, 0] + 1.0  # not all joints on the root
    normalized, scale = encode_root_relative(shape.astype(np.float32), rule)
    size = np.float32(2.0**exponent)
    again, larger = encode_root_relative(shape.astype(np.float32) * size, rule)
    np.testing.assert_allclose(again, normalized, rtol=1e-6)
    np.testing.assert_allclose(larger, np.array(scale) * size, rtol=1e-6)


@RULES
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@given(joint=st.integers(0, 4), axis=st.integers(0, 1))
@settings(max_examples=10, deadline=None)
def test_a_broken_coordinate_spoils_its_own_pose_alone(rule, broken, joint, axis):
    points = np.random.default_rng(0).normal(size=(3, 5, 2))
    expected, expected_scale = encode_root_relative(points, rule)
    points[1, joint, axis] = broken
    np.testing.assert_array_equal(valid_poses(points), [True, False, True])
    normalized, scale = encode_root_relative(points, rule)
    np.testing.assert_array_equal(normalized[1], np.zeros((4, 2)))
    assert scale[1] == 1.0
    for good in (0, 2):
        np.testing.assert_array_equal(normalized[good], expected[good])
        assert scale[good] == expected_scale[good]


@RULES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_joints_farther_apart_than_numbers_reach_are_invalid_not_nan(rule, dtype):
    largest = np.finfo(dtype).max
    points = np.zeros((1, 3, 2), dtype)
    points[0, 0, 0], points[0, 1, 0] = -largest, largest
    assert not valid_poses(points)[0]
    normalized, scale = encode_root_relative(points, rule)
    np.testing.assert_array_equal(normalized, np.zeros((1, 2, 2)))
    np.testing.assert_array_equal(scale, [1.0])


@RULES
@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e20, 1e30])
def test_sizes_whose_squares_leave_float32_still_normalise(rule, size):
    points = np.array([[[0, 0], [3, 0], [0, -4]]], np.float32)
    expected, scale_of_one = encode_root_relative(points, rule)
    normalized, scale = encode_root_relative(points * np.float32(size), rule)
    np.testing.assert_allclose(normalized, expected, rtol=1e-5)
    np.testing.assert_allclose(scale, np.array(scale_of_one) * np.float32(size), rtol=1e-5)


@RULES
def test_a_pose_on_one_point_is_invalid_and_encodes_to_zeros(rule):
    points = np.full((2, 4, 2), 7.5, np.float32)
    points[1, 3, 1] = 8.0
    np.testing.assert_array_equal(valid_poses(points), [False, True])
    normalized, scale = encode_root_relative(points, rule)
    np.testing.assert_array_equal(normalized[0], np.zeros((3, 2)))
    assert scale[0] == 1.0


@RULES
@pytest.mark.parametrize("shape", [(0, 17, 2), (4, 0, 17, 2), (3, 1, 2)], ids=str)
def test_nothing_in_nothing_out(rule, shape):
    points = np.zeros(shape, np.float32)
    normalized, scale = encode_root_relative(points, rule)
    assert normalized.shape == (*shape[:-2], shape[-2] - 1, 2)
    assert scale.shape == shape[:-2]
    np.testing.assert_array_equal(scale, np.ones(shape[:-2]))
    assert decode_root_relative(normalized, scale).shape == shape
    assert valid_poses(points).shape == shape[:-2]


def test_unknown_rule_is_named():
    with pytest.raises(ValueError, match="scale rule must be one of .*, got 'median'"):
        pose_scale(np.zeros((1, 3, 2)), "median")


@RULES
def test_slopes_of_the_scale(rule):
    points = tf.constant(np.random.default_rng(1).normal(size=(2, 4, 2)))
    theory, numeric = tf.test.compute_gradient(lambda p: pose_scale(p, rule), [points], delta=1e-6)
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-8)


@RULES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_kept_and_graph_equals_eager(rule, dtype):
    points = np.random.default_rng(2).normal(size=(3, 5, 2)).astype(dtype)
    normalized, scale = encode_root_relative(points, rule)
    assert normalized.dtype == scale.dtype == dtype
    graph = tf.function(lambda p: encode_root_relative(p, rule))(tf.constant(points))
    np.testing.assert_allclose(graph[0], normalized, rtol=1e-6)
    np.testing.assert_allclose(graph[1], scale, rtol=1e-6)
