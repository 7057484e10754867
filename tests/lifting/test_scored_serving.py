"""`lift_scored`: which joints count as there, and what is answered with `valid` 0."""

import numpy as np
import pytest
from keras import ops

from keras_pose.lifting.presence import MIN_JOINTS
from keras_pose.lifting.scored_serving import hostile_scores, lift_scored


def _lift(points, present):
    """A lifter whose answers say what it was given."""
    return {
        "points_2d": points,
        "points_3d": ops.concatenate([points, present[..., None]], axis=-1),
        "scale": ops.max(ops.absolute(points), axis=(-2, -1)),
        "gravity": ops.tile(ops.convert_to_tensor([[0.0, 1.0, 0.0]]), (points.shape[0], 1)),
    }


def _answer(points, score, min_score=0.2):
    given = (np.asarray(points, np.float32), np.asarray(score, np.float32))
    answer = lift_scored(_lift, min_score)(*map(ops.convert_to_tensor, given))
    return {name: np.array(value) for name, value in answer.items()}


def _person(seed=3):
    return np.random.default_rng(seed).uniform(0, 400, (1, 17, 2))


def test_scores_below_the_threshold_are_missing_and_what_stands_there_is_not_read():
    points, score = _person(), np.full((1, 17), 0.9)
    score[0, [2, 8]] = [0.19, 0.0]
    points[0, 2], points[0, 8] = np.nan, 1e30
    answer = _answer(points, score)
    assert answer["valid"].tolist() == [1.0]
    present = answer["keypoints_3d"][0, :, 2]
    assert np.flatnonzero(present == 0).tolist() == [2, 8]
    assert np.isfinite(answer["filled_2d"]).all() and not answer["filled_2d"][0, [2, 8]].any()


@pytest.mark.parametrize(("count", "valid"), [(MIN_JOINTS - 1, 0.0), (MIN_JOINTS, 1.0)])
def test_six_joints_are_enough(count, valid):
    score = np.zeros((1, 17))
    score[0, :count] = 1.0
    assert _answer(_person(), score)["valid"].tolist() == [valid]


def test_what_leaves_the_answer_open_is_answered_zero():
    answer = _answer(**_renamed(hostile_scores()))
    for name, value in answer.items():
        np.testing.assert_array_equal(value, np.zeros_like(value), err_msg=name)


def test_hostile_rows_do_not_disturb_their_neighbours():
    hostile, person = _renamed(hostile_scores()), _person()
    alone = _answer(person, np.ones((1, 17)))
    points = np.concatenate([hostile["points"], person])
    together = _answer(points, np.concatenate([hostile["score"], np.ones((1, 17))]))
    for name in alone:
        np.testing.assert_array_equal(together[name][-1:], alone[name])


def _renamed(given):
    return {"points": given["keypoints_2d"], "score": given["score"]}
