"""The data doctor on bodies: each seeded corruption is caught and named, clean sets pass."""

import csv
import dataclasses
import pathlib

import cv2
import h5py
import numpy as np
import pytest

from keras_pose.data.datasets.mpii_scale import square_of
from keras_pose.data.doctor.bodies import body_faults, body_order_evidence
from keras_pose.data.doctor.examination import check_records
from keras_pose.data.doctor.findings import KINDS, findings_table
from keras_pose.data.doctor.labels import label_faults
from keras_pose.data.generated.bodies import body_source
from keras_pose.data.records import Record, write_records
from keras_pose.data.records import writer as record_files
from keras_pose.skeletons import H36M_17, MPII_16, MPII_16_SPINE, convert

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "data"
needs_real = pytest.mark.skipif(
    not SHARED.is_dir(), reason="reference data beside the checkout (../shared) is absent"
)
_FLIP = list(MPII_16_SPINE.flip_permutation)
_ARMS = list(
    MPII_16_SPINE.indices(
        f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "elbow", "wrist")
    )
)


@pytest.fixture(scope="module")
def bodies():
    """Eight generated bodies, upright and with bent knees, as records that clean sets are made of."""
    source = body_source(100, 5, size=64, style="lab")
    kept = [record for record in source if _is_plain(record)][:8]
    assert len(kept) == 8
    return [dataclasses.replace(record, id=10 + number) for number, record in enumerate(kept)]


def _is_plain(record):
    """Knees bent enough to tell back from front, seen from before or behind, shoulders and hips."""
    hip, knee, ankle = (
        record.keypoints_3d[MPII_16_SPINE.index(f"left_{part}")]
        for part in ("hip", "knee", "ankle")
    )
    straight = np.linalg.norm(ankle - hip) / (
        np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee)
    )
    widths = [
        record.keypoints_2d[MPII_16_SPINE.index(f"right_{part}"), 0]
        - record.keypoints_2d[MPII_16_SPINE.index(f"left_{part}"), 0]
        for part in ("shoulder", "hip")
    ]
    wide = np.abs(widths) / record.box[2] > (0.17, 0.1)
    return straight < 0.97 and wide.all()


def _write(records, folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(record_files, "check_values", lambda record: None)
        write_records(records, folder, "bodies", licence="own")
    return {finding.kind: finding for finding in check_records(folder)[0]}


def _change(**fields):
    return lambda record: dataclasses.replace(
        record, **{name: value(record) for name, value in fields.items()}
    )


def _swapped(points, rows):
    points = points.copy()
    points[rows] = points[rows[len(rows) // 2 :] + rows[: len(rows) // 2]]
    return points


def _k(record, change):
    matrix = record.intrinsics.copy()
    change(matrix)
    return matrix


def _longer_shin(points):
    points = points.copy()
    knee, ankle = MPII_16_SPINE.indices(("left_knee", "left_ankle"))
    points[ankle] = points[knee] + 2 * (points[ankle] - points[knee])
    return points


def _scattered(points):
    return points[[5, 9, 0, 12, 6, 15, 1, 7, 3, 14, 2, 8, 13, 4, 11, 10]]


def _away(points):
    """The wrist thrown to another place of the room."""
    points = points.copy()
    points[MPII_16_SPINE.index("left_wrist")] += 3
    return points


# Corruption of one record -> the kind that must be named.
RECORDS = {
    "millimetres": ("unit", _change(keypoints_3d=lambda r: r.keypoints_3d * 1000)),
    "centimetres": ("unit", _change(keypoints_3d=lambda r: r.keypoints_3d * 100)),
    "metres taken for millimetres": ("unit", _change(keypoints_3d=lambda r: r.keypoints_3d / 1000)),
    "feet": ("body_size", _change(keypoints_3d=lambda r: r.keypoints_3d * 3.28)),
    "a shin twice as long": (
        "uneven",
        _change(keypoints_3d=lambda r: _longer_shin(r.keypoints_3d)),
    ),
    "one joint far away": ("body_lines", _change(keypoints_3d=lambda r: _away(r.keypoints_3d))),
    "left and right exchanged": (
        "knees",
        _change(
            keypoints_3d=lambda r: r.keypoints_3d[_FLIP],
            keypoints_2d=lambda r: r.keypoints_2d[_FLIP],
        ),
    ),
    "depth negated about the pelvis": (
        "knees",
        _change(
            keypoints_3d=lambda r: (
                (r.keypoints_3d - r.keypoints_3d[6]) * np.array([1, 1, -1], np.float32)
            ),
            has_absolute_depth=lambda r: False,
        ),
    ),
    "arms exchanged": (
        "twisted",
        _change(
            keypoints_3d=lambda r: _swapped(r.keypoints_3d, _ARMS),
            keypoints_2d=lambda r: _swapped(r.keypoints_2d, _ARMS),
        ),
    ),
    "arms exchanged, 2D only": (
        "twisted",
        _change(
            keypoints_3d=lambda r: None, keypoints_2d=lambda r: _swapped(r.keypoints_2d, _ARMS)
        ),
    ),
    "2D of the mirrored person": (
        "sides_2d_3d",
        _change(
            keypoints_2d=lambda r: r.keypoints_2d[_FLIP],
            has_absolute_depth=lambda r: False,
            intrinsics=lambda r: None,
        ),
    ),
    "joints in any order": (
        "body_size",
        _change(keypoints_3d=lambda r: _scattered(r.keypoints_3d), keypoints_2d=lambda r: None),
    ),
    "z towards the camera": (
        "behind_camera",
        _change(keypoints_3d=lambda r: r.keypoints_3d * np.array([1, 1, -1], np.float32)),
    ),
    "root-relative joints called absolute": (
        "behind_camera",
        _change(keypoints_3d=lambda r: r.keypoints_3d - r.keypoints_3d[6]),
    ),
    "K of the picture before it was cropped": (
        "projection",
        _change(intrinsics=lambda r: _k(r, lambda m: m.__setitem__((0, 2), m[0, 2] + 25))),
    ),
    "K zeros": ("intrinsics_zero", _change(intrinsics=lambda r: np.diag([0.0, 0.0, 1.0]))),
    "K transposed": ("intrinsics_row", _change(intrinsics=lambda r: r.intrinsics.T)),
    "a box without area": ("box_empty", _change(box=lambda r: (20, 20, 0, 0))),
    "a box of another person": ("box_misses_hand", _change(box=lambda r: (0, 0, 7, 7))),
    "a box 200 times too large": (
        "box_scale",
        _change(
            box=lambda r: np.r_[r.box[:2] - 99.5 * r.box[2:], 200 * r.box[2:]].astype(np.float32)
        ),
    ),
    "a head as large as a house": ("head_size", _change(head_size=lambda r: 500.0)),
    "a head without a size that is finite": ("not_finite", _change(head_size=lambda r: np.nan)),
    "a person partly outside": (
        "partly_outside",
        _change(
            keypoints_2d=lambda r: (
                r.keypoints_2d + np.array([0, 72 - r.keypoints_2d[:, 1].max()], np.float32)
            ),
            keypoints_3d=lambda r: None,
            box=lambda r: None,
        ),
    ),
    "missing joints": (
        "missing_joints",
        _change(
            visible=lambda r: np.arange(16) % 3 > 0,
            keypoints_2d=lambda r: r.keypoints_2d * (np.arange(16) % 3 > 0)[:, None],
            keypoints_3d=lambda r: None,
        ),
    ),
    "no joint at all": ("nothing_visible", _change(visible=lambda r: np.zeros(16))),
    "2D between 0 and 1": ("normalised", _change(keypoints_2d=lambda r: r.keypoints_2d / 64)),
    "NaN": ("not_finite", _change(keypoints_3d=lambda r: r.keypoints_3d * np.nan)),
}


@pytest.mark.parametrize("name", RECORDS)
def test_one_bad_record_is_caught_and_named(name, bodies, tmp_path, monkeypatch):
    kind, corrupt = RECORDS[name]
    records = [corrupt(record) if record.id == 14 else record for record in bodies]
    kinds = _write(records, tmp_path / "set", monkeypatch)
    assert kind in kinds, kinds
    assert kinds[kind].count == 1 and kinds[kind].examples[0].startswith("record 14 ")
    # Nothing is said of the sound records.
    assert all("record 14 " in finding.examples[0] for finding in kinds.values())
    assert kinds[kind].is_error != (KINDS[kind].weight in ("note", "warning"))


def test_enough_corruptions_and_every_kind_of_body():
    of_bodies = {
        *("body_size", "body_lines", "uneven", "knees", "twisted", "sides_2d_3d"),
        *("missing_joints", "partly_outside", "box_scale", "head_size"),
    }
    assert len(RECORDS) >= 20 and of_bodies <= {kind for kind, _ in RECORDS.values()}
    assert of_bodies <= set(KINDS)


@pytest.mark.parametrize("style", ["lab", "wild", "test"])
def test_clean_sets_have_nothing_but_notes(style, tmp_path):
    write_records(list(body_source(24, 1, size=64, style=style)), tmp_path / "set")
    findings, examined = check_records(tmp_path / "set")
    assert examined == 24
    assert {f.kind for f in findings} <= {"missing_joints", "partly_outside"}, findings
    flat = list(body_source(8, 2, size=64, style=style, labels_3d=False))
    write_records(flat, tmp_path / "flat")
    findings, _ = check_records(tmp_path / "flat")
    assert {f.kind for f in findings} <= {"missing_joints", "partly_outside"}, findings


_H36M_ORDER = (
    *("pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("spine", "upper_neck", "head_top", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_shoulder", "right_elbow", "right_wrist"),
)


@pytest.mark.parametrize("labels", ["3D", "2D"])
def test_a_set_in_another_order_is_named(labels, bodies, tmp_path, monkeypatch):
    rows = list(MPII_16_SPINE.indices(_H36M_ORDER))
    corrupt = _change(
        keypoints_3d=lambda r: r.keypoints_3d[rows] if labels == "3D" else None,
        keypoints_2d=lambda r: r.keypoints_2d[rows],
    )
    kinds = _write(map(corrupt, bodies), tmp_path / "set", monkeypatch)
    assert kinds["order_of_set"].is_error
    assert "Human3.6M without the nose" in kinds["order_of_set"].examples[0]


def test_mpiis_boxes_tell_how_often_the_scale_was_adjusted(bodies):
    (mpii,) = (dataclasses.replace(bodies[0], source="mpii", keypoints_3d=None, head_size=6.0),)
    for side, times in ((48.0, "0.80"), (60.0, None), (75.0, "1.25")):
        record = dataclasses.replace(mpii, box=np.array([2, 2, side, side]))
        details = [detail for kind, detail in body_faults(record) if kind == "mpii_scale"]
        assert [f"{times} times" in detail for detail in details] == ([True] if times else [])


def test_notes_do_not_fail_a_strict_check(bodies, tmp_path, monkeypatch):
    corrupt = RECORDS["missing joints"][1]
    kinds = _write(map(corrupt, bodies), tmp_path / "set", monkeypatch)
    (finding,) = kinds.values()
    assert finding.is_note and not finding.is_error and finding.count == 8
    assert "note" in findings_table([finding])


def test_squares_of_bodies_may_reach_far_out_but_two_corners_may_not(bodies):
    far = dataclasses.replace(bodies[0], box=np.array([8.0, 8.0, 100.0, 100.0]), head_size=0.0)
    assert "box_corners" not in dict(label_faults(far))
    corners = dataclasses.replace(far, box=np.array([8.0, 8.0, 60.0, 100.0]))
    assert "box_corners" in dict(label_faults(corners))


def test_other_skeletons_are_left_alone():
    record = Record(1, "s", "n", b"x", 9, 9, "h36m_17", keypoints_3d=np.eye(17, 3))
    assert not list(body_faults(record))


@needs_real
def test_real_poses_of_mpii_have_hardly_a_fault():
    with h5py.File(SHARED / "poses2d_real" / "mpii_hg_valid.h5") as file:
        center, scale, points, head = (
            file[key][()] for key in ("center", "scale", "part", "normalize")
        )
    boxes = square_of(center, scale, True)
    size = np.ceil(np.maximum(points.max((0, 1)), 1280)).astype(int)
    found, ratios = {}, []
    for number in range(0, 2958, 3):
        record = Record(
            number,
            "mpii",
            "n",
            b"x",
            int(size[1]),
            int(size[0]),
            "mpii_16",
            keypoints_2d=points[number],
            visible=(points[number] != 0).any(-1),
            box=boxes[number],
            head_size=head[number],
        )
        for kind, _ in label_faults(record):
            found[kind] = found.get(kind, 0) + 1 / 986
        if evidence := body_order_evidence(record):
            ratios.append(evidence[1])
    # 68 % have all joints (specification, section 8).
    assert found.pop("missing_joints") == pytest.approx(0.32, abs=0.03)
    assert found.pop("partly_outside", 0) < 0.05
    assert all(share < 0.02 for share in found.values()), found
    assert np.median(ratios) < 0.9


@needs_real
def test_real_motion_has_no_fault_and_its_mirror_image_has():
    from keras_pose.data.motion import load_cmu_mocap17

    motion = load_cmu_mocap17(SHARED / "cmu_mocap17" / "val.npz")
    poses, _ = convert(motion.poses_m[::20].astype(np.float64), H36M_17, MPII_16_SPINE)

    def shares(change):
        found: dict[str, float] = {}
        for number, pose in enumerate(poses):
            record = Record(
                *(number, "s", "n", b"x", 9, 9, "mpii_16_spine"),
                keypoints_3d=change(pose),
                has_absolute_depth=False,
            )
            for kind, _ in body_faults(record):
                found[kind] = found.get(kind, 0.0) + 1 / len(poses)
        return found

    assert all(share < 0.01 for share in shares(lambda pose: pose).values())
    assert shares(lambda pose: pose * [1, 1, -1])["knees"] > 0.8
    assert shares(lambda pose: pose[_FLIP])["knees"] > 0.8


@needs_real
def test_real_persons_have_their_hips_under_their_shoulders():
    with open(SHARED / "poses2d_real" / "mpii_train_joints.csv", encoding="utf-8") as file:
        rows = [row for number, row in enumerate(csv.reader(file)) if number % 20 == 1]
    points = np.array([[float(value) for value in row[1:33]] for row in rows]).reshape(-1, 16, 2)
    arms = list(
        MPII_16.indices(
            f"{side}_{part}"
            for side in ("left", "right")
            for part in ("shoulder", "elbow", "wrist")
        )
    )

    def share(change):
        records = (
            Record(1, "s", "n", b"x", 2000, 2000, "mpii_16", keypoints_2d=change(p)) for p in points
        )
        return np.mean(["twisted" in dict(body_faults(record)) for record in records])

    assert share(lambda p: p) < 0.02 and share(lambda p: _swapped(p, arms)) > 0.2


def test_pictures_of_one_colour_are_found_in_bodies_too(bodies, tmp_path, monkeypatch):
    blank = cv2.imencode(".png", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
    records = [dataclasses.replace(r, image=blank) if r.id == 12 else r for r in bodies]
    assert "blank_picture" in _write(records, tmp_path / "set", monkeypatch)
