"""The law of errors by hand, and what must follow when a crop is shown larger, moved or mirrored."""

import numpy as np
import pytest

from keras_pose.codecs import PowerLaw, Uncertainty, uncertainty_evidence

POINTS = np.array([[[10.0, 20.0], [30.0, 20.0]]])
SCORES = np.array([[0.95, 0.15]])


def test_evidence_by_hand():
    own, mean, extent = uncertainty_evidence(POINTS, SCORES, 40)
    np.testing.assert_allclose(own, [[0.0, np.log(0.2)]], atol=1e-12)
    np.testing.assert_allclose(mean, [[np.log(0.6)]])
    # Both joints lie a quarter of the side from their middle.
    np.testing.assert_allclose(extent, [[np.log(0.3)]])


def test_sigma_by_hand():
    law = Uncertainty(PowerLaw((0.1, 0.2), (-1.0, 0.0, 1.0)), PowerLaw((0.0, 3.0), (0.0, 2.0, 0.0)))
    said = law.sigmas(POINTS, SCORES, 40)
    np.testing.assert_allclose(said["sigma_2d"], [[0.1 * 0.3 * 40, 0.2 / 0.2 * 0.3 * 40]])
    np.testing.assert_allclose(said["sigma_depth"], [[0.0, 3.0 * 0.36]])


def test_place_mirror_and_size_of_a_crop():
    law = PowerLaw((0.1, 0.2), (-0.5, -0.3, 0.2))
    uncertainty = Uncertainty(law, law)
    said = uncertainty.sigmas(POINTS, SCORES, 40)
    moved = uncertainty.sigmas([[40.0, 3.0]] - POINTS, SCORES, 40)
    np.testing.assert_allclose(moved["sigma_2d"], said["sigma_2d"])
    larger = uncertainty.sigmas(2.0 * POINTS, SCORES, 80)
    np.testing.assert_allclose(larger["sigma_2d"], 2.0 * said["sigma_2d"])
    np.testing.assert_allclose(larger["sigma_depth"], said["sigma_depth"])


def test_wild_scores_stay_finite():
    wild = np.array([[-3.0, 0.0], [0.0, 1e6]])
    for one in uncertainty_evidence(np.zeros((2, 2, 2)), wild, 40):
        assert np.isfinite(one).all()
    np.testing.assert_allclose(uncertainty_evidence(POINTS, wild[:1], 40)[0], np.log(0.05))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="keypoints_2d"):
        uncertainty_evidence(np.zeros((2, 3)), np.zeros(2), 40)
