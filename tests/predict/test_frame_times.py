"""Frames at varying times: poses at a constant rate, by hand."""

import numpy as np
import pytest

from keras_pose.predict.frame_times import are_variable, constant_rate, mean_rate, resampled

_TIMES = [0, 0.0333, 0.0667, 0.1, 0.1333, 0.3, 0.4667, 0.6333]


def test_which_times_vary():
    assert are_variable(_TIMES)
    assert not are_variable(np.arange(9) / 30)
    assert not are_variable(np.round(np.arange(90) / 120, 3))
    assert not are_variable([0.0, 0.5]) and not are_variable([0.0])
    assert are_variable([0, 0.1, 0.2, 0.4, 0.5])  # one frame was dropped


def test_rates():
    assert mean_rate(_TIMES) == pytest.approx(7 / 0.6333)
    assert constant_rate(_TIMES) == 30
    assert constant_rate([0, 0.0001, 0.0002, 0.0003]) == 240


def test_poses_between_frames_lie_on_straight_lines():
    film = [np.full((2, 3), value) for value in (0.0, 1.0, 3.0)]
    poses = resampled(film, [5.0, 5.1, 5.3], 10.0)
    assert [pose[0, 0] for pose in poses] == pytest.approx([0, 1, 2, 3])


def test_nobody_stays_nobody():
    film = [np.zeros((1, 3)), None, np.ones((1, 3)), np.full((1, 3), 3.0)]
    poses = resampled(film, [0.0, 0.2, 0.4, 0.6], 10.0)
    found = [None if pose is None else float(pose[0, 0]) for pose in poses]
    assert found == [0, 0, None, None, pytest.approx(1), pytest.approx(2), pytest.approx(3)]
