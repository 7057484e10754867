"""Human3.6M with pictures, on small folders of exactly the two layouts."""

import sys
import types

import cv2
import h5py
import numpy as np
import pytest

from keras_pose.data.datasets.body_frames import BodyClip, read_clip_frame
from keras_pose.data.datasets.human36m_actions import ACTIONS, action_number
from keras_pose.data.datasets.human36m_pictures import read_human36m_pictures
from keras_pose.data.records import RecordReader, write_records
from keras_pose.skeletons import H36M_17, H36M_32, MPII_16_SPINE

_FRAMES = 12


def _poses(parts, joints=32, seed=0):
    """Joints in a band of the frame; row f is moved by f px or mm."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(40, 120, (joints, parts))
    moved = points + np.arange(_FRAMES)[:, None, None]
    if parts == 3:
        moved[..., 2] += 4000
    return moved


def _video(path, frames=_FRAMES):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 50, (200, 160))
    for number in range(frames):
        writer.write(np.full((160, 200, 3), 20 + 10 * number, np.uint8))
    writer.release()


def _release(folder, subject="S1", keys=("Walking 1.54138969",), frames=_FRAMES):
    for key in keys:
        _video(folder / subject / "Videos" / f"{key}.avi", frames)
        for kind, parts in (("D2_Positions", 2), ("D3_Positions_mono", 3)):
            place = folder / subject / "MyPoseFeatures" / kind
            place.mkdir(parents=True, exist_ok=True)
            np.save(place / f"{key}.npy", _poses(parts).reshape(1, _FRAMES, -1))
    return folder


def test_the_release_by_hand(tmp_path):
    source = read_human36m_pictures(_release(tmp_path), subjects=("S1",), size=100)
    assert (source.name, source.skeleton, len(source)) == ("human36m", "mpii_16_spine", 3)
    assert source.label_names == ACTIONS and len(ACTIONS) == 15
    records = list(source)
    assert [record.id for record in records] == [0, 5, 10]
    assert records[1].name == "S1/Walking 1.54138969 frame 5"
    second = records[1]
    assert (second.group, second.label) == ("S1", ACTIONS.index("Walking"))
    assert second.has_absolute_depth and second.intrinsics is None
    # Joints by name, millimetres to metres.
    solid, flat = _poses(3)[5], _poses(2)[5]
    pairs = {
        "spine": "spine",
        "upper_neck": "thorax",
        "head_top": "head",
        "left_wrist": "left_wrist",
    }
    for mine, theirs in pairs.items():
        row = H36M_32.index(theirs)
        np.testing.assert_allclose(
            second.keypoints_3d[MPII_16_SPINE.index(mine)], solid[row] / 1000, rtol=1e-6
        )
    # The picture is cut around the joints and brought to 100 px a box; distances scale alike.
    assert second.height == second.width == 125
    np.testing.assert_allclose(second.box[2:], 100, rtol=0.02)
    one, other = "right_ankle", "left_wrist"
    mine = np.linalg.norm(
        np.subtract(*second.keypoints_2d[list(MPII_16_SPINE.indices((one, other)))])
    )
    theirs = np.linalg.norm(np.subtract(*flat[list(H36M_32.indices((one, other)))]))
    extent = np.ptp(flat[list(H36M_32.indices(H36M_17.joints))], axis=0).max()
    np.testing.assert_allclose(mine / theirs, 100 / (1.4 * extent), rtol=0.05)
    # It is the sixth frame of the video: grey 20 + 10 * 5.
    image = cv2.imdecode(np.frombuffer(second.image, np.uint8), cv2.IMREAD_COLOR)
    assert abs(float(np.median(image[image > 0])) - 70) <= 2


def test_threads_read_the_same_frames(tmp_path):
    keys = ("Walking 1.54138969", "Eating.55011271", "Waiting.58860488", "Photo 1.60457274")
    source = read_human36m_pictures(
        _release(tmp_path, keys=keys), subjects=["S1"], every=2, size=64
    )
    index = write_records(source, tmp_path / "set", num_threads=4)
    assert index["num_records"] == 24 and index["num_bad"] == 0
    assert index["label_names"] == list(ACTIONS) and index["counts"]["with_3d"] == 24
    reader = RecordReader(tmp_path / "set")
    for position, record in enumerate(source):
        assert reader.record(position).image == record.image, record.name
    assert set(reader.labels) == {ACTIONS.index(name) for name in ("Walking", "Eating")} | {
        *(ACTIONS.index("Waiting"), ACTIONS.index("Photo")),
    }


def test_only_fifteen_actions_and_no_corrupt_video(tmp_path):
    keys = ("Directions.54138969", "Directions.55011271", "Directions 1.54138969", "_ALL.54138969")
    source = read_human36m_pictures(_release(tmp_path, "S11", keys), "test", subjects=["S11"])
    assert {record.name.split(" frame")[0] for record in source} == {
        *("S11/Directions.55011271", "S11/Directions 1.54138969"),
    }
    assert "S11/Directions.54138969 was skipped" in source.notes[0]
    assert action_number("TakingPhoto 1") == action_number("Photo") == 10
    assert action_number("_ALL 2") == -1 and action_number("WalkingDog") == 13


def test_frames_without_labels_are_counted(tmp_path):
    _release(tmp_path, frames=18)
    place = tmp_path / "S1" / "MyPoseFeatures" / "D3_Positions_mono" / "Walking 1.54138969.npy"
    poses = _poses(3)
    poses[5] = np.nan
    np.save(place, poses.reshape(_FRAMES, 96))
    source = read_human36m_pictures(tmp_path, subjects=["S1"])
    assert [record.id for record in source] == [0, 10]
    # Frame 5 is not finite, frame 15 beyond the labels.
    assert source.notes[0] == "2 frames have no finite joints and were left out."
    assert len(read_human36m_pictures(tmp_path, subjects=["S1"], every=200)) == 1


def test_extracted_frames_win_over_the_video(tmp_path):
    _release(tmp_path)
    folder = tmp_path / "S1" / "Images" / "Walking 1.54138969"
    folder.mkdir(parents=True)
    for number in (1, 6):
        name = folder / f"walking_{number:06d}.png"
        cv2.imwrite(str(name), np.full((160, 200, 3), 200 + number, np.uint8))
    first, second = read_human36m_pictures(tmp_path, subjects=["S1"])
    assert [first.id, second.id] == [0, 5]
    image = cv2.imdecode(np.frombuffer(second.image, np.uint8), cv2.IMREAD_COLOR)
    assert abs(float(np.median(image[image > 0])) - 206) <= 2


def _cdf(tmp_path, key):
    root = tmp_path / "S1" / "MyPoseFeatures" / "D3_Positions_mono"
    (root / f"{key}.npy").unlink()
    return root / f"{key}.cdf"


def test_cdf_files_of_the_release(tmp_path):
    cdflib = pytest.importorskip("cdflib", reason="the release's .cdf files need cdflib")
    _release(tmp_path)
    path = _cdf(tmp_path, "Walking 1.54138969")
    writer = cdflib.cdfwrite.CDF(str(path), cdf_spec={"Majority": "row_major"})
    spec = {
        "Variable": "Pose",
        "Data_Type": 45,  # CDF_DOUBLE
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Dim_Sizes": [_FRAMES, 96],
    }
    writer.write_var(spec, var_data=_poses(3).reshape(1, _FRAMES, 96))
    writer.close()
    first, *_ = read_human36m_pictures(tmp_path, subjects=["S1"])
    row = H36M_32.index("spine")
    np.testing.assert_allclose(
        first.keypoints_3d[MPII_16_SPINE.index("spine")], _poses(3)[0, row] / 1000, rtol=1e-6
    )


def test_matlab_copies_of_the_cdf_files(tmp_path):
    scipy_io = pytest.importorskip("scipy.io", reason="MATLAB files need SciPy, an extra of tests")
    _release(tmp_path)
    path = _cdf(tmp_path, "Walking 1.54138969")
    cell = np.empty((1, 1), object)
    cell[0, 0] = _poses(3).reshape(_FRAMES, 96)
    scipy_io.savemat(f"{path}.mat", {"data": cell})
    first, *_ = read_human36m_pictures(tmp_path, subjects=["S1"])
    assert first.keypoints_3d[0, 2] == pytest.approx(
        _poses(3)[0, H36M_32.index("right_ankle"), 2] / 1000
    )


def test_without_cdflib_it_says_so(tmp_path, monkeypatch):
    _release(tmp_path)
    _cdf(tmp_path, "Walking 1.54138969").write_bytes(b"CDF")
    monkeypatch.setitem(sys.modules, "cdflib", None)
    with pytest.raises(ValueError, match="needs cdflib: pip install cdflib"):
        read_human36m_pictures(tmp_path, subjects=["S1"])


def test_wrong_folders_are_named(tmp_path):
    with pytest.raises(ValueError, match="S1 is not a folder"):
        read_human36m_pictures(tmp_path)
    with pytest.raises(ValueError, match="not part of Human3.6M"):
        read_human36m_pictures(tmp_path, "val")
    with pytest.raises(ValueError, match="not a subject of Human3.6M"):
        read_human36m_pictures(tmp_path, subjects=["nine"])
    with pytest.raises(ValueError, match="--every=0"):
        read_human36m_pictures(tmp_path, every=0)
    (tmp_path / "S1").mkdir()
    with pytest.raises(ValueError, match="has no Videos"):
        read_human36m_pictures(tmp_path)
    _release(tmp_path)
    place = tmp_path / "S1" / "MyPoseFeatures" / "D2_Positions" / "Walking 1.54138969.npy"
    np.save(place, np.zeros((_FRAMES, 63)))
    with pytest.raises(ValueError, match=r"is not \[F, 64\]"):
        read_human36m_pictures(tmp_path, subjects=["S1"])
    place.unlink()
    with pytest.raises(ValueError, match="Walking 1.54138969.cdf does not exist; unpack D2"):
        read_human36m_pictures(tmp_path, subjects=["S1"])


# The authors' preprocessed crops.
_CLIP = "s_09_act_14_subact_01_ca_03"


def _crops(folder, name=_CLIP, numbers=(1, 2, 3), **content):
    place = folder / name
    place.mkdir(parents=True)
    for number in numbers:
        image = np.full((224, 224, 3), 10 * number % 250, np.uint8)
        cv2.imwrite(str(place / f"{name}_{number:06d}.jpg"), image)
    frames = np.arange(4.0)
    flat = np.random.default_rng(1).uniform(20, 190, (17, 2, 1)) + frames
    solid = np.random.default_rng(2).uniform(-900, 900, (17, 3, 1)) + frames
    solid[:, 2] += 5000
    table = {"Y2d": flat.reshape(34, 4), "Y3d_mono": solid.reshape(51, 4)} | content
    # MATLAB 7.3: HDF5 behind 512 bytes, axes in reverse.
    with h5py.File(place / "matlab_meta.mat", "w", userblock_size=512) as file:
        for key, value in table.items():
            file[key] = np.asarray(value).T
    return flat, solid


def test_preprocessed_crops_by_hand(tmp_path):
    flat, solid = _crops(tmp_path)
    _crops(tmp_path, "s_11_act_02_subact_02_ca_01")
    source = read_human36m_pictures(tmp_path, "test")
    assert len(source) == 3 and "s_11_act_02_subact_02_ca_01 was skipped" in source.notes[0]
    records = list(source)
    second = records[1]
    assert (second.group, second.label) == ("S9", ACTIONS.index("Walking"))
    assert second.box.tolist() == [0, 0, 224, 224] and second.name.endswith("_000002.jpg")
    rows = list(H36M_17.indices(("right_ankle", "spine", "thorax", "head", "left_wrist")))
    mine = list(
        MPII_16_SPINE.indices(("right_ankle", "spine", "upper_neck", "head_top", "left_wrist"))
    )
    np.testing.assert_allclose(second.keypoints_2d[mine], flat[rows, :, 1], rtol=1e-6)
    np.testing.assert_allclose(second.keypoints_3d[mine], solid[rows, :, 1] / 1000, rtol=1e-6)
    # Each stored picture is every fifth frame: of 0, 5, 10 only 0 and 10 are every tenth.
    assert [r.name[-10:-4] for r in read_human36m_pictures(tmp_path, "test", every=10)] == [
        *("000001", "000003"),
    ]


def test_crops_numbered_by_frame(tmp_path):
    flat, _ = _crops(tmp_path, numbers=(1, 6, 11, 16))
    records = list(read_human36m_pictures(tmp_path, "test"))
    assert [record.id for record in records] == [0, 5, 10, 15]
    np.testing.assert_allclose(
        records[2].keypoints_2d[MPII_16_SPINE.index("spine")],
        flat[H36M_17.index("spine"), :, 2],
        rtol=1e-6,
    )


def test_crops_with_joints_of_the_full_frame(tmp_path):
    flat, _ = _crops(tmp_path)
    box = np.tile(np.array([[300.0], [100.0], [748.0], [548.0]]), 4)  # twice 224
    full = flat * 2 + np.array([300.0, 100.0])[:, None]
    for file in (tmp_path / _CLIP).iterdir():
        file.unlink()
    (tmp_path / _CLIP).rmdir()
    _crops(tmp_path, Y2d=full.reshape(34, 4), bbox=box)
    first, *_ = read_human36m_pictures(tmp_path, "test")
    spine = MPII_16_SPINE.index("spine")
    np.testing.assert_allclose(
        first.keypoints_2d[spine], flat[H36M_17.index("spine"), :, 0], rtol=1e-5
    )


def test_crops_without_labels_are_counted_and_wrong_tables_named(tmp_path):
    _crops(tmp_path, numbers=(1, 2, 3, 4, 5, 6))
    source = read_human36m_pictures(tmp_path, "test")
    assert len(source) == 4 and source.notes[0].startswith("2 frames have no finite joints")
    _crops(tmp_path, "s_09_act_03_subact_01_ca_03", Y2d=np.zeros((33, 4)))
    with pytest.raises(ValueError, match=r"shape \[33, 4\], not \[34, N\]"):
        read_human36m_pictures(tmp_path, "test")
    with pytest.raises(ValueError, match="no labelled crop of S1"):
        read_human36m_pictures(tmp_path, "train")


def test_frames_of_another_size_than_the_labels_are_refused():
    def clip(points):
        return BodyClip(
            name="S1/Walking",
            frames=None,
            numbers=np.arange(30),
            points_px=points,
            points_3d=np.zeros((30, 16, 3)),
            labels=np.zeros(30),
            group="S1",
            first_id=0,
        )

    store = types.SimpleNamespace(read=lambda frames, number: np.full((160, 200, 3), 90, np.uint8))
    points = np.random.default_rng(0).uniform(10, 150, (30, 16, 2))
    assert read_clip_frame(clip(points), 0, store, "s", 32).width == 40
    for factor in (2, 0.5):
        with pytest.raises(
            ValueError, match=r"joints reach to .*, its frames have 200 x 160 px; use"
        ):
            read_clip_frame(clip(points * factor), 0, store, "s", 32)
