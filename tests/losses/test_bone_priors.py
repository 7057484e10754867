"""Bone-ratio prior: values by hand, invariance to size, gradients, degenerate poses."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.losses import bone_ratio_prior


def test_by_hand():
    lengths = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    # Over their mean: (0.5, 1, 1.5) and (1, 1, 1); from (1, 1, 2): 0.25 + 0 + 0.25 and 0 + 0 + 1.
    np.testing.assert_allclose(bone_ratio_prior(lengths, np.array([1.0, 1.0, 2.0])), [0.5, 1.0])


def test_a_pose_of_the_tables_proportions_scores_nothing_at_any_size():
    ratios = np.array([0.5, 1.5, 1.0, 1.0])
    for size in (1e-3, 1.0, 450.0):
        np.testing.assert_allclose(bone_ratio_prior(size * ratios, ratios), 0.0, atol=1e-28)


def test_a_pose_without_extent_scores_the_tables_squares_with_finite_slope():
    ratios = np.array([0.5, 1.5, 1.0])
    lengths = tf.zeros((2, 3), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(lengths)
        values = bone_ratio_prior(lengths, ratios)
    np.testing.assert_allclose(values, [3.5, 3.5])
    assert np.all(np.isfinite(tape.gradient(values, lengths)))


def test_slopes_of_finite_differences_in_lengths_and_table():
    random = np.random.default_rng(0)
    lengths = tf.constant(random.uniform(0.5, 2.0, (3, 5)))
    ratios = tf.constant(random.uniform(0.5, 1.5, 5))
    theory, numeric = tf.test.compute_gradient(bone_ratio_prior, [lengths, ratios], delta=1e-6)
    for slope, finite_difference in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(slope, finite_difference, atol=1e-8)
    # Growing all bones alike changes nothing, so the slope along the pose itself vanishes.
    slopes = theory[0].reshape(3, 3, 5)[np.arange(3), np.arange(3)]
    np.testing.assert_allclose(np.sum(slopes * lengths, axis=-1), 0.0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_kept_and_graph_equals_eager(dtype):
    lengths = np.random.default_rng(2).uniform(0.5, 2.0, (4, 5)).astype(dtype)
    ratios = np.ones(5, dtype)
    eager = bone_ratio_prior(lengths, ratios)
    assert eager.dtype == dtype
    np.testing.assert_allclose(tf.function(bone_ratio_prior)(lengths, ratios), eager, rtol=1e-6)
