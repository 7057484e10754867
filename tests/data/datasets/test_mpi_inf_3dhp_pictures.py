"""MPI-INF-3DHP with pictures, train and test, on small folders of exactly its layout."""

import cv2
import h5py
import numpy as np
import pytest

from keras_pose.data.datasets.mpi_inf_3dhp_pictures import (
    ACTIVITIES,
    read_calibration,
    read_mpi_inf_3dhp_pictures,
)
from keras_pose.skeletons import MPI_INF_3DHP_17, MPI_INF_3DHP_28, MPII_16_SPINE

_FRAMES = 6
# MPII's rows of the test order (specification, section 1).
_ROWS = [10, 9, 8, 11, 12, 13, 14, 15, 1, 0, 4, 3, 2, 5, 6, 7]


def _joints(count, parts, seed):
    points = np.random.default_rng(seed).uniform(30, 130, (_FRAMES, count, parts))
    if parts == 3:
        points[..., 2] += 3000
    return points


def _test_set(folder, name="TS1", **content):
    place = folder / name / "imageSequence"
    place.mkdir(parents=True)
    for number in range(1, _FRAMES + 1):
        image = np.full((160, 170, 3), 20 * number, np.uint8)
        cv2.imwrite(str(place / f"img_{number:06d}.jpg"), image)
    # MATLAB's [3, 17, 1, F] is stored in reverse.
    table = {
        "annot2": _joints(17, 2, 1)[:, None],
        "annot3": _joints(17, 3, 2)[:, None],
        "univ_annot3": 0.9 * _joints(17, 3, 2)[:, None],
        "valid_frame": np.array([1, 0, 1, 1, 0, 1.0])[:, None],
        "activity_annotation": np.array([1, 1, 7, 3, 3, 0.0])[:, None],
    } | content
    with h5py.File(folder / name / "annot_data.mat", "w", userblock_size=512) as file:
        for key, value in table.items():
            if value is not None:
                file[key] = value


def test_the_test_set_by_hand(tmp_path):
    _test_set(tmp_path)
    source = read_mpi_inf_3dhp_pictures(tmp_path, "test", size=64)
    assert (source.skeleton, source.label_names) == ("mpii_16_spine", ACTIVITIES)
    assert source.notes == (
        f"TS2, TS3, TS4, TS5, TS6 are not in {tmp_path} and were left out.",
        "2 frames are not valid and were left out.",
    )
    records = list(source)
    assert [record.name for record in records] == [f"TS1 frame {n}" for n in (0, 2, 3, 5)]
    assert [record.label for record in records] == [0, 6, 2, -1]
    second = records[1]
    assert second.group == "TS1" and not second.has_absolute_depth and second.width == 80
    np.testing.assert_allclose(
        second.keypoints_3d, 0.9 * _joints(17, 3, 2)[2][_ROWS] / 1000, rtol=1e-5
    )
    # Distances of 2D joints grow as the picture does.
    first, last = second.keypoints_2d[0], second.keypoints_2d[15]
    flat = _joints(17, 2, 1)[2][_ROWS]
    factor = second.box[2] / (1.4 * np.ptp(flat, axis=0).max())
    np.testing.assert_allclose(first - last, factor * (flat[0] - flat[15]), atol=0.5)
    image = cv2.imdecode(np.frombuffer(second.image, np.uint8), cv2.IMREAD_COLOR)
    assert abs(float(np.median(image[image > 0])) - 60) <= 2


def test_joints_where_the_person_stood(tmp_path):
    _test_set(tmp_path)
    first, *_ = read_mpi_inf_3dhp_pictures(tmp_path, "test", universal=False, every=2)
    assert first.has_absolute_depth
    np.testing.assert_allclose(first.keypoints_3d, _joints(17, 3, 2)[0][_ROWS] / 1000, rtol=1e-5)


def _train_set(folder, cameras=(0, 2), **content):
    scipy_io = pytest.importorskip("scipy.io", reason="annot.mat needs SciPy, an extra of tests")
    sequence = folder / "S1" / "Seq1"
    sequence.mkdir(parents=True)
    for camera in cameras:
        place = sequence / "imageSequence"
        place.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(
            str(place / f"video_{camera}.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (170, 160)
        )
        for number in range(_FRAMES):
            writer.write(np.full((160, 170, 3), 40 + 20 * number, np.uint8))
        writer.release()
    cells = {}
    for name, parts, seed in (("annot2", 2, 3), ("annot3", 3, 4), ("univ_annot3", 3, 5)):
        cells[name] = np.empty((14, 1), object)
        for camera in range(14):
            cells[name][camera, 0] = _joints(28, parts, seed + camera).reshape(_FRAMES, -1)
    scipy_io.savemat(sequence / "annot.mat", cells | content)
    numbers = "1000 0 80 0 0 1010 85 0 0 0 1 0 0 0 0 1"
    (sequence / "camera.calibration").write_text(
        f"Skeletool Camera Calibration File V1.0\nname          2\n  intrinsic {numbers}\n"
    )
    return sequence


def test_the_training_set_by_hand(tmp_path):
    _train_set(tmp_path)
    source = read_mpi_inf_3dhp_pictures(tmp_path, subjects=["S1"], every=3, universal=False)
    assert "6 recordings have no video and were left out." in source.notes
    records = list(source)
    assert [record.name for record in records] == [
        f"S1/Seq1/video_{camera} frame {number}" for camera in (0, 2) for number in (0, 3)
    ]
    assert len({record.id for record in records}) == 4
    assert [record.label for record in records] == [-1] * 4
    last = records[3]
    solid = _joints(28, 3, 4 + 2)[3]
    names = {"spine": "spine", "upper_neck": "neck", "head_top": "head_top", "pelvis": "pelvis"}
    for mine, theirs in names.items():
        expected = solid[MPI_INF_3DHP_28.index(theirs)] / 1000
        np.testing.assert_allclose(
            last.keypoints_3d[MPII_16_SPINE.index(mine)], expected, rtol=1e-6
        )
    # K goes along with the cut: K X of the new K is the new place of the old K X.
    assert records[0].intrinsics is None
    flat = _joints(28, 2, 3 + 2)[3]
    ankle = MPI_INF_3DHP_28.index("right_ankle")
    factor = last.intrinsics[0, 0] / 1000
    corner = last.keypoints_2d[0] - factor * flat[ankle]
    np.testing.assert_allclose(
        last.intrinsics[:2, 2], factor * np.array([80, 85]) + corner, atol=1e-2
    )
    image = cv2.imdecode(np.frombuffer(last.image, np.uint8), cv2.IMREAD_COLOR)
    assert abs(float(np.median(image[image > 0])) - 100) <= 3


def test_extracted_frames_count_from_one_or_from_zero(tmp_path):
    sequence = _train_set(tmp_path, cameras=())
    for camera, first in ((0, 0), (1, 1)):
        place = sequence / "imageFrames" / f"video_{camera}"
        place.mkdir(parents=True)
        for number in range(_FRAMES):
            name = place / f"frame_{number + first:06d}.png"
            cv2.imwrite(str(name), np.full((160, 170, 3), 40 + 20 * number, np.uint8))
    records = list(read_mpi_inf_3dhp_pictures(tmp_path, subjects=["S1"], every=5))
    assert [record.name[-7:] for record in records] == ["frame 0", "frame 5"] * 2
    for record in records:
        image = cv2.imdecode(np.frombuffer(record.image, np.uint8), cv2.IMREAD_COLOR)
        grey = 40 + 20 * int(record.name[-1])
        assert abs(float(np.median(image[image > 0])) - grey) <= 3


def test_wrong_folders_are_named(tmp_path):
    with pytest.raises(ValueError, match="not part of MPI-INF-3DHP"):
        read_mpi_inf_3dhp_pictures(tmp_path, "val")
    with pytest.raises(ValueError, match="has no folder S3"):
        read_mpi_inf_3dhp_pictures(tmp_path, subjects=["S3"])
    with pytest.raises(ValueError, match="no labelled frame"):
        read_mpi_inf_3dhp_pictures(tmp_path)
    (tmp_path / "S3").mkdir()
    with pytest.raises(ValueError, match="S3 has no Seq1/annot.mat"):
        read_mpi_inf_3dhp_pictures(tmp_path)
    _test_set(tmp_path, valid_frame=None)
    with pytest.raises(ValueError, match="has no 'valid_frame'"):
        read_mpi_inf_3dhp_pictures(tmp_path, "test")
    _test_set(tmp_path, "TS2", valid_frame=np.ones((5, 1)))
    with pytest.raises(ValueError, match="6 frames in 2D, 6 in 3D and 5 flags"):
        read_mpi_inf_3dhp_pictures(tmp_path, "test", subjects=["TS2"])
    _test_set(tmp_path, "TS3", annot2=np.ones((6, 1, 16, 2)))
    with pytest.raises(ValueError, match=r"shape \[2, 16, 1, 6\]"):
        read_mpi_inf_3dhp_pictures(tmp_path, "test", subjects=["TS3"])
    (tmp_path / "camera.calibration").write_text("name 1\nintrinsic 1 2\n")
    with pytest.raises(ValueError, match="camera 1 are not 16 numbers"):
        read_calibration(tmp_path / "camera.calibration")
    assert read_calibration(tmp_path / "absent") == {} and MPI_INF_3DHP_17.num_joints == 17
