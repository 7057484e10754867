"""Similarity Procrustes: known motions, optimality, reflection, degenerate poses, gradients."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.geometry import (
    rotate,
    rotation_x,
    rotation_y,
    similarity_align,
    similarity_parameters,
)

BOTH = pytest.mark.parametrize("reflection", ["forbid", "best"])
MIRROR = np.diag([1.0, 1.0, -1.0])


def poses(count=5, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 17, 3))


def motion(count=5, seed=1):
    rng = np.random.default_rng(seed)
    rotation = np.asarray(rotation_x(rng.normal(size=count)) @ rotation_y(rng.normal(size=count)))
    return rng.uniform(0.5, 2, count), rotation, rng.normal(size=(count, 3))


def moved(points, scale, rotation, shift):
    return scale[:, None, None] * np.asarray(rotate(points, rotation)) + shift[:, None]


def test_quarter_turn_by_hand():
    source = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 3], [0, 0, -3]])
    # Twice as large, x to y, y to -x, and shifted.
    target = 2 * source @ np.array([[0, 1.0, 0], [-1, 0, 0], [0, 0, 1]]) + [10, 20, 30]
    scale, rotation, shift = similarity_parameters(source, target)
    np.testing.assert_allclose(scale, 2, atol=1e-14)
    np.testing.assert_allclose(rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-14)
    np.testing.assert_allclose(shift, [10, 20, 30], atol=1e-13)


@BOTH
def test_known_motion_is_recovered(reflection):
    source, wanted = poses(), motion()
    target = moved(source, *wanted)
    for got, want in zip(similarity_parameters(source, target, reflection), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-13)
    np.testing.assert_allclose(similarity_align(source, target, reflection), target, atol=1e-13)


def test_mirrored_pose_is_reached_only_where_reflection_is_allowed():
    source = poses()
    target = source @ MIRROR
    np.testing.assert_allclose(similarity_align(source, target, "best"), target, atol=1e-13)
    forbidden = similarity_align(source, target, "forbid")
    assert np.abs(forbidden - target).max() > 0.3
    assert (np.linalg.det(similarity_parameters(source, target, "forbid")[1]) > 0.999).all()
    assert (np.linalg.det(similarity_parameters(source, target, "best")[1]) < -0.999).all()


@BOTH
def test_no_nearby_similarity_fits_better(reflection):
    source, target = poses(), poses(seed=9)
    scale, rotation, shift = (
        np.asarray(part) for part in similarity_parameters(source, target, reflection)
    )
    best = ((moved(source, scale, rotation, shift) - target) ** 2).sum(axis=(1, 2))
    rng = np.random.default_rng(3)
    for _ in range(50):
        turn = np.asarray(rotation_x(rng.normal(0, 0.05, 5)) @ rotation_y(rng.normal(0, 0.05, 5)))
        other = moved(
            source,
            scale * rng.uniform(0.9, 1.1, 5),
            turn @ rotation,
            shift + rng.normal(0, 0.05, (5, 3)),
        )
        assert (((other - target) ** 2).sum(axis=(1, 2)) >= best).all()


def test_aligned_pose_ignores_a_similarity_of_the_source():
    source, target = poses(), poses(seed=9)
    np.testing.assert_allclose(
        similarity_align(moved(source, *motion()), target),
        similarity_align(source, target),
        atol=1e-13,
    )


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_degenerate_poses_give_finite_numbers(reflection, dtype):
    line = np.linspace(-1, 1, 17)[:, None] * [1.0, 2.0, 3.0]
    flat = np.random.default_rng(4).normal(size=(17, 3)) * [1, 1, 0]
    shapes = {
        "zero": np.zeros((17, 3)),
        "point": np.full((17, 3), 7.0),
        "line": line,
        "flat": flat,
        "real": poses(1)[0],
    }
    source = np.stack([a for a in shapes.values() for _ in shapes]).astype(dtype)
    target = np.stack([b for _ in shapes for b in shapes.values()]).astype(dtype)
    scale, rotation, shift = similarity_parameters(source, target, reflection)
    for part in (scale, rotation, shift):
        assert np.isfinite(part).all()
    aligned = np.asarray(similarity_align(source, target, reflection))
    assert np.isfinite(aligned).all()
    # Never worse than putting every joint on the target's mean.
    near = ((aligned - target) ** 2).sum(axis=(1, 2))
    mean = ((target - target.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    assert (near <= mean * (1 + 1e-5) + 1e-9).all()
    identical = [row * (len(shapes) + 1) for row in range(len(shapes))]
    np.testing.assert_allclose(aligned[identical], target[identical], atol=1e-5)


def test_pose_without_extent_lands_on_the_targets_mean():
    target = poses(1)
    scale, _, _ = similarity_parameters(np.full((1, 17, 3), 2.0), target)
    assert scale[0] == 0
    aligned = similarity_align(np.full((1, 17, 3), 2.0), target)
    np.testing.assert_allclose(aligned[0], np.tile(target[0].mean(axis=0), (17, 1)), atol=1e-15)


def test_broken_pose_spoils_only_itself():
    source, target = poses(), poses(seed=9)
    whole = np.asarray(similarity_align(source, target))
    source[2, 5, 1] = np.nan
    source[4, 0, 0] = np.inf
    got = np.asarray(similarity_align(source, target))
    np.testing.assert_array_equal(got[[0, 1, 3]], whole[[0, 1, 3]])
    assert np.isnan(got[[2, 4]]).all()


@BOTH
def test_gradient_equals_the_finite_difference(reflection):
    source, target = poses(2), poses(2, seed=9)
    exact, numeric = tf.test.compute_gradient(
        lambda x: similarity_align(x, target, reflection), [tf.constant(source)], delta=1e-5
    )
    np.testing.assert_allclose(exact[0], numeric[0], atol=1e-7)


def test_gradient_is_finite_at_degenerate_poses():
    line = np.linspace(-1, 1, 17)[:, None] * [1.0, 2.0, 3.0]
    source = tf.Variable(np.stack([np.zeros((17, 3)), np.ones((17, 3)), line]))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(similarity_align(source, poses(3)) ** 2)
    assert np.isfinite(tape.gradient(total, source)).all()


@BOTH
def test_graph_gives_the_eager_numbers(reflection):
    source, target = poses(), poses(seed=9)
    spec = tf.TensorSpec([None, 17, 3], tf.float64)
    graph = tf.function(
        lambda a, b: similarity_align(a, b, reflection), input_signature=[spec, spec]
    )
    np.testing.assert_array_equal(
        graph(source, target), similarity_align(source, target, reflection)
    )


@BOTH
def test_compiled_code_gives_the_eager_numbers(reflection):
    # XLA has no determinant, and its singular vectors are iterated to about 1e-5 in float32: a
    # hundredth of a millimetre on a person of a metre (measured 1.2e-5).
    source, target = poses().astype(np.float32), poses(seed=9).astype(np.float32)

    @tf.function(jit_compile=True)
    def compiled(source, target):
        return similarity_align(source, target, reflection)

    eager = similarity_align(source, target, reflection)
    np.testing.assert_allclose(compiled(source, target), eager, atol=5e-5)


def test_half_precision_is_computed_in_float32():
    source, target = poses(), poses(seed=9)
    got = similarity_align(source.astype(np.float16), target.astype(np.float16))
    assert got.dtype == tf.float32
    np.testing.assert_allclose(got, similarity_align(source, target), atol=5e-3)


def test_leading_axes_are_kept():
    source, target = poses(6).reshape(2, 3, 17, 3), poses(6, seed=9).reshape(2, 3, 17, 3)
    scale, rotation, shift = similarity_parameters(source, target)
    assert (scale.shape, rotation.shape, shift.shape) == ((2, 3), (2, 3, 3, 3), (2, 3, 3))
    np.testing.assert_allclose(
        similarity_align(source, target)[1, 2], similarity_align(source[1, 2], target[1, 2])
    )


@pytest.mark.parametrize(
    ("source", "target", "reflection", "complaint"),
    [
        (np.zeros((17, 2)), np.zeros((17, 3)), "best", "^source must have the shape"),
        (np.zeros((17, 3)), np.zeros(3), "best", "^target must have the shape"),
        (np.zeros((17, 3)), np.zeros((16, 3)), "best", r"same shape.*\[17, 3\] and \[16, 3\]"),
        (np.zeros((17, 3)), np.zeros((17, 3)), "allow", "'forbid', 'best', but it is 'allow'"),
    ],
)
def test_wrong_arguments_are_refused(source, target, reflection, complaint):
    with pytest.raises(ValueError, match=complaint):
        similarity_align(source, target, reflection)
