"""The line between somebody and nobody: by hand, and where there is none."""

import numpy as np
import pytest

from keras_pose.metrics import presence_threshold


def test_the_line_lies_in_the_gap():
    assert presence_threshold(np.array([0.6, 0.8]), np.array([0.1, 0.2])) == (0.4, 1.0, 1.0)


def test_overlap_costs_as_little_as_possible():
    # At 0.45 one of five people is lost and nobody passes; at 0.25 none is lost, but two of four pass.
    present, absent = np.array([0.3, 0.5, 0.6, 0.7, 0.9]), np.array([0.1, 0.2, 0.35, 0.4])
    threshold, kept, refused = presence_threshold(present, absent)
    assert (threshold, kept, refused) == (pytest.approx(0.45), 0.8, 1.0)


def test_scores_that_are_all_alike_tell_nothing():
    assert presence_threshold(np.ones(3), np.ones(2)) == (1.0, 1.0, 0.0)


def test_refusals():
    with pytest.raises(ValueError, match="at least one of each"):
        presence_threshold(np.ones(3), np.ones(0))
    with pytest.raises(ValueError, match="not finite"):
        presence_threshold(np.array([np.nan]), np.ones(1))
