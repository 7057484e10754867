"""Human3.6M in VideoPose3D's layouts, on small files of exactly that layout."""

import json

import numpy as np
import pytest

from keras_pose.data.motion import load_h36m, load_h36m_2d, load_h36m_views

# Human3.6M-17 joints among the 32 of the files, as VideoPose3D and LInKs keep them.
KEPT = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
SYMMETRY = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
FRAMES = {"S1": {"Walking": 5, "Eating 1": 3}, "S11": {"Sitting": 4}}
# A camera 5 m along the world's x (z up), level, looking back along -x: the columns of the
# camera-to-world matrix are (0, 1, 0), (0, 0, -1), (-1, 0, 0).
LEVEL = {
    "orientation": [0.5, -0.5, -0.5, 0.5],
    "translation_mm": [5000.0, 0.0, 1500.0],
    "focal_px": [1000.0, 1100.0],
    "principal_px": [500.0, 400.0],
}


def _poses(num, shift):
    poses = np.zeros((num, 32, 3), np.float32)
    poses[..., 0] = shift + 0.01 * np.arange(32)
    poses[..., 1] = 0.02 * np.arange(32) - 0.3 + 0.001 * np.arange(num)[:, None]
    poses[..., 2] = 1.0 + 0.005 * np.arange(32)
    return poses


def _write_3d(path, table=None):
    if table is None:
        table = {
            subject: {action: _poses(num, 0.1) for action, num in actions.items()}
            for subject, actions in FRAMES.items()
        }
    np.savez_compressed(path, positions_3d=table)  # as VideoPose3D's preparation calls it
    return path


def _write_2d(path, table=None, symmetry=SYMMETRY, cameras=4, extra=0):
    if table is None:
        table = {
            subject: {
                action: [
                    np.full((num + extra, 17, 2), 100 * camera + 5, np.float32)
                    for camera in range(cameras)
                ]
                for action, num in actions.items()
            }
            for subject, actions in FRAMES.items()
        }
    metadata = {"layout_name": "h36m", "num_joints": 17, "keypoints_symmetry": symmetry}
    np.savez_compressed(path, positions_2d=table, metadata=metadata)
    return path


def _write_cameras(path, rig=None):
    path.write_text(json.dumps({name: rig or [LEVEL] * 4 for name in FRAMES}))
    return path


def test_the_32_joints_in_metres_with_z_up_become_17_with_y_down(tmp_path):
    motion = load_h36m(_write_3d(tmp_path / "data_3d_h36m.npz"), allow_pickle=True)
    assert len(motion) == 12 and motion.frames_per_second == 50.0
    assert motion.clip_names == ("S1/Walking", "S1/Eating 1", "S11/Sitting")
    np.testing.assert_array_equal(motion.clip, np.repeat([0, 1, 2], [5, 3, 4]))
    np.testing.assert_array_equal(motion.subject, np.repeat([1, 11], [8, 4]))
    raw = _poses(5, 0.1)[2, KEPT]
    expected = np.stack([raw[:, 0], -raw[:, 2], raw[:, 1]], axis=1)
    np.testing.assert_allclose(motion.poses_m[2], expected, atol=1e-6)


def test_subjects_are_chosen_by_name(tmp_path):
    path = _write_3d(tmp_path / "data_3d_h36m.npz")
    assert len(load_h36m(path, True, subjects=("S11",))) == 4
    with pytest.raises(ValueError, match=r"h36m.npz has no subject 'S9'; it has \['S1', 'S11'\]"):
        load_h36m(path, True, subjects=("S9",))


def test_without_the_flag_nothing_is_unpickled(tmp_path):
    with pytest.raises(ValueError, match="'positions_3d' is pickled, .*--allow_pickle"):
        load_h36m(_write_3d(tmp_path / "a.npz"))
    with pytest.raises(ValueError, match="is pickled"):
        load_h36m_2d(_write_2d(tmp_path / "b.npz"))


def test_2d_poses_of_all_cameras_are_joined(tmp_path):
    keypoints = load_h36m_2d(_write_2d(tmp_path / "data_2d_h36m_gt.npz"), True)
    assert keypoints.points_px.shape == (48, 17, 2)
    np.testing.assert_array_equal(keypoints.points_px[:5], 5.0)
    np.testing.assert_array_equal(keypoints.points_px[5:10], 105.0)
    assert keypoints.known.all()


def test_views_pair_2d_with_3d_in_the_camera_frame(tmp_path):
    views = load_h36m_views(
        _write_3d(tmp_path / "3d.npz"),
        _write_2d(tmp_path / "2d.npz", extra=2),  # detections may run on for a few frames
        _write_cameras(tmp_path / "cameras.json"),
        allow_pickle=True,
        subjects=("S11",),
    )
    assert len(views) == 16
    np.testing.assert_array_equal(views.camera, np.repeat([0, 1, 2, 3], 4))
    np.testing.assert_array_equal(views.frame, np.tile([0, 1, 2, 3], 4))
    np.testing.assert_array_equal(views.points_px[4:8], 105.0)
    np.testing.assert_allclose(views.pitch_deg, 0.0, atol=1e-4)
    raw = _poses(4, 0.1)[1, KEPT]
    # Level camera at (5, 0, 1.5) looking along -x: right is world y, down is world -z.
    expected = np.stack([raw[:, 1], 1.5 - raw[:, 2], 5.0 - raw[:, 0]], axis=1)
    np.testing.assert_allclose(views.points_3d[1], expected, atol=1e-5)
    np.testing.assert_array_equal(views.intrinsics[0], [[1000, 0, 500], [0, 1100, 400], [0, 0, 1]])


def test_the_pitch_is_how_far_a_camera_looks_down(tmp_path):
    # The level camera turned by 20 degrees about its own x axis (half angle 10 degrees), downwards.
    w, x, y, z = LEVEL["orientation"]
    cosine, sine = np.cos(np.radians(10.0)), -np.sin(np.radians(10.0))
    turned = [
        w * cosine - x * sine, x * cosine + w * sine,
        y * cosine + z * sine, z * cosine - y * sine,
    ]  # fmt: skip
    rig = [{**LEVEL, "orientation": turned}] * 4
    views = load_h36m_views(
        _write_3d(tmp_path / "3d.npz"),
        _write_2d(tmp_path / "2d.npz"),
        _write_cameras(tmp_path / "cameras.json", rig),
        allow_pickle=True,
    )
    np.testing.assert_allclose(views.pitch_deg, 20.0, atol=1e-3)
    # Everything lies 0.3 to 0.5 m below the camera, which looks above it or below it by the pitch.
    ahead, below = 5.0 - _poses(5, 0.1)[0, 0, 0], 1.5 - _poses(5, 0.1)[0, 0, 2]
    c, s = np.cos(np.radians(20.0)), np.sin(np.radians(20.0))
    expected = [_poses(5, 0.1)[0, 0, 1], below * c - ahead * s, ahead * c + below * s]
    np.testing.assert_allclose(views.points_3d[0, 0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({}, "holds no table of subjects"),
        ([1, 2], "holds no table of subjects"),
        ({"S1": 5}, "subject 'S1' has no table of actions"),
        ({"S1": {"Walk": "x"}}, "S1/Walk is str where"),
        (
            {"S1": {"Walk": np.zeros((3, 31, 3))}},
            r"S1/Walk is shape \(3, 31, 3\) where \[frames, 32",
        ),
        ({"S1": {"Walk": np.zeros((3, 3, 32))}}, "where"),
        ({"S1": {"Walk": np.zeros((0, 32, 3))}}, "where"),
        ({"S1": {"Walk": np.full((3, 32, 3), np.nan)}}, "not finite"),
    ],
)
def test_another_3d_layout_is_named(tmp_path, table, sentence):
    path = _write_3d(tmp_path / "odd.npz", table)
    with pytest.raises(ValueError, match=f"odd.npz.*{sentence}"):
        load_h36m(path, True)


def test_another_2d_layout_is_named(tmp_path):
    right_first = [[4, 5, 6, 14, 15, 16], [1, 2, 3, 11, 12, 13]]  # ElePose's order
    with pytest.raises(ValueError, match="odd.npz: its left joints are .*reorder"):
        load_h36m_2d(_write_2d(tmp_path / "odd.npz", symmetry=right_first), True)
    with pytest.raises(ValueError, match="no 'keypoints_symmetry'"):
        load_h36m_2d(_write_2d(tmp_path / "odd.npz", symmetry=None), True)
    with pytest.raises(ValueError, match="S1/Walk is not a list of cameras"):
        load_h36m_2d(_write_2d(tmp_path / "odd.npz", {"S1": {"Walk": 3}}), True)
    with pytest.raises(ValueError, match=r"camera 0 is shape \(3, 16, 2\)"):
        table = {"S1": {"Walk": [np.zeros((3, 16, 2))]}}
        load_h36m_2d(_write_2d(tmp_path / "odd.npz", table), True)


def test_files_that_do_not_fit_each_other_are_named(tmp_path):
    path_3d, cameras = _write_3d(tmp_path / "3d.npz"), _write_cameras(tmp_path / "cameras.json")
    with pytest.raises(
        ValueError, match="cameras.json has 4 cameras for 'S1/Walking' and .* has 3"
    ):
        load_h36m_views(path_3d, _write_2d(tmp_path / "2d.npz", cameras=3), cameras, True)
    with pytest.raises(ValueError, match="camera 0 of 'S1/Walking' has 4 frames and the motion 5"):
        load_h36m_views(path_3d, _write_2d(tmp_path / "2d.npz", extra=-1), cameras, True)
    table = {"S1": {"Running": [np.zeros((5, 17, 2))] * 4}, "S11": {"Sitting": [np.zeros((5, 17, 2))] * 4}}  # fmt: skip  # noqa: E501
    with pytest.raises(ValueError, match="has no 2D poses of 'S1/Walking'"):
        load_h36m_views(path_3d, _write_2d(tmp_path / "2d.npz", table), cameras, True)


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[1, 2]",
        json.dumps({"S1": [{"orientation": [1, 0, 0, 0]}]}),
        json.dumps({"S1": [{**LEVEL, "orientation": [1, 1, 0, 0]}]}),
        json.dumps({"S1": [{**LEVEL, "focal_px": [1.0]}]}),
        json.dumps({"S1": [{**LEVEL, "translation_mm": [1.0, 2.0, float("nan")]}]}),
    ],
)
def test_a_broken_camera_file_is_named(tmp_path, content):
    (tmp_path / "cameras.json").write_text(content)
    with pytest.raises(ValueError, match="cameras.json (is|holds) .* JSON file of cameras"):
        load_h36m_views(
            _write_3d(tmp_path / "3d.npz"),
            _write_2d(tmp_path / "2d.npz"),
            tmp_path / "cameras.json",
            True,
        )
