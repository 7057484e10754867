"""Position errors: golden values, numbers by hand, laws, gradients, eager against graph."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.geometry import rotate, rotation_x, rotation_y
from keras_pose.metrics import joint_errors, mpjpe, n_mpjpe, pa_mpjpe, root_relative, scale_align

MIRROR = np.array([1.0, 1.0, -1.0])


def poses(count=4, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 17, 3))


def test_golden_pa_mpjpe(golden):
    predicted, true = golden["m_pred"], golden["m_gt"]
    np.testing.assert_allclose(pa_mpjpe(predicted, true), golden["m_pa"], rtol=1e-12)
    mirrored = predicted * MIRROR
    np.testing.assert_allclose(pa_mpjpe(mirrored, true), golden["m_pa_mirr"], rtol=1e-12)
    np.testing.assert_allclose(pa_mpjpe(mirrored, true, "best"), golden["m_pa_best"], rtol=1e-12)
    # The two differ on this file, or the test would prove nothing about reflection.
    assert (golden["m_pa_mirr"] - golden["m_pa_best"]).max() > 50


def test_golden_n_mpjpe(golden):
    predicted, true = golden["m_pred"], golden["m_gt"]
    np.testing.assert_allclose(n_mpjpe(predicted, true), golden["m_n_ls"], rtol=1e-12)
    ratio = n_mpjpe(predicted, true, "norm_ratio")
    np.testing.assert_allclose(ratio, golden["m_n_norm"], rtol=1e-12)


def test_mpjpe_by_hand():
    true = np.array([[[1.0, 1, 1], [2, 2, 2]]])
    predicted = true + [[[3.0, 4, 0], [0, 0, 2]]]
    np.testing.assert_array_equal(joint_errors(predicted, true), [[5, 2]])
    np.testing.assert_array_equal(mpjpe(predicted, true), [3.5])
    # With joint 1 as the root, joint 0 is off by (3, 4, -2).
    np.testing.assert_allclose(mpjpe(predicted, true, root=1), [np.sqrt(29) / 2], atol=1e-15)


def test_n_mpjpe_by_hand():
    true = np.array([[[9.0, 9, 9], [11, 9, 9], [9, 9, 9]]])
    predicted = np.array([[[0.0, 0, 0], [3, 0, 0], [0, 4, 0]]])
    # Root-relative p = (3, 0, 0), (0, 4, 0) and g = (2, 0, 0), (0, 0, 0).
    # Least squares: s = 6 / 25 = 0.24, errors 2 - 0.72 and 0.96. Ratio: s = 2 / 5, 0.8 and 1.6.
    np.testing.assert_allclose(n_mpjpe(predicted, true), [(1.28 + 0.96) / 3], atol=1e-15)
    ratio = n_mpjpe(predicted, true, "norm_ratio")
    np.testing.assert_allclose(ratio, [(0.8 + 1.6) / 3], atol=1e-15)


def test_perfect_prediction_scores_zero():
    true = poses()
    for error in (mpjpe, n_mpjpe, lambda a, b: n_mpjpe(a, b, "norm_ratio")):
        np.testing.assert_allclose(error(true, true), 0, atol=1e-15)
    np.testing.assert_allclose(pa_mpjpe(true, true), 0, atol=1e-14)


@pytest.mark.parametrize("reflection", ["forbid", "best"])
def test_aligned_error_ignores_similarity(reflection):
    predicted, true = poses(), poses(seed=1)
    turn = rotation_x(np.float64(0.4)) @ rotation_y(np.float64(1.9))
    moved = 3.7 * np.asarray(rotate(predicted, turn)) + [1, -2, 3]
    np.testing.assert_allclose(
        pa_mpjpe(moved, true, reflection), pa_mpjpe(predicted, true, reflection), atol=1e-13
    )


def test_normalized_error_ignores_shift_and_scale_but_not_rotation():
    predicted, true = poses(), poses(seed=1)
    moved = 3.7 * predicted + [1, -2, 3]
    for rule in ("least_squares", "norm_ratio"):
        whole = np.asarray(n_mpjpe(predicted, true, rule))
        np.testing.assert_allclose(n_mpjpe(moved, true, rule), whole, atol=1e-13)
        turned = rotate(predicted, rotation_y(np.float64(1.0)))
        assert (np.abs(n_mpjpe(turned, true, rule) - whole) > 1e-3).any()


def test_reflection_helps_exactly_a_mirrored_pose():
    true = poses()
    np.testing.assert_allclose(pa_mpjpe(true * MIRROR, true, "best"), 0, atol=1e-14)
    assert (np.asarray(pa_mpjpe(true * MIRROR, true, "forbid")) > 0.1).all()
    predicted = poses(64, seed=2)
    best = np.asarray(pa_mpjpe(predicted, poses(64, seed=3), "best"))
    forbid = np.asarray(pa_mpjpe(predicted, poses(64, seed=3), "forbid"))
    # Least squares is minimised, the mean distance is not: "never larger" holds on average.
    assert best.mean() < forbid.mean()
    assert (best == forbid).any() and (best != forbid).any()


def test_least_squares_scale_minimises_the_squared_error():
    predicted, true = poses(), poses(seed=1)

    def squared(rule):
        scaled, rooted = scale_align(predicted, true, rule)
        return ((np.asarray(scaled) - np.asarray(rooted)) ** 2).sum(axis=(1, 2))

    assert (squared("least_squares") <= squared("norm_ratio")).all()


def test_prediction_without_extent_scores_the_truth_against_its_root():
    true = poses()
    expected = np.linalg.norm(true - true[:, :1], axis=-1).mean(axis=-1)
    for rule in ("least_squares", "norm_ratio"):
        flat = np.full_like(true, 4.0)
        np.testing.assert_allclose(n_mpjpe(flat, true, rule), expected, atol=1e-14)


def test_reflection_hides_wrong_depth_signs():
    # A lifter that is right but for the sign of depth, for a tenth of the poses.
    true = poses(100)
    predicted = true + np.random.default_rng(5).normal(0, 0.05, true.shape)
    predicted[:10] *= MIRROR
    best = np.asarray(pa_mpjpe(predicted, true, "best"))
    forbid = np.asarray(pa_mpjpe(predicted, true, "forbid"))
    np.testing.assert_array_equal(best[10:], forbid[10:])
    assert (forbid[:10] > 5 * best[:10]).all()


@pytest.mark.parametrize(
    "error",
    [
        mpjpe,
        lambda a, b: mpjpe(a, b, root=0),
        pa_mpjpe,
        lambda a, b: pa_mpjpe(a, b, "best"),
        n_mpjpe,
        lambda a, b: n_mpjpe(a, b, "norm_ratio"),
    ],
    ids=["mpjpe", "mpjpe_root", "pa", "pa_best", "n", "n_ratio"],
)
class TestEveryError:
    def test_gradient_equals_the_finite_difference(self, error):
        true = poses(2, seed=1)
        exact, numeric = tf.test.compute_gradient(
            lambda x: error(x, true), [tf.constant(poses(2))], delta=1e-5
        )
        np.testing.assert_allclose(exact[0], numeric[0], atol=1e-8)

    def test_gradient_is_finite_at_degenerate_poses(self, error):
        line = np.linspace(-1, 1, 17)[:, None] * [1.0, 2.0, 3.0]
        start = np.stack([np.zeros((17, 3)), np.ones((17, 3)), line, poses(1)[0]])
        for true in (start, start[::-1].copy()):
            predicted = tf.Variable(start)
            with tf.GradientTape() as tape:
                total = tf.reduce_sum(error(predicted, true))
            assert np.isfinite(total)
            assert np.isfinite(tape.gradient(total, predicted)).all()

    def test_graph_gives_the_eager_numbers(self, error):
        predicted, true = poses(), poses(seed=1)
        spec = tf.TensorSpec([None, None, 3], tf.float64)
        graph = tf.function(error, input_signature=[spec, spec])
        np.testing.assert_allclose(graph(predicted, true), error(predicted, true), rtol=1e-14)

    def test_broken_pose_spoils_only_itself(self, error):
        predicted, true = poses(), poses(seed=1)
        whole = np.asarray(error(predicted, true))
        predicted[1, 3] = np.nan
        got = np.asarray(error(predicted, true))
        np.testing.assert_array_equal(got[[0, 2, 3]], whole[[0, 2, 3]])
        assert np.isnan(got[1])

    def test_leading_axes_and_dtype_are_kept(self, error):
        predicted = poses(6).reshape(2, 3, 17, 3).astype(np.float32)
        got = error(predicted, poses(6, seed=1).reshape(2, 3, 17, 3).astype(np.float32))
        assert got.shape == (2, 3)
        assert got.dtype == tf.float32
        assert error(predicted, predicted.astype(np.float64)).dtype == tf.float64

    def test_wrong_shapes_name_the_argument(self, error):
        with pytest.raises(ValueError, match="^predicted must have the shape"):
            error(np.zeros((17, 2)), np.zeros((17, 3)))
        with pytest.raises(ValueError, match="predicted and true must have the same shape"):
            error(np.zeros((1, 17, 3)), np.zeros((5, 17, 3)))


def test_root_relative_by_hand():
    points = np.array([[1.0, 2, 3], [4, 4, 4]])
    np.testing.assert_array_equal(root_relative(points, 1), [[-3, -2, -1], [0, 0, 0]])
    np.testing.assert_array_equal(root_relative(points, None), points)


def test_wrong_options_are_refused():
    with pytest.raises(
        ValueError, match="root is joint 17, but the points have the joints 0 to 16"
    ):
        mpjpe(poses(), poses(), root=17)
    with pytest.raises(ValueError, match="scale must be one of 'least_squares', 'norm_ratio'"):
        n_mpjpe(poses(), poses(), "ls")
    with pytest.raises(ValueError, match="reflection must be one of"):
        pa_mpjpe(poses(), poses(), "none")
