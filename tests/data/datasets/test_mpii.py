"""MPII in its three layouts: persons, boxes, missing joints, and which kind of scale a file has."""

import json
import pathlib
import sys

import cv2
import h5py
import numpy as np
import pytest

from keras_pose.data.datasets.mpii import read_mpii
from keras_pose.data.datasets.mpii_scale import box_ratios, exact_votes, is_adjusted, square_of

REAL = pathlib.Path(__file__).parents[4] / "shared" / "data" / "poses2d_real" / "mpii_hg_valid.h5"
needs_real = pytest.mark.skipif(
    not REAL.is_file(), reason="reference data beside the checkout (../shared) is absent"
)


def _persons(count=3, adjusted=True):
    """Persons whose joints stand in a grid; MPII's own centres are whole numbers."""
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(4)), -1).reshape(16, 2)
    points = 100.0 + 40.0 * grid[None] + np.arange(count)[:, None, None]
    points[1, 3] = 0
    scale = 1.01 + 0.1 * np.arange(count)
    center = np.stack([160.0 + np.arange(count), np.full(count, 150.0)], -1)
    head = 25.0 * scale
    if adjusted:
        center, scale = center + np.stack([np.zeros(count), 15 * scale], -1), 1.25 * scale
    names = [f"{'aab'[number % 3]}.jpg" for number in range(count)]
    return {"imgname": names, "center": center, "scale": scale, "part": points, "normalize": head}


def _pictures(folder):
    (folder / "images").mkdir(exist_ok=True)
    for name in ("a.jpg", "b.jpg"):
        cv2.imwrite(str(folder / "images" / name), np.full((300, 320, 3), 90, np.uint8))


def _hourglass(folder, name="train.h5", codes=False, **change):
    _pictures(folder)
    table = _persons() | change
    with h5py.File(folder / name, "w") as file:
        for key, value in table.items():
            if value is None:
                continue
            if key == "imgname":
                texts = [text.encode().ljust(16, b"\0") for text in value]
                value = np.array(
                    [list(text) for text in texts] if codes else texts,
                    np.uint8 if codes else "S16",
                )
            file[key] = value
    return folder / name


@pytest.mark.parametrize("codes", [False, True])
def test_hourglass_files_by_hand(tmp_path, codes):
    source = read_mpii(_hourglass(tmp_path, codes=codes))
    assert (source.name, source.skeleton, len(source)) == ("mpii", "mpii_16", 3)
    assert "Centre and scale were taken as adjusted." in source.notes
    first, second, third = source
    assert (first.name, third.name, second.group) == ("a.jpg", "b.jpg", "a.jpg")
    assert (first.height, first.width, first.id, third.id) == (300, 320, 0, 2)
    # Scale 1.01 and centre (160, 150): 200 * 1.2625 px about (160, 165.15).
    np.testing.assert_allclose(first.box, [33.75, 38.9, 252.5, 252.5], rtol=1e-6)
    assert first.head_size == pytest.approx(25.25)
    assert first.visible.sum() == 16 and first.keypoints_3d is None
    assert second.visible.tolist() == [1, 1, 1, 0] + [1] * 12
    assert second.keypoints_2d[3].tolist() == [0, 0]
    assert second.keypoints_2d[0].tolist() == [101, 101]


def test_both_kinds_of_scale_give_the_same_boxes(tmp_path):
    (tmp_path / "raw").mkdir()
    adjusted = read_mpii(_hourglass(tmp_path))
    raw = read_mpii(_hourglass(tmp_path / "raw", **_persons(adjusted=False)))
    assert "taken as not adjusted" in raw.notes[-1]
    for one, other in zip(adjusted, raw, strict=True):
        np.testing.assert_allclose(one.box, other.box, rtol=1e-6)
        assert one.head_size == pytest.approx(other.head_size)


def test_without_head_sizes_they_follow_from_the_scale(tmp_path):
    for adjusted in (True, False):
        change = _persons(adjusted=adjusted) | {"normalize": None}
        (first, *_) = read_mpii(_hourglass(tmp_path, **change))
        assert first.head_size == pytest.approx(25.25)


def _as_list(table):
    return [
        {
            "image": table["imgname"][n],
            "center": table["center"][n].tolist(),
            "scale": float(np.round(table["scale"][n], 6)),
            "joints": np.where(table["part"][n] == 0, -1, table["part"][n]).tolist(),
            "joints_vis": (table["part"][n] != 0).any(-1).astype(int).tolist(),
        }
        for n in range(len(table["scale"]))
    ]


def test_json_lists(tmp_path):
    _pictures(tmp_path)
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot" / "valid.json").write_text(json.dumps(_as_list(_persons(adjusted=False))))
    source = read_mpii(tmp_path, split="val")
    assert "not adjusted" in source.notes[-1]
    _, second, _ = source
    assert second.visible.tolist() == [1, 1, 1, 0] + [1] * 12
    # Scale 1.11, centre (161, 150).
    np.testing.assert_allclose(second.box, [161 - 138.75, 166.65 - 138.75, 277.5, 277.5], rtol=1e-5)
    assert second.head_size == pytest.approx(27.75, rel=1e-5)


_HEAD = {"x1": 100.0, "y1": 40.0, "x2": 130.0, "y2": 80.0}


def _released(scipy_io, path, heads=(_HEAD, _HEAD, _HEAD), last_joint=15):
    def point(number, x, y):
        return {"x": float(x), "y": float(y), "id": number, "is_visible": 1}

    def person(points, x, head=_HEAD):
        return head | {
            "scale": 1.2,
            "objpos": {"x": x, "y": 150.0},
            "annopoints": {"point": np.array(points, object)},
        }

    whole = [point(n, 100 + 10 * n, 90 + 5 * n) for n in range(16)]
    rest = [*whole[9:15], point(last_joint, 250, 165)]
    entries = [
        {"image": {"name": "a.jpg"}, "annorect": person(whole, 160.0, heads[0])},
        {"image": {"name": "b.jpg"}, "annorect": {"x1": 1.0, "y1": 1.0, "x2": 2.0, "y2": 2.0}},
        {"image": {"name": "t.jpg"}, "annorect": person(whole, 9.0)},
        {
            "image": {"name": "b.jpg"},
            "annorect": np.array(
                [person(whole[:7], 161.0, heads[1]), person(rest, 162.0, heads[2])], object
            ),
        },
    ]
    release = {"annolist": np.array(entries, object), "img_train": np.array([1, 1, 0, 1])}
    scipy_io.savemat(path, {"RELEASE": release})


def test_the_released_file(tmp_path):
    scipy_io = pytest.importorskip("scipy.io", reason="MATLAB files need SciPy, an extra of tests")
    _pictures(tmp_path)
    _released(scipy_io, tmp_path / "mpii_human_pose_v1_u12_1.mat")
    source = read_mpii(tmp_path)
    assert [record.name for record in source] == ["a.jpg", "b.jpg", "b.jpg"]
    first, second, third = source
    assert first.keypoints_2d[9].tolist() == [190, 135]
    assert first.head_size == pytest.approx(0.6 * 50)  # 0.6 times the diagonal of 30 x 40
    assert second.visible.tolist() == [1] * 7 + [0] * 9
    assert third.visible.tolist() == [0] * 9 + [1] * 7
    np.testing.assert_allclose(first.box, [160 - 150, 168 - 150, 300, 300], rtol=1e-6)
    with pytest.raises(ValueError, match="only joints of the training part"):
        read_mpii(tmp_path / "mpii_human_pose_v1_u12_1.mat", split="val")


def test_a_person_without_a_head_box_has_the_head_of_its_scale(tmp_path):
    scipy_io = pytest.importorskip("scipy.io", reason="MATLAB files need SciPy, an extra of tests")
    _pictures(tmp_path)
    path = tmp_path / "mpii_human_pose_v1_u12_1.mat"
    # 0.6 * 50 px are 25 px per scale of 1.2, as MPII has them.
    for missing in ({}, dict.fromkeys(_HEAD, np.zeros((0, 0)))):
        _released(scipy_io, path, (_HEAD, _HEAD, missing))
        _, second, third = read_mpii(tmp_path)
        assert second.head_size == pytest.approx(30) and third.head_size == pytest.approx(30)


def test_a_broken_person_is_named(tmp_path):
    scipy_io = pytest.importorskip("scipy.io", reason="MATLAB files need SciPy, an extra of tests")
    _pictures(tmp_path)
    path = tmp_path / "mpii_human_pose_v1_u12_1.mat"
    _released(scipy_io, path, last_joint=77)
    with pytest.raises(ValueError, match=r"not a release of MPII: person 1 of b.jpg \(index 77"):
        read_mpii(tmp_path)


def test_without_scipy_the_released_file_is_explained(tmp_path, monkeypatch):
    _pictures(tmp_path)
    (tmp_path / "r.mat").write_bytes(b"MATLAB 5.0")
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ValueError, match="r.mat is a MATLAB file, which needs SciPy: install"):
        read_mpii(tmp_path / "r.mat")


def _many(count=900):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1, (count, 16, 2)) * rng.uniform(150, 400, (count, 1, 1))
    extent = np.ptp(points, axis=1).max(1)
    center = rng.uniform(100, 300, (count, 2))
    # As widely spread as the real ones: 5 % to 95 % from 0.75 to 1.95 times the median.
    spread = np.exp(rng.normal(0, 0.3, count))
    return center, 1.18 * spread * extent / 200, points, np.ones((count, 16), bool)


def test_resized_sets_are_told_by_the_size_of_their_boxes():
    center, scale, points, labelled = _many()
    assert not is_adjusted(center, scale, points, labelled, None, "f")
    assert is_adjusted(center, 1.25 * scale, points, labelled, None, "f")
    extent = np.ptp(points, axis=1).max(1)
    np.testing.assert_allclose(box_ratios(scale, points, labelled), 200 * scale / extent)
    few = labelled.copy()
    few[0, :3] = False
    assert np.isnan(box_ratios(scale, points, few)[0])


@pytest.mark.parametrize("where", ["one after the other", "in turn"])
def test_mixed_files_are_refused(where):
    center, scale, points, labelled = _many()
    some = np.arange(900) < 450 if where == "one after the other" else np.arange(900) % 2 == 0
    with pytest.raises(ValueError, match=r"f mixes|f: boxes are 1\.[23]\d times .* --adjusted=yes"):
        is_adjusted(center, np.where(some, 1.25, 1) * scale, points, labelled, None, "f")
    # With whole centres each person tells by itself.
    center = np.round(center)
    center[some, 1] += 15 * scale[some]
    with pytest.raises(ValueError, match="f mixes .* 4[34]. persons have .* and 4[23]. do not"):
        is_adjusted(center, np.where(some, 1.25, 1) * scale, points, labelled, None, "f")


def test_too_few_to_tell_is_said():
    center, scale, points, labelled = (array[:50] for array in _many())
    with pytest.raises(ValueError, match="50 persons with 14 joints are too few"):
        is_adjusted(center, scale, points, labelled, None, "f")


def test_a_contradiction_is_noted(tmp_path):
    source = read_mpii(_hourglass(tmp_path), adjusted=False)
    assert "3 of 3 persons suggest the opposite" in source.notes[0]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"scale": None}, "has no 'scale'"),
        ({"part": np.zeros((3, 15, 2))}, r"'points' has the shape \[3, 15, 2\]"),
        ({"part": np.zeros((3, 16, 2))}, "no person with joints"),
    ],
)
def test_wrong_content_is_named(tmp_path, change, word):
    with pytest.raises(ValueError, match=word):
        read_mpii(_hourglass(tmp_path, **change))


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="holds none of valid.h5, valid.json, val.h5"):
        read_mpii(tmp_path, split="val")
    with pytest.raises(ValueError, match="not part of MPII"):
        read_mpii(tmp_path, split="trial")
    (tmp_path / "train.h5").write_bytes(b"junk")
    with pytest.raises(ValueError, match="train.h5 is not a complete HDF5 file"):
        read_mpii(tmp_path)
    (tmp_path / "l.json").write_text('[{"image": "a.jpg"}]')
    with pytest.raises(ValueError, match="l.json: a person lacks 'center'"):
        read_mpii(tmp_path / "l.json")
    (tmp_path / "l.txt").write_text("")
    with pytest.raises(ValueError, match="l.txt is not an annotation file"):
        read_mpii(tmp_path / "l.txt")
    path = _hourglass(tmp_path, "t.h5")
    with pytest.raises(ValueError, match="is not a folder"):
        read_mpii(path, tmp_path / "elsewhere")
    change = _persons()
    change["scale"][1] = 0
    source = read_mpii(_hourglass(tmp_path, "u.h5", **change))
    assert len(source) == 2 and "1 of 3 persons" in source.notes[0]
    assert [record.id for record in source] == [0, 2]


@needs_real
def test_the_real_validation_file_is_adjusted():
    with h5py.File(REAL) as file:
        center, scale, points, head = (
            file[key][()] for key in ("center", "scale", "part", "normalize")
        )
    labelled = (points != 0).any(-1)
    assert len(scale) == 2958
    # By heads, by whole centres alone, and by the size of the boxes alone.
    assert is_adjusted(center, scale, points, labelled, head, "valid.h5")
    votes = exact_votes(center, scale)
    assert (votes > 0).mean() > 0.99 and not (votes < 0).any()
    moved = center + 0.3
    assert (exact_votes(moved, scale) != 0).mean() < 0.05
    assert is_adjusted(moved, scale, points, labelled, None, "valid.h5")
    # The same persons before the adjustment.
    raw = (center - np.stack([np.zeros(2958), 12 * scale], -1), scale / 1.25)
    assert not is_adjusted(*raw, points, labelled, head, "valid.h5")
    assert (exact_votes(*raw) < 0).mean() > 0.9 and not (exact_votes(*raw) > 0).any()
    assert not is_adjusted(moved, raw[1], points, labelled, None, "valid.h5")
    np.testing.assert_allclose(square_of(*raw, False), square_of(center, scale, True))
    # First person: scale 5.8981 = 4.7185 * 1.25, centre y 410.78 (specification, section 3).
    np.testing.assert_allclose(raw[1][0], 4.7185, atol=5e-5)
    np.testing.assert_allclose(center[0, 1], 410.78, atol=5e-3)
