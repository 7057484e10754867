"""The data doctor: each seeded corruption is caught and named, and a clean set has no finding."""

import dataclasses
import json
import pathlib
import shutil
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest

from keras_pose.data.doctor.examination import CheckConfig, check_records
from keras_pose.data.doctor.findings import KINDS, Finding, Findings, findings_table
from keras_pose.data.doctor.labels import label_faults, order_evidence
from keras_pose.data.generated.hands import generate_hands
from keras_pose.data.records import Record, to_example, write_records
from keras_pose.data.records import writer as record_files
from keras_pose.skeletons import HAND_21_AIT, HAND_21_FREIHAND, convert

ROOT = pathlib.Path(__file__).parents[3]
SHARED = ROOT.parent / "shared" / "data"
_FREIHAND = HAND_21_FREIHAND


@pytest.fixture(scope="module")
def hands():
    return [
        dataclasses.replace(record, id=10 + number)
        for number, record in enumerate(generate_hands(8, 3, size=64, side="both"))
    ]


class _NoSet(set):
    def __contains__(self, item):
        return False


def _write(records, folder, monkeypatch):
    """Write without the checks at the door, as another program would."""
    with monkeypatch.context() as patch:
        patch.setattr(record_files, "check_values", lambda record: None)
        patch.setattr(record_files, "set", lambda *items: _NoSet(*items), raising=False)
        write_records(records, folder, "hands", licence="own", shard_size=4)
    return folder


def _kinds(folder):
    findings, _ = check_records(folder)
    return {finding.kind: finding for finding in findings}


def test_a_clean_set_has_no_finding(hands, tmp_path):
    write_records(hands, tmp_path / "set", shard_size=4)
    findings, examined = check_records(tmp_path / "set")
    assert findings == [] and examined == 8
    assert check_records(tmp_path / "set", max_records=3) == ([], 3)


def _change(**fields):
    """A corruption that puts other values, computed from the record, into it."""
    return lambda record: dataclasses.replace(
        record, **{name: value(record) for name, value in fields.items()}
    )


def _reordered(points):
    converted, _ = convert(points, _FREIHAND, HAND_21_AIT)
    return converted


def _exchange_fingers(points):
    points = points.copy()
    rows = [
        list(_FREIHAND.indices(f"{finger}_{part}" for part in ("mcp", "pip", "dip", "tip")))
        for finger in ("index", "ring")
    ]
    points[rows[0] + rows[1]] = points[rows[1] + rows[0]]
    return points


def _with_long_bone(points):
    points = points.copy()
    tip, before = _FREIHAND.indices(("middle_tip", "middle_dip"))
    points[tip] = points[before] + 8 * (points[tip] - points[before])
    return points


def _flip_x(points):
    return points * np.array([-1, 1, 1], np.float32)


def _spoilt(number):
    def spoil(array):
        array = array.copy()
        array[3, 0] = number
        return array

    return spoil


def _turned(image):
    tiff = b"II*\x00" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    body = b"Exif\x00\x00" + tiff
    return image[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + image[2:]


_BLANK = cv2.imencode(".png", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
_GREY_LEFT = cv2.imencode(
    ".png",
    np.concatenate([np.zeros((64, 32, 3), np.uint8), np.full((64, 32, 3), 255, np.uint8)], 1),
)[1].tobytes()


def _k(record, change):
    matrix = record.intrinsics.copy()
    change(matrix)
    return matrix


def _moved(matrix):
    matrix[0, 2] += 100


# Corruption of one record -> the kind that must be named.
RECORDS = {
    "millimetres": ("unit", _change(keypoints_3d=lambda r: r.keypoints_3d * 1000)),
    "centimetres": ("unit", _change(keypoints_3d=lambda r: r.keypoints_3d * 100)),
    "metres taken for millimetres": ("unit", _change(keypoints_3d=lambda r: r.keypoints_3d / 1000)),
    "a giant's hand": ("hand_size", _change(keypoints_3d=lambda r: r.keypoints_3d * 3)),
    "scale in millimetres": ("scale", _change(scale=lambda r: r.scale * 1000)),
    "two fingers exchanged": (
        "finger_order",
        _change(
            keypoints_3d=lambda r: _exchange_fingers(r.keypoints_3d),
            keypoints_2d=lambda r: _exchange_fingers(r.keypoints_2d),
        ),
    ),
    "a bone eight times as long": (
        "bone_ratios",
        _change(keypoints_3d=lambda r: _with_long_bone(r.keypoints_3d)),
    ),
    "3D mirrored, 2D not": (
        "mirrored",
        _change(keypoints_3d=lambda r: _flip_x(r.keypoints_3d), has_absolute_depth=lambda r: False),
    ),
    "y up": (
        "upside_down",
        _change(
            keypoints_3d=lambda r: r.keypoints_3d * np.array([1, -1, 1]),
            has_absolute_depth=lambda r: False,
        ),
    ),
    "z towards the camera": (
        "behind_camera",
        _change(keypoints_3d=lambda r: r.keypoints_3d * np.array([1, 1, -1])),
    ),
    "3D of another picture": (
        "projection",
        _change(keypoints_3d=lambda r: r.keypoints_3d + np.array([0.1, 0, 0], np.float32)),
    ),
    "K of the picture before it was cropped": (
        "projection",
        _change(intrinsics=lambda r: _k(r, _moved)),
    ),
    "principal point outside": (
        "principal_point",
        _change(intrinsics=lambda r: _k(r, _moved)),
    ),
    "K zeros": ("intrinsics_zero", _change(intrinsics=lambda r: np.diag([0.0, 0.0, 1.0]))),
    "K transposed": ("intrinsics_row", _change(intrinsics=lambda r: r.intrinsics.T)),
    "K in metres": (
        "focal_length",
        _change(intrinsics=lambda r: r.intrinsics * np.array([[0.01], [0.01], [1]])),
    ),
    "2D between 0 and 1": ("normalised", _change(keypoints_2d=lambda r: r.keypoints_2d / 64)),
    "2D of a larger picture": (
        "outside_picture",
        _change(keypoints_2d=lambda r: r.keypoints_2d * 4),
    ),
    "all joints in one place": ("collapsed", _change(keypoints_2d=lambda r: np.full((21, 2), 9))),
    "NaN": ("not_finite", _change(keypoints_2d=lambda r: _spoilt(np.nan)(r.keypoints_2d))),
    "infinite": ("not_finite", _change(keypoints_3d=lambda r: _spoilt(np.inf)(r.keypoints_3d))),
    "2D joints in the corner": (
        "zero_joints",
        _change(keypoints_2d=lambda r: np.r_[[[0, 0], [0, 0]], r.keypoints_2d[2:]]),
    ),
    "nothing visible": ("nothing_visible", _change(visible=lambda r: np.zeros(21))),
    "box without area": ("box_empty", _change(box=lambda r: (5, 5, 0, 9))),
    "box outside": ("box_outside", _change(box=lambda r: (70, 5, 9, 9))),
    "box between 0 and 1": ("normalised", _change(box=lambda r: r.box / 64)),
    "box of two pixels": ("box_tiny", _change(box=lambda r: (30, 30, 2, 2))),
    "box as two corners": ("box_corners", _change(box=lambda r: (50, 50, 60, 62))),
    "box of another hand": ("box_misses_hand", _change(box=lambda r: (0, 0, 6, 6))),
    "picture cut off": ("damaged_picture", _change(image=lambda r: r.image[: len(r.image) // 2])),
    "no picture": ("damaged_picture", _change(image=lambda r: b"<html>")),
    "picture of one colour": ("blank_picture", _change(image=lambda r: _BLANK)),
    "empty crop": (
        "blank_crop",
        _change(image=lambda r: _GREY_LEFT, box=lambda r: (2, 2, 20, 40)),
    ),
    "size before a resize": ("picture_size", _change(height=lambda r: 128, width=lambda r: 128)),
    "turned by EXIF": ("picture_kind", _change(image=lambda r: _turned(r.image))),
    "class below -1": ("label", _change(label=lambda r: -7)),
}


@pytest.mark.parametrize("name", RECORDS)
def test_one_bad_record_is_caught_and_named(name, hands, tmp_path, monkeypatch):
    kind, corrupt = RECORDS[name]
    records = [corrupt(record) if record.id == 14 else record for record in hands]
    kinds = _kinds(_write(records, tmp_path / "set", monkeypatch))
    assert kind in kinds, kinds
    assert kinds[kind].count == 1
    assert kinds[kind].examples[0].startswith(f"record 14 ({hands[4].name})")
    # Nothing is said of the sound records.
    assert all("record 14 " in finding.examples[0] for finding in kinds.values())


SETS = {
    "joint order, 3D": ("order_of_set", _change(keypoints_3d=lambda r: _reordered(r.keypoints_3d))),
    "joint order, 2D": (
        "order_of_set",
        _change(keypoints_2d=lambda r: _reordered(r.keypoints_2d), keypoints_3d=lambda r: None),
    ),
    "sides exchanged": (
        "side",
        _change(side=lambda r: {"left": "right", "right": "left"}[r.side]),
    ),
    "mirrored pictures and labels, side kept": (
        "side",
        _change(
            keypoints_3d=lambda r: _flip_x(r.keypoints_3d),
            keypoints_2d=lambda r: np.array([64, 0]) + r.keypoints_2d * np.array([-1, 1]),
            intrinsics=lambda r: _k(r, lambda m: m.__setitem__((0, 2), 64 - m[0, 2])),
        ),
    ),
    "one picture for all": ("same_picture", None),
    "rows and columns": (
        "swapped_xy",
        _change(keypoints_2d=lambda r: r.keypoints_2d[:, ::-1], has_absolute_depth=lambda r: False),
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_a_fault_of_the_whole_set_is_an_error(name, hands, tmp_path, monkeypatch):
    kind, corrupt = SETS[name]
    corrupt = corrupt or _change(image=lambda r: hands[0].image, box=lambda r: None)
    kinds = _kinds(_write(map(corrupt, hands), tmp_path / "set", monkeypatch))
    assert kind in kinds and kinds[kind].is_error, kinds


def test_duplicate_ids(hands, tmp_path, monkeypatch):
    records = [dataclasses.replace(r, id=10) if r.id == 15 else r for r in hands]
    kinds = _kinds(_write(records, tmp_path / "set", monkeypatch))
    assert list(kinds) == ["duplicate_id"] and kinds["duplicate_id"].is_error
    assert kinds["duplicate_id"].examples == ["record 10 at position 5"]


def _edit_index(folder, **change):
    path = folder / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def _flip_byte(folder):
    path = folder / "records-00001.tfrecord"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


def _cut(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-9])


FILES = {
    "a byte flipped": ("checksum", _flip_byte),
    "and its record": ("damaged_record", _flip_byte),
    "a shard cut off": ("file_size", lambda f: _cut(f, "records-00001.tfrecord")),
    "a shard lost": ("missing_file", lambda f: (f / "records-00000.tfrecord").unlink()),
    "a table lost": ("missing_file", lambda f: (f / "records-00000.npy").unlink()),
    "a table cut off": ("checksum", lambda f: _cut(f, "records-00000.npy")),
    "a wrong number": ("count", lambda f: _edit_index(f, num_records=9)),
    "no index": ("index", lambda f: (f / "index.json").unlink()),
    "half an index": ("index", lambda f: _cut(f, "index.json")),
    "shards without names": ("index", lambda f: _edit_index(f, shards=[{}])),
    "a file too many": ("stray_file", lambda f: (f / "records-00007.npy").write_bytes(b"")),
}


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_caught_and_named(name, hands, tmp_path):
    kind, damage = FILES[name]
    write_records(hands, tmp_path / "set", shard_size=4)
    damage(tmp_path / "set")
    kinds = _kinds(tmp_path / "set")
    assert kind in kinds, kinds
    assert kinds[kind].is_error == (kind != "stray_file")


def test_every_kind_is_caught_by_some_corruption():
    caught = {kind for table in (RECORDS, SETS, FILES) for kind, _ in table.values()}
    # Those of bodies and of whole sets: test_check_bodies, test_check_sets.
    of_bodies = {
        *("body_size", "body_lines", "uneven", "knees", "twisted", "sides_2d_3d", "mpii_scale"),
        *("missing_joints", "partly_outside", "box_scale", "head_size"),
        *("corners_of_set", "limbs_of_set", "labels_of_part"),
    }
    assert set(KINDS) - caught - of_bodies == {"duplicate_id", "joint_order", "different_poses"}
    assert len(RECORDS) + len(SETS) + len(FILES) >= 20


def test_a_single_record_in_another_order_and_one_of_another_pose(hands):
    # An open hand; a fist alone may pass for one in another order.
    flat = max(
        hands, key=lambda r: np.linalg.norm(r.keypoints_3d[12] - r.keypoints_3d[0]) / r.scale
    )
    moved = _reordered(flat.keypoints_3d)
    (fault,) = label_faults(
        dataclasses.replace(flat, keypoints_3d=moved, keypoints_2d=None, scale=0.0)
    )
    assert fault == ("joint_order", "it would be a hand in this order: hand_21_ait")
    name, ratio = order_evidence(dataclasses.replace(flat, keypoints_3d=None))
    assert ratio < 1.1 and isinstance(name, str)
    assert order_evidence(Record(1, "s", "n", b"x", 8, 8)) is None
    turned = flat.keypoints_3d[:, [2, 0, 1]]
    other = dataclasses.replace(flat, keypoints_3d=turned, has_absolute_depth=False)
    wrong = {"different_poses", "mirrored", "upside_down", "swapped_xy"}
    assert wrong & dict(label_faults(other)).keys()


def test_a_few_odd_records_do_not_fail_a_large_set():
    findings = Findings()
    for number in range(7):
        findings.add("side", f"record {number}")
    (few,) = findings.result(1000)
    (many,) = findings.result(100)
    assert not few.is_error and many.is_error
    assert few.examples == [f"record {number}" for number in range(5)]
    text = findings_table([many])
    assert "ERROR" in text and "7.0 %" in text and "and 2 more" in text
    assert KINDS["side"].advice in text and findings_table([]) == "No finding."
    assert Finding("index", 1, 1.0, []).is_error


def test_the_command_line_says_what_to_do_and_fails(hands, tmp_path):
    with pytest.raises(ValueError, match="--input is missing"):
        CheckConfig()
    write_records(hands, tmp_path / "set", shard_size=4)
    command = [sys.executable, "-m", "keras_pose.data.doctor.check", f"--input={tmp_path / 'set'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "No finding" in done.stdout
    _flip_byte(tmp_path / "set")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "records-00001.tfrecord" in done.stdout and "prepare the folder again" in done.stdout
    assert "2 kinds of errors" in done.stderr


def test_warnings_fail_only_a_strict_check(hands, tmp_path):
    write_records(hands, tmp_path / "set", shard_size=4)
    shutil.copy(tmp_path / "set" / "records-00000.npy", tmp_path / "set" / "records-00009.npy")
    (finding,) = check_records(tmp_path / "set")[0]
    assert finding.kind == "stray_file" and not finding.is_error


def test_bodies_are_checked_in_general_only():
    body = Record(
        1, "s", "n", b"x", 9, 9, "h36m_17", keypoints_2d=np.eye(17, 2), keypoints_3d=np.eye(17, 3)
    )
    assert to_example(body)
    assert "joint_order" not in dict(label_faults(body))


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="reference data beside the checkout (../shared) is absent"
)
@pytest.mark.parametrize("name", ["sign_digits", "hands_fingercount"])
def test_real_pseudo_labels_have_no_error(name, tmp_path):
    from keras_pose.data.datasets.keypoint_json import KeypointFields, read_keypoint_json

    fields = KeypointFields(side="handedness_mp", side_is_mirrored=True, score="score_mp")
    source = read_keypoint_json(SHARED / name / "annotations.json", fields=fields)
    part = [source.read(position) for position in range(0, len(source), 20)]
    write_records(part, tmp_path / "right")
    assert [finding for finding in check_records(tmp_path / "right")[0] if finding.is_error] == []
    # MediaPipe's sides taken literally: the doctor says so.
    fields = dataclasses.replace(fields, side_is_mirrored=False)
    source = read_keypoint_json(SHARED / name / "annotations.json", fields=fields)
    write_records([source.read(n) for n in range(0, len(source), 20)], tmp_path / "wrong")
    (finding,) = check_records(tmp_path / "wrong")[0]
    assert finding.kind == "side" and finding.is_error and finding.share > 0.5
