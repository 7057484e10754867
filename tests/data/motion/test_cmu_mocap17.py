"""The CMU reader: frame, unit and clips by hand, bad files by sentence, the real files by count."""

import pathlib

import numpy as np
import pytest

from keras_pose.data.motion import h36m_rig, load_cmu_mocap17, render_views
from keras_pose.skeletons import H36M_17

REAL = pathlib.Path(__file__).parents[4] / "shared" / "data" / "cmu_mocap17"
needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="reference data beside the checkout (../shared) is absent"
)


def _arrays(num=6):
    poses = np.arange(num * 51, dtype=np.int16).reshape(num, 17, 3)
    return {
        "poses_mm": poses,
        "subject": np.full(num, 5, np.int16),
        "trial": np.repeat([1, 2], [2, num - 2]).astype(np.int16),
        "frame": np.r_[0, 2, 0 : 2 * (num - 2) : 2].astype(np.int32),
        "source": np.zeros(num, np.uint8),
    }


def _write(path, **change):
    arrays = {name: value for name, value in (_arrays() | change).items() if value is not None}
    np.savez_compressed(path, **arrays)
    return path


def test_millimetres_with_y_up_become_metres_with_y_down(tmp_path):
    motion = load_cmu_mocap17(_write(tmp_path / "a.npz"))
    np.testing.assert_allclose(motion.poses_m[0, 1], [0.003, -0.004, -0.005], atol=1e-9)
    np.testing.assert_array_equal(motion.clip, [0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(motion.subject, [5] * 6)
    assert motion.frames_per_second == 60.0
    assert "a.npz" in motion.source and "mocap.cs.cmu.edu" in motion.licence


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"poses_mm": None}, "lacks the array 'poses_mm'"),
        ({"trial": None}, "lacks the array 'trial'"),
        ({"poses_mm": np.zeros((6, 16, 3), np.int16)}, r"int16 \(6, 16, 3\) where \[N, 17, 3\]"),
        ({"poses_mm": np.zeros((6, 3, 17), np.int16)}, r"\(6, 3, 17\)"),
        ({"poses_mm": np.full((6, 17, 3), "a")}, "where"),
        ({"subject": np.zeros(5, np.int16)}, r"'subject' is int16 \(5,\) where \[6\] whole"),
        ({"frame": np.zeros(6)}, "'frame' is float64"),
        ({"poses_mm": np.array([{}] * 6)}, "holds Python objects"),
    ],
)
def test_a_wrong_array_is_named(tmp_path, change, sentence):
    path = _write(tmp_path / "bad.npz", **change)
    with pytest.raises(ValueError, match=sentence) as caught:
        load_cmu_mocap17(path)
    assert "bad.npz" in str(caught.value)


def test_empty_and_not_finite_poses_are_refused(tmp_path):
    nothing = {name: value[:0] for name, value in _arrays().items()}
    with pytest.raises(ValueError, match="empty.npz.*holds no pose"):
        load_cmu_mocap17(_write(tmp_path / "empty.npz", **nothing))
    poses = np.zeros((6, 17, 3), np.float32)
    poses[2] = np.inf
    with pytest.raises(ValueError, match="nan.npz: 1 poses, the first in row 2, are not finite"):
        load_cmu_mocap17(_write(tmp_path / "nan.npz", poses_mm=poses))


def test_missing_folder_truncated_and_foreign_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere.npz does not exist; give train.npz"):
        load_cmu_mocap17(tmp_path / "nowhere.npz")
    with pytest.raises(ValueError, match="is a folder"):
        load_cmu_mocap17(tmp_path)
    whole = _write(tmp_path / "whole.npz").read_bytes()
    entry = whole.index(b"PK\x01\x02") + 6  # the version of ZIP that is needed to read a member
    for name, content, sentence in (
        ("zero.npz", b"", "is empty"),
        ("text.npz", b"no archive at all", "text.npz"),
        ("cut.npz", whole[: len(whole) // 2], "cut.npz is damaged"),
        ("version.npz", whole[:entry] + b"\xff" + whole[entry + 1 :], "zip file version"),
        ("flip.npz", whole[:80] + b"\xff" * 60 + whole[140:], "flip.npz"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=sentence):
            load_cmu_mocap17(tmp_path / name)
    np.save(tmp_path / "single.npy", np.zeros(3))
    with pytest.raises(ValueError, match="single.npy is a single array"):
        load_cmu_mocap17(tmp_path / "single.npy")


@needs_real
@pytest.mark.parametrize(
    ("name", "poses", "subjects", "stride", "views"),
    [
        ("train.npz", 80_740, {1, 5, 7, 8, 13, *range(901, 908)}, 1, 322_960),
        ("val.npz", 13_353, {2, 6, 9, 12}, 4, 13_356),
    ],
)
def test_the_real_files_give_the_reference_protocol(name, poses, subjects, stride, views):
    motion = load_cmu_mocap17(REAL / name)
    assert len(motion) == poses
    assert set(motion.subject.tolist()) <= subjects and len(set(motion.subject.tolist())) >= 4
    assert motion.frames_per_second == 60.0
    assert len(np.unique(motion.clip)) == 1 + np.count_nonzero(np.diff(motion.clip))
    # Upright most of the time: in a frame with y down the head is at smaller y than the pelvis.
    head, nose, thorax, pelvis, left, right = (
        motion.poses_m[:, H36M_17.index(joint)]
        for joint in ("head", "nose", "thorax", "pelvis", "left_hip", "right_hip")
    )
    assert (head[:, 1] < pelvis[:, 1]).mean() > 0.97
    # Left and right are right: the nose is in front of the hip plane (99.7 % by the data's README).
    front = np.cross(left - right, thorax - pelvis)
    assert ((nose - 0.5 * (thorax + head)) * front).sum(axis=1).__gt__(0).mean() > 0.995
    rendered = render_views(motion, h36m_rig(), seed=0, stride=stride)
    assert len(rendered) == views
    inside = ((rendered.points_px > 0) & (rendered.points_px < 1000)).all(axis=(1, 2))
    assert inside.mean() > 0.97
