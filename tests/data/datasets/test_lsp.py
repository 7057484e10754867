"""Leeds Sports Pose and its extended set: layouts by hand, the real joint files where present."""

import pathlib

import cv2
import numpy as np
import pytest

from keras_pose.data.datasets.lsp import read_lsp, read_lsp_joints
from keras_pose.skeletons import LSP_14, MPII_16

REAL = pathlib.Path(__file__).parents[4] / "shared" / "data" / "poses2d_real"
needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="reference data beside the checkout (../shared) is absent"
)
scipy_io = pytest.importorskip("scipy.io", reason="MATLAB files need SciPy, an extra of tests")


def _write(folder, joints, digits):
    (folder / "images").mkdir()
    for number in (1, 2, 3):
        name = folder / "images" / f"im{number:0{digits}d}.jpg"
        cv2.imwrite(str(name), np.full((100, 90, 3), 90, np.uint8))
    scipy_io.savemat(folder / "joints.mat", {"joints": joints})
    return folder


def _table():
    """[3 persons, 14 joints, x y flag]."""
    table = np.zeros((3, 14, 3))
    table[..., 0] = 5 * np.arange(14) + np.arange(3)[:, None]
    table[..., 1] = 1 + 2 * np.arange(14)
    table[1, 4, 2] = table[2, :9, 2] = 1
    return table


def test_lsp_annotates_hidden_joints_too(tmp_path):
    source = read_lsp(_write(tmp_path, _table().transpose(2, 1, 0), 4))
    assert (source.name, len(source), source.notes) == ("lsp", 3, ())
    first, second, _ = source
    assert (second.id, second.name, second.height, second.width) == (2, "im0002.jpg", 100, 90)
    assert first.visible.sum() == second.visible.sum() == 16
    place = {name: first.keypoints_2d[j].tolist() for j, name in enumerate(MPII_16.joints)}
    assert place["upper_neck"] == [60, 25] and place["head_top"] == [65, 27]
    assert place["pelvis"] == [12.5, 6] and place["thorax"] == [42.5, 18]
    assert place["left_wrist"] == [55, 23] and place["right_wrist"] == [30, 13]
    # Joints from (0, 1) to (65, 27); 1.4 times 65 about the middle.
    np.testing.assert_allclose(first.box, [32.5 - 45.5, 14 - 45.5, 91, 91])
    assert [record.id for record in read_lsp(tmp_path / "joints.mat", split="train")] == [1, 2, 3]


def test_lsp_extended_says_which_joints_are_annotated(tmp_path):
    table = _table()
    table[0, :, 2] = 1
    table[1, 5:, 2] = 1
    table[1, 2, 2] = 0
    source = read_lsp(_write(tmp_path, table.transpose(1, 2, 0), 5), min_joints=10)
    assert source.name == "lsp_extended" and "1 of 3 persons have fewer than 10" in source.notes[0]
    first, second = source
    assert first.visible.sum() == 16 and second.name == "im00002.jpg"
    unknown = {MPII_16.joints[j] for j in np.flatnonzero(second.visible == 0)}
    assert unknown == {"right_ankle", "right_knee", "right_hip", "left_hip", "pelvis"}
    with pytest.raises(ValueError, match="not part of"):
        read_lsp(tmp_path, split="train")
    with pytest.raises(ValueError, match="no person with 15 joints"):
        read_lsp(tmp_path, min_joints=15)


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="joints.mat cannot be read"):
        read_lsp(tmp_path)
    (tmp_path / "joints.mat").write_bytes(b"junk")
    with pytest.raises(ValueError, match="not a complete MATLAB file"):
        read_lsp(tmp_path)
    scipy_io.savemat(tmp_path / "joints.mat", {"joints": np.zeros((14, 2, 5))})
    with pytest.raises(ValueError, match="has no 'joints' of"):
        read_lsp(tmp_path)
    scipy_io.savemat(tmp_path / "joints.mat", {"joints": _table().transpose(2, 1, 0)})
    with pytest.raises(ValueError, match="images is not a folder"):
        read_lsp(tmp_path)


@needs_real
def test_the_real_files():
    points, labelled, digits = read_lsp_joints(REAL / "lsp_joints_train1000.mat")
    assert points.shape == (1000, 14, 2) and labelled.all() and digits == 4
    # The joints of a person hang together: heads above ankles nearly always.
    head, ankle = LSP_14.indices(("head_top", "right_ankle"))
    assert (points[:, head, 1] < points[:, ankle, 1]).mean() > 0.9
    points, labelled, digits = read_lsp_joints(REAL / "lspet_joints.mat")
    assert points.shape == (10_000, 14, 2) and digits == 5
    assert labelled.mean() == pytest.approx(0.88, abs=0.005)
    # What is not annotated lies on or beyond the edge of the picture.
    assert (points[~labelled] <= 0).any(-1).all()
