"""Virtual cameras: literal values, the laws of projection, and the seeded draw."""

import dataclasses

import numpy as np
import pytest

from keras_pose.data.motion import (
    MotionSet,
    Views,
    VirtualRig,
    concatenate,
    generate_motion,
    h36m_rig,
    render_views,
)
from keras_pose.skeletons import H36M_17


def _rig(azimuth=0.0, height=1.0, distance=4.0, pitch=0.0):
    return VirtualRig(
        "one", (azimuth,), (height,), (distance,), (pitch,), ((100.0, 200.0),), ((50.0, 40.0),),
        (100, 80),
    )  # fmt: skip


def _pole(num=3):
    """A person as a vertical pole: joint j stands 0.1 j metres above the floor."""
    poses = np.zeros((num, 17, 3), np.float32)
    poses[:, :, 1] = -0.1 * np.arange(17)
    return MotionSet(poses, np.zeros(num), np.zeros(num), "pole", "none")


@pytest.fixture(scope="module")
def motion():
    return generate_motion(360, seed=3)


@pytest.fixture(scope="module")
def views(motion):
    return render_views(motion, h36m_rig(), seed=11)


def test_a_level_camera_by_hand():
    view = render_views(_pole(), _rig(), seed=1, spot_radius_m=0.0)
    # The pole is 4 m away; joint j is 1 - 0.1 j below the camera, which is 1 m up.
    down = 1.0 - 0.1 * np.arange(17)
    np.testing.assert_allclose(view.points_3d[0, :, 2], 4.0, atol=1e-6)
    np.testing.assert_allclose(view.points_3d[0, :, 1], down, atol=1e-6)
    np.testing.assert_allclose(view.points_px[0, :, 0], 50.0, atol=1e-4)
    np.testing.assert_allclose(view.points_px[0, :, 1], 40.0 + 200.0 * down / 4.0, atol=1e-4)


def test_a_camera_that_looks_down_by_hand():
    view = render_views(_pole(), _rig(pitch=30.0), seed=1, spot_radius_m=0.0)
    below = 1.0 - 0.1 * np.arange(17)
    root3 = 3.0**0.5
    np.testing.assert_allclose(view.points_3d[0, :, 2], 4.0 * root3 / 2 + below / 2, rtol=1e-6)
    np.testing.assert_allclose(
        view.points_3d[0, :, 1], below * root3 / 2 - 2.0, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(view.pitch_deg, 30.0)


@pytest.mark.parametrize(
    ("azimuth", "centre", "rotation"),
    [
        (0.0, (4, -1, 0), ((0, 0, 1), (0, 1, 0), (-1, 0, 0))),
        (90.0, (0, -1, 4), ((-1, 0, 0), (0, 1, 0), (0, 0, -1))),
        (-90.0, (0, -1, -4), ((1, 0, 0), (0, 1, 0), (0, 0, 1))),
    ],
)
def test_azimuth_places_and_turns_the_camera(azimuth, centre, rotation):
    rig = _rig(azimuth=azimuth)
    np.testing.assert_allclose(rig.centres()[0], centre, atol=1e-12)
    np.testing.assert_allclose(rig.rotations()[0], rotation, atol=1e-12)


def test_rotations_are_proper_and_tilt_the_vertical_by_the_pitch():
    rig = h36m_rig()
    rotations = rig.rotations()
    np.testing.assert_allclose(rotations @ np.swapaxes(rotations, 1, 2), np.eye(3)[None].repeat(4, 0), atol=1e-12)  # fmt: skip  # noqa: E501
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0, atol=1e-12)
    vertical = rotations @ [0.0, 1.0, 0.0]
    pitch = np.radians([10.7, 12.4, 12.4, 16.0])
    expected = np.stack([0 * pitch, np.cos(pitch), np.sin(pitch)], axis=1)
    np.testing.assert_allclose(vertical, expected, atol=1e-12)
    # Seen from above, the optical axis passes through the middle of the rig.
    middle = np.einsum("vij,vj->vi", rotations, -rig.centres() * [1, 0, 1])
    np.testing.assert_allclose(middle[:, 0], 0.0, atol=1e-12)
    assert (middle[:, 2] > 3.9).all()


def test_the_rig_has_the_human36m_geometry():
    rig = h36m_rig()
    assert rig.num_cameras == 4 and rig.picture_px == (1000, 1000)
    assert rig.azimuth_deg == (69.6, -70.9, 109.5, -115.7)
    assert min(rig.height_m) == 1.49 and max(rig.height_m) == 1.61
    assert min(rig.distance_m) == 4.1 and max(rig.distance_m) == 5.5
    assert 1143 < np.min(rig.focal_px) and np.max(rig.focal_px) < 1150
    assert np.abs(np.array(rig.principal_px) - 500).max() < 20


def test_pixels_are_the_projection_of_the_points(views):
    for row in (0, 5, 700, 1439):
        (fx, _, cx), (_, fy, cy), _ = views.intrinsics[row].astype(float)
        x, y, z = views.points_3d[row].astype(float).T
        expected = np.stack([fx * x / z + cx, fy * y / z + cy], axis=1)
        np.testing.assert_allclose(views.points_px[row], expected, atol=2e-3)


def test_rows_are_frames_times_cameras(motion, views):
    assert len(views) == 4 * len(motion)
    np.testing.assert_array_equal(views.camera[:8], [0, 1, 2, 3, 0, 1, 2, 3])
    np.testing.assert_array_equal(views.frame[:8], [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(views.pitch_deg[:4], [10.7, 12.4, 12.4, 16.0], rtol=1e-6)
    dtypes = {field.name: getattr(views, field.name).dtype for field in dataclasses.fields(Views)}
    assert dtypes == {
        "points_px": np.float32, "points_3d": np.float32, "pitch_deg": np.float32,
        "camera": np.int32, "frame": np.int32, "intrinsics": np.float32,
    }  # fmt: skip


def test_bones_keep_their_lengths_and_sides(motion, views):
    for parent, child in H36M_17.bones:
        world = np.linalg.norm(motion.poses_m[:, parent] - motion.poses_m[:, child], axis=1)
        seen = np.linalg.norm(views.points_3d[:, parent] - views.points_3d[:, child], axis=1)
        np.testing.assert_allclose(seen, np.repeat(world, 4), atol=3e-6)

    # A mirrored camera would keep bones but turn the sign of this triple product.
    def triple(points):
        edges = points[:, [4, 8, 9]] - points[:, [0]]
        return np.linalg.det(edges.astype(float))

    np.testing.assert_allclose(triple(views.points_3d), np.repeat(triple(motion.poses_m), 4), atol=1e-6)  # fmt: skip  # noqa: E501


def test_all_cameras_see_the_same_placed_subject(views):
    rig = h36m_rig()
    world = views.points_3d.astype(float).reshape(-1, 4, 17, 3) @ rig.rotations()
    world = world + rig.centres()[:, None]
    np.testing.assert_allclose(world, world[:, :1].repeat(4, axis=1), atol=5e-6)
    pelvis = world[:, 0, 0]
    assert np.linalg.norm(pelvis[:, [0, 2]], axis=1).max() <= 1.0 + 1e-5
    # Uniform over the disc: half of the spots lie within radius 1/sqrt(2), a quarter within 1/2.
    radius = np.linalg.norm(pelvis[:, [0, 2]], axis=1)
    assert abs((radius < 0.5**0.5).mean() - 0.5) < 0.1
    assert abs((radius < 0.5).mean() - 0.25) < 0.1
    assert abs(world[..., 1].max()) < 0.02  # feet on the floor


def test_headings_cover_the_circle(views):
    rig = h36m_rig()
    world = views.points_3d[::4].astype(float) @ rig.rotations()[0]
    hips = world[:, H36M_17.index("right_hip")] - world[:, H36M_17.index("left_hip")]
    heading = np.arctan2(hips[:, 2], hips[:, 0])
    counts, _ = np.histogram(heading, bins=6, range=(-np.pi, np.pi))
    assert counts.min() > 30  # of 360; 60 expected, standard deviation 7


def test_the_draw_is_a_function_of_seed_and_frame(motion, views):
    again = render_views(motion, h36m_rig(), seed=11)
    np.testing.assert_array_equal(again.points_px, views.points_px)
    other = render_views(motion, h36m_rig(), seed=12)
    assert np.abs(other.points_3d - views.points_3d).max(axis=(1, 2)).min() > 1e-3
    sparse = render_views(motion, h36m_rig(), seed=11, stride=7)
    rows = np.flatnonzero(views.frame % 7 == 0)
    np.testing.assert_array_equal(sparse.points_px, views.points_px[rows])
    assert len(sparse) == 4 * -(-360 // 7)


def test_neighbouring_frames_are_placed_apart_unless_clips_are_kept_whole(motion, views):
    frame_jump = np.linalg.norm(np.diff(views.points_3d[::4, 0], axis=0), axis=1)
    assert np.median(frame_jump) > 0.3
    whole = render_views(motion, h36m_rig(), seed=11, per="clip").points_3d[::4]
    jump = np.linalg.norm(np.diff(whole[:, 0], axis=0), axis=1)
    same_clip = np.diff(motion.clip) == 0
    world_jump = np.linalg.norm(np.diff(motion.poses_m[:, 0], axis=0), axis=1)
    np.testing.assert_allclose(jump[same_clip], world_jump[same_clip], atol=1e-5)


def test_bad_arguments_and_close_cameras_are_refused(motion):
    with pytest.raises(ValueError, match="stride is 0"):
        render_views(motion, stride=0)
    with pytest.raises(ValueError, match="per is 'day'; use 'frame' or 'clip'"):
        render_views(motion, per="day")
    with pytest.raises(ValueError, match="spot_radius_m is -1"):
        render_views(motion, spot_radius_m=-1.0)
    with pytest.raises(ValueError, match="pole: the body of frame 0 comes within 0.5 m"):
        render_views(_pole(), _rig(distance=0.3), spot_radius_m=0.0)
    with pytest.raises(ValueError, match="rig 'one': every field needs one entry per camera"):
        dataclasses.replace(_rig(), height_m=(1.0, 2.0))
    with pytest.raises(ValueError, match="rig 'one': distance_m and focal_px must be positive"):
        _rig(distance=0.0)


def test_more_frames_than_one_chunk_are_rendered_alike():
    pole = _pole(9000)
    both = concatenate([pole, pole])  # 18,000 frames, above the chunk of 16,384
    views = render_views(both, _rig(), seed=0, spot_radius_m=0.0)
    np.testing.assert_allclose(views.points_px[[0, 16383, 16384, 17999], 0], [[50.0, 90.0]] * 4, atol=1e-3)  # fmt: skip  # noqa: E501
