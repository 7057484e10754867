"""The flow of affine couplings: it can be undone, and its density is that of calculus."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_pose.layers import AffineCoupling, CouplingFlow

SIZE = 5


def _disturbed(layer):
    """Build a layer in float64 and move every weight away from its start, where it is the identity."""
    layer.build((None, SIZE))
    random = np.random.default_rng(3)
    for variable in layer.weights:
        variable.assign(random.normal(0.0, 0.5, variable.shape))
    return layer


def _inputs(count=6):
    return np.random.default_rng(4).normal(size=(count, SIZE))


@pytest.fixture
def flow():
    return _disturbed(CouplingFlow(num_couplings=3, width=7, seed=1, dtype="float64"))


def test_a_coupling_by_hand():
    coupling = AffineCoupling(width=4, dtype="float64")
    coupling.build((None, 3))
    # The head's bias alone speaks: one joint is kept, two are stretched and moved.
    coupling.head.bias.assign([0.5, -3.0, 10.0, 20.0])
    outputs, log_determinant = coupling(np.array([[7.0, 1.0, 2.0]]))
    first, second = (2.0 * math.tanh(raw / 2.0) for raw in (0.5, -3.0))
    expected = [7.0, math.exp(first) + 10.0, 2.0 * math.exp(second) + 20.0]
    np.testing.assert_allclose(outputs, [expected], rtol=1e-12)
    np.testing.assert_allclose(log_determinant, [first + second], rtol=1e-12)


def test_what_a_flow_does_can_be_undone(flow):
    inputs = _inputs()
    latent, _ = flow(inputs)
    assert np.abs(np.array(latent) - inputs).max() > 0.1
    np.testing.assert_allclose(flow.inverse(latent), inputs, atol=1e-12)


def test_the_determinant_is_that_of_a_numerical_jacobian(flow):
    step = 1e-6
    for point, change in zip(_inputs(), np.array(flow(_inputs())[1]), strict=True):
        ahead, _ = flow(point + step * np.eye(SIZE))
        behind, _ = flow(point - step * np.eye(SIZE))
        jacobian = (np.array(ahead) - np.array(behind)) / (2 * step)
        _, expected = np.linalg.slogdet(jacobian)
        assert abs(expected) > 0.1
        assert change == pytest.approx(expected, abs=1e-7)


def test_a_new_flow_has_the_density_of_a_standard_normal():
    flow = CouplingFlow(num_couplings=4, width=8, dtype="float64")
    flow.build((None, 2))
    # By hand: log(1 / 2 pi) at the mean, and half the squared distance less elsewhere.
    expected = [-math.log(2 * math.pi), -math.log(2 * math.pi) - 0.5 * 25.0]
    np.testing.assert_allclose(flow.log_density(np.array([[0.0, 0.0], [3.0, -4.0]])), expected)


def test_a_flow_integrates_to_one():
    flow = CouplingFlow(num_couplings=3, width=7, seed=1, dtype="float64")
    flow.build((None, 2))
    random = np.random.default_rng(5)
    for variable in flow.weights:
        variable.assign(random.normal(0.0, 0.3, variable.shape))
    axis = np.arange(-20.0, 20.0, 0.1)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp(np.array(flow.log_density(grid)))
    assert density.sum() * 0.01 == pytest.approx(1.0, abs=1e-3)
    assert density.max() / density.mean() > 10


def test_permutations_are_of_the_seed_and_mix():
    flows = [CouplingFlow(num_couplings=4, seed=seed) for seed in (1, 1, 2)]
    for flow in flows:
        flow.build((None, 12))
    first, same, other = (np.array(flow.permutations) for flow in flows)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(first.sum(axis=1), np.ones((4, 12)))
    np.testing.assert_array_equal(first.sum(axis=2), np.ones((4, 12)))


def test_a_flow_survives_its_config_and_has_shapes(flow):
    again = CouplingFlow.from_config(flow.get_config())
    assert (again.num_couplings, again.width, again.seed) == (3, 7, 1)
    latent, log_determinant = flow.compute_output_shape((None, SIZE))
    assert (latent, log_determinant) == ((None, SIZE), (None,))
    again.build((None, SIZE))
    again.set_weights(flow.get_weights())
    np.testing.assert_array_equal(again(_inputs())[0], flow(_inputs())[0])


def test_mixed_precision_follows_the_policy():
    flow = CouplingFlow(num_couplings=2, width=4, dtype="mixed_bfloat16")
    flow.build((None, 4))
    assert {variable.dtype for variable in flow.weights} == {"float32"}
    assert keras.backend.standardize_dtype(flow(ops.ones((2, 4)))[0].dtype) == "bfloat16"
