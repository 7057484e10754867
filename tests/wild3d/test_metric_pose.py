"""Size and place of poses: hand values, the law of scale, and rows that answer for themselves."""

import numpy as np
import pytest

from keras_pose.skeletons import MPII_16
from keras_pose.wild3d.metric_pose import (
    BONE_SUM_PER_HEIGHT,
    camera_position,
    chosen_bone_sum,
    metric_pose,
)

# A person of blocks, arms out: half sides of the crop.
PLACES = {
    "pelvis": (0.0, 0.1, 0.3),
    "right_hip": (-0.1, 0.1, 0.3),
    "left_hip": (0.1, 0.1, 0.3),
    "right_knee": (-0.1, 0.4, 0.3),
    "left_knee": (0.1, 0.4, 0.3),
    "right_ankle": (-0.1, 0.7, 0.3),
    "left_ankle": (0.1, 0.7, 0.3),
    "upper_neck": (0.0, -0.4, 0.3),
    "head_top": (0.0, -0.6, 0.3),
    "right_shoulder": (-0.2, -0.4, 0.3),
    "left_shoulder": (0.2, -0.4, 0.3),
    "right_elbow": (-0.2, -0.1, 0.3),
    "left_elbow": (0.2, -0.4, 0.0),
    "right_wrist": (-0.2, 0.2, 0.3),
    "left_wrist": (0.2, -0.4, -0.3),
    "thorax": (0.9, 0.9, 0.9),
}
POINTS = np.array([PLACES[name] for name in MPII_16.joints], np.float32)
# Hips 2 x 0.1, legs 4 x 0.3, trunk 0.5, head 0.2, shoulders 2 x 0.2, arms 4 x 0.3.
SUM = 0.2 + 1.2 + 0.5 + 0.2 + 0.4 + 1.2


def _numbers(*values):
    return np.array(values, np.float32)


def test_bones_take_the_length_that_is_given():
    points, scale = (np.asarray(v) for v in metric_pose(POINTS[None], _numbers(2 * SUM)))
    np.testing.assert_allclose(scale, [2.0], rtol=1e-6)
    expected = 2.0 * (POINTS - PLACES["pelvis"])
    # Row 7 becomes the middle of pelvis and neck.
    expected[MPII_16.index("thorax")] = [0.0, -0.5, 0.0]
    np.testing.assert_allclose(points[0], expected, atol=1e-6)


def test_twice_the_bone_sum_is_twice_the_person():
    points, _ = metric_pose(np.stack([POINTS, POINTS]), _numbers(2.0, 4.0))
    np.testing.assert_allclose(2.0 * np.asarray(points)[0], np.asarray(points)[1], atol=1e-6)


def test_the_bone_sum_goes_before_the_height():
    sums = chosen_bone_sum(
        _numbers(4.0, 0.0, 0.0, np.nan, 4000.0, -1.0, 0.0),
        _numbers(9.0, 1.7, 0, 1.7, 1.7, 1.7, 170),
    )
    np.testing.assert_allclose(sums, [4.0, 1.7 * BONE_SUM_PER_HEIGHT, 0, 0, 0, 0, 0], rtol=1e-6)


def test_no_size_and_no_extent_give_zeros():
    points, scale = metric_pose(np.stack([POINTS, 0 * POINTS]), _numbers(0.0, 4.0))
    np.testing.assert_array_equal(points, np.zeros((2, 16, 3)))
    np.testing.assert_array_equal(scale, [0.0, 0.0])


def test_a_far_person_is_put_where_he_stands():
    # 40 m away depth hardly matters, so the true projection is weak perspective.
    body = 2.0 * (POINTS - PLACES["pelvis"]).astype(np.float64)
    body[MPII_16.index("thorax")] = 0.0
    camera = np.array([[4000.0, 0, 320], [0, 4000.0, 240], [0, 0, 1]])
    place = np.array([1.5, -0.5, 40.0])
    seen = (body + place) @ camera.T
    seen = seen[:, :2] / seen[:, 2:]
    position, valid = camera_position(
        seen[None].astype(np.float32),
        body[None].astype(np.float32),
        # The left forearm comes 0.6 and 1.2 m nearer, so the mean joint is at 40 - 1.8 / 15 m.
        _numbers(4000.0 / 39.88),
        camera[None].astype(np.float32),
    )
    assert bool(np.asarray(valid)[0])
    np.testing.assert_allclose(np.asarray(position)[0], place, atol=0.02)


def test_the_placed_pose_is_the_2d_pose_under_weak_perspective():
    rng = np.random.default_rng(0)
    body = rng.normal(0, 0.5, (16, 3))
    body -= body[MPII_16.index("pelvis")]
    rate, corner = 90.0, np.array([310.0, 205.0])
    points = corner + rate * body[:, :2]
    camera = np.array([[700.0, 0, 330], [0, 700.0, 250], [0, 0, 1]])
    position, _ = camera_position(
        *(v[None].astype(np.float32) for v in (points, body)),
        _numbers(rate),
        camera[None].astype(np.float32),
    )
    placed = body + np.asarray(position, np.float64)[0]
    rows = [row for row in range(16) if row != MPII_16.index("thorax")]
    mean_depth = placed[rows, 2].mean()
    np.testing.assert_allclose(mean_depth, 700.0 / rate, rtol=1e-5)
    seen = 700.0 * placed[:, :2] / mean_depth + [330.0, 250.0]
    np.testing.assert_allclose(seen, points, atol=1e-2)


@pytest.mark.parametrize(
    "camera",
    [
        np.zeros((3, 3)),
        np.full((3, 3), np.nan),
        np.diag([np.inf, 500.0, 1.0]),
        np.diag([-500.0, 500.0, 1.0]),
        np.diag([0.5, 500.0, 1.0]),
    ],
)
def test_an_unusable_camera_costs_its_own_row_alone(camera):
    good = np.array([[500.0, 0, 100], [0, 500.0, 100], [0, 0, 1]])
    body = (2.0 * (POINTS - PLACES["pelvis"])).astype(np.float32)
    points = 100.0 + 50.0 * body[:, :2]
    cameras = np.stack([good, camera, good]).astype(np.float32)
    position, valid = camera_position(
        np.repeat(points[None], 3, 0), np.repeat(body[None], 3, 0), _numbers(50, 50, 0), cameras
    )
    np.testing.assert_array_equal(valid, [True, False, False])
    np.testing.assert_array_equal(np.asarray(position)[1:], 0.0)
    assert np.asarray(position)[0, 2] == pytest.approx(10.0, abs=0.5)
