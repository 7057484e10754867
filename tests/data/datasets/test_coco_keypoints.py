"""COCO's persons: which are kept, joints in MPII's rows, boxes, crowds and boxes without area."""

import json

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
        "1 boxes had no area and were made from the joints.",
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
    with pytest.raises(ValueError, match="val2017 is no folder"):
        read_coco_keypoints(path)
    assert len(list(read_coco_keypoints(path, tmp_path / "other"))) == 1
