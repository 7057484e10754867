"""Rows of the students' table, from runs of known content."""

import pytest

from benchmarks.students import HAND_MEASURES, body_rows, hand_rows

BODY_KEYS = (
    "pckh@0.5[align=none]",
    "keypoint-error[align=none]",
    "mpjpe[align=root,reflection=none,scale=training-bones,root=pelvis]",
    "pa-mpjpe[align=similarity,reflection=forbid,scale=per-pose]",
    "pa-mpjpe[align=similarity,reflection=best,scale=per-pose]",
)


def _body(values, heldout=7):
    return {
        "bodies": {"test": {"heldout": heldout}},
        "results": {"all": dict(zip(BODY_KEYS, values, strict=True))},
    }


def test_hands_are_laid_beside_the_teacher_part_by_part():
    keys = list(HAND_MEASURES.values())
    run = {
        "results": {"all": {keys[0]: 0.5}, "mine": {keys[0]: 0.25, keys[1]: 0.75}},
        "teacher_results": {"all": {keys[0]: 0.4}, "mine": {keys[0]: 0.125, keys[1]: 1.0}},
    }
    found = [(row["part"], row["student"], row["teacher"]) for row in hand_rows(run)]
    assert found == [("all", 0.5, 0.4), ("mine", 0.25, 0.125), ("mine", 0.75, 1.0)]


def test_bodies_are_laid_beside_a_teacher_of_the_same_records():
    rows = body_rows(_body([1, 2, 3, 4, 5]), _body([10, 20, 30, 40, 50]))
    assert [row["student"] for row in rows] == [1, 2, 3, 4]
    assert [row["teacher"] for row in rows] == [10, 20, 30, 40]
    with pytest.raises(ValueError, match="other records"):
        body_rows(_body([1, 2, 3, 4, 5]), _body([1, 2, 3, 4, 5], heldout=8))
