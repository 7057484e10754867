"""3DPCK and AUC: golden values, strict thresholds by hand, both sets of thresholds."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.metrics import (
    AUC_THRESHOLDS_150_MM,
    AUC_THRESHOLDS_MM,
    auc_3d,
    pck_3d,
    share_below,
)


def test_golden_pck_and_auc(golden):
    options = {"input_unit": "mm", "root": 0, "scale": "norm_ratio"}
    pck = pck_3d(golden["m_pred"], golden["m_gt"], **options)
    auc = auc_3d(golden["m_pred"], golden["m_gt"], **options)
    np.testing.assert_allclose([np.mean(pck), np.mean(auc)], golden["m_pck_auc"], rtol=1e-12)


def test_thresholds_are_the_published_ones():
    assert len(AUC_THRESHOLDS_MM) == 31
    assert AUC_THRESHOLDS_MM[:3] == (0.0, 5.0, 10.0) and AUC_THRESHOLDS_MM[-1] == 150.0
    assert len(AUC_THRESHOLDS_150_MM) == 150
    assert AUC_THRESHOLDS_150_MM[0] == 0.0 and AUC_THRESHOLDS_150_MM[-1] == 150.0
    np.testing.assert_allclose(np.diff(AUC_THRESHOLDS_150_MM), 150 / 149)


def test_perfect_prediction_misses_only_threshold_zero():
    true = np.random.default_rng(0).normal(size=(2, 17, 3))
    np.testing.assert_allclose(pck_3d(true, true), 100)
    np.testing.assert_allclose(auc_3d(true, true), 100 * 30 / 31)
    np.testing.assert_allclose(auc_3d(true, true, AUC_THRESHOLDS_150_MM), 100 * 149 / 150)


def test_threshold_is_strict():
    true = np.zeros((4, 3))
    predicted = np.array([[0.0, 0, 0], [149.0, 0, 0], [0, 150.0, 0], [0, 0, 151.0]])
    assert float(pck_3d(predicted, true, 150.0, "mm")) == 50.0
    assert float(pck_3d(predicted, true, 150.5, "mm")) == 75.0


def test_auc_by_hand():
    # Errors 0, 12 and 200 mm: of 31 thresholds they pass 30, 28 (15 to 150) and 0.
    true = np.zeros((3, 3))
    predicted = np.array([[0.0, 0, 0], [0, 12.0, 0], [200.0, 0, 0]])
    expected = 100 * (30 + 28 + 0) / (3 * 31)
    np.testing.assert_allclose(auc_3d(predicted, true, input_unit="mm"), expected)


@pytest.mark.parametrize(("unit", "factor"), [("m", 0.001), ("cm", 0.1), ("mm", 1.0)])
def test_unit_of_the_input_does_not_change_the_share(unit, factor):
    rng = np.random.default_rng(1)
    true = rng.normal(0, 400, (5, 17, 3))
    predicted = true + rng.normal(0, 90, true.shape)
    expected = 100 * np.mean(
        np.linalg.norm((predicted - predicted[:, :1]) - (true - true[:, :1]), axis=-1) < 150, axis=1
    )
    np.testing.assert_allclose(pck_3d(factor * predicted, factor * true, 150.0, unit), expected)


def test_missing_joint_counts_as_too_far():
    assert float(share_below(np.array([1.0, np.nan]), (2.0,))) == 50.0


def test_graph_gives_the_eager_numbers():
    rng = np.random.default_rng(2)
    true = rng.normal(0, 0.4, (5, 17, 3))
    predicted = true + rng.normal(0, 0.09, true.shape)
    spec = tf.TensorSpec([None, 17, 3], tf.float64)
    for function in (pck_3d, auc_3d):
        graph = tf.function(lambda a, b, f=function: f(a, b), input_signature=[spec, spec])
        np.testing.assert_allclose(graph(predicted, true), function(predicted, true), rtol=1e-14)


def test_wrong_options_are_refused():
    points = np.zeros((17, 3))
    with pytest.raises(ValueError, match="input_unit must be one of 'm', 'cm', 'mm'"):
        pck_3d(points, points, input_unit="px")
    with pytest.raises(ValueError, match="thresholds is empty"):
        auc_3d(points, points, ())
    with pytest.raises(ValueError, match="scale must be one of"):
        pck_3d(points, points, scale="best")
