"""What an export writes down of its training, and that folders of before it did still serve."""

import json
from pathlib import Path

import numpy as np
import pytest

from keras_pose import export
from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.generated.hands import generate_hands
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.serving import ServedPose, read_metadata
from keras_pose.serving.export_settings import PictureExportConfig
from keras_pose.serving.publish import training_settings

ROOT = Path(__file__).parents[2]


def write_run(folder, **content):
    """A run folder that has nothing but its record."""
    folder.mkdir(parents=True)
    content = {"environment": {"git_commit": f"of {folder.name}"}} | content
    (folder / "run.json").write_text(json.dumps(content))
    return str(folder)


def test_settings_hold_what_a_run_builds_on_and_no_path(tmp_path):
    pictures = {"mine": {"train": 5, "heldout": 1}}
    config = {"inverse": "affine", "seed": 1}
    first = write_run(tmp_path / "a" / "first", method="peclr", config=config, pictures=pictures)
    # Of before runs named their method.
    config = {"loss_2d_weight": 1.0, "init_from": first}
    teacher = write_run(tmp_path / "teacher", config=config)
    config = {"teacher": f"{teacher}/", "seed": 3}
    student = write_run(tmp_path / "student", method="hand_student", config=config)
    assert training_settings(student) == {
        "method": "hand_student",
        "commit": "of student",
        "config": {"teacher": "teacher", "seed": 3},
        "teacher": {
            "method": "hand_pose",
            "commit": "of teacher",
            "config": {"loss_2d_weight": 1.0, "init_from": "first"},
            "init_from": {
                "method": "peclr",
                "commit": "of first",
                "config": {"inverse": "affine", "seed": 1},
                "pictures": pictures,
            },
        },
    }


def test_runs_that_start_from_each_other_or_are_gone_end_the_list(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    write_run(one, method="wild3d", config={"init_from": str(two), "teacher": "/gone/big"})
    write_run(two, method="wild3d", config={"init_from": str(one)})
    settings = training_settings(str(one))
    assert settings["config"] == {"init_from": "two", "teacher": "big"}
    assert settings["init_from"]["config"] == {"init_from": "one"}
    assert "init_from" not in settings["init_from"] and "teacher" not in settings


def test_the_shipped_hand_says_what_made_it_and_that_no_hand_is_there():
    folder = ROOT / "savedmodels" / "hand_student" / "3"
    settings = read_metadata(folder).settings
    assert settings["method"] == "hand_student"
    assert settings["config"]["backbone"] == "efficientnet_lite0"
    network = ServedPose(folder)
    away = []
    for hand in generate_hands(3, 6, size=160):
        picture = decode_picture(hand.image, hand.name)
        (found,) = network.predict(picture, np.array([hand.box]))
        assert found.valid
        away.append(np.linalg.norm(found.keypoints_2d - hand.keypoints_2d, axis=-1))
        away[-1] /= max(hand.box[2:])
    assert np.median(away) < 0.05
    assert not network.predict(np.full((90, 70, 3), 128, np.uint8))[0].valid


def test_the_shipped_body_says_what_made_it_and_that_nobody_is_there():
    folder = ROOT / "savedmodels" / "body_student" / "3"
    settings = read_metadata(folder).settings
    assert settings["method"] == "wild3d"
    assert settings["config"]["backbone"] == "efficientnet_lite0"
    assert {path.name for path in folder.glob("*_heatmaps_*")} == set()
    network = ServedPose(folder)
    body = generate_body(3, 5, size=160, style="test")
    (found,) = network.predict(body.image, [body.box])
    side = max(body.box[2:])
    away = np.linalg.norm(found.keypoints_2d - body.keypoints_2d, axis=-1) / side
    assert found.valid and np.median(away) < 0.05
    assert not network.predict(np.full((90, 70, 3), 128, np.uint8))[0].valid


def test_the_shipped_lifter_loads_and_answers():
    folder = ROOT / "savedmodels" / "tips_cmu" / "1"
    assert read_metadata(folder).settings == {}
    pose = np.random.default_rng(0).uniform(0, 300, (1, 17, 2)).astype(np.float32)
    answer = export.run_saved_model(folder, "serving_default", {"keypoints_2d": pose})
    assert answer["valid"] == [1.0] and np.ptp(answer["keypoints_3d"][..., 2]) > 0


def test_only_signatures_for_phones_can_be_kept_for_phones():
    assert PictureExportConfig().chosen_phone_signatures == ("decoded", "heatmaps")
    assert PictureExportConfig(phone_signatures="heatmaps").chosen_phone_signatures == ("heatmaps",)
    with pytest.raises(ValueError, match="--phone_signatures=lift names 'lift'; choose among dec"):
        PictureExportConfig(phone_signatures="lift")
