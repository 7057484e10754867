"""Camera models of the cycle and rotations between views: values by hand, round trips, the vertical."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pose.geometry import rotate
from keras_pose.lifting.geometry import (
    Orthographic,
    Perspective,
    make_geometry,
    quarter_turns,
    view_rotation,
)
from keras_pose.tips.config import Config

CAMERAS = [Orthographic(), Perspective(6.0), Perspective(10.0, math.radians(-5.0))]
ANGLE = st.floats(-math.pi, math.pi)
PITCH = st.floats(-1.0, 1.0)


@pytest.mark.parametrize("camera", CAMERAS, ids=["orthographic", "perspective", "off axis"])
def test_projection_undoes_lifting_at_every_depth(camera):
    random = np.random.default_rng(0)
    points_2d = random.uniform(-1, 1, (50, 16, 2))
    # Depths far in front of and far behind the camera too, where the distance is held at its least.
    depth = random.normal(0, 8, (50, 16))
    np.testing.assert_allclose(
        camera.project(camera.lift(points_2d, depth)), points_2d, rtol=1e-12, atol=1e-12
    )


def test_orthographic_keeps_x_and_y():
    lifted = Orthographic().lift(np.array([[1.0, 2.0]]), np.array([3.0]))
    np.testing.assert_array_equal(lifted, [[1.0, 2.0, 3.0]])


def test_perspective_by_hand():
    # At depth 3 behind a root at distance 6, everything is 9/6 as large.
    lifted = Perspective(6.0).lift(np.array([[1.0, 2.0]]), np.array([3.0]))
    np.testing.assert_allclose(lifted, [[1.5, 3.0, 3.0]])
    np.testing.assert_allclose(Perspective(6.0).project(np.array([[1.5, 3.0, 3.0]])), [[1.0, 2.0]])


def test_nothing_comes_nearer_than_one_unit():
    lifted = Perspective(6.0).lift(np.array([[3.0, -6.0]]), np.array([-50.0]))
    np.testing.assert_allclose(lifted, [[0.5, -1.0, -5.0]])


@pytest.mark.parametrize("elevation_deg", [0.0, 7.0, -20.0])
def test_a_pinhole_camera_sees_the_same(elevation_deg):
    """A person whose root stands above the axis, through a pinhole, centred on the root's picture."""
    random = np.random.default_rng(1)
    body = random.normal(0, 0.5, (4, 16, 3))
    up = math.tan(math.radians(elevation_deg))
    root = np.array([0.0, -6.0 * up, 6.0])  # y points down
    seen = (body + root)[..., :2] / (body + root)[..., 2:]
    picture = 6.0 * (seen - root[:2] / root[2])
    camera = Perspective(6.0, math.radians(elevation_deg))
    np.testing.assert_allclose(camera.project(body), picture, rtol=1e-12)
    np.testing.assert_allclose(camera.lift(picture, body[..., 2]), body, rtol=1e-9, atol=1e-12)


def test_config_chooses_the_camera():
    orthographic = Config(geometry="orthographic", input_2d="orthographic")
    assert isinstance(make_geometry(orthographic), Orthographic)
    camera = make_geometry(Config(geometry="perspective", camera_distance=7.0))
    assert isinstance(camera, Perspective) and camera.distance == 7.0


def test_quarter_turns_without_pitch_by_hand():
    # The paper's 90-degree consistency: (z, y, -x), (-z, y, x), (-x, y, -z).
    turned = rotate(np.array([[[1.0, 2.0, 3.0]]]), quarter_turns(0.0, dtype="float64"))
    expected = [[[3.0, 2.0, -1.0]], [[-3.0, 2.0, 1.0]], [[-1.0, 2.0, -3.0]]]
    np.testing.assert_allclose(turned, expected, atol=1e-14)


def test_quarter_turns_come_home_in_four():
    quarter, back, half = np.array(quarter_turns(math.radians(12.65), dtype="float64"))
    np.testing.assert_allclose(quarter @ quarter, half, atol=1e-14)
    np.testing.assert_allclose(quarter @ back, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(half @ half, np.eye(3), atol=1e-14)


@given(ANGLE, PITCH, PITCH)
@settings(max_examples=30, deadline=None)
def test_views_are_rotations(azimuth, elevation, pitch):
    rotation = np.array(
        view_rotation(np.float64(azimuth), np.float64(elevation), np.float64(pitch))
    )
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0, rtol=1e-14)


@given(ANGLE, PITCH, PITCH)
@settings(max_examples=30, deadline=None)
def test_the_worlds_vertical_stays_where_the_camera_sees_it(azimuth, elevation, pitch):
    # A camera that looks down by p sees "down" at (0, cos p, sin p): mostly along its own y, and
    # forward, for what is below a downward camera is in front of it.
    rotation = np.array(
        view_rotation(np.float64(azimuth), np.float64(elevation), np.float64(pitch))
    )
    down = np.array([0.0, math.cos(pitch), math.sin(pitch)])
    tilted = np.array([0.0, math.cos(pitch + elevation), math.sin(pitch + elevation)])
    np.testing.assert_allclose(rotation @ down, tilted, atol=1e-14)


@given(ANGLE, ANGLE, PITCH)
@settings(max_examples=30, deadline=None)
def test_turns_about_the_vertical_add_up(first, second, pitch):
    level = np.float64(0.0)
    views = [
        np.array(view_rotation(np.float64(angle), level, np.float64(pitch)))
        for angle in (first, second, first + second)
    ]
    np.testing.assert_allclose(views[0] @ views[1], views[2], atol=1e-13)


def test_no_turn_is_no_rotation_at_any_pitch():
    for pitch in (-0.3, 0.0, 0.7):
        rotation = view_rotation(np.float64(0.0), np.float64(0.0), np.float64(pitch))
        np.testing.assert_allclose(rotation, np.eye(3), atol=1e-15)


def test_without_pitch_it_is_the_rotation_of_the_paper():
    # The author writes row vectors: P R_y(a) R_x(e). Transposed, with R_y and R_x written out.
    a, e = 0.7, -0.2
    turn = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    tilt = np.array([[1, 0, 0], [0, math.cos(e), -math.sin(e)], [0, math.sin(e), math.cos(e)]])
    expected = (turn @ tilt).T
    got = view_rotation(np.float64(-a), np.float64(-e), np.float64(0.0))
    np.testing.assert_allclose(got, expected, atol=1e-15)


def test_the_slope_of_a_learnt_pitch():
    angles = tf.constant([0.4, -2.0], tf.float64), tf.constant([0.1, -0.1], tf.float64)
    theory, numeric = tf.test.compute_gradient(
        lambda pitch: view_rotation(*angles, pitch), [tf.constant(0.2, tf.float64)], delta=1e-6
    )
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-9)
    assert np.abs(theory[0]).max() > 0.1


@pytest.mark.parametrize("camera", CAMERAS, ids=["orthographic", "perspective", "off axis"])
def test_slopes_of_lifting_and_projecting(camera):
    random = np.random.default_rng(2)
    points_2d = tf.constant(random.uniform(-1, 1, (2, 3, 2)))
    depth = tf.constant(random.normal(0, 0.5, (2, 3)))
    for function, inputs in (
        (camera.lift, [points_2d, depth]),
        (camera.project, [tf.constant(random.normal(0, 0.5, (2, 3, 3)))]),
    ):
        theory, numeric = tf.test.compute_gradient(function, inputs, delta=1e-6)
        for slope, finite_difference in zip(theory, numeric, strict=True):
            np.testing.assert_allclose(slope, finite_difference, atol=1e-8)
