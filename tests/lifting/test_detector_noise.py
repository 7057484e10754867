"""Noise of heavy tails: its radius, its limit, and the height it is a share of."""

import math

import numpy as np
import pytest

from keras_pose.lifting.detector_noise import body_height, student_noise
from keras_pose.skeletons import H36M_17


def test_radius_follows_its_law():
    # P(r > x) = (1 + x^2 / n)^(-n / 2): a draw u is the share of smaller radii.
    u = np.float32([0.0, 0.5, 0.9])
    noise = np.array(student_noise(np.stack([u, np.zeros(3, np.float32)]), 4.0))
    expected = [0.0, math.sqrt(4 * (0.5**-0.5 - 1)), math.sqrt(4 * (0.1**-0.5 - 1))]
    np.testing.assert_allclose(noise[:, 0], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(noise[:, 1], 0.0, atol=1e-6)


def test_many_degrees_of_freedom_are_normal():
    uniform = np.random.default_rng(0).uniform(size=(2, 40000)).astype(np.float32)
    noise = np.array(student_noise(uniform, 1000.0))
    assert noise.std(axis=0) == pytest.approx([1.0, 1.0], rel=0.02)
    heavy = np.array(student_noise(uniform, 3.0))
    assert (np.abs(heavy) > 4).mean() > 20 * (np.abs(noise) > 4).mean()
    assert np.linalg.norm(heavy, axis=-1).max() <= 8.0 + 1e-4


def test_height_goes_up_the_bones_and_does_not_depend_on_posture():
    pose = np.zeros((17, 3))
    for joint, place in {
        "right_hip": (0.1, 0, 0),
        "right_knee": (0.1, 0.4, 0),
        "right_ankle": (0.1, 0.4, 0.5),
        "left_hip": (-0.1, 0, 0),
        "left_knee": (-0.1, 0.4, 0),
        "left_ankle": (-0.1, 0.9, 0),
        "spine": (0, -0.2, 0),
        "thorax": (0, -0.5, 0),
        "nose": (0, -0.6, 0),
        "head": (0, -0.7, 0),
    }.items():
        pose[H36M_17.index(joint)] = place
    assert float(np.array(body_height(pose))) == pytest.approx(0.7 + 0.9)
