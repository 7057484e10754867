import numpy as np
import pytest

from keras_pose.skeletons import H36M_17, HAND_21_FREIHAND, Skeleton
from keras_pose.viz import brush, draw

CROSS = Skeleton("cross", ("root", "left_hand", "right_hand"), (-1, 0, 1), ((1, 2),))
CHAIN = Skeleton("chain", ("root", "left_hand"), (-1, 0))


def _pose(seed=0):
    """A standing person, about 1.7 high, in camera-frame metres: H36M-17, hand-made."""
    legs = [[-0.13, 0.02, 0.01], [-0.15, 0.44, -0.14], [-0.16, 0.86, -0.02]]
    legs += [[0.13, -0.02, -0.01], [0.15, 0.42, 0.10], [0.16, 0.78, 0.34]]
    trunk = [[0, -0.24, 0.01], [0.01, -0.5, 0], [0.01, -0.6, -0.1], [0.01, -0.72, -0.02]]
    arms = [[0.17, -0.47, 0.02], [0.24, -0.2, -0.06], [0.22, 0, -0.26]]
    arms += [[-0.16, -0.49, 0], [-0.25, -0.22, 0.1], [-0.26, 0.03, 0.05]]
    noise = np.random.default_rng(seed).normal(size=[17, 3]) * 0.01
    return np.array([[0, 0, 0], *legs, *trunk, *arms]) + noise


def _centroid(picture, background):
    """Centre [x, y] of all that is not background, weighted by how different it is."""
    weight = np.abs(picture.astype(float) - background).sum(-1)
    rows, columns = np.indices(weight.shape) + 0.5
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


def _differing(first, second):
    """Share of pixels that differ by more than an edge's smoothing may."""
    return np.mean(np.abs(first.astype(int) - second.astype(int)).max(-1) > 60)


@pytest.mark.parametrize("size", [(64, 96), (1100, 1200)])
@pytest.mark.parametrize("place", [(20.25, 30.75), (48.0, 32.0), (40.5, 20.5)])
def test_dot_lies_where_its_pixel_is(size, place):
    # Pixel centres are at 0.5, so a dot at (40.5, 20.5) is centred on column 40, row 20.
    stroke = brush.Brush(np.zeros([*size, 3], np.uint8))
    stroke.dot(np.array(place), 9, (255, 255, 255))
    np.testing.assert_allclose(_centroid(stroke.picture(), 0), place, atol=0.06)


def test_limb_has_the_width_asked_for():
    stroke = brush.Brush(np.zeros([60, 80, 3], np.uint8))
    stroke.limb(np.array([10.0, 30.0]), np.array([70.0, 30.0]), 6, (255, 255, 255))
    column = stroke.picture()[:, 40, 0] / 255
    assert column.sum() == pytest.approx(6, abs=0.6)
    assert stroke.picture()[30, :, 0].sum() / 255 == pytest.approx(66, abs=0.8)


def test_joints_of_a_pose_lie_at_their_pixels():
    points = np.array([[30.0, 40.0], [90.0, 20.0]])
    picture = draw.draw_pose_2d((80, 120), points, CHAIN, thickness=6)
    # A white dot within each joint, blue and slate around it.
    np.testing.assert_array_equal(picture[40, 30], [255, 255, 255])
    np.testing.assert_array_equal(picture[20, 90], [255, 255, 255])
    np.testing.assert_allclose(picture[30, 60], draw.LEFT, atol=2)


def test_mirrored_pose_gives_mirrored_picture():
    points = _pose()[:, :2] * 100 + [80.0, 95.0]
    mirrored = points * [-1, 1] + [200.0, 0.0]
    picture = draw.draw_pose_2d((200, 200), points, H36M_17)
    other = draw.draw_pose_2d((200, 200), mirrored, H36M_17)
    assert _differing(picture, np.full_like(picture, 250)) > 0.02
    assert _differing(picture, other) > 0.02
    assert _differing(picture, other[:, ::-1]) < 1e-3


def test_mirrored_3d_pose_gives_mirrored_picture():
    pose = _pose()
    kind = {"elevation_deg": 15, "centre": (0, 0, 0), "extent": 1.1}
    picture = draw.draw_pose_3d(pose, H36M_17, **kind)
    other = draw.draw_pose_3d(pose * [-1, 1, 1], H36M_17, **kind)
    assert _differing(picture, other) > 0.02
    assert _differing(picture, other[:, ::-1]) < 1e-3


def test_views_by_hand():
    x, y, z = np.eye(3)
    np.testing.assert_allclose(draw.view_points(np.eye(3), 0, 0), np.eye(3), atol=1e-12)
    # From the camera's right: what is far from the camera is on the right, its right is near.
    np.testing.assert_allclose(draw.view_points(np.array([x, y, z]), 90, 0), [-z, y, x], atol=1e-12)
    # From behind.
    np.testing.assert_allclose(
        draw.view_points(np.array([x, y, z]), 180, 0), [-x, y, -z], atol=1e-12
    )
    # From above: what is low is far, what is far from the camera is up in the picture.
    np.testing.assert_allclose(draw.view_points(np.array([x, y, z]), 0, 90), [x, z, -y], atol=1e-12)


def test_3d_joint_lies_at_its_pixel():
    pose = np.array([[0.0, 0.0, 0.3], [0.5, -0.25, 0.3]])
    picture = draw.draw_pose_3d(
        pose, CHAIN, size=(200, 300), centre=(0, 0, 0), extent=1.0, floor=False
    )
    # Half the smaller side, 100 pixels, is one unit around (150, 100): the limb runs from there
    # to (200, 75), so its middle is (175, 87.5).
    place = _centroid(picture, np.array(draw.BACKGROUND, float))
    np.testing.assert_allclose(place, [175, 87.5], atol=1.0)


def test_a_joint_that_is_not_shown_leaves_no_trace_in_3d():
    pose = np.array([[0.0, 0.0, 0.3], [0.5, -0.25, 0.3], [90.0, 40.0, 7.0]])
    picture = draw.draw_pose_3d(pose, CROSS, is_shown=[True, True, False])
    alone = draw.draw_pose_3d(pose[:2], CHAIN)
    np.testing.assert_array_equal(picture, alone)


@pytest.mark.parametrize("azimuth", [0, 90, 180])
def test_near_limb_covers_far_limb(azimuth):
    joints = ("root", "left_hand", "centre", "right_hand")
    skeleton = Skeleton("crossing", joints, (-1, 0, 0, 2))
    upright = [[0.0, -1, -0.5], [0, 1, -0.5]]
    level = [[-1.0, 0, 0.5], [1, 0, 0.5]]
    pose = draw.view_points(np.array(upright + level), -azimuth, 0)
    picture = draw.draw_pose_3d(pose, skeleton, azimuth, centre=(0, 0, 0), extent=2, floor=False)
    blue, red = picture[160, 160, 2].astype(int), picture[160, 160, 0].astype(int)
    assert blue > red + 60
    swapped = draw.draw_pose_3d(
        draw.view_points(np.array(upright + level) * [1, 1, -1], -azimuth, 0),
        skeleton, azimuth, centre=(0, 0, 0), extent=2, floor=False,
    )  # fmt: skip
    blue, red = swapped[160, 160, 2].astype(int), swapped[160, 160, 0].astype(int)
    assert red > blue + 60


def test_pose_stays_inside_from_every_side():
    pose = _pose() * [900, 900, 900] + [5000, 0, 0]
    for azimuth in range(0, 360, 40):
        picture = draw.draw_pose_3d(pose, H36M_17, azimuth, 20, (120, 160), floor=False)
        frame = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        np.testing.assert_array_equal(frame, np.broadcast_to(draw.BACKGROUND, frame.shape))
        assert np.ptp(picture[60:, :, 0]) > 100


def test_truth_is_drawn_in_the_same_view():
    pose = _pose()
    kind = {"size": (160, 160), "centre": (0, 0, 0), "extent": 1.2, "floor": False}
    alone = draw.draw_pose_3d(pose, H36M_17, **kind)
    shifted = draw.draw_pose_3d(pose, H36M_17, truth=pose + [0.3, 0, 0], **kind)
    columns = np.flatnonzero((alone != shifted).any((0, 2)))
    # 0.3 of 1.2 is 20 of 80 pixels: nothing changes left of the leftmost truth joint.
    assert columns.min() >= np.floor(80 + (pose[:, 0].min() + 0.3) / 1.2 * 80) - 2
    assert columns.max() == pytest.approx(80 + (pose[:, 0].max() + 0.3) / 1.2 * 80, abs=2)


def test_unseen_joints_are_left_out_and_the_picture_given_is_kept():
    photograph = np.random.default_rng(0).integers(0, 255, [50, 70, 3]).astype(np.uint8)
    before = photograph.copy()
    nobody = draw.draw_pose_2d(photograph, np.full([3, 2], np.nan), CROSS)
    np.testing.assert_array_equal(nobody, before)
    points = np.array([[10.0, 10.0], [60.0, np.nan], [60.0, 40.0]])
    some = draw.draw_pose_2d(photograph, points, CROSS, thickness=3)
    np.testing.assert_array_equal(photograph, before)
    changed = (some != before).any(-1)
    assert changed[5:15, 5:15].any() and changed[35:45, 55:65].any()
    # Its only limbs led through the joint that is missing.
    assert not changed[20:30].any()


def test_near_limbs_lie_over_far_ones_in_a_picture():
    points = np.array([[10.0, 10.0], [50.0, 50.0], [10.0, 50.0], [50.0, 10.0]])
    pair = Skeleton("pair", ("start", "left_hand", "root", "right_hand"), (-1, 0, 0, 2))
    for depth, colour in (([0, 0, 5, 5], draw.LEFT), ([5, 5, 0, 0], draw.RIGHT)):
        drawing = draw.draw_pose_2d((60, 60), points, pair, 8.0, np.array(depth))
        np.testing.assert_array_equal(drawing[30, 30], colour)


def test_points_far_outside_do_not_wrap_around():
    # From the left edge to far on the right: 1e9 times 16 does not fit OpenCV's integers.
    picture = draw.draw_pose_2d((40, 60), np.array([[-1e12, 20.0], [1e9, 20.0]]), CHAIN, 4)
    np.testing.assert_allclose(picture[20], np.broadcast_to(draw.LEFT, [60, 3]), atol=3)
    assert (picture[:12] == draw.BACKGROUND).all() and (picture[28:] == draw.BACKGROUND).all()


def test_sides_and_fingers_have_their_colours():
    colours = draw.limb_colours(H36M_17)
    assert colours.shape == (17, 3) and colours.dtype == np.uint8
    assert {tuple(colours[joint]) for joint in H36M_17.indices(["left_hip", "left_wrist"])} == {
        draw.LEFT
    }
    assert tuple(colours[H36M_17.index("right_ankle")]) == draw.RIGHT
    assert tuple(colours[H36M_17.index("thorax")]) == draw.MIDDLE
    assert len({tuple(colour) for colour in draw.limb_colours(HAND_21_FREIHAND)}) == 6


def test_wrong_input_is_told_in_a_sentence():
    with pytest.raises(ValueError, match=r"shape \[2, 3\], but skeleton 'cross' needs \[3, 3\]"):
        draw.draw_pose_3d(np.zeros([2, 3]), CROSS)
    with pytest.raises(ValueError, match=r"shape \[3, 3\], but skeleton 'cross' needs \[3, 2\]"):
        draw.draw_pose_2d((9, 9), np.zeros([3, 3]), CROSS)
    with pytest.raises(ValueError, match="not finite"):
        draw.draw_pose_3d(np.full([3, 3], np.nan), CROSS)
    with pytest.raises(ValueError, match=r"float64 \[9, 9, 3\], but must be uint8"):
        draw.draw_pose_2d(np.zeros([9, 9, 3]), np.zeros([3, 2]), CROSS)
