"""The One-Euro filter: constant stays, noise shrinks, a ramp lags by the filter's time constant."""

import dataclasses

import numpy as np
import pytest

from keras_pose.predict.smoothing import OneEuroFilter, PoseSmoother
from tests.predict.found_poses import body

STEP = 1 / 30


def _run(filter_, film):
    return np.array([filter_.smooth(points, STEP * number) for number, points in enumerate(film)])


def test_what_rests_stays():
    film = np.tile([[3.0, -1.0], [0.25, 7.0]], (20, 1, 1))
    np.testing.assert_array_equal(_run(OneEuroFilter(0.5, 2.0), film), film)


def test_the_second_point_by_hand():
    # Cutoff 1 / (2 pi) Hz is a time constant of 1 s: of a step after 1 s half goes through.
    filter_ = OneEuroFilter(1 / (2 * np.pi), 0.0, 1.0)
    filter_.smooth(np.zeros((1, 1)), 0.0)
    np.testing.assert_allclose(filter_.smooth(np.full((1, 1), 8.0), 1.0), 4.0, atol=1e-12)
    np.testing.assert_allclose(filter_.smooth(np.full((1, 1), 8.0), 4.0), 7.0, atol=1e-12)


def test_trembling_shrinks():
    noise = np.random.default_rng(4).normal(0.0, 1.0, (600, 21, 3))
    calm = _run(OneEuroFilter(1.0, 0.0), noise)[60:]
    # A first-order low pass lets the share a / (2 - a) of white noise's power through.
    weight = 1 / (1 + 1 / (2 * np.pi * STEP))
    assert abs(calm.std() - np.sqrt(weight / (2 - weight))) < 0.02
    assert np.abs(np.diff(calm, axis=0)).mean() < 0.2 * np.abs(np.diff(noise, axis=0)).mean()


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_a_steady_walk_lags_by_the_time_constant(beta):
    speed = 2.0
    film = (speed * STEP * np.arange(900))[:, None, None]
    lag = film[-1, 0, 0] - _run(OneEuroFilter(1.0, beta), film)[-1, 0, 0]
    # At steady speed v: v over 2 pi times the cutoff, 1 + beta v.
    bound = speed / (2 * np.pi * (1.0 + beta * speed))
    # The speed is measured from the smoothed place, and so a little larger than v with a lag.
    assert lag <= bound * (1 + 1e-9)
    if not beta:
        np.testing.assert_allclose(lag, bound, rtol=1e-6)


def test_a_gap_begins_anew():
    filter_ = OneEuroFilter(0.1, 0.0)
    filter_.smooth(np.zeros((2, 2)), 0.0)
    assert filter_.smooth(None, STEP) is None
    again = np.full((2, 2), 50.0)
    np.testing.assert_array_equal(filter_.smooth(again, 2 * STEP), again)
    # One joint alone is missing for a frame.
    hole = again.copy()
    hole[1] = np.nan
    out = filter_.smooth(hole, 3 * STEP)
    assert np.isnan(out[1]).all() and (out[0] == 50.0).all()
    np.testing.assert_array_equal(filter_.smooth(again + 9.0, 4 * STEP)[1], [59.0, 59.0])


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="cutoffs above 0"):
        OneEuroFilter(0.0)
    filter_ = OneEuroFilter()
    filter_.smooth(np.zeros((1, 2)), 1.0)
    with pytest.raises(ValueError, match="increasing times"):
        filter_.smooth(np.zeros((1, 2)), 1.0)


def test_poses_are_smoothed_in_their_own_size():
    smoother = PoseSmoother(1 / (2 * np.pi), 0.0)
    small, large = body(), body(person=1)
    tenfold = {"keypoints_2d": 10 * large.keypoints_2d, "keypoints_3d": 10 * large.keypoints_3d}
    large = dataclasses.replace(large, **tenfold)
    first = smoother.smooth([small, large], "body", 0.0)
    np.testing.assert_allclose(first[0].keypoints_2d, small.keypoints_2d, rtol=1e-12)
    moved = [
        dataclasses.replace(
            pose, keypoints_2d=3 * pose.keypoints_2d, keypoints_3d=3 * pose.keypoints_3d
        )
        for pose in (small, large)
    ]
    # Time constant and step 1 s: half of the way.
    second = smoother.smooth(moved, "body", 1.0)
    for before, after in zip((small, large), second, strict=True):
        np.testing.assert_allclose(after.keypoints_2d, 2 * before.keypoints_2d, rtol=1e-9)
        np.testing.assert_allclose(after.keypoints_3d, 2 * before.keypoints_3d, rtol=1e-9)
    # One is lost, and begins anew; the other goes on.
    smoother.smooth([moved[0]], "body", 2.0)
    again = smoother.smooth(moved, "body", 3.0)
    np.testing.assert_allclose(again[1].keypoints_2d, moved[1].keypoints_2d, rtol=1e-12)
    assert np.abs(again[0].keypoints_2d - moved[0].keypoints_2d).max() > 0.1
