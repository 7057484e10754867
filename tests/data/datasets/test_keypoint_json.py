"""Keypoint files in COCO's manner: fields, joint orders, pseudo labels, images without joints."""

import json
import pathlib

import cv2
import numpy as np
import pytest

from keras_pose.data.datasets.keypoint_json import KeypointFields, read_keypoint_json
from keras_pose.data.records.record import check_values
from keras_pose.skeletons import HAND_21_AIT, HAND_21_FREIHAND, MPII_16

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "data"
needs_real = pytest.mark.skipif(
    not SHARED.is_dir(), reason="reference data beside the checkout (../shared) is absent"
)


def _content():
    points = np.stack([np.arange(21), 1 + 2 * np.arange(21), np.full(21, 2)], -1).astype(float)
    points[4, 2] = 0
    points[5, 2] = 1
    world = np.stack([np.arange(21) * 0.01, np.zeros(21), np.zeros(21)], -1)
    return {
        "licenses": [{"name": "CC-BY"}],
        "images": [
            {"id": 5, "file_name": "a.png", "width": 40, "height": 50, "group": "s1", "digit": 3},
            {
                "id": 6,
                "file_name": "b.png",
                "width": 40,
                "height": 50,
                "digit": 4,
                "hand": [1, 1, 9, 9],
            },
        ],
        "annotations": [
            {
                "image_id": 5,
                "bbox": [1, 2, 30, 40],
                "keypoints": points.ravel().tolist(),
                "world_m": world.tolist(),
                "handedness": "Left",
                "sure": 0.75,
            }
        ],
    }


def _write(folder, content):
    (folder / "images").mkdir(exist_ok=True)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / "images" / name), np.zeros((50, 40, 3), np.uint8))
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder / "annotations.json"


_FIELDS = KeypointFields(label="digit", side="handedness", side_is_mirrored=True, score="sure")


def test_every_field_is_found(tmp_path):
    source = read_keypoint_json(_write(tmp_path, _content()), fields=_FIELDS)
    assert (source.licence, source.name) == ("CC-BY", tmp_path.name)
    assert source.notes == ("1 of 2 images have no joints and become unlabelled records.",)
    first, second = source
    assert (first.id, first.name, first.group, first.label) == (0, "a.png", "s1", 3)
    assert first.keypoints_2d[7].tolist() == [7, 15]
    assert first.visible.tolist() == [1, 1, 1, 1, 0] + [1] * 16  # flag 1 is labelled, though hidden
    np.testing.assert_allclose(first.keypoints_3d[20], [0.2, 0, 0], atol=1e-7)
    assert not first.has_absolute_depth and first.scale == pytest.approx(0.01)
    assert first.box.tolist() == [1, 2, 30, 40] and first.score == 0.75
    assert first.side == "right"  # "Left" as in a mirror
    assert (second.id, second.label, second.side, second.group) == (1, 4, "unknown", "")
    assert second.keypoints_2d is None and second.keypoints_3d is None and second.box is None
    plain, _ = read_keypoint_json(tmp_path / "annotations.json")
    assert plain.label == -1 and plain.side == "unknown" and plain.score == 1


def test_a_field_of_the_image_serves_where_the_annotation_lacks_it(tmp_path):
    fields = KeypointFields(box="hand", side="handedness")
    first, second = read_keypoint_json(_write(tmp_path, _content()), fields=fields)
    assert first.box is None and second.box.tolist() == [1, 1, 9, 9]
    assert first.side == "left"


def test_only_annotations_that_meet_the_conditions_and_no_pictures_of_others(tmp_path):
    content = _content()
    first = content["annotations"][0] | {"maker": "me", "year": 2020}
    other = first | {"image_id": 6, "maker": "you"}
    content["annotations"] = [first, other]
    path = _write(tmp_path, content)
    source = read_keypoint_json(path, where={"maker": ["me", "you"], "year": ["2020"]})
    assert len(source) == 2
    source = read_keypoint_json(path, where={"maker": ["you"]})
    assert [source.read(n).name for n in range(len(source))] == ["b.png"]
    assert source.notes == ("1 of 2 annotations have other fields and were left out.",)
    with pytest.raises(ValueError, match="no annotation has maker=mine; the file has me, you"):
        read_keypoint_json(path, where={"maker": ["mine"]})
    content["annotations"][1]["year"] = 2021
    with pytest.raises(ValueError, match="no annotation meets all conditions of --where"):
        read_keypoint_json(_write(tmp_path, content), where={"maker": ["you"], "year": ["2020"]})


def test_joints_of_another_order_are_rearranged_by_name(tmp_path):
    first, _ = read_keypoint_json(_write(tmp_path, _content()), joint_order="hand_21_ait")
    for place, name in enumerate(HAND_21_FREIHAND.joints):
        row = HAND_21_AIT.index(name)
        assert first.keypoints_2d[place].tolist() == [row, 1 + 2 * row]
        assert first.visible[place] == (row != 4)
        np.testing.assert_allclose(first.keypoints_3d[place, 0], row * 0.01, atol=1e-7)


def test_joints_in_the_corner_are_not_labelled_whatever_their_flag(tmp_path):
    content = _content()
    content["annotations"][0]["keypoints"][18:20] = [0, 0]
    source = read_keypoint_json(_write(tmp_path, content))
    first, _ = source
    assert first.visible.tolist() == [1, 1, 1, 1, 0, 1, 0] + [1] * 14
    assert source.notes[0] == (
        "1 joints at exactly (0, 0) were treated as not labelled, whatever their flag says."
    )


def test_absolute_joints_and_intrinsics(tmp_path):
    content = _content()
    content["annotations"][0]["camera_m"] = (np.ones((21, 3)) * 0.5).tolist()
    content["images"][0]["intrinsics"] = [[500, 0, 20], [0, 500, 25], [0, 0, 1]]
    first, _ = read_keypoint_json(_write(tmp_path, content))
    assert first.has_absolute_depth and first.keypoints_3d[3].tolist() == [0.5] * 3
    assert first.intrinsics.tolist() == [[500, 0, 20], [0, 500, 25], [0, 0, 1]]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c.pop("images"), "no list of objects 'images'"),
        (lambda c: c.update(annotations={}), "no list of objects 'annotations'"),
        (lambda c: c["images"][1].update(id=5), "same id"),
        (lambda c: c["images"][1].pop("file_name"), "image 1 lacks"),
        (lambda c: c["annotations"][0].update(image_id=9), "annotation 0 names the image 9"),
        (lambda c: c["annotations"][0].update(keypoints=[1, 2, 2] * 20), "20 joints instead of 21"),
        (lambda c: c["annotations"][0].update(keypoints=[1, 2]), "labels of a.png"),
        (lambda c: c["annotations"][0].update(bbox="wide"), "labels of a.png"),
        (lambda c: c["images"][0].update(width=80), "a.png: the picture is 40 x 50 px, .* 80 x 50"),
        (
            lambda c: c["images"].__setitem__(0, {"id": 5, "file_name": "a.png", "height": 9}),
            "40 x 9",
        ),
        (lambda c: c["images"][0].update(file_name="no.png"), "no.png: the picture cannot be read"),
        (lambda c: c["annotations"][0].update(handedness="both"), "side is 'both'"),
        (lambda c: c["images"][0].update(file_name=None), "image 0 has .* file_name None"),
        (lambda c: c["images"][0].update(id=[5]), r"image 0 has the id \[5\]"),
        (lambda c: c["annotations"][0].update(image_id=[5]), r"names the image \[5\]"),
        (
            lambda c: c["images"][0].update(file_name="a\0.png"),
            "a\0.png: the picture cannot be read",
        ),
        (lambda c: c["images"][0].update(digit=2.7), "labels of a.png .*the class is 2.7"),
        (
            lambda c: c["images"][0].update(digit=2**40),
            "labels of a.png .*the class is 1099511627776",
        ),
        (lambda c: c["images"][0].update(digit="fist"), "labels of a.png"),
        (
            lambda c: c["annotations"][0]["keypoints"].__setitem__(2, None),
            "a joint's flag is not finite",
        ),
        (lambda c: c["annotations"][0].pop("sure"), "'sure', which was given for the score"),
    ],
)
def test_wrong_content_is_named(tmp_path, change, word):
    content = _content()
    change(content)
    with pytest.raises(ValueError, match=word):
        list(read_keypoint_json(_write(tmp_path, content), fields=_FIELDS))


def test_what_says_nothing_is_no_label(tmp_path):
    content = _content() | {"licenses": None}
    (annotation,) = content["annotations"]
    annotation["keypoints"][12:14] = [None, float("nan")]  # joint 4 has the flag 0
    content["images"][0] |= {"width": None, "height": "50", "group": 0}
    unlabelled = {"image_id": 6, "keypoints": [0] * 63, "num_keypoints": 0}
    crowd = {"image_id": 6, "bbox": [1, 1, 9, 9], "iscrowd": 1}
    content["annotations"] += [unlabelled, crowd]
    path = _write(tmp_path, content)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as Windows tools write it
    source = read_keypoint_json(path)
    first, second = source
    assert source.licence == "not stated"
    assert source.notes == ("1 of 3 annotations are crowds and were left out.",)
    assert first.keypoints_2d[4].tolist() == [0, 0] and first.visible[4] == 0 and first.group == "0"
    check_values(first)
    assert second.name == "b.png" and second.keypoints_2d is None and not second.visible.any()


def test_a_folder_of_pictures_can_be_named(tmp_path):
    path = _write(tmp_path, _content())
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    assert len(list(read_keypoint_json(path, tmp_path / "elsewhere"))) == 2
    with pytest.raises(ValueError, match="is not a folder"):
        read_keypoint_json(path, tmp_path / "nowhere")
    with pytest.raises(ValueError, match="a.png"):
        list(read_keypoint_json(path))


@needs_real
@pytest.mark.parametrize(
    ("name", "label", "counts"),
    [
        ("sign_digits", "digit_human", (1616, 1580, 10)),
        ("hands_fingercount", "fingers_human", (1334, 1314, 6)),
    ],
)
def test_the_real_sets_by_count(name, label, counts):
    fields = KeypointFields(label, "handedness_mp", True, "score_mp")
    source = read_keypoint_json(SHARED / name / "annotations.json", fields=fields)
    assert len(source) == counts[0] and source.licence == "Apache-2.0"
    labelled = [source.read(position) for position in range(0, counts[1], 50)]
    assert all(r.keypoints_2d is not None and not r.has_absolute_depth for r in labelled)
    assert {r.label for r in labelled} <= set(range(counts[2]))
    assert source.read(counts[1]).keypoints_2d is None


def _body_content(order="coco_17", **change):
    count = {"coco_17": 17, "h36m_17": 17, "mpii_16": 16, "lsp_14": 14}[order]
    points = np.stack([2.0 * np.arange(count), np.arange(count), np.full(count, 2)], -1)
    points[0, 2] = 0
    annotation = {"image_id": 5, "keypoints": points.ravel().tolist()} | change
    images = [{"id": 5, "file_name": "a.png", "width": 40, "height": 50, "group": "person 1"}]
    return {"images": images, "annotations": [annotation]}


def test_own_pictures_of_bodies_with_coco_joints(tmp_path):
    path = _write(tmp_path, _body_content(bbox=[10, 10, 16, 20], head_size=4.5))
    source = read_keypoint_json(path, joint_order="coco_17", licence="own")
    (record,) = source
    assert source.skeleton == record.skeleton == "mpii_16" and record.group == "person 1"
    assert record.scale == 0 and record.side == "unknown" and record.head_size == 4.5
    place = {name: record.keypoints_2d[j].tolist() for j, name in enumerate(MPII_16.joints)}
    # Rows of COCO: left hip 11, right hip 12, left wrist 9.
    assert place["pelvis"] == [23, 11.5] and place["left_wrist"] == [18, 9]
    unknown = {MPII_16.joints[j] for j in np.flatnonzero(record.visible == 0)}
    assert unknown == {"upper_neck", "head_top"}
    # 16 x 20 about (18, 20), with a quarter more room.
    assert record.box.tolist() == [5.5, 7.5, 25, 25]


def test_boxes_of_bodies_are_made_from_the_joints_if_there_are_none(tmp_path):
    (record,) = read_keypoint_json(_write(tmp_path, _body_content("lsp_14")), joint_order="lsp_14")
    # Joints 1 to 13 reach from (2, 1) to (26, 13): 1.4 times 24 about (14, 7).
    np.testing.assert_allclose(record.box, [-2.8, -9.8, 33.6, 33.6], rtol=1e-6)
    assert record.visible.tolist() == [0] + [1] * 15


def test_bodies_with_3d_joints_keep_the_middle_of_the_back(tmp_path):
    points = np.stack([np.arange(17), np.zeros(17), np.full(17, 3)], -1)
    path = _write(tmp_path, _body_content("h36m_17", camera_m=points.tolist()))
    (record,) = read_keypoint_json(path, joint_order="h36m_17")
    assert record.skeleton == "mpii_16_spine" and record.has_absolute_depth
    assert record.keypoints_3d[:, 0].tolist() == [
        *(3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13),
    ]
    assert record.visible.tolist() == [1] * 6 + [0] + [1] * 9  # pelvis, the file's first joint
    (flat,) = read_keypoint_json(_write(tmp_path, _body_content("h36m_17")), joint_order="h36m_17")
    assert flat.skeleton == "mpii_16" and flat.keypoints_2d[7].tolist() == [25, 12.5]


def test_3d_joints_that_cannot_be_kept_are_refused(tmp_path):
    content = _body_content(camera_m=np.ones((17, 3)).tolist())
    with pytest.raises(
        ValueError, match="Bodies with 3D joints cannot be converted from .* 'coco_17'"
    ):
        read_keypoint_json(_write(tmp_path, content), joint_order="coco_17")


def test_a_box_of_a_body_without_area_is_refused(tmp_path):
    path = _write(tmp_path, _body_content(bbox=[10, 10, 0, 0]))
    (record,) = read_keypoint_json(path, joint_order="coco_17")
    with pytest.raises(ValueError, match="the box has no area"):
        check_values(record)


def _named(content, names, **change):
    content["categories"] = [{"id": 1, "name": "hand", "keypoints": list(names)} | change]
    return content


def test_categories_that_name_joints_in_another_order_are_obeyed(tmp_path):
    names = [f"R_{name.upper()}" for name in HAND_21_AIT.joints]
    first, _ = read_keypoint_json(_write(tmp_path, _named(_content(), names)))
    for place, name in enumerate(HAND_21_FREIHAND.joints):
        row = HAND_21_AIT.index(name)
        assert first.keypoints_2d[place].tolist() == [row, 1 + 2 * row]
        assert first.visible[place] == (row != 4)
        np.testing.assert_allclose(first.keypoints_3d[place, 0], row * 0.01, atol=1e-7)


def test_numbered_fingers_are_in_order(tmp_path):
    names = ["wrist"] + [f"{f}{i}" for f in ("thumb", "forefinger", "middle", "ring", "pinky") for i in (1, 2, 3, 4)]  # fmt: skip  # noqa: E501
    first, _ = read_keypoint_json(_write(tmp_path, _named(_content(), names)))
    assert first.keypoints_2d[7].tolist() == [7, 15]


def test_categories_against_the_joint_order_are_refused(tmp_path):
    names = [*HAND_21_FREIHAND.joints[:20], "tail"]
    with pytest.raises(ValueError, match="joint 20 is called 'tail' where hand_21_freihand has"):
        read_keypoint_json(_write(tmp_path, _named(_content(), names)))
    with pytest.raises(ValueError, match="its joints are those of mpii_16; name the joint order"):
        read_keypoint_json(_write(tmp_path, _named(_content(), MPII_16.joints)))


def test_ids_crowds_and_objects_without_joints_in_any_form(tmp_path):
    content = _content()
    content["images"][0]["id"], content["images"][1]["id"] = 5.0, "6"
    content["annotations"][0] |= {"image_id": 5, "iscrowd": "0"}
    content["annotations"] += [
        {"image_id": 6.0, "bbox": [1, 1, 9, 9], "keypoints": [], "iscrowd": 0.0},
        {"image_id": 6, "keypoints": [1, 2, 2] * 21, "iscrowd": "1"},
    ]
    source = read_keypoint_json(_write(tmp_path, content))
    first, second = source
    assert first.keypoints_2d is not None and second.keypoints_2d is None
    assert second.box.tolist() == [1, 1, 9, 9]
    assert source.notes == (
        "1 of 3 annotations are crowds and were left out.",
        "1 of 3 annotations have no joints and become unlabelled records.",
    )
    content["annotations"][0]["iscrowd"] = "perhaps"
    with pytest.raises(ValueError, match="annotations.json: 'iscrowd' is 'perhaps'; give 0 or 1"):
        read_keypoint_json(_write(tmp_path, content))
