"""Errors of the 2.5D pose: the official numbers, values by hand, joints that do not count."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.codecs import WRIST_TO_INDEX, decode, root_depth
from keras_pose.losses import (
    joint_shares,
    lifted_error,
    pixel_error,
    relative_depth_error,
    root_depth_error,
)
from keras_pose.skeletons import HAND_21_AIT


@pytest.fixture(scope="module")
def official():
    path = Path(__file__).parents[1] / "golden" / "peclr" / "b3_supervised_losses.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float64) for name in arrays.files}


@pytest.mark.parametrize("suffix", ["", "_allvalid"])
def test_losses_equal_the_official_code(official, suffix):
    valid = np.ones((8, 21)) if suffix else official["valid"][..., 0]
    weights = valid / valid.sum()
    predicted, true = official["pred25d"], official["true25d"]
    loss_2d = tf.reduce_sum(pixel_error(predicted[..., :2], true[..., :2], weights))
    np.testing.assert_allclose(loss_2d, official["loss_2d" + suffix], rtol=1e-5)
    depths = predicted[..., 2], true[..., 2]
    loss_z = tf.reduce_sum(relative_depth_error(*depths, weights))
    np.testing.assert_allclose(loss_z, official["loss_z" + suffix], rtol=1e-5)
    metres = relative_depth_error(*depths, weights * official["scale"][:, None])
    np.testing.assert_allclose(
        tf.reduce_sum(metres), official["loss_z_unscaled" + suffix], rtol=1e-5
    )


def test_lifted_error_equals_the_official_code(official):
    points, matrix = official["pred25d"], official["K"]
    depth, _ = root_depth(points, matrix, WRIST_TO_INDEX, HAND_21_AIT)
    weights = official["valid"][..., 0] / official["valid"].sum()
    metres = decode(points, depth, matrix, official["scale"])
    error = tf.reduce_sum(lifted_error(metres, official["joints3d"], weights))
    np.testing.assert_allclose(error, official["loss_3d"], rtol=1e-4)


def test_values_by_hand():
    points = np.array([[[0.0, 0.0], [10.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]])
    target = np.array([[[1.0, 3.0], [0.0, 0.0]], [[1.0, 1.0], [2.0, 4.0]]])
    # Half of |du| + |dv|: 2 and 7; 0 and 1.
    np.testing.assert_allclose(
        pixel_error(points, target, np.array([[1.0, 0], [0.5, 0.5]])), [2, 0.5]
    )
    depth = relative_depth_error(points[..., 0], target[..., 0], np.full((2, 2), 0.5))
    np.testing.assert_allclose(depth, [5.5, 0.0])
    root = root_depth_error(np.array([12.0, 9.0]), np.array([10.0, 0.0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(root, [2.0, 0.0])


def test_shares_by_hand():
    valid = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
    np.testing.assert_allclose(joint_shares(valid), [[0.5, 0.5, 0, 0], [0] * 4, [0.25] * 4])


def test_a_joint_that_does_not_count_may_be_nan():
    points = tf.Variable([[[1.0, 2.0], [5.0, 5.0]]])
    target = np.array([[[0.0, 0.0], [np.nan, np.inf]]], np.float32)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(pixel_error(points, target, np.array([[1.0, 0.0]])))
    np.testing.assert_allclose(value, 1.5)
    np.testing.assert_allclose(tape.gradient(value, points), [[[0.5, 0.5], [0.0, 0.0]]])


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="must have the same shape"):
        pixel_error(np.zeros((2, 21, 2)), np.zeros((21, 2)), np.ones(21))
