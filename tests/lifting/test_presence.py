"""Missing joints: what goes missing together, the draws, the frame that the others set."""

import numpy as np
import pytest

from keras_pose.lifting.presence import (
    MIN_JOINTS,
    draw_presence,
    encode_present,
    missing_groups,
)
from keras_pose.skeletons import H36M_17


def _uniform(count, seed=0):
    return np.random.default_rng(seed).uniform(size=(22, count)).astype(np.float32)


def test_groups_are_limbs_halves_and_ends():
    groups = missing_groups()
    named = {tuple(np.array(H36M_17.joints)[row]) for row in groups}
    assert ("right_hip", "right_knee", "right_ankle") in named
    assert ("left_elbow", "left_wrist") in named
    assert tuple(H36M_17.joints[1:7]) in named  # both legs
    assert tuple(H36M_17.joints[7:]) in named  # everything above the pelvis
    assert (17 - groups.sum(axis=1) >= MIN_JOINTS).all()


def test_shares_of_whole_single_and_grouped():
    present = np.array(draw_presence(_uniform(20000), 0.6, 11))
    missing = 17 - present.sum(axis=1)
    assert np.mean(missing == 0) == pytest.approx(0.4, abs=0.02)
    assert missing.max() == 11
    # Single joints: each is as likely to go as any other.
    shares = 1.0 - present[missing > 0].mean(axis=0)
    assert shares.min() > 0.2 and shares.max() < 0.6
    assert (present.sum(axis=1) >= MIN_JOINTS).all()


def test_no_share_leaves_every_pose_whole():
    assert np.array(draw_presence(_uniform(64), 0.0, 11)).all()


def test_the_frame_is_that_of_the_joints_that_are_there():
    points = np.zeros((1, 4, 2), np.float32)
    points[0] = [[1.0, 1.0], [3.0, 1.0], [np.nan, np.nan], [2.0, 7.0]]
    normalized, centre, scale = encode_present(points, np.float32([[1, 1, 0, 1]]))
    np.testing.assert_allclose(centre, [[2.0, 3.0]])
    np.testing.assert_allclose(scale, [4.0])
    np.testing.assert_allclose(normalized, [[[-0.25, -0.5], [0.25, -0.5], [0.0, 0.0], [0.0, 1.0]]])


def test_joints_in_one_place_have_scale_one():
    points = np.full((1, 3, 2), 5.0, np.float32)
    normalized, _, scale = encode_present(points, np.ones((1, 3), np.float32))
    assert np.array(scale)[0] == 1.0 and not np.array(normalized).any()
