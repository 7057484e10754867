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


@pytest.mark.parametrize("flags", [[[2, 1, 0], [1, 2, 1]], [[0.5, 2, -1], [3, 1, 2]]])
def test_every_visible_keypoint_counts_alike(flags):
    flags = np.array(flags)
    np.testing.assert_allclose(box_relative_error(PREDICTED, TRUE, flags, SIDE), [0.075, 0.1 / 3])
    pck = box_relative_pck(PREDICTED, TRUE, flags, SIDE, (0.01, 0.05, 0.1))
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
