"""MPI-INF-3DHP in its `.npz` layouts and `annot.mat`, on small files of exactly that layout."""

import numpy as np
import pytest

from keras_pose.data.motion import load_mpi_inf_3dhp, mpi_inf_3dhp

# Where Human3.6M-17's joints stand in the 17 of the test set and in the 28 of training.
FROM_17 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
FROM_28 = [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]


def _entry(num, first, valid=None):
    points_3d = first + np.arange(num * 51, dtype=np.float64).reshape(num, 17, 3)
    entry = {"data_3d": points_3d, "data_2d": points_3d[..., :2] / 10}
    return entry if valid is None else {**entry, "valid": np.array(valid)}


def _write(path, data):
    np.savez_compressed(path, data=data)
    return path


def test_the_training_layout(tmp_path):
    data = {
        "S1 Seq1": [{"0": _entry(3, 0), "4": _entry(3, 1000)}],
        "S1 Seq2": [{"0": _entry(2, 5000)}],
    }
    views = load_mpi_inf_3dhp(_write(tmp_path / "data_train_3dhp.npz", data), allow_pickle=True)
    assert len(views) == 8
    np.testing.assert_array_equal(views.camera, [0, 0, 0, 4, 4, 4, 0, 0])
    np.testing.assert_array_equal(views.frame, [0, 1, 2, 0, 1, 2, 3, 4])
    expected = data["S1 Seq1"][0]["4"]["data_3d"][1, FROM_17] / 1000
    np.testing.assert_allclose(views.points_3d[4], expected, rtol=1e-6)
    np.testing.assert_allclose(views.points_px[4], expected[:, :2] * 100, rtol=1e-6)
    assert np.isnan(views.pitch_deg).all() and np.isnan(views.intrinsics).all()
    one = load_mpi_inf_3dhp(tmp_path / "data_train_3dhp.npz", True, sequences=["S1 Seq2"])
    assert len(one) == 2


def test_the_test_layout_leaves_out_invalid_frames(tmp_path):
    data = {"TS1": _entry(4, 0, [1, 0, 1, 0]), "TS2": _entry(2, 90, [True, True])}
    views = load_mpi_inf_3dhp(_write(tmp_path / "data_test_3dhp.npz", data), allow_pickle=True)
    np.testing.assert_array_equal(views.frame, [0, 2, 3, 4])
    expected = data["TS1"]["data_3d"][2, FROM_17] / 1000
    np.testing.assert_allclose(views.points_3d[1], expected, rtol=1e-6)


def test_the_original_annotations(tmp_path):
    scipy_io = pytest.importorskip("scipy.io", reason="annot.mat needs SciPy, an extra of tests")
    points = np.arange(3 * 84, dtype=np.float64).reshape(3, 28, 3)
    cells_3d, cells_2d = np.empty((2, 1), object), np.empty((2, 1), object)
    for camera in range(2):
        cells_3d[camera, 0] = (points + camera).reshape(3, 84)
        cells_2d[camera, 0] = points[..., :2].reshape(3, 56)
    path = tmp_path / "annot.mat"
    scipy_io.savemat(path, {"annot3": cells_3d, "annot2": cells_2d})
    views = load_mpi_inf_3dhp(path)
    np.testing.assert_array_equal(views.camera, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(views.frame, [0, 1, 2, 0, 1, 2])
    np.testing.assert_allclose(views.points_3d[5], (points[2, FROM_28] + 1) / 1000, rtol=1e-6)
    np.testing.assert_allclose(views.points_px[2], points[2, FROM_28, :2], rtol=1e-6)
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(ValueError, match="annot.mat is damaged or has no 'annot2'"):
        load_mpi_inf_3dhp(path)


def test_without_scipy_the_annotations_are_explained(tmp_path, monkeypatch):
    (tmp_path / "annot.mat").write_bytes(b"MATLAB 5.0")

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(mpi_inf_3dhp.importlib, "import_module", absent)
    with pytest.raises(ValueError, match="annot.mat is a MATLAB file, which needs SciPy: install"):
        load_mpi_inf_3dhp(tmp_path / "annot.mat")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "'data' is not a table of sequences"),
        ({"TS1": {"data_3d": np.zeros((2, 17, 3))}}, "'TS1', camera 0 lacks 'data_2d'"),
        (
            {"TS1": {**_entry(2, 0), "data_3d": np.zeros((2, 28, 3))}},
            r"'data_3d' is shape \(2, 28, 3",
        ),
        ({"TS1": {**_entry(2, 0), "data_2d": np.zeros((3, 17, 2))}}, "has 3 2D and 2 3D poses"),
        ({"TS1": _entry(2, 0, [1])}, "'valid' has shape"),
        ({"TS1": _entry(2, 0, [0, 0])}, "no valid frame"),
        ({"TS1": _entry(2, np.nan)}, "not finite"),
        ({"S1 Seq1": [{}]}, "no camera"),
        ({"S1 Seq1": [{"0": 4}]}, "lacks 'data_2d'"),
    ],
)
def test_another_layout_is_named(tmp_path, data, sentence):
    with pytest.raises(ValueError, match=f"odd.npz.*{sentence}"):
        load_mpi_inf_3dhp(_write(tmp_path / "odd.npz", data), allow_pickle=True)


def test_without_the_flag_nothing_is_unpickled_and_unknown_sequences_are_named(tmp_path):
    path = _write(tmp_path / "data_test_3dhp.npz", {"TS1": _entry(2, 0, [1, 1])})
    with pytest.raises(ValueError, match="'data' is pickled, .*--allow_pickle"):
        load_mpi_inf_3dhp(path)
    with pytest.raises(ValueError, match=r"has no sequence 'TS9'; it has \['TS1'\]"):
        load_mpi_inf_3dhp(path, True, sequences=["TS9"])
