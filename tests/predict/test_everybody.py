"""`keras_pose.Pose` says what the command writes, picks the networks that are there, refuses the rest."""

import numpy as np
import pytest

import keras_pose
from keras_pose.predict import everybody, network
from tests.predict import served_people
from tests.predict.commands import loaded, run, write
from tests.predict.served_people import picture


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    top = tmp_path_factory.mktemp("models")
    for kind in ("body", "hand"):
        served_people.save(top / f"{kind}_student" / "1", kind)
    return top


@pytest.fixture(autouse=True)
def _load_once(monkeypatch):
    """Loading a model takes seconds, and all tests use two."""
    monkeypatch.setattr(network, "ServedPose", loaded)


def test_it_answers_as_the_command_does(models, tmp_path):
    path = write(tmp_path / "person.png")
    content = run(str(models / "body_student"), path, tmp_path / "out", focal_px=300.0)
    pose = keras_pose.Pose("body", models, focal_px=300.0)
    assert pose.words.startswith("body_student; whole pictures; ")
    (from_file,), (from_pixels,) = pose(path), pose(picture())
    (written,) = content["poses"]
    np.testing.assert_allclose(from_file.keypoints_2d, written["keypoints_2d_px"], atol=0.006)
    np.testing.assert_allclose(from_file.keypoints_3d, written["keypoints_3d_m"], atol=1e-4)
    np.testing.assert_array_equal(from_file.keypoints_2d, from_pixels.keypoints_2d)


def test_hands_come_with_their_body(models):
    pose = keras_pose.Pose("body+hands", models, min_score=0.1)
    assert pose.words.startswith("body_student and hand_student; ")
    found = pose(picture())
    assert [(one.kind, one.side) for one in found] == [
        ("body", ""),
        ("hand", "left"),
        ("hand", "right"),
    ]
    assert {one.person for one in found} == {0}
    (right,) = keras_pose.Pose("hands", models)(picture())
    assert (right.kind, right.side) == ("hand", "right")


def test_a_lifter_lifts_who_is_found(models, tmp_path):
    path = write(tmp_path / "person.png")
    settings = {"lift": "savedmodels/tips_cmu/1", "height_m": 1.8}
    content = run(str(models / "body_student"), path, tmp_path / "out", **settings)
    pose = keras_pose.Pose("body", models, **settings)
    assert ", lifted by " in pose.words and "tips_cmu, version 1" in pose.words
    (found,) = pose(path)
    assert found.skeleton.name == "h36m_17"
    (written,) = content["poses"]
    np.testing.assert_allclose(found.keypoints_3d, written["keypoints_3d_m"], atol=1e-4)
    with pytest.raises(ValueError, match="--hands are attached to a body with metres of its own"):
        keras_pose.Pose("body+hands", models, **settings)


def test_imported_networks_come_first(models, tmp_path):
    served_people.save(tmp_path / "body_mediapipe" / "1", "body")
    assert keras_pose.Pose("body", tmp_path).words.startswith("body_mediapipe; ")
    assert everybody._network("body", models) == str(models / "body_student")


def test_what_cannot_be_had_is_one_sentence(models, tmp_path):
    with pytest.raises(ValueError, match="what='face' is unknown; choose one of body, hands"):
        keras_pose.Pose("face", models)
    with pytest.raises(ValueError, match="holds neither hand_mediapipe nor hand_student; make mod"):
        keras_pose.Pose("hands", tmp_path)
    with pytest.raises(
        ValueError, match="smooth, page: settings of the command, of files and films"
    ):
        keras_pose.Pose("body", models, smooth=True, page=False)
    pose = keras_pose.Pose("body", models)
    with pytest.raises(ValueError, match=r"float32 \[4, 4, 3\]; give uint8 \[H, W, 3\] in RGB"):
        pose(np.zeros((4, 4, 3), np.float32))
    with pytest.raises(OSError, match="nothing"):
        pose(tmp_path / "nothing.jpg")
    with pytest.raises(AttributeError, match="keras_pose has no name 'Poses'"):
        _ = keras_pose.Poses
