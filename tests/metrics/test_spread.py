"""Spread of joints, answers alike and moves: hand values, and what they do not depend on."""

import numpy as np
import pytest

from keras_pose.metrics import mean_move, share_alike, spread_ratios


def poses(count=10):
    """Two joints 10 px apart along x and a third 20 px below the first, at places of their own."""
    base = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 20.0]])
    return base + np.arange(count)[:, None, None] * [[7.0, 3.0]]


def test_ratio_is_of_sums_of_distances():
    true, found = poses(), poses()
    # The first pair comes out at a tenth of its distance, the second half as far again.
    found[:, 1, 0] = found[:, 0, 0] + 1.0
    found[:, 2, 1] = found[:, 0, 1] + 30.0
    seen = np.ones((10, 3))
    np.testing.assert_allclose(spread_ratios(found, true, seen, [(0, 1), (0, 2)]), [0.1, 1.5])
    # One picture in which the pair lies on one point weighs nothing.
    true[0, 1] = true[0, 0]
    found[0, 1] = found[0, 0]
    np.testing.assert_allclose(spread_ratios(found, true, seen, [(0, 1)]), [0.1])


def test_pairs_that_few_pictures_show_have_no_ratio():
    seen = np.ones((10, 3))
    seen[3:, 1] = 0
    ratios = spread_ratios(poses(), poses(), seen, [(0, 1), (0, 2)])
    assert np.isnan(ratios[0]) and ratios[1] == 1.0
    ratios = spread_ratios(poses(), poses(), seen, [(0, 1)], min_count=3)
    assert ratios[0] == 1.0
    # The first pair is 10 px apart, the second 20.
    ratios = spread_ratios(poses(), poses(), np.ones((10, 3)), [(0, 1), (0, 2)], min_distance=15.0)
    assert np.isnan(ratios[0]) and ratios[1] == 1.0
    same = np.zeros((10, 3, 2))
    assert np.isnan(spread_ratios(same, same, np.ones((10, 3)), [(0, 1)]))[0]


def test_pictures_answered_alike_by_hand():
    true = poses()
    seen = np.ones((10, 3))
    assert share_alike(np.repeat(true[:1], 10, 0), true, seen) == 1.0
    # The truth itself is as far from the usual as it is, however many stand as most do.
    assert share_alike(true, true, seen) == 0.0
    usual = np.median(true, axis=0)
    assert share_alike(usual + 0.45 * (true - usual), true, seen) == 1.0
    assert share_alike(usual + 0.55 * (true - usual), true, seen) == 0.0
    # One of ten answered as usual, though it is the farthest from it.
    one = true.copy()
    one[0] = usual
    assert share_alike(one, true, seen) == 0.1
    assert share_alike(usual + 0.45 * (true - usual), true, seen, fraction=0.4) == 0.0
    # A joint that is hidden everywhere may be anywhere.
    hidden, wild = seen.copy(), true.copy()
    hidden[:, 2], wild[:, 2] = 0, np.nan
    assert share_alike(wild, true, hidden) == 0.0
    with pytest.raises(ValueError, match="No picture has a visible joint"):
        share_alike(true, true, np.zeros((10, 3)))


def test_moves_are_means_over_joints():
    before = np.zeros((2, 2, 2))
    after = np.array([[[3.0, 4.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    np.testing.assert_array_equal(mean_move(before, after), [2.5, 0.0])
