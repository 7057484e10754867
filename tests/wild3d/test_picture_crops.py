"""Crops inside the graph: where a dot lands, what the host would cut, and boxes that show nothing."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data.augment_host import warp
from keras_pose.wild3d.picture_crops import crop_matrices, cut_crops, usable_boxes


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
