"""The geometric constraint: official values and gradients, by hand, and the facts of the paper."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pose.losses import BoneGroup, bone_group_variances, bone_variance
from keras_pose.losses.body_groups import BODY_GROUPS
from keras_pose.skeletons import MPII_16

# Three bones of a chain of four joints; the last is half as long on a typical body.
CHAIN = (BoneGroup("chain", ((0, 1), (1, 2), (2, 3)), (1.0, 1.0, 0.5), 1.0),)
# The row of the vectors with a bone of length exactly 0 (see their README).
ZERO_BONE = 19


@pytest.fixture(scope="module")
def golden():
    path = Path(__file__).parents[1] / "golden" / "wild3d" / "geometric_loss.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _points(xy, depth):
    return tf.concat([tf.constant(xy), depth[..., None]], axis=-1)


def _value_and_gradient(xy, depth, visible, form="length"):
    depth = tf.constant(depth)
    with tf.GradientTape() as tape:
        tape.watch(depth)
        values = bone_variance(_points(xy, depth), visible, BODY_GROUPS, form)
    return np.array(values), np.array(tape.gradient(values, depth))


def _random_people(rng, num=6):
    xy = rng.uniform(-1, 1, (num, 16, 2))
    return xy, rng.uniform(-1, 1, (num, 16)), rng.random((num, 16)) < 0.8


def test_groups_and_weights_are_those_of_the_specification():
    leg, arm, hip, shoulder = BODY_GROUPS
    assert leg.bones == ((0, 1), (1, 2), (3, 4), (4, 5))
    assert arm.bones == ((10, 11), (11, 12), (13, 14), (14, 15))
    assert hip.bones == ((2, 6), (3, 6)) and shoulder.bones == ((12, 8), (13, 8))
    shin, forearm = 1.0085885098415446, 1.1375361376887123
    np.testing.assert_allclose(leg.weights, [shin, 1, 1, shin], rtol=1e-11)
    np.testing.assert_allclose(arm.weights, [forearm, 1, 1, forearm], rtol=1e-11)
    assert hip.weights == shoulder.weights == (1.0, 1.0)


def test_values_and_gradients_equal_the_official_ones(golden):
    xy, depth, visible = (golden[name] for name in ("xy_norm", "depth", "vis"))
    values, gradients = _value_and_gradient(xy, depth, visible)
    assert values.dtype == np.float64
    groups = bone_group_variances(_points(xy, tf.constant(depth)), visible, BODY_GROUPS)
    rows = np.arange(len(depth)) != ZERO_BONE
    # Double precision throughout: 1e-8 is the tolerance of section 15, 1e-12 what is met.
    np.testing.assert_allclose(groups[rows], golden["loss_per_group"][rows], atol=1e-11)
    np.testing.assert_allclose(values[rows], golden["loss_per_sample"][rows], atol=1e-11)
    np.testing.assert_allclose(values[rows], golden["official_lua_value"][rows], atol=1e-8)
    np.testing.assert_allclose(gradients[rows], golden["grad_depth"][rows], atol=1e-8)
    np.testing.assert_allclose(gradients[rows], golden["official_lua_grad"][rows], atol=1e-8)
    np.testing.assert_allclose(gradients[rows], golden["autograd_grad_f64"][rows], atol=1e-8)


def test_gradient_of_the_python_release_as_it_was_meant(golden):
    _, gradients = _value_and_gradient(golden["xy_norm"], golden["depth"], golden["vis"])
    # Row 16 shows nobody, which that release takes for a picture with depth labels. The rest is single
    # precision over a batch of 24.
    rows = [row for row in range(24) if row not in (16, ZERO_BONE)]
    as_meant = 24 * golden["official_py_grad_asmeant"]
    np.testing.assert_allclose(gradients[rows], as_meant[rows], atol=2e-6)


def test_gradient_of_the_python_release_as_it_ran(golden):
    # It brings the pixels to the unit twice, in place.
    twice = 2 * golden["xy_norm"] / 64 - 1
    _, gradients = _value_and_gradient(twice, golden["depth"], golden["vis"])
    rows = [row for row in range(24) if row not in (16, ZERO_BONE)]
    as_ran = 24 * golden["official_py_grad_asshipped"]
    np.testing.assert_allclose(gradients[rows], as_ran[rows], atol=2e-6)


def test_batch_value_of_the_python_release(golden):
    values, _ = _value_and_gradient(golden["xy_norm"], golden["depth"], golden["vis"])
    values[ZERO_BONE] -= _left_out(golden["xy_norm"], golden["depth"])
    # Row 16 is regressed to depth 0 there, with the weight 0.1 of depth labels.
    values[16] = 0.1 * np.mean(golden["depth"][16] ** 2)
    np.testing.assert_allclose(values.mean(), golden["official_py_batch_value"], atol=1e-8)


def _lengths(points, group):
    """Weighted lengths by plain NumPy."""
    ends = zip(group.bones, group.weights, strict=True)
    return np.array([w * np.linalg.norm(points[a] - points[b]) for (a, b), w in ends])


def _left_out(xy, depth):
    """What the official sum leaves out in the row with an empty bone: the square of the mean length."""
    points = np.concatenate([xy, depth[..., None]], axis=-1)[ZERO_BONE]
    groups = [_lengths(points, group) for group in BODY_GROUPS]
    return sum(np.mean((lengths == 0) * lengths.mean() ** 2) for lengths in groups)


def test_a_bone_of_length_zero_is_counted_like_any_other(golden):
    # The official sum leaves it out, its count and its mean do not: section 6 asks for the variance.
    xy, depth, visible = (golden[name] for name in ("xy_norm", "depth", "vis"))
    values, gradients = (rows[ZERO_BONE] for rows in _value_and_gradient(xy, depth, visible))
    points = np.concatenate([xy, depth[..., None]], axis=-1)[ZERO_BONE]
    expected = sum(np.var(_lengths(points, group)) for group in BODY_GROUPS)
    assert _left_out(xy, depth) > 0
    np.testing.assert_allclose(values, expected, atol=1e-12)
    official = golden["loss_per_sample"][ZERO_BONE]
    np.testing.assert_allclose(values - _left_out(xy, depth), official, atol=1e-12)
    # The official gradient, written by hand, is that of the variance and not of its own value.
    np.testing.assert_allclose(gradients, golden["grad_depth"][ZERO_BONE], atol=1e-8)
    assert np.abs(gradients - golden["autograd_grad_f64"][ZERO_BONE]).max() > 0.01


def test_the_variant_of_the_later_release(golden):
    # Units of the map's side, a factor of one half, and the mean over the batch of 24.
    xy, depth = golden["master_xy"], golden["master_depth"]
    values, gradients = _value_and_gradient(xy, depth, golden["vis"])
    np.testing.assert_allclose(gradients / 2 / 24, golden["master_grad"], atol=1e-7)
    values[ZERO_BONE] -= _left_out(xy, depth)
    np.testing.assert_allclose(values.mean() / 2, golden["master_value"], atol=1e-8)


def test_value_and_gradient_by_hand():
    # Lengths 1, 2 (along depth) and, counted twice, 2 * 1 = 2: mean 5/3, variance 2/9.
    points = tf.constant([[0.0, 0, 0], [1.0, 0, 0], [1.0, 0, 2.0], [1.0, 1.0, 2.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(points)
        value = bone_variance(points, np.ones(4), CHAIN)
    np.testing.assert_allclose(value, 2 / 9)
    np.testing.assert_allclose(bone_variance(points, np.ones(4), CHAIN, "ratio"), 2 / 9)
    # d/dl of the variance is 2/3 (l - mean): -4/9, 2/9, 2/9, the last times its weight 2.
    slope = np.array([[4 / 9, 0, 0], [-4 / 9, 0, -2 / 9], [0, -4 / 9, 2 / 9], [0, 4 / 9, 0]])
    np.testing.assert_allclose(tape.gradient(value, points), slope, atol=1e-12)
    # Without the first joint two bones are left, both of weighted length 2.
    np.testing.assert_allclose(bone_variance(points, [0, 1, 1, 1], CHAIN), 0.0, atol=1e-15)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_negated_and_shifted_depths_cost_the_same(seed):
    xy, depth, visible = _random_people(np.random.default_rng(seed))
    value, slope = _value_and_gradient(xy, depth, visible)
    mirrored, mirrored_slope = _value_and_gradient(xy, -depth, visible)
    np.testing.assert_allclose(mirrored, value, rtol=1e-12)
    np.testing.assert_allclose(mirrored_slope, -slope, atol=1e-12)
    shifted, shifted_slope = _value_and_gradient(xy, depth + 3.7, visible)
    np.testing.assert_allclose(shifted, value, rtol=1e-10)
    np.testing.assert_allclose(shifted_slope, slope, atol=1e-10)
    # Nothing pulls at the person as a whole.
    np.testing.assert_allclose(slope.sum(axis=-1), 0.0, atol=1e-12)


@given(st.integers(0, 10_000), st.floats(-3, 3))
@settings(max_examples=20, deadline=None)
def test_flat_people_are_stationary(seed, height):
    xy, depth, visible = _random_people(np.random.default_rng(seed))
    values, slope = _value_and_gradient(xy, np.full_like(depth, height), visible)
    assert (values > 0).any()
    np.testing.assert_array_equal(slope, 0.0)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_left_and_right_may_change_places(seed):
    xy, depth, visible = _random_people(np.random.default_rng(seed))
    swap = list(MPII_16.flip_permutation)
    value, slope = _value_and_gradient(xy, depth, visible)
    mirrored = xy[:, swap] * [-1, 1]
    swapped, swapped_slope = _value_and_gradient(mirrored, depth[:, swap], visible[:, swap])
    np.testing.assert_allclose(swapped, value, rtol=1e-12)
    np.testing.assert_allclose(swapped_slope, slope[:, swap], atol=1e-12)


def test_one_bone_and_no_bone_cost_nothing():
    rng = np.random.default_rng(1)
    xy, depth, _ = _random_people(rng, 2)
    visible = np.zeros((2, 16))
    visible[0, list(MPII_16.indices(("left_knee", "left_ankle", "right_wrist")))] = 1
    values, slope = _value_and_gradient(xy, depth, visible)
    np.testing.assert_allclose(values, 0.0, atol=1e-30)
    np.testing.assert_allclose(slope, 0.0, atol=1e-15)


def test_ratio_form_is_the_variance_of_ratios_to_typical_lengths():
    xy, depth, _ = _random_people(np.random.default_rng(2))
    points = np.concatenate([xy, depth[..., None]], -1)
    ratio = np.array(bone_group_variances(points, np.ones((6, 16)), BODY_GROUPS, "ratio"))
    length = np.array(bone_group_variances(points, np.ones((6, 16)), BODY_GROUPS))
    # Metres of section 1: thigh, upper arm, pelvis to hip, neck to shoulder.
    reference = np.array([0.456008604234, 0.284125346475, 0.134201602044, 0.180776851782])
    np.testing.assert_allclose(ratio, length / reference**2, rtol=1e-12)
    for column, group in enumerate(BODY_GROUPS):
        own = [np.linalg.norm(points[:, a] - points[:, b], axis=-1) for a, b in group.bones]
        ratios = np.stack(own, -1) / np.array(group.lengths)
        np.testing.assert_allclose(ratio[:, column], ratios.var(axis=-1), rtol=1e-10)


def test_hidden_joints_may_be_anything():
    xy, depth, visible = _random_people(np.random.default_rng(3))
    value, slope = _value_and_gradient(xy, depth, visible)
    broken_xy = np.where(visible[..., None], xy, np.nan)
    broken_depth = np.where(visible, depth, np.inf)
    again, again_slope = _value_and_gradient(broken_xy, broken_depth, visible)
    np.testing.assert_array_equal(again, value)
    np.testing.assert_array_equal(again_slope, slope)


def test_gradients_are_finite_where_bones_vanish():
    for depth in (np.zeros((1, 16)), np.full((1, 16), 1e-25)):
        for visible in (np.ones((1, 16)), np.zeros((1, 16))):
            values, slope = _value_and_gradient(np.zeros((1, 16, 2)), depth, visible)
            assert np.isfinite(values).all() and np.isfinite(slope).all()


def test_gradient_equals_finite_differences():
    rng = np.random.default_rng(4)
    xy, depth, visible = _random_people(rng)
    _, slope = _value_and_gradient(xy, depth, visible)
    direction = rng.standard_normal(depth.shape)
    ends = [_value_and_gradient(xy, depth + s * 1e-6 * direction, visible)[0] for s in (1, -1)]
    numeric = (ends[0] - ends[1]) / 2e-6
    np.testing.assert_allclose((slope * direction).sum(-1), numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(dtype):
    xy, depth, visible = _random_people(np.random.default_rng(5))
    points = np.concatenate([xy, depth[..., None]], -1)
    half = tf.cast(points, dtype)
    value = bone_variance(half, visible, BODY_GROUPS)
    assert value.dtype == tf.float32
    rounded = bone_variance(tf.cast(half, tf.float64), visible, BODY_GROUPS)
    np.testing.assert_allclose(value, rounded, rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_as_plain(jit_compile):
    xy, depth, visible = _random_people(np.random.default_rng(6))
    points = np.concatenate([xy, depth[..., None]], -1)
    compiled = tf.function(lambda p, v: bone_variance(p, v, BODY_GROUPS), jit_compile=jit_compile)
    plain = bone_variance(points, visible, BODY_GROUPS)
    np.testing.assert_allclose(
        compiled(tf.constant(points), tf.constant(visible)), plain, rtol=1e-10
    )


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: bone_variance(np.zeros((4, 3)), np.ones(4), ()), "groups is empty"),
        (lambda: bone_variance(np.zeros((4, 3)), np.ones(4), CHAIN, "area"), "form must be one of"),
        (lambda: bone_variance(np.zeros((4, 2)), np.ones(4), CHAIN), "points must have the shape"),
        (lambda: BoneGroup("a", ((0, 1),), (), 1.0), "1 bones and 0 lengths"),
        (lambda: BoneGroup("a", ((0, 1),), (0.0,), 1.0), "not above 0"),
    ],
)
def test_wrong_arguments_are_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
