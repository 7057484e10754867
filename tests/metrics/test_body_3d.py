"""3DPCK and AUC of bodies against the official numbers, limits that include and exclude, own sizes."""

from pathlib import Path

import numpy as np
import pytest

from keras_pose.metrics import AUC_THRESHOLDS_MM, Protocol, measure, share_below, share_within
from keras_pose.metrics.protocol import OWN_SIZES


@pytest.fixture(scope="module")
def golden():
    path = Path(__file__).parents[1] / "golden" / "wild3d" / "evaluation.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def test_pck_and_auc_equal_the_official_ones(golden):
    errors = golden["pck3d_err"]
    np.testing.assert_allclose(
        np.mean(share_below(errors, (150.0,))), golden["pck3d_150"], atol=1e-9
    )
    auc = np.mean(share_below(errors, AUC_THRESHOLDS_MM))
    np.testing.assert_allclose(auc, golden["pck3d_auc"], atol=1e-9)


def test_the_limit_itself_is_within_and_not_below():
    errors = np.array([149.0, 150.0, 151.0, np.nan])
    assert float(share_below(errors, (150.0,))) == 25.0
    assert float(share_within(errors, 150.0)) == 50.0


@pytest.mark.parametrize("size", OWN_SIZES)
def test_sizes_of_the_prediction_are_left_alone(size):
    protocol = Protocol(
        "mpjpe", "root", scale_rule=size, root="pelvis", joint_set="mpii_16_spine", unit="mm"
    )
    assert Protocol.parse(protocol.id) == protocol
    true = np.random.default_rng(0).standard_normal((2, 16, 3))
    # Twice as large: the error is the mean distance from the pelvis.
    errors = measure(protocol, 2 * true + 5, true, "m")
    expected = 1000 * np.linalg.norm(true - true[:, 6:7], axis=-1).mean(axis=-1)
    np.testing.assert_allclose(errors, expected)
    with pytest.raises(ValueError, match="needs alignment root"):
        Protocol("mpjpe", scale_rule=size)
