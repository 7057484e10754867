"""What must hold of a network that ships: collapsed, deaf and colour-blind ones are refused by hand."""

import numpy as np
import pytest

from keras_pose.serving import Metadata
from keras_pose.serving.accuracy import HeldOut
from keras_pose.serving.answers import (
    answer_facts,
    answer_faults,
    grey_copies,
    joint_pairs,
    measure_answers,
)
from keras_pose.serving.metadata import describe_skeleton
from keras_pose.skeletons import HAND_21_FREIHAND, MPII_16

SIZE, COUNT = 64, 12
SHOULDERS = list(MPII_16.indices(("right_shoulder", "left_shoulder")))


def metadata(skeleton=MPII_16, kind="body"):
    return Metadata(
        name="toy",
        version=1,
        method="wild3d",
        kind=kind,
        **describe_skeleton(skeleton),
        image_size=SIZE,
        crop_scale=1.0,
        side=None,
        bone_length=None,
        depth_unit="px",
        score="none",
    )


def truth():
    """Bodies of random joints in pictures whose red level tells which one it is."""
    random = np.random.default_rng(2)
    points = random.uniform(5, 59, (COUNT, 16, 2))
    crops = np.zeros((COUNT, SIZE, SIZE, 3), np.uint8)
    crops[..., 0] = np.arange(COUNT)[:, None, None] * 10
    return HeldOut("twelve bodies", crops, points, np.ones((COUNT, 16)), np.full(COUNT, 50.0))


def finder(answer):
    """A network that reads the number of the picture from its red channel."""

    def find(inputs):
        numbers = inputs["image"][:, 0, 0, 0] // 10
        return {"keypoints_2d": answer(numbers, inputs["image"])}

    return find


def test_a_network_that_answers_the_truth_may_ship():
    known = truth()

    def answer(numbers, image):
        # Grey copies of red pictures are darker; the number is told by any level above 0.
        return known.keypoints_2d if image[..., 1].max() == 0 else known.keypoints_2d + [3.0, 4.0]

    answers = measure_answers(finder(answer), metadata(), known)
    assert answers["set"] == "twelve bodies"
    assert answers["spread"]["left_shoulder to right_shoulder"] == pytest.approx(1.0)
    assert list(answers["spread"].values()) == pytest.approx([1.0] * len(answers["spread"]))
    assert answers["alike"] == 0.0
    # All joints move by 5 px, which is a tenth of a box of 50.
    assert answers["grey_px"] == pytest.approx(5.0)
    assert answers["grey_share"] == pytest.approx(0.1)
    (fault,) = answer_faults(answers)
    assert fault == (
        "A grey copy of a picture moves its joints by 5.0 px of the crop, 10.0 % of the box's side; "
        "5 % are allowed."
    )
    assert answer_faults(answers | {"grey_share": 0.05}) == ()


def test_left_upon_right_and_one_answer_for_all_are_refused():
    known = truth()
    collapsed = known.keypoints_2d.copy()
    collapsed[:, SHOULDERS] = collapsed[:, SHOULDERS].mean(axis=1, keepdims=True)
    answers = measure_answers(finder(lambda *_: collapsed), metadata(), known)
    assert answers["spread"]["left_shoulder to right_shoulder"] == 0.0
    (fault,) = answer_faults(answers)
    assert fault.endswith("the worst left_shoulder to right_shoulder: 0.000 times.")
    always = np.repeat(known.keypoints_2d[:1], COUNT, axis=0)
    answers = measure_answers(finder(lambda *_: always), metadata(), known)
    assert answers["alike"] == 1.0
    assert any("100 % of the pictures are answered alike" in f for f in answer_faults(answers))


def test_pictures_in_which_nobody_is_found_are_a_fault_of_their_own():
    known = truth()
    found = known.keypoints_2d.copy()
    found[:3] = 0.0
    answers = measure_answers(finder(lambda *_: found), metadata(), known)
    assert answers["missed"] == 0.25 and answers["grey_px"] == 0.0
    assert list(answers["spread"].values()) == pytest.approx([1.0] * len(answers["spread"]))
    (fault,) = answer_faults(answers)
    assert fault.startswith("Nobody is found in 25 % of the pictures")
    none = measure_answers(finder(lambda *_: 0.0 * found), metadata(), known)
    assert len(answer_faults(none)) == 2 and none["missed"] == 1.0


def test_the_card_has_a_row_for_each():
    answers = {"set": "a few", "spread": {"a to b": 0.5}, "missed": 0.0, "alike": 0.25}
    answers |= {"grey_px": 2.0}
    rows = [(fact.protocol.split("[")[0], fact.data, fact.value) for fact in answer_facts(answers)]
    assert rows == [
        ("spread", "a few; a to b", "0.5000"),
        ("missed", "a few", "0.0000"),
        ("answered-alike", "a few", "0.2500"),
        ("grey-copy", "a few", "2.0000"),
    ]


def test_pairs_are_sides_fingers_and_bones():
    pairs = joint_pairs(metadata())
    assert pairs["left_hip to right_hip"] == (3, 2)
    assert pairs["right_knee to right_ankle"] == (1, 0)
    hand = joint_pairs(metadata(HAND_21_FREIHAND, "hand"))
    index, middle = HAND_21_FREIHAND.indices(("index_tip", "middle_tip"))
    assert hand["index_tip to middle_tip"] == (index, middle)
    assert len(hand) == 8 + 20


def test_grey_copies_are_luma():
    red = np.zeros((1, 2, 2, 3), np.uint8)
    red[..., 0] = 200
    np.testing.assert_array_equal(grey_copies(red), 60)  # 0.299 * 200 = 59.8
