"""The FreiHAND reader: layout, versions, projection by hand, every wrong file by name."""

import json
import pathlib
import shutil

import cv2
import numpy as np
import pytest

from keras_pose.data.datasets.freihand import read_freihand
from keras_pose.data.records import RecordReader, published_split, split_published, write_records
from keras_pose.geometry import project_arrays

REAL = pathlib.Path(__file__).parents[4] / "shared" / "data" / "fixture_freihand_layout_synthetic"
needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="reference data beside the checkout (../shared) is absent"
)
_K = [[480.0, 0.0, 112.0], [0.0, 480.0, 110.0], [0.0, 0.0, 1.0]]


def _joints(sample):
    joints = np.zeros((21, 3))
    joints[:, 0] = 0.01 * np.arange(21)
    joints[:, 1] = -0.02 * sample
    joints[:, 2] = 0.8
    return joints


def _layout(root, count=3, versions=4, with_labels=True):
    for split, number in (("training", count * versions), ("evaluation", 2)):
        (root / split / "rgb").mkdir(parents=True)
        for n in range(number):
            picture = np.full((224, 224, 3), n, np.uint8)
            cv2.imwrite(str(root / split / "rgb" / f"{n:08d}.jpg"), picture)
        entries = count if split == "training" else 2
        tables = {
            "K": [_K] * entries,
            "scale": [0.03 + 0.001 * n for n in range(entries)],
            "xyz": [_joints(n).tolist() for n in range(entries)],
        }
        if split == "evaluation" and not with_labels:
            del tables["xyz"]
        for name, table in tables.items():
            (root / f"{split}_{name}.json").write_text(json.dumps(table))
    return root


def test_projection_by_hand():
    # 480 * 0.01 / 0.8 + 112 = 118; 480 * -0.02 / 0.8 + 110 = 98.
    np.testing.assert_allclose(
        project_arrays([[0.01, -0.02, 0.8]], _K), [[118.0, 98.0]], rtol=1e-12
    )


def test_labels_go_by_sample_and_pictures_by_version(tmp_path):
    source = read_freihand(_layout(tmp_path))
    records = list(source)
    assert [record.id for record in records] == list(range(12)) and len(source) == 12
    record = records[7]  # sample 1, version 2
    assert record.name == "training/rgb/00000007.jpg" and record.group == "training 1"
    picture = cv2.imdecode(np.frombuffer(record.image, np.uint8), cv2.IMREAD_COLOR)
    assert abs(int(picture[5, 5, 0]) - 7) <= 1
    np.testing.assert_allclose(record.keypoints_3d, _joints(1), atol=1e-7)
    np.testing.assert_allclose(record.keypoints_2d[1], [118.0, 98.0], atol=1e-4)
    np.testing.assert_allclose(record.intrinsics, _K)
    assert record.scale == pytest.approx(0.031) and record.side == "right"
    assert record.has_absolute_depth and record.box is None and record.label == -1
    assert record.image == (tmp_path / record.name).read_bytes()  # the original bytes


@pytest.mark.parametrize(
    ("versions", "ids"),
    [(("gs",), [0, 1, 2]), (("auto", "gs"), [0, 1, 2, 9, 10, 11]), (("hom",), [3, 4, 5])],
)
def test_versions_are_chosen(tmp_path, versions, ids):
    source = read_freihand(_layout(tmp_path), versions=versions)
    assert [record.id for record in source] == ids


def test_a_release_with_one_version_is_read_with_a_note(tmp_path):
    source = read_freihand(_layout(tmp_path, versions=1))
    assert len(source) == 3 and len(source.notes) == 3
    assert "hom" in source.notes[0]


@pytest.mark.parametrize("with_labels", [True, False])
def test_evaluation_with_and_without_public_labels(tmp_path, with_labels):
    source = read_freihand(_layout(tmp_path, with_labels=with_labels), "evaluation")
    records = list(source)
    assert [record.id for record in records] == [0, 1]
    assert (records[1].keypoints_3d is not None) == with_labels
    assert (records[1].keypoints_2d is not None) == with_labels
    assert records[1].visible.sum() == 21 * with_labels
    np.testing.assert_allclose(records[1].intrinsics, _K)
    assert records[1].scale == pytest.approx(0.031) and records[1].group == "evaluation 1"


def test_published_split_keeps_the_versions_of_a_sample_together(tmp_path):
    write_records(read_freihand(_layout(tmp_path / "set", count=5)), tmp_path / "records")
    reader = RecordReader(tmp_path / "records")
    train, validation = split_published(reader, 0.6)
    samples = published_split(5, 0.6)
    assert sorted(reader.ids[train]) == sorted(s + 5 * v for s in samples[0] for v in range(4))
    assert sorted(reader.ids[validation]) == sorted(s + 5 * v for s in samples[1] for v in range(4))


def test_pictures_that_were_left_out_do_not_shift_the_published_split(tmp_path):
    rgb = _layout(tmp_path / "set", count=10) / "training" / "rgb"
    # The first version of sample 1, so that the sample would come last, and sample 4 altogether.
    for number in (1, 4, 14, 24, 34):
        (rgb / f"{number:08d}.jpg").unlink()
    write_records(read_freihand(tmp_path / "set"), tmp_path / "records", max_bad_fraction=0.2)
    reader = RecordReader(tmp_path / "records")
    train, validation = split_published(reader, 0.6)
    samples = published_split(10, 0.6)
    assert set(reader.ids[train] % 10) == set(samples[0]) - {4}
    assert set(reader.ids[validation] % 10) == set(samples[1]) - {4}


def test_a_missing_or_cut_off_picture_is_a_bad_record_with_its_name(tmp_path):
    _layout(tmp_path / "set")
    rgb = tmp_path / "set" / "training" / "rgb"
    (rgb / "00000004.jpg").unlink()
    whole = (rgb / "00000009.jpg").read_bytes()
    (rgb / "00000009.jpg").write_bytes(whole[: len(whole) // 2])
    source = read_freihand(tmp_path / "set")
    index = write_records(source, tmp_path / "records", max_bad_fraction=0.2)
    assert index["num_records"] == 10 and [entry[0] for entry in index["bad"]] == ["4", "9"]
    assert "training/rgb/00000004.jpg" in index["bad"][0][1]
    assert "00000009.jpg: the picture is cut off" in index["bad"][1][1]


@pytest.mark.parametrize("side", [448, 112])
def test_pictures_of_another_size_than_their_labels_are_bad_records(tmp_path, side):
    path = _layout(tmp_path) / "training/rgb/00000004.jpg"
    cv2.imwrite(str(path), np.zeros((side, side, 3), np.uint8))
    source = read_freihand(tmp_path)
    with pytest.raises(
        ValueError,
        match=f"00000004.jpg: in training_K.json .* 224 x 220 px, not of {side} x {side}",
    ):
        source.read(4)
    assert source.read(3).width == 224


def test_points_behind_the_camera_are_a_bad_record(tmp_path):
    _layout(tmp_path)
    table = [_joints(n) for n in range(3)]
    table[1][4, 2] = -0.8
    (tmp_path / "training_xyz.json").write_text(json.dumps([t.tolist() for t in table]))
    with pytest.raises(ValueError, match="sample 1 is not a hand in front of a camera"):
        list(read_freihand(tmp_path))


@pytest.mark.parametrize(
    ("file", "text", "word"),
    [
        ("training_K.json", None, "training_K.json does not exist"),
        ("training_K.json", "[[1", "not valid JSON"),
        ("training_K.json", "[]", "shape"),
        ("training_xyz.json", "[[[0, 0, 1]]]", r"\[N, 21, 3\]"),
        ("training_xyz.json", "[[1, 2], [3]]", "one shape"),
        ("training_scale.json", "[0.03]", "1 entries and training_K.json 3"),
    ],
)
def test_wrong_files_are_named(tmp_path, file, text, word):
    _layout(tmp_path)
    (tmp_path / file).unlink()
    if text is not None:
        (tmp_path / file).write_text(text)
    with pytest.raises(ValueError, match=word) as caught:
        read_freihand(tmp_path)
    assert file in str(caught.value)


def test_pictures_and_arguments_that_do_not_fit_are_refused(tmp_path):
    _layout(tmp_path)
    with pytest.raises(ValueError, match="not part of FreiHAND"):
        read_freihand(tmp_path, "test")
    with pytest.raises(ValueError, match="no version white"):
        read_freihand(tmp_path, versions=("white",))
    cv2.imwrite(str(tmp_path / "training/rgb/00000012.jpg"), np.zeros((224, 224, 3), np.uint8))
    with pytest.raises(ValueError, match="1 pictures beyond 4 x 3"):
        read_freihand(tmp_path)
    shutil.rmtree(tmp_path / "training" / "rgb")
    with pytest.raises(ValueError, match="rgb is not a folder"):
        read_freihand(tmp_path)
    (tmp_path / "training" / "rgb").mkdir()
    with pytest.raises(ValueError, match="named like 00000000.jpg"):
        read_freihand(tmp_path)


@needs_real
def test_the_layout_of_the_second_version():
    records = list(read_freihand(REAL))
    assert len(records) == 48 and len({record.group for record in records}) == 12
    inside = [(record.keypoints_2d > 0) & (record.keypoints_2d < 224) for record in records]
    assert np.mean(inside) > 0.99
    bones = [np.linalg.norm(record.keypoints_3d[9] - record.keypoints_3d[10]) for record in records]
    np.testing.assert_allclose(bones, [record.scale for record in records], rtol=1e-5)
    assert len(read_freihand(REAL, "evaluation")) == 6
