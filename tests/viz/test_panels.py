import numpy as np
import pytest

from keras_pose.skeletons import H36M_17, HAND_21_FREIHAND
from keras_pose.viz import panels, view_points
from keras_pose.viz.draw import FINGERS


def _points(axes):
    return np.random.default_rng(3).normal(size=[17, axes])


def test_tiles_lie_where_they_belong():
    red, green, blue = (np.full([4, width, 3], width, np.uint8) for width in (10, 20, 30))
    board = panels.tile([[red, green], [blue]], gap=3)
    # Columns are as wide as their widest picture: 30 and 20; rows are 4 high.
    assert board.shape == (4 + 3 + 4, 30 + 3 + 20, 3)
    np.testing.assert_array_equal(board[:4, :10], red)
    np.testing.assert_array_equal(board[:4, 33:53], green)
    np.testing.assert_array_equal(board[7:, :30], blue)
    assert (board[4:7] == 255).all() and (board[:, 30:33] == 255).all()


def test_no_picture_is_refused():
    for rows in ([], [[]]):
        with pytest.raises(ValueError, match="no picture"):
            panels.tile(rows)


def test_panel_has_the_input_and_two_sides():
    panel = panels.pose_panel(_points(2), _points(3), H36M_17, height=150)
    assert panel.shape == (150, 3 * 150 + 2 * 2, 3) and panel.dtype == np.uint8
    parts = [panel[:, start : start + 150] for start in (0, 152, 304)]
    for part in parts:
        assert np.mean(part.min(-1) < 200) > 0.01
    assert (parts[1] != parts[2]).any()


def test_two_sides_are_the_camera_and_its_right():
    (azimuth, elevation, title), (side_azimuth, side_elevation, side_title) = panels.VIEWS
    assert "camera view" in title and "from the right" in side_title
    right_and_forward = np.eye(3)[[0, 2]]
    right, forward = view_points(right_and_forward, azimuth, elevation)
    # The camera's right stays right, and depth does not move a point sideways.
    assert right[0] > 0.9 and abs(forward[0]) < 1e-9
    right, forward = view_points(right_and_forward, side_azimuth, side_elevation)
    # From the right, the camera's right is near and what is far from it is on the right.
    assert right[2] < -0.9 and forward[0] > 0.9


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_input_of_any_scale_fills_its_part_alike(scale):
    points = _points(2)
    first = panels.pose_panel(points, _points(3), H36M_17, height=150)
    second = panels.pose_panel(points * scale + 77 * scale, _points(3), H36M_17, height=150)
    assert np.abs(first.astype(int) - second).max() <= 2


def test_photograph_keeps_its_proportions():
    image = np.zeros([100, 60, 3], np.uint8)
    panel = panels.pose_panel(_points(2) + 30, _points(3), H36M_17, image=image, height=150)
    assert panel.shape == (150, 90 + 2 * (2 + 150), 3)
    # Below the title, right of the pose, the photograph is seen.
    np.testing.assert_array_equal(panel[140, 85], [0, 0, 0])


def test_title_changes_the_corner_only():
    image = np.full([200, 300, 3], 250, np.uint8)
    changed = (panels.label(image, "2D input") != image).any(-1)
    assert changed[:40, :150].any()
    assert not changed[40:].any() and not changed[:, 150:].any()


def test_hands_have_a_colour_per_finger_and_no_floor():
    rng = np.random.default_rng(0)
    image = np.zeros([160, 160, 3], np.uint8)
    points_2d, points_3d = rng.uniform(20, 140, (21, 2)), rng.normal(size=(21, 3))
    plain, floored = (
        panels.pose_panel(
            points_2d, points_3d, HAND_21_FREIHAND, image=image, height=160, floor=floor
        )
        for floor in (None, True)
    )
    # The same 2D part; the floor's pale lines and shadow stand in the 3D parts alone.
    np.testing.assert_array_equal(plain[:, :160], floored[:, :160])
    assert (plain[:, 162:] != floored[:, 162:]).any()
    colours = {tuple(colour) for colour in plain[:, :160].reshape(-1, 3)}
    assert set(FINGERS.values()) <= colours


def test_bodies_stand_on_a_floor():
    points = _points(3)
    standing = panels.pose_panel(_points(2), points, H36M_17, height=150)
    asked = panels.pose_panel(_points(2), points, H36M_17, height=150, floor=True)
    np.testing.assert_array_equal(standing, asked)
