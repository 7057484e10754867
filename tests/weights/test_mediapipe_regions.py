"""Turned squares against the published rules, worked out by hand, and laws of turning."""

import math

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.geometry import affine2d
from keras_pose.weights.mediapipe_regions import (
    body_squares,
    circle_squares,
    cut_squares,
    hand_squares,
    palm_squares,
    picture_squares,
    repeat_borders,
    square_matrices,
)

# A right hand of 21 joints, fingers up: wrist at the bottom, knuckles in a row, tips above.
_HAND = np.array(
    [[50, 90]]
    + [[30 - 5 * k, 80 - 8 * k] for k in range(4)]
    + [[x, 60 - 12 * k] for x in (40, 48, 56, 64) for k in range(4)],
    np.float32,
)


def _palm(box, wrist, knuckle):
    points = np.zeros((9, 2), np.float32)
    points[:2] = np.reshape(box, (2, 2))
    points[2], points[4] = wrist, knuckle
    return tf.constant(points)


def test_an_upright_palm_gets_an_upright_square():
    # The wrist below the knuckle; 20 wide and 30 high: 2.6 times 30, moved up by half the height.
    centre, side, angle = palm_squares(_palm([10, 20, 30, 50], (20, 50), (20, 25)))
    np.testing.assert_allclose(centre, [20, 35 - 15], atol=1e-4)
    np.testing.assert_allclose([side, angle], [78.0, 0.0], atol=1e-4)


def test_a_palm_to_the_right_is_moved_to_the_right():
    centre, side, angle = palm_squares(_palm([10, 20, 30, 40], (10, 30), (30, 30)))
    np.testing.assert_allclose(centre, [20 + 10, 30], atol=1e-4)
    np.testing.assert_allclose([side, angle], [52.0, math.pi / 2], atol=1e-4)


def test_the_square_of_a_known_hand_is_worked_out():
    # Straight, and without tips: x from 20 to 66, y from 48 to 90; twice 46 px, moved up by 4.2.
    centre, side, angle = hand_squares(tf.constant(_HAND))
    turn = math.pi / 2 - math.atan2(90 - 48, 0.25 * 40 + 0.5 * 48 + 0.25 * 56 - 50)
    np.testing.assert_allclose(angle, turn, atol=1e-5)
    straight = _HAND + [[2.0, 0.0]] * (np.arange(21) > 4)[:, None]
    centre, side, angle = hand_squares(tf.constant(straight, tf.float32))
    np.testing.assert_allclose(angle, 0.0, atol=1e-5)
    np.testing.assert_allclose(centre, [43.0, 69.0 - 4.2], atol=1e-3)
    np.testing.assert_allclose(side, 92.0, atol=1e-3)


@pytest.mark.parametrize("degrees", [30.0, 90.0, 200.0, -75.0])
def test_a_turned_hand_gets_the_same_square_turned(degrees):
    turn = math.radians(degrees)
    # Clockwise on screen, as angles of squares are.
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    centre, side, angle = (np.asarray(part) for part in hand_squares(tf.constant(_HAND)))
    turned = hand_squares(tf.constant((_HAND @ matrix.T).astype(np.float32)))
    np.testing.assert_allclose(turned[0], matrix @ centre, atol=1e-3)
    np.testing.assert_allclose(turned[1], side, rtol=1e-5)
    difference = float(turned[2]) - float(angle) - turn
    assert abs(math.remainder(difference, 2 * math.pi)) < 1e-5


def test_a_person_gets_the_square_around_the_circle():
    places = np.zeros((6, 2), np.float32)
    places[2], places[3] = (100, 100), (100, 60)
    centre, side, angle = body_squares(tf.constant(places))
    np.testing.assert_allclose(centre, [100, 100])
    np.testing.assert_allclose([side, angle], [1.25 * 80, 0.0], atol=1e-4)
    lying = circle_squares(tf.constant([100.0, 100.0]), tf.constant([140.0, 100.0]))
    np.testing.assert_allclose(lying[2], math.pi / 2, atol=1e-6)


def test_squares_show_what_they_are_about_upright():
    middle, rim = tf.constant([[60.0, 40.0]]), tf.constant([[72.0, 40.0]])
    squares = circle_squares(middle, rim)
    matrices = square_matrices(squares, 50)
    # The side is 2.5 times 12 px; the rim is above the middle of the square.
    np.testing.assert_allclose(affine2d.apply(middle, matrices[0]), [[25, 25]], atol=1e-4)
    np.testing.assert_allclose(affine2d.apply(rim, matrices[0]), [[25, 25 - 20]], atol=1e-4)
    picture = np.zeros((1, 80, 100, 3), np.float32)
    picture[0, 38:42, 70:74] = 1.0
    cut = cut_squares(tf.constant(picture), matrices, 50).numpy()[0, ..., 0]
    assert cut[5, 25] == pytest.approx(1.0) and cut[25, 5] == 0.0 and cut[45, 25] == 0.0
    outside = cut_squares(tf.ones((1, 8, 8, 1)), square_matrices(squares, 50), 50)
    assert outside.numpy().max() == 0.0
    repeated = cut_squares(tf.ones((1, 8, 8, 1)), square_matrices(squares, 50), 50, "NEAREST")
    assert repeated.numpy().min() == 1.0


def _portrait():
    """A crop of 8 px whose picture fills rows 0 to 4 and columns 2 to 6; the seams are half dark."""
    crop = np.zeros((1, 8, 8, 3), np.float32)
    crop[0, :5, 2:7] = np.arange(1, 6, dtype=np.float32)[:, None, None] / 10
    crop[0, 4, 2:7] /= 2
    return crop


def test_borders_are_repeated_where_a_crop_is_black():
    answer = repeat_borders(tf.constant(_portrait())).numpy()[0]
    # Row 4 blends into black, so row 3 goes on; nothing is cut from above, where the picture fills it.
    np.testing.assert_allclose(answer[:, 4, 0], [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert (answer == answer[:, 3:4]).all()


def test_a_picture_that_fills_its_crop_and_a_black_one_stay_as_they_are():
    crops = np.stack([np.full((6, 6, 3), 0.5), np.zeros((6, 6, 3))]).astype(np.float32)
    np.testing.assert_array_equal(repeat_borders(tf.constant(crops)).numpy(), crops)
    centres, sides, angles = picture_squares(tf.constant(crops))
    np.testing.assert_array_equal(centres, [[3, 3], [3, 3]])
    np.testing.assert_array_equal(sides, [6, 6])
    np.testing.assert_array_equal(angles, [0, 0])


def test_the_square_about_the_picture_within_a_crop():
    centres, sides, _ = picture_squares(tf.constant(_portrait()))
    # Rows 0 to 3, columns 3 to 5: 4 px high, 3 px wide.
    np.testing.assert_array_equal(centres, [[4.5, 2.0]])
    np.testing.assert_array_equal(sides, [4.0])
