"""Crops inside the graph: where a dot lands, what the host would cut, and boxes that show nothing."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data.views.graph_crops import crop_matrices, cut_crops, usable_boxes
from keras_pose.data.views.host_pixels import warp


def test_matrices_by_hand():
    # The square of side 40 about (30, 50) begins at (10, 30); 64 / 40 = 1.6.
    matrices = crop_matrices(tf.constant([[20.0, 30.0, 20.0, 40.0]]), 64)
    np.testing.assert_allclose(matrices, [[[1.6, 0, -16.0], [0, 1.6, -48.0]]], atol=1e-5)


def test_a_crop_with_its_own_box_is_itself():
    crop = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    matrices = crop_matrices(tf.constant([[0.0, 0, 32, 32]] * 2), 32)
    np.testing.assert_array_equal(cut_crops(tf.constant(crop), matrices, 32), crop)


@pytest.mark.parametrize("side", [30.0, 64.0, 150.0, 300.0, 700.0])
def test_the_graph_cuts_what_the_host_cuts(side):
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (1, 20, 25, 3)).astype(np.float32)
    picture = np.asarray(tf.image.resize(coarse, (241, 319)))[0].astype(np.uint8)
    box = tf.constant([[101.3 - side / 2, 97.9 - side / 2, side, side]])
    matrices = crop_matrices(box, 64)
    mine = np.asarray(cut_crops(tf.constant(picture[None]), matrices, 64))[0].astype(int)
    host = warp(picture, np.asarray(matrices, np.float64)[0], 64).astype(int)
    # OpenCV looks up at 32nds of a pixel; at the picture's edge against black that is more.
    assert np.abs(mine - host).mean() < 1.0
    assert np.percentile(np.abs(mine - host), 99) <= 5


def test_boxes_that_show_nothing():
    boxes = [
        *([0, 0, 10, 10], [-5, -5, 10, 10], [99, 49, 5, 5]),
        *([100, 0, 10, 10], [0, 50, 10, 10], [-10, 0, 10, 10], [0, 0, 0, 10], [0, 0, 10, -1]),
        *([np.nan, 0, 10, 10], [0, 0, np.inf, 10], [0, 0, 1e9, 10]),
    ]
    usable = usable_boxes(tf.constant(boxes, tf.float32), 50, 100)
    np.testing.assert_array_equal(usable, [True] * 3 + [False] * 8)


def test_a_left_hand_is_seen_in_the_mirror():
    picture = np.random.default_rng(2).integers(0, 256, (1, 40, 40, 3), dtype=np.uint8)
    box = tf.constant([[4.0, 4.0, 32.0, 32.0]])
    plain = crop_matrices(box, 32)
    mirrored = crop_matrices(box, 32, is_left=tf.constant([True]))
    np.testing.assert_array_equal(
        cut_crops(tf.constant(picture), mirrored, 32),
        np.asarray(cut_crops(tf.constant(picture), plain, 32))[:, :, ::-1],
    )


def test_the_margin_widens_the_square_about_the_same_middle():
    # A square of 20 about (30, 50), twice as wide: from 10 to 50 and 30 to 70; 64 / 40 = 1.6.
    matrices = crop_matrices(tf.constant([[20.0, 40.0, 20.0, 20.0]]), 64, crop_scale=2.0)
    np.testing.assert_allclose(matrices, [[[1.6, 0, -16.0], [0, 1.6, -48.0]]], atol=1e-5)


def test_a_part_of_a_large_picture_is_what_the_whole_would_give():
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (1, 60, 60, 3)).astype(np.float32)
    picture = np.asarray(tf.image.resize(coarse, (1201, 1003)))[0].astype(np.uint8)
    matrices = crop_matrices(tf.constant([[700.3, 900.7, 280.0, 250.0]]), 64)
    mine = np.asarray(cut_crops(tf.constant(picture[None]), matrices, 64))[0].astype(int)
    host = warp(picture, np.asarray(matrices, np.float64)[0], 64).astype(int)
    assert np.abs(mine - host).mean() < 1.0


def test_a_picture_without_pixels_gives_a_black_crop():
    matrices = crop_matrices(tf.constant([[0.0, 0.0, 8.0, 8.0]]), 8)
    empty = tf.zeros((1, 0, 5, 3), tf.uint8)
    assert not np.asarray(cut_crops(empty, matrices, 8)).any()
