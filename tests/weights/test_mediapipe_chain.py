"""The chains around MediaPipe's networks, with stand-ins whose answers are known."""

import math

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.skeletons import (
    BODY_33_MEDIAPIPE,
    COCO_17,
    H36M_17,
    HAND_21_FREIHAND,
    MPII_16,
    convert,
)
from keras_pose.weights.detections import BODIES, PALMS, anchor_centres
from keras_pose.weights.mediapipe_body import CROP_SIZE as BODY_CROP
from keras_pose.weights.mediapipe_body import body_network, refine_points
from keras_pose.weights.mediapipe_finders import find_in_crops, palm_finder
from keras_pose.weights.mediapipe_hand import CROP_SIZE, hand_network, read_hands


@pytest.fixture(autouse=True)
def _eager():
    """Stand-ins are constants, over whose consequences TensorFlow's optimiser would sit for a minute."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


class Palms:
    """A finder of one palm in each picture, or of none; px of its own square."""

    def __init__(self, kind, box, points, sure=True):
        centres = anchor_centres(kind) * kind.size
        x, y, width, height = box
        middle = np.array([x + width / 2, y + height / 2])
        row = np.argmin(np.abs(centres - middle).sum(axis=1))
        numbers = np.zeros((len(centres), 4 + 2 * kind.num_keypoints), np.float32)
        numbers[row, :2], numbers[row, 2:4] = middle - centres[row], (width, height)
        numbers[row, 4:] = (np.asarray(points) - centres[row]).reshape(-1)
        logits = np.full((len(centres), 1), -20.0, np.float32)
        logits[row] = 5.0 if sure else -20.0
        self._outputs = (numbers, logits)

    def __call__(self, images, training=False):
        count = tf.shape(images)[0]
        names = ("Identity", "Identity_1")
        return {
            name: tf.tile(tf.constant(value)[None], (count, 1, 1))
            for name, value in zip(names, self._outputs, strict=True)
        }


class Hands:
    """Answers the same joints in whatever square it sees, the probability by its brightness."""

    input_shape = (None, 224, 224, 3)

    def __init__(self, points, world):
        self._points = np.concatenate([points, np.zeros((21, 1))], axis=1).astype(np.float32)
        self._world = world.astype(np.float32)

    def __call__(self, images, training=False):
        count = tf.shape(images)[0]
        flat = [tf.tile(tf.reshape(v, (1, -1)), (count, 1)) for v in (self._points, self._world)]
        light = tf.reduce_mean(images, axis=(1, 2, 3))[:, None]
        return {
            "Identity": flat[0],
            "Identity_1": light,
            "Identity_2": light,
            "Identity_3": flat[1],
        }


_RANDOM = np.random.default_rng(3)
_POINTS = _RANDOM.uniform(60.0, 160.0, (21, 2))
_WORLD = _RANDOM.normal(0.0, 0.03, (21, 3))
_CAMERA = np.array([[600.0, 0, 160], [0, 600, 160], [0, 0, 1]], np.float32)


def _pose(palm, count=2):
    network = hand_network(palm, Hands(_POINTS, _WORLD))
    images = np.ones((count, CROP_SIZE, CROP_SIZE, 3), np.float32)
    lengths = np.full(count, 0.09, np.float32)
    answer = network.pose(
        tf.constant(images), tf.constant(np.repeat(_CAMERA[None], count, 0)), tf.constant(lengths)
    )
    return {name: value.numpy() for name, value in answer.items()}


def _palm_points(wrist, knuckle):
    points = np.zeros((7, 2))
    points[0], points[2] = wrist, knuckle
    return points


def test_joints_come_back_out_of_the_turned_square():
    # A palm of 30 x 30 px of 192 about (96, 96), pointing to the right: the square has 78 px of 192 and
    # is 15 px further right; upwards in it is to the right in the picture.
    palm = Palms(PALMS, (81, 81, 30, 30), _palm_points((81, 96), (111, 96)))
    answer = _pose(palm)
    scale = CROP_SIZE / 192
    side = 2.6 * 30 * scale
    x = (_POINTS[:, 0] / 224 - 0.5) * side
    y = (_POINTS[:, 1] / 224 - 0.5) * side
    expected = np.stack([(96 + 15) * scale - y, 96 * scale + x], axis=-1)
    np.testing.assert_allclose(answer["keypoints_2d"][1], expected, atol=1e-2)
    np.testing.assert_allclose(answer["score"], 1.0, atol=1e-5)
    # Depth in lengths of wrist to index knuckle, from the wrist.
    unit = np.linalg.norm(_WORLD[0] - _WORLD[5])
    np.testing.assert_allclose(answer["depth"][0], (_WORLD[:, 2] - _WORLD[0, 2]) / unit, atol=1e-4)
    rows = answer["valid"]
    points = answer["keypoints_3d"][rows]
    bones = np.linalg.norm(points[:, 0] - points[:, 5], axis=-1)
    np.testing.assert_allclose(bones, 0.09, rtol=1e-3)


def test_without_a_palm_the_box_is_looked_at_upright():
    palm = Palms(PALMS, (81, 81, 30, 30), _palm_points((81, 96), (111, 96)), sure=False)
    points = _pose(palm)["keypoints_2d"][0]
    side = 1.5 * CROP_SIZE / 2.6
    np.testing.assert_allclose(points, CROP_SIZE / 2 + (_POINTS / 224 - 0.5) * side, atol=1e-2)


def test_hands_are_read_with_their_probability():
    images = tf.constant(np.full((1, 50, 60, 3), 0.25, np.float32))
    squares = (tf.constant([[30.0, 25.0]]), tf.constant([112.0]), tf.constant([0.0]))
    points, world, score = read_hands(Hands(_POINTS, _WORLD), images, squares)
    np.testing.assert_allclose(points[0], [30.0, 25.0] + (_POINTS - 112.0) / 2.0, atol=1e-3)
    np.testing.assert_allclose(world[0], _WORLD, atol=1e-6)
    np.testing.assert_allclose(score, [0.25], atol=1e-5)


class Bodies:
    """Answers the same 39 points in whatever square it sees; maps that are sure of nothing."""

    input_shape = (None, 256, 256, 3)

    def __init__(self, points, world):
        self._numbers = np.zeros((39, 5), np.float32)
        self._numbers[:33, :2], self._numbers[:, 3] = points, math.log(3.0)
        self._world = np.zeros((39, 3), np.float32)
        self._world[:33] = world

    def __call__(self, images, training=False):
        count = tf.shape(images)[0]
        return {
            "Identity": tf.tile(self._numbers.reshape(1, -1), (count, 1)),
            "Identity_1": tf.fill((count, 1), 0.8),
            "Identity_3": tf.fill((count, 64, 64, 39), -9.0),
            "Identity_4": tf.tile(self._world.reshape(1, -1), (count, 1)),
        }


def test_persons_come_back_out_of_their_square():
    points = _RANDOM.uniform(60.0, 200.0, (33, 2))
    world = np.concatenate([(points - 128.0) / 100.0, _RANDOM.normal(0, 0.2, (33, 1))], axis=1)
    # Hips in the middle of 224 px, the circle 70 px above: a square of 175 px, upright.
    finder = Palms(BODIES, (80, 40, 64, 144), [(112, 112), (112, 42), (112, 80), (112, 60)])
    network = body_network(finder, Bodies(points, world))
    images = tf.zeros((1, BODY_CROP, BODY_CROP, 3))
    answer = network.pose(images, tf.constant(_CAMERA[None]), tf.constant([3.9]))
    side = 175 * BODY_CROP / 224
    expected = BODY_CROP / 2 + (points / 256 - 0.5) * side
    np.testing.assert_allclose(answer["keypoints_2d"][0], expected, atol=1e-2)
    np.testing.assert_allclose(answer["score"], 0.75 * 0.8, atol=1e-5)
    # A metre is 100 px of 256, and so 100 side / 256 px of the crop.
    depth = world[:, 2] * 100 * side / 256
    hips = list(BODY_33_MEDIAPIPE.indices(("left_hip", "right_hip")))
    np.testing.assert_allclose(answer["depth"][0], depth - depth[hips].mean(), atol=0.05)


def test_points_move_to_the_middle_of_what_their_maps_show():
    maps = np.full((1, 64, 64, 3), -30.0, np.float32)
    # Sure at (22, 31) and (24, 31), equally: the middle is 23; too far from the second point.
    maps[0, 31, [22, 24], 0] = 4.0
    maps[0, 31, 22, 1] = 4.0
    maps[0, 31, 22, 2] = -1.0
    points = np.array([[[21.7, 30.2], [40.2, 31.0], [22.1, 31.2]]], np.float32) / 64
    moved = refine_points(tf.constant(points), tf.constant(maps)).numpy() * 64
    np.testing.assert_allclose(moved[0, 0], [23, 31], atol=1e-4)
    np.testing.assert_allclose(moved[0, 1:], points[0, 1:] * 64, atol=1e-4)


def test_found_hands_are_boxes_of_the_contract():
    palm = Palms(PALMS, (81, 81, 30, 30), _palm_points((96, 111), (96, 81)))
    answer = find_in_crops(palm_finder(palm), tf.zeros((2, 192, 192, 3)), 4)
    assert answer["count"].numpy().tolist() == [1, 1]
    # 0.65 of 2.6 times 30 px, about a middle 15 px above the palm's.
    np.testing.assert_allclose(
        answer["boxes"][0, 0], [96 - 25.35, 81 - 25.35, 50.7, 50.7], atol=1e-3
    )
    assert not answer["boxes"][0, 1:].numpy().any()
    np.testing.assert_allclose(answer["rotations"][0, 0], 0.0, atol=1e-5)
    assert answer["points"].shape == (2, 4, 7, 2) and not answer["more"].numpy().any()


def test_a_crowd_beyond_the_rows_is_told():
    palm = Palms(PALMS, (81, 81, 30, 30), _palm_points((96, 111), (96, 81)))
    # A second and a third one, elsewhere in the picture.
    numbers, logits = palm._outputs
    numbers[[0, 47], 2:4] = 30.0
    logits[[0, 47]] = 3.0
    for rows, more in ((3, 0), (2, 1)):
        answer = find_in_crops(palm_finder(palm), tf.zeros((1, 192, 192, 3)), rows)
        assert answer["count"].numpy().tolist() == [rows]
        assert answer["more"].numpy().tolist() == [more]


@pytest.mark.parametrize("target", [COCO_17, H36M_17, MPII_16])
def test_the_joints_of_mediapipe_are_converted_by_name(target):
    points = _RANDOM.normal(size=(33, 2))
    converted, known = convert(points, BODY_33_MEDIAPIPE, target)
    for name in ("left_wrist", "right_knee", "left_ankle"):
        expected = points[BODY_33_MEDIAPIPE.index(name)]
        np.testing.assert_array_equal(converted[target.index(name)], expected)
    assert known[target.index("right_hip")]
    assert HAND_21_FREIHAND.num_joints == 21
