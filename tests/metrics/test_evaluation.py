"""Reports: every number against the plain function or golden value of its protocol."""

import numpy as np
import pytest

from keras_pose import metrics
from keras_pose.metrics import Protocol, evaluate_poses, measure, standard_protocols


def sample(count=50, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 0.4, (count, 17, 3)) + [0, 0, 5]
    return true + rng.normal(0, 0.1, true.shape), true


def test_golden_report(golden):
    report = evaluate_poses(golden["m_pred"], golden["m_gt"], input_unit="mm")
    ids = {name: protocol.id for name, protocol in standard_protocols().items()}
    expected = {
        "pa_mpjpe": golden["m_pa"].mean(),
        "n_mpjpe": golden["m_n_ls"].mean(),
        "n_mpjpe_norm_ratio": golden["m_n_norm"].mean(),
        "n_pck": golden["m_pck_auc"][0],
        "n_auc": golden["m_pck_auc"][1],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(report[ids[name]], value, rtol=1e-12, err_msg=name)
    # The official chirality is of the true poses.
    of_truth = evaluate_poses(golden["m_gt"], golden["m_gt"], input_unit="mm")
    assert of_truth[ids["chirality"]] == golden["m_chir"]
    flipped = evaluate_poses(golden["m_pred"] * [1, 1, -1], golden["m_gt"], input_unit="mm")
    for name, key in (("pa_mpjpe", "m_pa_mirr"), ("pa_mpjpe_best", "m_pa_best")):
        np.testing.assert_allclose(flipped[ids[name]], golden[key].mean(), rtol=1e-12)


def test_report_equals_the_plain_functions():
    predicted, true = sample()
    # The functions speak the unit of the input, metres; the report speaks millimetres.
    expected = {
        "mpjpe": 1000 * np.asarray(metrics.mpjpe(predicted, true, root=0)),
        "pa_mpjpe": 1000 * np.asarray(metrics.pa_mpjpe(predicted, true)),
        "pa_mpjpe_best": 1000 * np.asarray(metrics.pa_mpjpe(predicted, true, "best")),
        "n_mpjpe": 1000 * np.asarray(metrics.n_mpjpe(predicted, true)),
        "n_mpjpe_norm_ratio": 1000 * np.asarray(metrics.n_mpjpe(predicted, true, "norm_ratio")),
        "pck": metrics.pck_3d(predicted, true),
        "auc": metrics.auc_3d(predicted, true),
        "n_pck": metrics.pck_3d(predicted, true, scale="norm_ratio"),
        "n_auc": metrics.auc_3d(predicted, true, scale="norm_ratio"),
        "n_auc_150": metrics.auc_3d(
            predicted, true, metrics.AUC_THRESHOLDS_150_MM, scale="norm_ratio"
        ),
        "chirality": np.asarray(metrics.chirality(predicted), float),
        "bone_symmetry": metrics.bone_symmetry_error(predicted),
    }
    report = evaluate_poses(predicted, true)
    assert set(expected) == set(standard_protocols())
    for name, protocol in standard_protocols().items():
        np.testing.assert_allclose(
            report[protocol.id], np.mean(expected[name]), rtol=1e-12, err_msg=name
        )


def test_batches_change_nothing():
    predicted, true = sample(23)
    whole = evaluate_poses(predicted, true)
    parts = evaluate_poses(predicted, true, batch_size=7)
    assert whole.keys() == parts.keys()
    np.testing.assert_allclose(list(whole.values()), list(parts.values()), rtol=1e-12)


def test_float32_poses_are_scored_in_float64():
    predicted, true = (points.astype(np.float32) for points in sample())
    narrow = evaluate_poses(predicted, true)
    wide = evaluate_poses(predicted.astype(np.float64), true.astype(np.float64))
    assert narrow == wide


def test_joints_are_left_out_after_root_alignment():
    predicted, true = sample()
    protocol = Protocol("mpjpe", "root", root="pelvis", joint_set="h36m_17-pelvis")
    gap = (predicted - predicted[:, :1]) - (true - true[:, :1])
    expected = 1000 * np.linalg.norm(gap[:, 1:], axis=-1).mean(axis=-1)
    np.testing.assert_allclose(measure(protocol, predicted, true), expected, rtol=1e-12)


def test_procrustes_sees_only_the_joints_that_are_scored():
    predicted, true = sample()
    protocol = Protocol("pa-mpjpe", "similarity", "best", "per-pose", joint_set="h36m_17-pelvis")
    expected = 1000 * np.asarray(metrics.pa_mpjpe(predicted[:, 1:], true[:, 1:], "best"))
    np.testing.assert_allclose(measure(protocol, predicted, true), expected, rtol=1e-12)


def test_unit_of_the_report_is_the_protocols():
    predicted, true = sample()
    in_m = measure(Protocol("mpjpe", unit="m"), predicted, true)
    in_mm = measure(Protocol("mpjpe", unit="mm"), 100 * predicted, 100 * true, input_unit="cm")
    np.testing.assert_allclose(in_mm, 1000 * np.asarray(in_m), rtol=1e-12)


def test_only_the_protocols_asked_for():
    predicted, true = sample()
    one = standard_protocols()["n_mpjpe"]
    assert list(evaluate_poses(predicted, true, protocols=[one])) == [one.id]


@pytest.mark.parametrize(
    ("predicted", "true", "complaint"),
    [
        (np.zeros((17, 3)), np.zeros((17, 3)), r"predicted must have .* \[poses, joints, 3\]"),
        (np.zeros((2, 17, 3)), np.zeros((2, 17, 2)), "true must have the shape"),
        (np.zeros((2, 17, 3)), np.zeros((3, 17, 3)), "must have the same shape"),
        (np.zeros((0, 17, 3)), np.zeros((0, 17, 3)), "predicted holds no poses"),
        (np.zeros((2, 16, 3)), np.zeros((2, 16, 3)), r"predicted must have .* 17, 3\]"),
    ],
)
def test_wrong_poses_are_refused(predicted, true, complaint):
    with pytest.raises(ValueError, match=complaint):
        evaluate_poses(predicted, true)


def test_broken_poses_are_counted_and_located():
    predicted, true = sample()
    predicted[[3, 8], 2] = np.nan
    with pytest.raises(ValueError, match="predicted holds 2 poses .* first at index 3"):
        evaluate_poses(predicted, true)


def test_unknown_measure_and_unit_are_refused():
    predicted, true = sample(2)
    with pytest.raises(ValueError, match="no measure 'epe'; the measures are mpjpe"):
        measure(Protocol("epe"), predicted, true)
    with pytest.raises(ValueError, match="unit must be one of 'm', 'cm', 'mm'"):
        measure(Protocol("mpjpe", unit="percent"), predicted, true)
    with pytest.raises(ValueError, match="input_unit must be one of"):
        measure(Protocol("mpjpe"), predicted, true, input_unit="px")
