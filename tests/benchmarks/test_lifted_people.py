"""The contact sheet of lifted people: what is drawn of somebody, and nothing of nobody."""

import types

import numpy as np
import pytest

from benchmarks import lifted_people
from keras_pose.skeletons import MPII_16


class _Network:
    metadata = types.SimpleNamespace(skeleton=MPII_16.name)

    def predict(self, image, boxes):
        points = np.random.default_rng(0).uniform(20, 80, (16, 2))
        return [types.SimpleNamespace(keypoints_2d=points, score=np.linspace(0.4, 1.2, 16))]


class _Lifter:
    def __init__(self, valid):
        self.valid, self.seen = valid, None

    def lift(self, points, score):
        self.seen = score
        space = np.concatenate([points, points[..., :1]], axis=-1)
        return {"keypoints_3d": space, "filled_2d": points, "valid": np.array([self.valid])}


def _draw(lifter):
    image, box = np.full((100, 100, 3), 90, np.uint8), np.array([10.0, 10.0, 80.0, 80.0])
    return lifted_people.draw_person(image, box, _Network(), lifter, 96, "#3")


def test_a_person_is_drawn_in_three_parts_of_the_height():
    lifter = _Lifter(True)
    panel = _draw(lifter)
    assert panel.shape == (96, 3 * 96 + 2 * 2, 3)
    assert panel.dtype == np.uint8
    # Scores above 1 are cut, and a joint made of others has the least of theirs.
    assert lifter.seen.shape == (1, 17)
    assert (lifter.seen.min(), lifter.seen.max()) == (pytest.approx(0.4), 1.0)


def test_nobody_is_not_drawn():
    assert _draw(_Lifter(False)) is None


def test_a_sheet_without_a_file_is_refused():
    with pytest.raises(ValueError, match="--output is empty; name the PNG file"):
        lifted_people.Settings()
