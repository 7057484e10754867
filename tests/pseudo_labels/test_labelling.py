"""Labels are means over variants, and go where the teacher disagrees with itself; hand values."""

import json
import types

import cv2
import numpy as np
import pytest

from keras_pose.data.datasets.keypoint_json import read_keypoint_json
from keras_pose.pseudo_labels import labelling
from keras_pose.pseudo_labels.labelling import label_folder, label_picture, mirrored_points
from keras_pose.pseudo_labels.settings import Settings
from keras_pose.skeletons import COCO_17, HAND_21_FREIHAND, MPII_16

HEIGHT, WIDTH = 60, 100


class Teacher:
    """Says of each box that all joints lie in its middle, but for an error of the mirrored picture.

    The picture's first pixel says which variant is shown: the picture is dark on the left.
    """

    def __init__(self, skeleton=COCO_17, side=None, error=0.0, is_valid=True):
        self.metadata = types.SimpleNamespace(
            skeleton=skeleton.name, side=side, kind="body", name="spot", version=3
        )
        self.count, self.error, self.is_valid = skeleton.num_joints, error, is_valid
        self.score = np.full(self.count, 0.9)
        self.asked = []

    def predict(self, image, boxes, is_left=False):
        is_mirrored = image[0, 0, 0] > 100
        self.asked.append((is_mirrored, np.array(boxes), is_left))
        answers = []
        for box in boxes:
            points = np.tile(box[:2] + box[2:] / 2, (self.count, 1))
            points[:, 0] += self.error * is_mirrored
            points[3, 0] += 5.0 * is_mirrored * bool(self.error)
            answers.append(
                types.SimpleNamespace(keypoints_2d=points, score=self.score, valid=self.is_valid)
            )
        return answers


def _picture():
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, 50:] = 200
    return image


def test_points_of_a_mirrored_picture_come_back():
    points = np.arange(34.0).reshape(1, 17, 2)
    back = mirrored_points(points, WIDTH, COCO_17)
    left, right = COCO_17.index("left_wrist"), COCO_17.index("right_wrist")
    np.testing.assert_array_equal(back[0, left], [WIDTH - points[0, right, 0], points[0, right, 1]])
    np.testing.assert_array_equal(mirrored_points(back, WIDTH, COCO_17), points)


def test_labels_are_means_and_say_how_far_apart_they_were():
    teacher = Teacher(error=3.0)
    (label,) = label_picture(teacher, _picture(), np.array([[10.0, 20, 20, 30]]))
    # Mirrored, joints come out 3 px to the left of (20, 35), and one pair 8 px; in the larger box
    # nowhere else.
    expected = np.tile([19.0, 35.0], (17, 1))
    expected[COCO_17.flip_permutation[3], 0] = 20 - 8 / 3
    np.testing.assert_allclose(label["points"], expected)
    assert label["agreement"] == pytest.approx((16 * 3 + 8) / 17 / 30)
    assert label["apart"].max() == pytest.approx(8 / 30)
    (_, plain, _), (_, larger, _), (is_mirrored, turned, _) = teacher.asked
    assert is_mirrored
    np.testing.assert_allclose(plain, [[10, 20, 20, 30]])
    np.testing.assert_allclose(larger, [[8, 17, 24, 36]])
    np.testing.assert_allclose(turned, [[70, 20, 20, 30]])


def test_networks_that_mirror_hands_themselves_see_no_mirrored_picture():
    teacher = Teacher(HAND_21_FREIHAND, side="right", error=3.0)
    (label,) = label_picture(teacher, _picture(), np.array([[10.0, 20, 20, 30]]), is_left=True)
    assert label["agreement"] == 0.0 and [asked[2] for asked in teacher.asked] == [True, True]
    assert label_picture(Teacher(is_valid=False), _picture(), np.ones((2, 4)) * 20) == []


def _folder(tmp_path, monkeypatch, teacher, **settings):
    (tmp_path / "in" / "a").mkdir(parents=True)
    for name in ("a/one.png", "two.png"):
        cv2.imwrite(str(tmp_path / "in" / name), _picture())
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no picture")
    monkeypatch.setattr(labelling, "ServedPose", lambda folder: teacher)
    made = {"pictures": str(tmp_path / "in"), "teacher": "t", "output": str(tmp_path / "l.json")}
    return Settings(**(made | settings))


def test_what_is_kept_is_read_as_records(tmp_path, monkeypatch, capsys):
    teacher = Teacher(error=3.0)
    teacher.score[5] = 0.1
    settings = _folder(tmp_path, monkeypatch, teacher, agreement=0.04)
    labelling.main(settings)
    said = capsys.readouterr().out
    assert "2  kept" in said and "1  pictures that cannot be read" in said
    assert "--source=keypoint_json" in said and "--joint_order=coco_17" in said
    content = json.loads((tmp_path / "l.json").read_text())
    assert [image["group"] for image in content["images"]] == ["a", "."]
    flags = np.array(content["annotations"][0]["keypoints"]).reshape(17, 3)[:, 2]
    # One is not sure, one disagrees by 8 of 100 px, which is just within twice the limit.
    assert np.flatnonzero(flags == 0).tolist() == [5]
    source = read_keypoint_json(tmp_path / "l.json", tmp_path / "in", joint_order="coco_17")
    first, second = source
    assert first.group != second.group
    # In COCO's own order, of a whole picture: joints that both orders name.
    wrist = MPII_16.index("right_wrist")
    np.testing.assert_allclose(first.keypoints_2d[wrist], [49.0, 30.0], atol=0.01)


def test_a_teacher_that_disagrees_with_itself_labels_nothing(tmp_path, monkeypatch, capsys):
    settings = _folder(tmp_path, monkeypatch, Teacher(error=3.0), agreement=0.03)
    _, counts = label_folder(settings)
    assert counts["left out: the teacher disagrees with itself"] == 2
    with pytest.raises(ValueError, match="is sure of nobody in .*so nothing was written"):
        labelling.main(settings)
    assert not (tmp_path / "l.json").exists()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"pictures": ""}, "--pictures is empty"),
        ({"output": "labels.txt"}, "must end in .json"),
        ({"teacher": ""}, "--teacher is empty"),
    ],
)
def test_commands_that_cannot_be_begun_are_refused(settings, word):
    made = {"pictures": "in", "teacher": "t", "output": "l.json"} | settings
    with pytest.raises(ValueError, match=word):
        Settings(**made).check_command()
