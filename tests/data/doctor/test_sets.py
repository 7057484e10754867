"""What the data doctor sees on a set as a whole: orders by the limbs that are there, boxes, sizes."""

import dataclasses
import json
import pathlib

import cv2
import numpy as np
import pytest

from keras_pose.data.datasets.body_joints import labelled_joints
from keras_pose.data.doctor.examination import check_records
from keras_pose.data.doctor.findings import KINDS
from keras_pose.data.doctor.sets import SetEvidence
from keras_pose.data.generated.bodies import body_source
from keras_pose.data.generated.hands import generate_hands
from keras_pose.data.pictures.boxes import square_box
from keras_pose.data.records import Record, write_records
from keras_pose.skeletons import COCO_17, MPII_16

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"
needs_real = pytest.mark.skipif(
    not SHARED.is_dir(), reason="reference data beside the checkout (../shared) is absent"
)
_SIDES = ("left", "right")
_LEGS = MPII_16.indices(f"{s}_{p}" for s in _SIDES for p in ("hip", "knee", "ankle"))
_ARMS = MPII_16.indices(f"{s}_{p}" for s in _SIDES for p in ("shoulder", "elbow", "wrist"))


@pytest.fixture(scope="module")
def bodies():
    return list(body_source(12, 5, size=64, style="lab", labels_3d=False))


def _faults(records):
    evidence = SetEvidence()
    for record in records:
        evidence.add(record)
    return dict(evidence.faults())


@needs_real
@pytest.mark.parametrize("is_reversed", [False, True])
def test_cocos_joints_in_another_order_show_on_the_set(is_reversed):
    content = json.loads((SHARED / "people_real" / "annotations.json").read_text())
    records = []
    for number, person in enumerate(content["annotations"][::200]):
        table = np.reshape(person["keypoints"], (17, 3))[:: -1 if is_reversed else 1]
        points, visible = labelled_joints(table[:, :2], table[:, 2], COCO_17, MPII_16)
        labels = {"keypoints_2d": points, "visible": visible}
        records.append(Record(number, "s", "n", b"x", 9999, 9999, "mpii_16", **labels))
    assert ("limbs_of_set" in _faults(records)) == is_reversed


@pytest.mark.parametrize("is_wrong", [False, True])
def test_limbs_that_are_there_tell_the_order(is_wrong, bodies):
    """Legs named arms and arms legs, and as in COCO neither neck nor top of the head."""
    seen = np.ones(16, np.float32)
    seen[[8, 9]] = 0
    order = np.arange(16)
    if is_wrong:
        order[[*_LEGS, *_ARMS]] = [*_ARMS, *_LEGS]
    records = [
        dataclasses.replace(r, keypoints_2d=r.keypoints_2d[order] * seen[:, None], visible=seen)
        for r in bodies
    ]
    found = _faults(records)
    assert ("limbs_of_set" in found) == is_wrong, found
    assert not is_wrong or found["limbs_of_set"].startswith("legs - arms measures 0.")


def test_few_persons_tell_nothing(bodies):
    order = np.random.default_rng(0).permutation(16)
    records = [dataclasses.replace(r, keypoints_2d=r.keypoints_2d[order]) for r in bodies]
    assert "limbs_of_set" in _faults(records) and "limbs_of_set" not in _faults(records[:7])


@pytest.mark.parametrize("are_corners", [False, True])
def test_squares_made_of_two_corners_show_on_the_set(are_corners, bodies):
    records = []
    for record in bodies:
        points = record.keypoints_2d + 30
        low, high = points.min(0) - 1, points.max(0) + 1
        box = square_box(np.r_[low, high if are_corners else high - low], 1.25)
        change = {"keypoints_2d": points, "box": box, "height": 100, "width": 100}
        records.append(dataclasses.replace(record, **change))
    assert ("corners_of_set" in _faults(records)) == are_corners


@pytest.mark.parametrize(
    ("factor", "is_found"), [(1, False), (1.5, True), (2, True), (4, True), (1.1, False)]
)
def test_labels_of_smaller_pictures_show_on_the_set(factor, is_found, bodies):
    hands = generate_hands(8, 3, size=64)
    for records in (bodies, hands):
        larger = [
            dataclasses.replace(r, width=round(64 * factor), height=round(64 * factor))
            for r in records
        ]
        assert ("labels_of_part" in _faults(larger)) == is_found


def test_a_set_of_larger_pictures_is_an_error_of_the_doctor(bodies, tmp_path):
    noise = np.random.default_rng(0).integers(0, 200, (128, 128, 3), np.uint8)
    records = []
    for number, record in enumerate(bodies):
        picture = cv2.imencode(".png", noise + np.uint8(number))[1].tobytes()
        change = {"image": picture, "width": 128, "height": 128, "id": number}
        records.append(dataclasses.replace(record, **change))
    write_records(records, tmp_path / "set")
    findings, _ = check_records(tmp_path / "set")
    (found,) = [finding for finding in findings if finding.kind == "labels_of_part"]
    assert (
        found.is_error and KINDS["corners_of_set"].weight == KINDS["limbs_of_set"].weight == "error"
    )
