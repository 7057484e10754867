"""Acceleration error against values by hand."""

import numpy as np
import pytest

from keras_pose.metrics import acceleration_error


def test_a_jerk_counts_in_its_frame_and_its_neighbours():
    true = np.zeros((5, 2, 3))
    jerk = true.copy()
    jerk[2, 0] = 3.0, 4.0, 0.0
    # One of two joints jumps by 5 and back: accelerations 5, -10, 5, over two joints.
    np.testing.assert_allclose(acceleration_error(jerk, true), [2.5, 5.0, 2.5])


def test_what_moves_evenly_has_no_acceleration_and_movement_of_both_cancels():
    time = np.arange(6.0)[:, None, None]
    even = np.broadcast_to(time, (6, 2, 3))
    np.testing.assert_allclose(acceleration_error(even, np.zeros((6, 2, 3))), 0.0, atol=1e-12)
    falling = np.broadcast_to(time**2, (6, 2, 3))
    np.testing.assert_allclose(acceleration_error(falling, falling + even), 0.0, atol=1e-12)
    # x = t^2 accelerates by 2 along each of three axes.
    np.testing.assert_allclose(acceleration_error(falling, even), 2.0 * 3**0.5)


def test_two_frames_are_refused():
    with pytest.raises(ValueError, match="at least three frames"):
        acceleration_error(np.zeros((2, 17, 3)), np.zeros((2, 17, 3)))
