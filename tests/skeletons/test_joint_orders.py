"""Joint orders against the data sets' own lists, written out here by hand."""

import pytest

from keras_pose import skeletons


def test_h36m_17_is_the_house_order():
    assert skeletons.H36M_17.joints == (
        "pelvis",
        *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
        *("spine", "thorax", "nose", "head"),
        *("left_shoulder", "left_elbow", "left_wrist"),
        *("right_shoulder", "right_elbow", "right_wrist"),
    )
    assert skeletons.H36M_17.parents == (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
    assert skeletons.H36M_17.flip_permutation == (
        *(0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13),
    )


def test_right_arm_first_differs_from_the_house_order_in_the_arms_alone():
    arms = skeletons.H36M_17_RIGHT_ARM_FIRST.joints[11:]
    assert arms == (
        *("right_shoulder", "right_elbow", "right_wrist"),
        *("left_shoulder", "left_elbow", "left_wrist"),
    )
    assert skeletons.H36M_17_RIGHT_ARM_FIRST.joints[:11] == skeletons.H36M_17.joints[:11]


def test_mpii_has_its_annotation_order():
    # Index 0 to 15 of the MPII annotation files.
    short = "r_ankle r_knee r_hip l_hip l_knee l_ankle pelvis thorax upper_neck head_top r_wrist "
    short += "r_elbow r_shoulder l_shoulder l_elbow l_wrist"
    names = [name.replace("left_", "l_").replace("right_", "r_") for name in _joints("mpii_16")]
    assert " ".join(names) == short


def test_lsp_has_its_annotation_order():
    # The list of its README: right leg upwards, left leg downwards, the arms likewise, neck, head.
    limbs = "ankle knee hip".split()
    legs = [f"right_{limb}" for limb in limbs] + [f"left_{limb}" for limb in limbs[::-1]]
    limbs = "wrist elbow shoulder".split()
    arms = [f"right_{limb}" for limb in limbs] + [f"left_{limb}" for limb in limbs[::-1]]
    assert _joints("lsp_14") == (*legs, *arms, "neck", "head_top")


def test_coco_has_its_annotation_order():
    assert _joints("coco_17")[:5] == ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    assert _joints("coco_17")[5:] == tuple(
        f"{side}_{part}"
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    )


def test_mpi_inf_3dhp_28_has_its_annotation_order():
    limbs = (
        "spine3 spine4 spine2 spine pelvis neck head head_top left_clavicle left_shoulder "
        "left_elbow left_wrist left_hand right_clavicle right_shoulder right_elbow right_wrist "
        "right_hand left_hip left_knee left_ankle left_foot left_toe right_hip right_knee "
        "right_ankle right_foot right_toe"
    )
    assert _joints("mpi_inf_3dhp_28") == tuple(limbs.split())


def test_mpi_inf_3dhp_17_has_its_test_order():
    limbs = (
        "head_top neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist "
        "right_hip right_knee right_ankle left_hip left_knee left_ankle pelvis spine head"
    )
    assert _joints("mpi_inf_3dhp_17") == tuple(limbs.split())


@pytest.mark.parametrize(
    ("name", "first", "second", "last"),
    [
        # Finger after finger, ring after ring, and MediaPipe's own names.
        ("hand_21_freihand", "thumb_mcp", "thumb_pip", "pinky_tip"),
        ("hand_21_ait", "thumb_mcp", "index_mcp", "pinky_tip"),
        ("hand_21_mediapipe", "thumb_cmc", "thumb_mcp", "pinky_tip"),
    ],
)
def test_hands_start_at_the_wrist(name, first, second, last):
    joints = _joints(name)
    assert (joints[0], joints[1], joints[2], joints[20]) == ("wrist", first, second, last)
    assert skeletons.by_name(name).flip_pairs == ()


def test_ait_rings_are_where_peclr_reads_them():
    joints = _joints("hand_21_ait")
    # Reference bone of PeCLR's 2.5D head: middle mcp to middle pip are the joints 3 and 8.
    assert (joints[3], joints[8]) == ("middle_mcp", "middle_pip")
    assert (joints[2], joints[12], joints[20]) == ("index_mcp", "index_dip", "pinky_tip")


def _joints(name):
    return skeletons.by_name(name).joints
