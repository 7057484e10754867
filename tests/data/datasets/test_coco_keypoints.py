"""COCO's persons: which are kept, joints in MPII's rows, boxes, crowds and boxes without area."""

import json
import struct

import cv2
import numpy as np
import pytest

from keras_pose.data.datasets.coco_keypoints import read_coco_keypoints
from keras_pose.skeletons import COCO_17, MPII_16


def _person(identity, image, flags=2, **change):
    table = np.stack([10.0 * np.arange(17), 200 - 5.0 * np.arange(17), np.full(17, flags)], -1)
    table[np.broadcast_to(flags, 17) == 0] = 0
    fields = {"id": identity, "image_id": image, "keypoints": table.ravel().tolist()}
    return fields | {"bbox": [20, 40, 100, 160], "iscrowd": 0, "category_id": 1} | change


def _write(folder, annotations, **change):
    (folder / "annotations").mkdir()
    (folder / "val2017").mkdir()
    cv2.imwrite(str(folder / "val2017" / "000007.jpg"), np.full((240, 200, 3), 90, np.uint8))
    content = {"images": [{"id": 7, "file_name": "000007.jpg"}], "annotations": annotations}
    path = folder / "annotations" / "person_keypoints_val2017.json"
    path.write_text(json.dumps(content | change))
    return path


def test_persons_by_hand(tmp_path):
    hips = np.full(17, 1)
    hips[[COCO_17.index("left_hip"), COCO_17.index("nose")]] = 0
    few = np.r_[np.ones(5), np.zeros(12)]
    annotations = [
        _person(11, 7),
        _person(12, 7, hips),
        _person(13, 7, iscrowd=1, keypoints=[0] * 51),
        _person(14, 7, few),
        _person(15, 7, bbox=[10, 10, 0, 0]),
        _person(16, 7, bbox=[10, 10, 9, 9]),
    ]
    source = read_coco_keypoints(_write(tmp_path, annotations))
    first, second, third = source
    assert [record.id for record in (first, second, third)] == [11, 12, 15]
    assert source.notes == (
        "1 persons crowds were left out.",
        "1 persons with too few joints were left out.",
        "1 persons too small were left out.",
        "1 boxes had no area and were computed from the joints.",
    )
    assert (first.group, first.width, first.skeleton) == ("000007.jpg", 200, "mpii_16")
    # 100 x 160 about (70, 120): a square of 200.
    assert first.box.tolist() == [-30, 20, 200, 200]
    place = {name: first.keypoints_2d[j].tolist() for j, name in enumerate(MPII_16.joints)}
    assert place["right_ankle"] == [160, 120] and place["left_wrist"] == [90, 155]
    assert place["pelvis"] == [115, 142.5] and place["thorax"] == [55, 172.5]
    unknown = {MPII_16.joints[j] for j in np.flatnonzero(first.visible == 0)}
    assert unknown == {"upper_neck", "head_top"}
    unknown = {MPII_16.joints[j] for j in np.flatnonzero(second.visible == 0)}
    assert unknown == {"upper_neck", "head_top", "left_hip", "pelvis"}
    # The joints reach over 160 x 80 px about (80, 160); 1.4 times 160.
    np.testing.assert_allclose(third.box, [80 - 112, 160 - 112, 224, 224])
    with pytest.raises(ValueError, match="no person with 18"):
        read_coco_keypoints(
            tmp_path / "annotations" / "person_keypoints_val2017.json", min_joints=18
        )


def test_annotations_are_chosen_by_their_fields(tmp_path):
    stated = {"licence": "MIT", "source": "mine", "group": "monday"}
    annotations = [
        _person(1, 7, **stated),
        _person(2, 7, **stated | {"licence": "none stated"}),
        _person(3, 7, **stated | {"source": "yours", "group": "tuesday"}),
        _person(4, 7),
    ]
    path = _write(tmp_path, annotations)
    chosen = read_coco_keypoints(
        path, where={"licence": ["MIT", "none stated"], "source": ["mine"]}
    )
    assert [(record.id, record.group) for record in chosen] == [(1, "monday"), (2, "monday")]
    assert chosen.notes == ("2 persons of other fields were left out.",)
    mit = read_coco_keypoints(path, where={"licence": ["MIT"]}, group_field="source")
    assert [(record.id, record.group) for record in mit] == [(1, "mine"), (3, "yours")]
    with pytest.raises(ValueError, match="no annotation has licence=GPL; the file has MIT, none"):
        read_coco_keypoints(path, where={"licence": ["GPL"]})


@pytest.mark.parametrize(
    ("annotations", "change", "word"),
    [
        ([], {}, "no person with 6"),
        ([_person(1, 8)], {}, "annotation 0 cannot be read"),
        ([_person(1, 7, keypoints=[1, 2, 3])], {}, "annotation 0 cannot be read"),
        ([_person(1, 7)], {"images": [{"id": 7}]}, "an image lacks"),
        ([_person(1, 7)], {"images": 3}, "has no lists"),
    ],
)
def test_wrong_content_is_named(tmp_path, annotations, change, word):
    with pytest.raises(ValueError, match=word):
        read_coco_keypoints(_write(tmp_path, annotations, **change))


def test_a_folder_of_pictures_must_exist(tmp_path):
    path = _write(tmp_path, [_person(1, 7)])
    (tmp_path / "val2017").rename(tmp_path / "other")
    with pytest.raises(ValueError, match="val2017 is not a folder"):
        read_coco_keypoints(path)
    assert len(list(read_coco_keypoints(path, tmp_path / "other"))) == 1


def test_joints_in_the_corner_are_not_labelled_whatever_their_flag(tmp_path):
    person = _person(1, 7, bbox=[0, 0, 0, 0])
    for joint in ("left_wrist", "right_ankle"):
        place = 3 * COCO_17.index(joint)
        person["keypoints"][place : place + 3] = [0.0, 0, 2]
    source = read_coco_keypoints(_write(tmp_path, [person]))
    (record,) = source
    unseen = {MPII_16.joints[j] for j in np.flatnonzero(record.visible == 0)}
    assert unseen == {"upper_neck", "head_top", "left_wrist", "right_ankle"}
    assert source.notes[0] == (
        "2 joints at exactly (0, 0) were treated as not labelled, whatever their flag says."
    )
    # Without the two the joints reach over 150 x 75 px: from the nose (0, 200) to an ankle (150, 125).
    np.testing.assert_allclose(record.box, [75 - 105, 162.5 - 105, 210, 210])
    with pytest.raises(ValueError, match="no person with 16"):
        read_coco_keypoints(
            tmp_path / "annotations" / "person_keypoints_val2017.json", min_joints=16
        )


def _categories(names, **change):
    return {"categories": [{"id": 1, "name": "person", "keypoints": list(names)} | change]}


def test_joints_are_rearranged_by_the_names_of_their_category(tmp_path):
    straight = _person(1, 7)
    names = [*COCO_17.joints[::-1]]
    table = np.reshape(straight["keypoints"], (17, 3))[::-1].ravel().tolist()
    spelt = [name.replace("left_", "L").replace("right_", "R ") for name in names]
    content = _categories(spelt, id=3.0)
    person = straight | {"keypoints": table, "category_id": 3}
    source = read_coco_keypoints(_write(tmp_path, [person], **content))
    assert source.notes == ("Joints of category 'person' were rearranged by their names.",)
    (record,) = source
    place = {name: record.keypoints_2d[j].tolist() for j, name in enumerate(MPII_16.joints)}
    # As `test_persons_by_hand` has it.
    assert place["right_ankle"] == [160, 120] and place["left_wrist"] == [90, 155]
    assert place["pelvis"] == [115, 142.5]


_DOG = ("nose", "left_eye", "right_eye", "neck", "root_of_tail", *COCO_17.joints[5:])


def test_joints_of_other_beings_are_refused_by_the_first_that_differs(tmp_path):
    content = _categories(_DOG, name="dog")
    with pytest.raises(
        ValueError, match="'dog': joint 3 is called 'neck' where coco_17 has 'left_ear'"
    ):
        read_coco_keypoints(_write(tmp_path, [_person(1, 7)], **content))


def test_beside_persons_other_beings_are_left_out_and_counted(tmp_path):
    content = _categories(COCO_17.joints)
    content["categories"].append({"id": 2, "name": "dog", "keypoints": list(_DOG)})
    dog = _person(2, 7, category_id="2")
    source = read_coco_keypoints(_write(tmp_path, [_person(1, 7), dog], **content))
    assert [record.id for record in source] == [1]
    assert source.notes[0].startswith(
        "1 annotations were left out, since their joints are different: category 'dog': joint 3"
    )


@pytest.mark.parametrize(
    "categories",
    [None, [], [{"id": 1}], [{"id": 1, "keypoints": []}], [{"id": 9, "keypoints": None}]],
)
def test_categories_that_name_no_joints_change_nothing(tmp_path, categories):
    (record,) = read_coco_keypoints(_write(tmp_path, [_person(1, 7)], categories=categories))
    assert record.keypoints_2d[0].tolist() == [160, 120]
    counted = [{"id": 1, "keypoints": [f"kp{n}" for n in range(17)]}]
    content = json.loads((tmp_path / "annotations" / "person_keypoints_val2017.json").read_text())
    (tmp_path / "counted.json").write_text(json.dumps(content | {"categories": counted}))
    (record,) = read_coco_keypoints(tmp_path / "counted.json", tmp_path / "val2017")
    assert record.keypoints_2d[0].tolist() == [160, 120]


@pytest.mark.parametrize("crowd", ["1", 1, True, "true", 1.0])
@pytest.mark.parametrize("person", ["0", 0, 0.0, False, "false", "", None, "0.0"])
def test_a_crowd_however_it_is_written(tmp_path, crowd, person):
    annotations = [_person(1, 7, iscrowd=crowd), _person(2, 7, iscrowd=person)]
    source = read_coco_keypoints(_write(tmp_path, annotations))
    assert [record.id for record in source] == [2]
    assert source.notes == ("1 persons crowds were left out.",)


@pytest.mark.parametrize(("given", "image"), [(7.0, 7), (7, 7.0), ("7", 7), (7, "7"), ("a7", "a7")])
def test_ids_may_be_whole_floats_or_text(tmp_path, given, image):
    images = [{"id": image, "file_name": "000007.jpg"}]
    persons = [_person(3.0, given), _person(None, given)]
    source = read_coco_keypoints(_write(tmp_path, persons, images=images))
    assert [record.id for record in source] == [3, 1]


@pytest.mark.parametrize("keypoints", [None, [], "absent"])
def test_objects_without_keypoints_are_counted(tmp_path, keypoints):
    bare = _person(1, 7, keypoints=keypoints)
    if keypoints == "absent":
        del bare["keypoints"]
    source = read_coco_keypoints(_write(tmp_path, [bare, _person(2, 7)]))
    assert [record.id for record in source] == [2]
    assert source.notes == ("1 persons without keypoints were left out.",)


def test_null_coordinates_are_joints_without_a_label(tmp_path):
    person = _person(1, 7)
    person["keypoints"][27:30] = [None, None, 2]
    person["keypoints"][30:33] = [None, None, 0]
    (record,) = read_coco_keypoints(_write(tmp_path, [person]))
    unseen = {MPII_16.joints[j] for j in np.flatnonzero(record.visible == 0)}
    assert unseen == {"upper_neck", "head_top", "left_wrist", "right_wrist"}


def test_an_iscrowd_that_is_neither_is_named(tmp_path):
    with pytest.raises(ValueError, match="annotation 0 cannot be read .'iscrowd' is 'maybe'"):
        read_coco_keypoints(_write(tmp_path, [_person(1, 7, iscrowd="maybe")]))


@pytest.mark.parametrize(
    "said", [{"width": 200, "height": 240}, {"width": "200", "height": None}, {}]
)
def test_a_picture_of_the_size_that_the_file_says(tmp_path, said):
    images = [{"id": 7, "file_name": "000007.jpg"} | said]
    assert len(list(read_coco_keypoints(_write(tmp_path, [_person(1, 7)], images=images)))) == 1


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            {"width": 400, "height": 480},
            "the picture is 200 x 240 px, the file .* says 400 x 480; give",
        ),
        (
            {"width": 240, "height": 200},
            "says 240 x 200, so the labels may be of the picture before EXIF",
        ),
        ({"width": 201}, "says 201 x 240"),
    ],
)
def test_a_picture_of_another_size_is_a_bad_record(tmp_path, said, sentence):
    images = [{"id": 7, "file_name": "000007.jpg"} | said]
    source = read_coco_keypoints(_write(tmp_path, [_person(1, 7)], images=images))
    with pytest.raises(ValueError, match=sentence):
        source.read(0)


def test_a_picture_that_exif_turns_has_the_size_it_is_shown_in(tmp_path):
    path = _write(tmp_path, [_person(1, 7)], images=[{"id": 7, "file_name": "000007.jpg", "width": 200, "height": 240}])  # fmt: skip  # noqa: E501
    file = tmp_path / "val2017" / "000007.jpg"
    tiff = b"II*\x00" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    body = b"Exif\x00\x00" + tiff
    data = file.read_bytes()
    file.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])
    with pytest.raises(ValueError, match="is 240 x 200 px, .* before EXIF turned it"):
        read_coco_keypoints(path).read(0)


def test_shares_of_the_picture_are_no_pixels(tmp_path):
    person = _person(1, 7, bbox=[0.1, 0.1, 0.5, 0.8])
    table = np.reshape(person["keypoints"], (17, 3)) / [200, 240, 1]
    with pytest.raises(
        ValueError, match="smaller than 48 px; if joints and boxes are fractions of the"
    ):
        read_coco_keypoints(_write(tmp_path, [person | {"keypoints": table.ravel().tolist()}]))
