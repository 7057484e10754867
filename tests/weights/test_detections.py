"""Anchors, decoded detections and weighted suppression against values worked out by hand."""

import numpy as np
import tensorflow as tf

from keras_pose.weights.detections import (
    BODIES,
    PALMS,
    FinderKind,
    anchor_centres,
    decode_detections,
    suppress,
)


def test_anchors_are_as_many_as_the_networks_answer():
    # 24 x 24 x 2 + 12 x 12 x 6, and 28 x 28 x 2 + 14 x 14 x 2 + 7 x 7 x 6.
    palms, bodies = anchor_centres(PALMS), anchor_centres(BODIES)
    assert palms.shape == (2016, 2) and bodies.shape == (2254, 2)
    # Twice 4 px from the corner, then one cell to the right; the second map begins 8 px from it.
    np.testing.assert_allclose(palms[:3] * 192, [[4, 4], [4, 4], [12, 4]], rtol=1e-6)
    np.testing.assert_allclose(palms[48] * 192, [4, 12], rtol=1e-6)
    np.testing.assert_allclose(
        palms[[1152, 1157, 1158]] * 192, [[8, 8], [8, 8], [24, 8]], rtol=1e-6
    )
    np.testing.assert_allclose(bodies[-1] * 224, [208, 208], rtol=1e-6)


def test_a_detection_is_decoded_about_its_anchor():
    kind = FinderKind(8, (8,), 1, 0.0)
    # Two anchors at (4, 4) of 8 px; centre 2 px right and 1 down, 4 by 2 px, key point 3 px left.
    raw = tf.constant([[[2.0, 1.0, 4.0, 2.0, -3.0, 0.0]] * 2])
    places, scores = decode_detections(kind, raw, tf.constant([[[0.0], [1000.0]]]))
    np.testing.assert_allclose(places[0, 0] * 8.0, [[4, 4], [8, 6], [1, 4]], rtol=1e-6)
    np.testing.assert_allclose(scores, [[0.5, 1.0]], rtol=1e-6)


def test_overlapping_detections_become_their_weighted_mean():
    kind = FinderKind(8, (8,), 1, 0.0)

    def place(x, y, side):
        return [[x, y], [x + side, y + side], [x, y]]

    # The first two overlap by 3 x 4 of 20 (0.6), the third by 1 x 4 of 28 (0.14) with the first; the
    # fourth is not sure enough.
    places = np.array(
        [[place(0, 0, 4), place(1, 0, 4), place(3, 0, 4), place(6, 6, 1)]], np.float32
    )
    scores = np.array([[0.9, 0.6, 0.7, 0.4]], np.float32)
    found, surest = suppress(kind, tf.constant(places), tf.constant(scores), 3)
    np.testing.assert_allclose(surest, [[0.9, 0.7, 0.0]])
    # Of 0 and 1, weighted by 0.9 and 0.6.
    np.testing.assert_allclose(found[0, 0], place(0.4, 0, 4), rtol=1e-6)
    np.testing.assert_allclose(found[0, 1], place(3, 0, 4), rtol=1e-6)
    np.testing.assert_array_equal(found[0, 2], np.zeros((3, 2)))
    # With less asked, the fourth is a third one.
    assert suppress(kind, tf.constant(places), tf.constant(scores), 3, 0.3)[1][0, 2] == np.float32(
        0.4
    )
