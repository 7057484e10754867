"""2D poses of other detectors, lifted: the files that are written, and what is refused."""

import json
import pathlib

import cv2
import numpy as np
import pytest

from keras_pose.codecs import total_bone_length
from keras_pose.predict.command import main
from keras_pose.predict.settings import PredictConfig
from keras_pose.skeletons import BODY_33_MEDIAPIPE, COCO_17, H36M_17, MPII_16, convert
from keras_pose.tips.exporting import golden_inputs

ROOT = pathlib.Path(__file__).parents[2]
LIFTER = str(ROOT / "savedmodels/tips_cmu/1")


def _coco(points, apart=0.5):
    """Keypoints of COCO whose conversion has the hips, shoulders and limbs of a Human3.6M pose."""
    rows = []
    for joint in COCO_17.joints:
        name = joint if joint in H36M_17.joints else "head"
        place = points[H36M_17.index(name)] + [apart if "left" in joint else 0.0, 0.0]
        rows += [*map(float, place), 0.9]
    return rows


@pytest.fixture
def people(tmp_path):
    """COCO results of three people in two pictures, the last of them without a knee."""
    poses = golden_inputs(64)[2::4][:3]
    entries = [
        {"image_id": picture, "category_id": 1, "keypoints": _coco(pose), "score": 1.0}
        for picture, pose in zip((4, 4, 9), poses, strict=True)
    ]
    knee = 3 * COCO_17.index("left_knee")
    entries[2]["keypoints"][knee : knee + 3] = [0.0, 0.0, 0.0]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def test_results_become_metres_drawings_and_a_page(people, tmp_path, capsys):
    output = tmp_path / "out"
    main(
        PredictConfig(
            lift=LIFTER,
            keypoints=str(people),
            output=str(output),
            height_m=1.8,
            format="json,bvh",
            picture_size="400x300",
        )
    )
    said = capsys.readouterr().out
    assert "2 frames written" in said
    assert (
        "1 of 3 poses were not lifted by tips_cmu: they lack joints, which it cannot fill in."
        in said
    )
    content = json.loads((output / "poses.json").read_text())
    assert content["tool"] == "coco" and "tips_cmu, version 1" in content["lifter"]
    assert content["size"] == "given: a height of 1.8 m"
    assert [pose["picture"] for pose in content["poses"]] == ["4", "4", "9"]
    assert [pose["is_valid"] for pose in content["poses"]] == [True, True, False]
    for pose in content["poses"][:2]:
        space = np.array(pose["keypoints_3d_m"])
        assert not space[0].any() and pose["is_root_relative"]
        bones, _ = convert(space, H36M_17, MPII_16)
        # 2.4 heights of bones.
        assert float(np.asarray(total_bone_length(bones))) == pytest.approx(2.4 * 1.8, rel=1e-3)
    assert cv2.imread(str(output / "4.overlay.jpg")) is not None
    assert (output / "poses.html").is_file()
    assert {path.name for path in output.glob("*.bvh")} == {"4.person0.bvh", "4.person1.bvh"}


def test_a_film_of_landmarks_becomes_one_bvh(tmp_path):
    frames = []
    for pose in golden_inputs(64)[2::4][:4]:
        spread = (pose - pose.min(0)) / np.ptp(pose, axis=0).max() * 0.8 + 0.1
        coco = np.array(_coco(spread, 0.002)).reshape(-1, 3)
        landmarks = [{"x": 0.5, "y": 0.5, "visibility": 0.9} for _ in BODY_33_MEDIAPIPE.joints]
        for row, joint in enumerate(COCO_17.joints):
            place = {"x": coco[row, 0], "y": coco[row, 1], "visibility": 0.9}
            landmarks[BODY_33_MEDIAPIPE.index(joint)] = place
        frames.append(landmarks)
    path = tmp_path / "walk.json"
    path.write_text(json.dumps(frames), encoding="utf-8")
    output = tmp_path / "out"
    settings = {"lift": LIFTER, "keypoints": str(path), "output": str(output), "format": "bvh"}
    main(PredictConfig(**settings, picture_size="320x240", frames_per_second=25, page=False))
    text = (output / "walk.person0.bvh").read_text()
    assert "Frames: 4" in text and "Frame Time: 0.04" in text
    assert (output / "walk.overlay.mp4").is_file()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lift": LIFTER}, "--keypoints is empty; give a value"),
        ({"keypoints": "x.json"}, "--lift is empty; give a value"),
        (
            {"lift": LIFTER, "keypoints": "x.json", "pictures": "a.jpg"},
            "--pictures is for pictures, and --keypoints has 2D poses already; give only one",
        ),
        ({"lift": "nowhere", "keypoints": "x.json"}, "--lift=nowhere: there is no such folder"),
    ],
)
def test_a_command_that_cannot_be_begun_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        PredictConfig(**settings, output="out").check_command()


def test_a_network_of_pictures_is_no_lifter(people, tmp_path):
    student = str(ROOT / "savedmodels/body_student")
    with pytest.raises(ValueError, match="is a network of pictures, not a lifter"):
        main(PredictConfig(lift=student, keypoints=str(people), output=str(tmp_path / "out")))


def test_a_picture_size_that_is_none_is_refused():
    with pytest.raises(ValueError, match="--picture_size=wide is not a width and height"):
        PredictConfig(picture_size="wide")
