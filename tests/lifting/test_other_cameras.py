"""Poses shown to other cameras: gravity, projection, and what the turn leaves alone."""

import math

import numpy as np

from keras_pose.lifting.other_cameras import (
    FARTHEST,
    NEAREST,
    down_direction,
    draw_cameras,
    show_to_cameras,
)


def _cameras(pitch_deg, roll_deg=0.0, azimuth_deg=0.0, distance=6.0, off_axis=(0.0, 0.0)):
    one = np.ones(1, np.float32)
    return {
        "pitch_rad": one * math.radians(pitch_deg),
        "roll_rad": one * math.radians(roll_deg),
        "azimuth_rad": one * math.radians(azimuth_deg),
        "distance": one * distance,
        "off_axis": np.float32([off_axis]),
    }


def test_a_plumb_line_stays_plumb():
    # A point straight below the root, as a camera of 10 degrees sees it, after the camera moved.
    down = np.array(down_direction(np.float32([math.radians(10)]), np.zeros(1, np.float32)))
    cameras = _cameras(35.0, roll_deg=12.0, azimuth_deg=50.0)
    _, seen = show_to_cameras(down[:, None], math.radians(10), cameras)
    expected = down_direction(cameras["pitch_rad"], cameras["roll_rad"])
    np.testing.assert_allclose(np.array(seen)[:, 0], expected, atol=1e-6)


def test_looking_down_sees_the_plumb_line_go_away():
    down = np.array(down_direction(np.float32([math.radians(30)]), np.zeros(1, np.float32)))
    np.testing.assert_allclose(down, [[0.0, math.sqrt(3) / 2, 0.5]], atol=1e-6)


def test_projection_by_hand():
    points = np.float32([[[0, 0, 0], [1.0, 0.5, 2.0], [1.0, 0.5, -2.0]]])
    plane, seen = show_to_cameras(points, 0.0, _cameras(0.0, distance=6.0, off_axis=(0.1, 0.0)))
    np.testing.assert_allclose(seen, points, atol=1e-6)
    # (1 - 0.1 * 2) * 6 / 8 and (1 + 0.1 * 2) * 6 / 4
    np.testing.assert_allclose(plane, [[[0, 0], [0.6, 0.375], [1.8, 0.75]]], atol=1e-6)


def test_draws_stay_in_their_ranges():
    uniform = np.random.default_rng(1).uniform(size=(6, 4000)).astype(np.float32)
    drawn = {
        name: np.array(value) for name, value in draw_cameras(uniform, (-20, 45), 15, 0).items()
    }
    pitch, roll = np.degrees(drawn["pitch_rad"]), np.degrees(drawn["roll_rad"])
    assert -20.1 < pitch.min() < -19 and 44 < pitch.max() < 45.1
    assert -15.1 < roll.min() < -14 and 14 < roll.max() < 15.1
    assert NEAREST - 0.01 <= drawn["distance"].min() and drawn["distance"].max() <= FARTHEST + 0.01
    assert not drawn["azimuth_rad"].any()
