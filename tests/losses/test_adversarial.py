"""Adversarial losses: values and slopes by hand, extreme scores, against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.losses import cross_entropy_adversary, least_squares_adversary

LN2, LN3, LN4 = 0.6931471805599453, 1.0986122886681098, 1.3862943611198906


def _value_and_slope(loss, scores, target):
    scores = tf.constant(scores)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        values = loss(scores, target)
    return values.numpy(), tape.gradient(values, scores).numpy()


def test_least_squares_by_hand():
    values, slopes = _value_and_slope(least_squares_adversary, [2.0, -1.0, 0.5, 1.0], 1.0)
    np.testing.assert_array_equal(values, [1.0, 4.0, 0.25, 0.0])
    np.testing.assert_array_equal(slopes, [2.0, -4.0, -1.0, 0.0])


@pytest.mark.parametrize(
    ("score", "target", "value", "slope"),
    [
        # sigmoid(ln 3) = 3/4: the value is -t ln(3/4) - (1 - t) ln(1/4), the slope 3/4 - t.
        (LN3, 1.0, LN4 - LN3, -0.25),
        (LN3, 0.0, LN4, 0.75),
        (LN3, 0.8, LN4 - 0.8 * LN3, -0.05),
        (-LN3, 0.8, 0.8 * LN4 + 0.2 * (LN4 - LN3), -0.55),
        # At 0 the slope is 1/2 - t, where max(s, 0) and |s| alone have none.
        (0.0, 0.8, LN2, -0.3),
        (0.0, 0.0, LN2, 0.5),
        (0.0, 1.0, LN2, -0.5),
    ],
)
def test_cross_entropy_by_hand(score, target, value, slope):
    values, slopes = _value_and_slope(cross_entropy_adversary, np.array([score]), target)
    np.testing.assert_allclose(values, [value], rtol=1e-14)
    np.testing.assert_allclose(slopes, [slope], rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_extreme_scores_is_finite_and_right(dtype):
    scores = np.array([1e4, -1e4, 1e30, -1e30, 88.0, -104.0], dtype)
    values, slopes = _value_and_slope(cross_entropy_adversary, scores, 1.0)
    np.testing.assert_allclose(values, [0, 1e4, 0, 1e30, 0, 104], rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(slopes, [0, -1, 0, -1, 0, -1], atol=1e-30)
    values, slopes = _value_and_slope(cross_entropy_adversary, scores, 0.8)
    expected = 0.2 * np.maximum(scores, 0) + 0.8 * np.maximum(-scores, 0)
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    np.testing.assert_allclose(slopes, [0.2, -0.8] * 3, rtol=1e-6)


def test_a_confident_right_score_keeps_its_last_digits():
    # -ln(sigmoid(20)) = exp(-20) - exp(-40) / 2; subtracting 20 from 20 would leave nothing.
    value, _ = _value_and_slope(cross_entropy_adversary, np.array([20.0], np.float32), 1.0)
    np.testing.assert_allclose(value, [2.0611536e-9], rtol=1e-5)


def test_cross_entropy_is_least_at_the_targets_own_logit():
    target = 0.8
    scores = np.linspace(-4.0, 6.0, 1001)
    values, _ = _value_and_slope(cross_entropy_adversary, scores, target)
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))
    assert abs(scores[np.argmin(values)] - np.log(4.0)) <= 0.01
    assert entropy <= values.min() < entropy + 1e-5


def test_cross_entropy_equals_tensorflows():
    random = np.random.default_rng(0)
    scores, targets = random.normal(0, 10, (64, 1)), random.uniform(size=(64, 1))
    expected = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=scores)
    np.testing.assert_allclose(cross_entropy_adversary(scores, targets), expected, rtol=1e-12)


@pytest.mark.parametrize("loss", [least_squares_adversary, cross_entropy_adversary])
def test_one_value_per_example_and_slopes_of_finite_differences(loss):
    random = np.random.default_rng(1)
    scores = tf.constant(random.normal(size=(5, 1)))
    targets = tf.constant(random.uniform(size=(5, 1)))
    assert loss(scores, targets).shape == (5, 1)
    theory, numeric = tf.test.compute_gradient(lambda s: loss(s, targets), [scores], delta=1e-6)
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-8)
    # One example's value depends on its own score alone.
    assert np.count_nonzero(theory[0]) == 5
