"""Keypoint errors over the box's side: values by hand, hidden joints, bad shapes."""

import numpy as np
import pytest

from keras_pose.metrics import box_relative_error, box_relative_pck

TRUE = np.zeros((2, 3, 2))
PREDICTED = np.array(
    [[[3.0, 4.0], [0.0, 10.0], [np.nan, 0.0]], [[0.0, 20.0], [0.0, 0.0], [0.0, 0.0]]]
)
VISIBLE = np.array([[1, 1, 0], [1, 1, 1]])
SIDE = np.array([100.0, 200.0])


def test_values_by_hand():
    # Distances 5 and 10 of 100; 20, 0 and 0 of 200.
    error = box_relative_error(PREDICTED, TRUE, VISIBLE, SIDE)
    np.testing.assert_allclose(error, [0.075, 0.1 / 3])
    pck = box_relative_pck(PREDICTED, TRUE, VISIBLE, SIDE, (0.01, 0.05, 0.1))
    np.testing.assert_allclose(pck, [[0.0, 0.5, 1.0], [2 / 3, 2 / 3, 1.0]])


def test_size_of_the_picture_does_not_matter():
    expected = box_relative_error(PREDICTED, TRUE, VISIBLE, SIDE)
    scaled = box_relative_error(7 * PREDICTED, 7 * TRUE, VISIBLE, 7 * SIDE)
    np.testing.assert_allclose(scaled, expected)


def test_nothing_visible_is_zero():
    hidden = np.zeros_like(VISIBLE)
    np.testing.assert_array_equal(box_relative_error(PREDICTED, TRUE, hidden, SIDE), [0.0, 0.0])
    np.testing.assert_array_equal(box_relative_pck(PREDICTED, TRUE, hidden, SIDE), np.zeros((2, 3)))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="must have the same shape"):
        box_relative_error(PREDICTED, TRUE[:1], VISIBLE, SIDE)
    with pytest.raises(ValueError, match="fractions is empty"):
        box_relative_pck(PREDICTED, TRUE, VISIBLE, SIDE, ())


def test_flags_of_hidden_and_visible_joints_count_alike():
    # By hand: distances 3 and 5 px of a box of 100 px, flags 1 and 2; the third joint is not labelled.
    true = np.zeros((3, 2))
    predicted = np.array([[3.0, 0.0], [0.0, 5.0], [np.nan, 9.0]])
    flags = np.array([1, 2, 0])
    np.testing.assert_allclose(box_relative_error(predicted, true, flags, 100.0), 0.04)
    np.testing.assert_allclose(
        box_relative_pck(predicted, true, flags, 100.0, fractions=(0.04, 0.05)), [0.5, 1.0]
    )
