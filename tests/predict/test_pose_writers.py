"""JSON, CSV, NPZ and COCO files: all say the same, with units and frames, and can be read back."""

import csv
import dataclasses
import io
import json

import cv2
import numpy as np
import pytest

from keras_pose.data.datasets.keypoint_json import KeypointFields, read_keypoint_json
from keras_pose.predict.coco import poses_coco
from keras_pose.predict.pose import join_poses, persons_of, with_hands
from keras_pose.predict.pose_files import header, poses_csv, poses_json, poses_npz
from keras_pose.skeletons import HAND_21_FREIHAND, MPII_16
from tests.predict.found_poses import body, hand

POSES = [
    body(),
    hand(is_attached=True, wrist_gap_m=0.125, scale=2.0),
    body("b.jpg", is_metric=False),
]
HEAD = header({"camera": "given"}, POSES)


def test_the_header_has_units_frame_and_joints():
    assert HEAD["camera"] == "given" and "x right, y down" in HEAD["frame"]
    assert "metres" in HEAD["units"]["keypoints_3d_m"]
    assert "(0.5, 0.5)" in HEAD["units"]["keypoints_2d_px"]
    assert HEAD["skeletons"]["hand"]["joints"][0] == "wrist"
    assert HEAD["skeletons"]["body"]["bones"][0] == [1, 0]


def test_json():
    content = json.loads(poses_json(HEAD, POSES))
    first, second, third = content["poses"]
    assert first["keypoints_2d_px"][2] == [2.25, 98.5]
    assert first["keypoints_3d_m"][3] == [0.03, -0.03, 2.03]
    assert (second["side"], second["scale"], second["wrist_gap_m"]) == ("left", 2.0, 0.125)
    assert third["keypoints_3d_m"] is None and "scale" not in third
    # A point per line.
    assert "[2.25, 98.5]" in poses_json(HEAD, POSES)


def test_csv():
    lines = poses_csv(HEAD, POSES).splitlines()
    comments = [line for line in lines if line.startswith("# ")]
    assert any("pixels of the upright picture" in line for line in comments)
    names = lines[len(comments)].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[len(comments) + 1 :]]
    assert len(rows) == 16 + 21 + 16
    assert rows[7]["joint"] == "thorax" and float(rows[7]["x_px"]) == 7.25
    assert float(rows[7]["z_m"]) == 2.07
    assert rows[16]["joint"] == "wrist" and rows[16]["side"] == "left"
    assert rows[-1]["x_m"] == "" and rows[-1]["picture"] == "b.jpg"


def test_npz():
    with np.load(io.BytesIO(poses_npz(HEAD, POSES))) as arrays:
        assert json.loads(str(arrays["header"]))["camera"] == "given"
        np.testing.assert_array_equal(arrays["body_keypoints_2d_px"][1], POSES[2].keypoints_2d)
        np.testing.assert_array_equal(arrays["hand_keypoints_3d_m"][0], POSES[1].keypoints_3d)
        assert np.isnan(arrays["body_keypoints_3d_m"][1]).all()
        assert list(arrays["body_picture"]) == ["a.jpg", "b.jpg"] and arrays["hand_scale"] == [2.0]


def test_coco_is_read_by_the_package(tmp_path):
    found = [hand("a.png"), hand("b.png", side="right", is_valid=False)]
    sizes = {"a.png": (110, 90), "b.png": (50, 60)}
    text = poses_coco(header({}, found), found, sizes, 0.5)
    for name, (height, width) in sizes.items():
        cv2.imwrite(str(tmp_path / name), np.zeros((height, width, 3), np.uint8))
    (tmp_path / "poses.json").write_text(text)
    content = json.loads(text)
    assert "(0.5, 0.5)" in content["info"]["description"] and "metres" in text
    assert content["categories"][0]["name"] == "left hand"
    assert content["categories"][0]["skeleton"][0] == [1, 2]
    flags = np.array(content["annotations"][0]["keypoints"]).reshape(21, 3)[:, 2]
    # Scores are 0, 1/21, ...; from 11/21 on a half is reached.
    np.testing.assert_array_equal(flags, np.repeat([1, 2], [11, 10]))
    source = read_keypoint_json(
        tmp_path / "poses.json", tmp_path, fields=KeypointFields(side="side")
    )
    # The picture without a valid pose is left without joints.
    assert len(source) == 2
    record = source.read(0)
    np.testing.assert_allclose(record.keypoints_2d, found[0].keypoints_2d, atol=1e-3)
    np.testing.assert_allclose(record.keypoints_3d, found[0].keypoints_3d, atol=1e-6)
    assert record.side == "left" and record.has_absolute_depth
    np.testing.assert_allclose(record.box, [0.25, 80.5, 20, 20])


def test_coco_bodies_have_their_flags_and_lengths():
    found = [body(is_root_relative=True)]
    content = json.loads(poses_coco(header({}, found), found, {"a.jpg": (9, 9)}, 0.0))
    (entry,) = content["annotations"]
    assert entry["num_keypoints"] == 16 and "world_m" in entry and "camera_m" not in entry
    assert entry["category_id"] == content["categories"][0]["id"]
    assert content["categories"][0]["keypoints"] == list(MPII_16.joints)
    assert entry["area"] == 15 * 15


def test_a_body_and_its_hands_are_one_skeleton():
    both = with_hands(MPII_16, {"left": HAND_21_FREIHAND, "right": HAND_21_FREIHAND})
    assert both.num_joints == 16 + 20 + 20
    thumb = both.index("left_thumb_mcp")
    assert both.parents[thumb] == both.index("left_wrist")
    assert both.index("right_thumb_mcp") == both.flip_permutation[thumb]
    attached = {"is_attached": True}
    found = [body(), hand(side="right", **attached), hand(side="left", **attached), hand(person=1)]
    groups = persons_of(found)
    assert [[pose.kind for pose in group] for group in groups] == [
        ["body", "hand", "hand"],
        ["hand"],
    ]
    skeleton, plane, space = join_poses(groups[0])
    row = skeleton.index("left_pinky_tip")
    np.testing.assert_array_equal(plane[row], found[2].keypoints_2d[20])
    np.testing.assert_array_equal(space[row], found[2].keypoints_3d[20])
    assert join_poses(groups[1])[0] == HAND_21_FREIHAND


@pytest.mark.parametrize("name", ["#1.png", '#1 "best",.png'])
def test_a_name_like_a_comment_stays_in_the_csv(name):
    text = poses_csv(HEAD, [dataclasses.replace(POSES[0], picture=name)])
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    assert len(rows) == POSES[0].skeleton.num_joints
    assert {row["picture"] for row in rows} == {name}
    assert {row["person"] for row in rows} == {str(POSES[0].person)}
