"""Files of detectors: whose they are, joints by name, what is missing, and what is refused."""

import csv
import json

import numpy as np
import pytest

from keras_pose.data.motion import load_detections
from keras_pose.skeletons import BODY_33_MEDIAPIPE, COCO_17, H36M_17

# A standing person of COCO's joints, px.
_PLACES = {
    "nose": (100, 20), "left_eye": (104, 16), "right_eye": (96, 16), "left_ear": (108, 18),
    "right_ear": (92, 18), "left_shoulder": (120, 50), "right_shoulder": (80, 50),
    "left_elbow": (125, 80), "right_elbow": (75, 80), "left_wrist": (126, 110),
    "right_wrist": (74, 110), "left_hip": (112, 110), "right_hip": (88, 110),
    "left_knee": (112, 160), "right_knee": (88, 160), "left_ankle": (112, 210),
    "right_ankle": (88, 210),
}  # fmt: skip
_PELVIS, _THORAX = (100, 110), (100, 50)


def _row(found, joint):
    return found.points_px[0, H36M_17.index(joint)].tolist()


def _check_person(found):
    """The joints that every tool below writes, where they belong."""
    for joint in ("left_wrist", "right_ankle", "nose", "left_knee"):
        np.testing.assert_allclose(_row(found, joint), _PLACES[joint], atol=1e-3)
    np.testing.assert_allclose(_row(found, "pelvis"), _PELVIS, atol=1e-3)
    np.testing.assert_allclose(_row(found, "thorax"), _THORAX, atol=1e-3)


def _coco_numbers(score=0.9):
    return [float(n) for joint in COCO_17.joints for n in (*_PLACES[joint], score)]


def _write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _openpose(score=0.8):
    names = (
        "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist pelvis "
        "right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear "
        "left_ear"
    ).split()
    places = _PLACES | {"neck": _THORAX, "pelvis": _PELVIS}
    numbers = [float(n) for name in names for n in (*places[name], score)]
    return {
        "version": 1.3,
        "people": [{"person_id": [-1], "pose_keypoints_2d": numbers + [0.0] * 18}],
    }


def _mediapipe(size=(200, 300)):
    landmarks = []
    for joint in BODY_33_MEDIAPIPE.joints:
        x, y = _PLACES.get(joint, (100, 100))
        landmarks.append({"x": x / size[0], "y": y / size[1], "z": 0.1, "visibility": 0.7})
    return landmarks


def _deeplabcut(path, names):
    rows = [["scorer"], ["bodyparts"], ["coords"], ["0"], ["1"]]
    for name in names:
        x, y = _PLACES[name]
        for axis, value in (("x", x), ("y", y), ("likelihood", 0.6)):
            cells = ("net", name, axis, value, "" if name == "nose" else value)
            for row, cell in zip(rows, cells, strict=True):
                row.append(cell)
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def _sleap(path, names):
    header, row = ["track", "frame_idx", "instance.score"], ["track_0", "12", "0.9"]
    for name in names:
        header += [f"{name}.x", f"{name}.y", f"{name}.score"]
        row += ["", "", ""] if name == "left_knee" else [*_PLACES[name], 0.5]
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, row])
    return path


def test_coco_results(tmp_path):
    people = [{"image_id": 7, "category_id": 1, "keypoints": _coco_numbers(), "score": 3.0}] * 2
    found = load_detections(_write(tmp_path / "r.json", people))
    assert (found.tool, found.frames, found.persons, found.is_film) == (
        "coco",
        ("7", "7"),
        (0, 1),
        False,
    )
    _check_person(found)
    np.testing.assert_allclose(found.score, 0.9, rtol=1e-6)


def test_alphapose_results_are_told_by_the_name_of_the_picture(tmp_path):
    people = [
        {"image_id": "a.jpg", "category_id": 1, "keypoints": _coco_numbers(0.5), "box": [0] * 4}
    ]
    found = load_detections(_write(tmp_path / "alphapose-results.json", people))
    assert (found.tool, found.frames) == ("alphapose", ("a.jpg",))
    _check_person(found)


def test_openpose_file_and_folder(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (0, 1):
        path = _write(folder / f"walk_00000{number}_keypoints.json", _openpose())
    one, film = load_detections(path), load_detections(folder)
    _check_person(one)
    _check_person(film)
    assert film.frames == ("walk_000000", "walk_000001") and film.is_film and not one.is_film


def test_mediapipe_needs_the_size_of_the_pictures(tmp_path):
    path = _write(tmp_path / "m.json", [{"pose_landmarks": _mediapipe()}, {"pose_landmarks": []}])
    found = load_detections(path, picture_size=(200, 300))
    _check_person(found)
    assert (found.tool, found.frames) == ("mediapipe", ("0",))
    with pytest.raises(
        ValueError, match="MediaPipe writes shares of the picture; give --picture_size"
    ):
        load_detections(path)


def test_deeplabcut_leaves_an_empty_cell_missing(tmp_path):
    found = load_detections(_deeplabcut(tmp_path / "d.csv", COCO_17.joints))
    assert (found.tool, found.frames) == ("deeplabcut", ("0", "1"))
    _check_person(found)
    nose = H36M_17.index("nose")
    assert found.score[0, nose] == pytest.approx(0.6) and found.score[1, nose] == 0


def test_sleap_leaves_an_empty_cell_missing(tmp_path):
    found = load_detections(_sleap(tmp_path / "s.csv", COCO_17.joints))
    assert (found.tool, found.frames, found.persons) == ("sleap", ("12",), (0,))
    missing = np.flatnonzero(found.score[0] == 0)
    assert missing.tolist() == [H36M_17.index("left_knee")]


def test_joints_made_of_a_missing_one_are_missing(tmp_path):
    numbers = _coco_numbers()
    hip = COCO_17.index("left_hip")
    numbers[3 * hip : 3 * hip + 3] = [0.0, 0.0, 0.0]
    people = [{"image_id": 1, "category_id": 1, "keypoints": numbers}]
    found = load_detections(_write(tmp_path / "r.json", people))
    missing = {H36M_17.joints[row] for row in np.flatnonzero(found.score[0] == 0)}
    assert missing == {"left_hip", "pelvis", "spine"}


def test_a_joint_made_of_others_is_as_sure_as_the_least_of_them(tmp_path):
    numbers = _coco_numbers()
    numbers[3 * COCO_17.index("left_hip") + 2] = 0.3
    people = [{"image_id": 1, "category_id": 1, "keypoints": numbers}]
    found = load_detections(_write(tmp_path / "r.json", people))
    assert found.score[0, H36M_17.index("pelvis")] == pytest.approx(0.3)
    assert found.score[0, H36M_17.index("thorax")] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("content", "tool", "words"),
    [
        (
            _openpose(),
            "alphapose",
            "OpenPose's JSON, not AlphaPose's results; give --keypoints_tool",
        ),
        (
            [{"image_id": 7, "keypoints": _coco_numbers()}],
            "mediapipe",
            "COCO results, not MediaPipe landmarks; give --keypoints_tool=coco",
        ),
        ({"poses": []}, "auto", "is of no tool known here; give MediaPipe"),
        ([{"image_id": 7, "keypoints": [1.0] * 12}], "auto", "12 numbers in 'keypoints' where 51"),
        (
            {"people": [{"pose_keypoints_2d": [1.0] * 9}]},
            "auto",
            "9 numbers in 'pose_keypoints_2d'",
        ),
        ({"people": []}, "auto", "nobody is in it"),
        (
            [{"image_id": 7, "keypoints": _coco_numbers(17.0)}],
            "auto",
            "score 17; scores lie between",
        ),
    ],
)
def test_what_is_of_another_tool_or_damaged_is_refused(tmp_path, content, tool, words):
    with pytest.raises(ValueError, match=words):
        load_detections(_write(tmp_path / "f.json", content), tool)


def test_tables_of_another_tool_are_refused(tmp_path):
    sleap = _sleap(tmp_path / "s.csv", COCO_17.joints)
    with pytest.raises(
        ValueError, match="SLEAP's CSV, not DeepLabCut's CSV; give --keypoints_tool"
    ):
        load_detections(sleap, "deeplabcut")
    plain = tmp_path / "p.csv"
    plain.write_text("1,2,3\n4,5,6\n")
    with pytest.raises(ValueError, match="neither DeepLabCut's CSV .* nor SLEAP's"):
        load_detections(plain)
    mouse = tmp_path / "m.csv"
    mouse.write_text("track,frame_idx,tail.x,tail.y,tail.score\n,0,1,2,0.5\n")
    with pytest.raises(ValueError, match="are not those of a person"):
        load_detections(mouse)
