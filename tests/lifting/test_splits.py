"""Every split covers the lifted body once and in order; the mirror exchanges names, not places."""

import pytest

from keras_pose.lifting import LIFTED_JOINTS, SPLITS, part_slices
from keras_pose.lifting.splits import mirror_permutation


def test_lifted_body_is_the_skeleton_without_its_root():
    assert len(LIFTED_JOINTS) == 16 and "pelvis" not in LIFTED_JOINTS
    assert LIFTED_JOINTS[:3] == ("right_hip", "right_knee", "right_ankle")
    assert LIFTED_JOINTS[-1] == "right_wrist"


@pytest.mark.parametrize("split", SPLITS)
def test_parts_follow_each_other_and_cover_the_body_once(split):
    slices = part_slices(split)
    covered = [name for part in slices.values() for name in LIFTED_JOINTS[part]]
    assert covered == list(LIFTED_JOINTS)
    for part, names in SPLITS[split].items():
        assert LIFTED_JOINTS[slices[part]] == names


def test_author_splits_six_joints_of_the_legs_from_ten():
    assert part_slices("legs_torso") == {"legs": slice(0, 6), "torso": slice(6, 16)}
    assert part_slices("whole") == {"whole": slice(0, 16)}
    sizes = [part.stop - part.start for part in part_slices("five").values()]
    assert sizes == [3, 3, 4, 3, 3]


def test_mirror_exchanges_left_and_right_by_hand():
    # Legs swap threes, spine to head stay, arms swap threes.
    legs, trunk, arms = (3, 4, 5, 0, 1, 2), (6, 7, 8, 9), (13, 14, 15, 10, 11, 12)
    assert mirror_permutation() == legs + trunk + arms
