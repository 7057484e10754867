"""Joint names as files spell them: by hand, and every order found by its own names."""

import random

import pytest

from keras_pose.skeletons import (
    COCO_17,
    H36M_17,
    HAND_21_AIT,
    HAND_21_FREIHAND,
    HAND_21_MEDIAPIPE,
    LSP_14,
    MPII_16,
    SKELETONS,
    are_counted,
    first_difference,
    order_by_name,
    plain_joint_name,
    rows_by_name,
)


@pytest.mark.parametrize(
    "name",
    [
        *("left_shoulder", "LeftShoulder", "leftShoulder", "left shoulder", "LEFT_SHOULDER"),
        *("LShoulder", "l_shoulder", "L-Shoulder", "lshoulder", "Shoulder.L", "shoulder_left"),
        *("shoulderLeft", "leftshoulder", "Shoulder (left)", "shoulderl"),
    ],
)
def test_a_side_may_be_spelt_in_many_ways(name):
    assert plain_joint_name(name) == "left_shoulder"


def test_names_without_a_side_have_none():
    names = ("nose", "root_of_tail", "Top of Head", "WRIST", "elbow", "ear")
    plain = ["nose", "root_of_tail", "top_of_head", "wrist", "elbow", "ear"]
    assert [plain_joint_name(name) for name in names] == plain
    assert plain_joint_name("INDEX_FINGER_MCP") == "index_mcp"
    assert plain_joint_name("forefinger1") == "index_1"


@pytest.mark.parametrize("order", SKELETONS.values(), ids=lambda order: order.name)
def test_shuffled_names_are_put_back_in_order(order):
    names = list(order.joints)
    random.Random(3).shuffle(names)
    rows = rows_by_name(names, order)
    assert rows is not None and tuple(names[row] for row in rows) == order.joints
    assert rows_by_name([*names, "tail"], order) is None
    assert rows_by_name([*names, "tail"], order, allow_more=True) == rows
    assert rows_by_name([*names[:-1], names[0]], order) is None


def test_a_hand_may_be_named_as_in_any_order_of_hands():
    numbered = ["wrist", *(f"{f}{i}" for f in ("thumb", "forefinger") for i in (1, 2, 3, 4))]
    numbered += [f"{f}_finger{i}" for f in ("middle", "ring", "pinky") for i in (1, 2, 3, 4)]
    assert rows_by_name(numbered, HAND_21_FREIHAND) == list(range(21))
    assert rows_by_name(HAND_21_MEDIAPIPE.joints, HAND_21_FREIHAND) == list(range(21))
    names = [f"right_{name}" for name in HAND_21_AIT.joints]
    # Ring after ring: the thumb's second joint stands behind the five first ones and the wrist.
    assert rows_by_name(names, HAND_21_FREIHAND)[:4] == [0, 1, 6, 11]


def test_human36m_has_several_spellings():
    names = (
        "Hip RHip RKnee RFoot LHip LKnee LFoot Spine Thorax Neck/Nose Head LShoulder LElbow LWrist "
        "RShoulder RElbow RWrist"
    ).split()
    assert order_by_name(names, (COCO_17, H36M_17)) == (H36M_17, list(range(17)))
    names[8:10] = ["thorax", "neck_base"]
    assert rows_by_name(names, H36M_17) == list(range(17))


def test_other_names_never_take_a_joint_that_is_named_itself():
    names = ["neck" if name == "thorax" else name for name in MPII_16.joints]
    assert rows_by_name(names, MPII_16) is None
    names = ["neck" if name == "upper_neck" else name for name in MPII_16.joints]
    assert rows_by_name(names, MPII_16) == list(range(16))
    assert rows_by_name(LSP_14.joints, LSP_14) == list(range(14))


def test_names_that_count_say_nothing():
    assert are_counted(["0", "1"]) and are_counted(["kp_1", "Joint 2", "point3"])
    assert not are_counted(["0", "nose"])


def test_the_first_difference_is_named():
    names = ["nose", "neck", *COCO_17.joints[2:]]
    assert first_difference(names, COCO_17) == (
        "joint 1 is called 'neck' where coco_17 has 'left_eye'"
    )
    assert first_difference(COCO_17.joints[:5], COCO_17) == "it names 5 joints and coco_17 has 17"
