"""The stop rule by hand: what it multiplies, what it refuses, how its pick is judged."""

import math

import pytest

from keras_pose.lifting.stop_rule import implausibility, judge_pick, pick_epoch


def _row(epoch, symmetry, spread, gap=0.2, reprojection=0.001, error=50.0):
    return {
        "epoch": epoch,
        "bone_symmetry": symmetry,
        "bone_spread": spread,
        "heldout_discriminator_gap": gap,
        "heldout_reprojection": reprojection,
        "pa_mpjpe": error,
    }


def test_asymmetry_and_spread_count_alike():
    assert implausibility(_row(1, 0.1, 0.2)) == pytest.approx(0.02)
    assert implausibility(_row(1, 0.2, 0.1)) == pytest.approx(0.02)


@pytest.mark.parametrize("broken", [{"gap": 0.9}, {"gap": -0.1}, {"reprojection": 0.02}])
def test_a_broken_epoch_is_refused(broken):
    assert math.isinf(implausibility(_row(1, 0.01, 0.01, **broken)))


def test_a_student_without_adversary_is_judged_by_its_bones():
    assert implausibility({"bone_symmetry": 0.1, "bone_spread": 0.3}) == pytest.approx(0.03)


def test_the_most_plausible_healthy_epoch_is_picked():
    rows = [_row(1, 0.3, 0.2), _row(2, 0.1, 0.2), _row(3, 0.01, 0.2, gap=0.95), _row(4, 0.2, 0.2)]
    assert pick_epoch(rows) == 1


def test_without_a_healthy_epoch_the_last_is_picked():
    assert pick_epoch([_row(1, 0.1, 0.1, gap=0.9), _row(2, 0.2, 0.2, gap=0.9)]) == 1


def test_the_pick_is_judged_against_the_best_epoch():
    rows = [
        _row(1, 0.3, 0.2, error=60.0),
        _row(2, 0.1, 0.2, error=47.0),
        _row(3, 0.2, 0.2, error=45.5),
    ]
    judged = judge_pick(rows, "pa_mpjpe")
    assert (judged["picked_epoch"], judged["best_epoch"]) == (2, 3)
    assert judged["regret"] == pytest.approx(1.5)
    assert judged["last"] == 45.5


def test_without_labels_nothing_is_judged():
    assert judge_pick([{"epoch": 1, "bone_symmetry": 0.1, "bone_spread": 0.1}], "pa_mpjpe") is None
