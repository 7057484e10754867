"""Errors of maps and coordinates: the official batch, hand values and gradients, hidden joints."""

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.codecs import encode_heatmaps
from keras_pose.losses import bone_variance, coordinate_error, heatmap_error, map_divergence
from keras_pose.losses.body_groups import BODY_GROUPS


@pytest.fixture(scope="module")
def fusion():
    path = Path(__file__).parents[1] / "golden" / "wild3d" / "fusion_loss.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def test_map_error_equals_the_official_one(fusion):
    predicted = np.moveaxis(fusion["hm_pred_sample0"].astype(np.float64), 0, -1)
    true = encode_heatmaps(fusion["hm_target_xy"][0], np.ones(16), 64)
    np.testing.assert_allclose(heatmap_error(predicted, true), fusion["hm_mse_sample0"], atol=1e-8)


@pytest.mark.parametrize(("stage", "geometric_weight"), [(2, 0.0), (3, 0.01)])
def test_depth_terms_of_a_mixed_batch_equal_the_official_ones(fusion, stage, geometric_weight):
    """0.1 mean squared depth error where there are depth labels, the constraint elsewhere."""
    labelled, target = fusion["is3d"], fusion["target3"]
    depth = tf.constant(fusion["depth"])
    xy = 2.0 * target[..., :2] / 64 - 1.0
    with tf.GradientTape() as tape:
        tape.watch(depth)
        points = tf.concat([xy, depth[..., None]], axis=-1)
        geometric = bone_variance(points, target[..., 2], BODY_GROUPS)
        squared = tf.reduce_mean(tf.square(depth - target[..., 2]), axis=-1)
        terms = tf.where(labelled, 0.1 * squared, geometric_weight * geometric)
        total = tf.reduce_mean(terms)
    np.testing.assert_allclose(total, fusion[f"total_stage{stage}"], atol=1e-8)
    slope = tape.gradient(total, depth)
    np.testing.assert_allclose(slope, fusion[f"grad_stage{stage}"], atol=1e-8)
    if stage == 3:
        np.testing.assert_allclose(terms, fusion["per_sample_stage3"], atol=1e-8)
        np.testing.assert_allclose(slope, fusion["lua_grad"], atol=1e-8)
        # The Torch7 code reports the last picture alone, over the size of the batch.
        np.testing.assert_allclose(terms[-1] / 6, fusion["lua_value"], atol=1e-8)
        # What the Python release trained with points elsewhere where there are no depth labels.
        wrong = fusion["grad_stage3_official_asshipped"]
        np.testing.assert_allclose(slope[labelled], wrong[labelled], atol=1e-7)
        assert np.abs(slope - wrong)[~labelled].max() > 1e-5


def test_map_error_by_hand():
    predicted = np.zeros((2, 1, 2, 2))  # 2 pictures, 1 x 2 pixels, 2 joints
    predicted[0, 0, 0] = [1.0, 2.0]
    true = np.zeros_like(predicted)
    true[1, 0, 1] = [3.0, 0.0]
    with tf.GradientTape() as tape:
        maps = tf.constant(predicted)
        tape.watch(maps)
        error = heatmap_error(maps, true)
    np.testing.assert_allclose(error, [5 / 4, 9 / 4])
    np.testing.assert_allclose(tape.gradient(error, maps)[:, 0, 0], [[0.5, 1.0], [0.0, 0.0]])
    # Weights act on joints; the mean stays over all of them.
    np.testing.assert_allclose(
        heatmap_error(predicted, true, np.array([[1.0, 0.0], [0.5, 1.0]])), [1 / 4, 9 / 8]
    )


def test_joints_of_weight_zero_may_be_anything():
    predicted, true = np.random.default_rng(0).standard_normal((2, 3, 4, 4, 5))
    weights = np.array([1, 0, 1, 1, 0.0]) * np.ones((3, 1))
    clean = heatmap_error(predicted, true, weights)
    maps = tf.constant(np.where(weights[:, None, None] > 0, predicted, np.nan))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        error = heatmap_error(maps, true, weights)
    np.testing.assert_array_equal(error, clean)
    assert np.isfinite(tape.gradient(error, maps)).all()


def test_coordinate_error_by_hand():
    points = np.array([[1.0, 2.0], [4.0, 4.0], [np.nan, 0.0]])
    target = np.array([[0.0, 4.0], [4.0, 3.0], [0.0, 0.0]])
    # Per joint (1 + 2) / 2 and (0 + 1) / 2.
    np.testing.assert_allclose(coordinate_error(points, target, np.array([1, 1, 0])), 1.0)
    np.testing.assert_allclose(coordinate_error(points, target, np.zeros(3)), 0.0)


def test_divergence_by_hand():
    # One joint on two pixels: (1, 0) against (0, 1) is log 2, against (1/2, 1/2) what follows.
    def maps(*values):
        return np.array(values, np.float64).reshape(1, 2, 1)

    one = np.ones(1)
    np.testing.assert_allclose(map_divergence(maps(1, 0), maps(0, 3), one), math.log(2))
    expected = (math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2)) / 2
    np.testing.assert_allclose(map_divergence(maps(1, 0), maps(1, 1), one), expected)
    np.testing.assert_allclose(map_divergence(maps(0.3, 0.7), maps(3, 7), one), 0.0, atol=1e-15)
    # Hidden, and without a map.
    assert map_divergence(maps(1, 0), maps(0, 1), np.zeros(1)) == 0.0
    assert map_divergence(maps(1, 0), maps(0, 0), one) == 0.0


def test_divergence_has_the_gradient_of_its_value():
    rng = np.random.default_rng(1)
    share = rng.uniform(0.01, 1, (2, 4, 4, 3))
    true = encode_heatmaps(rng.uniform(0, 4, (2, 3, 2)), np.ones((2, 3)), 4, 0.7, 1)
    visible = np.array([[1, 1, 0], [1, 0, 1]])
    direction = rng.standard_normal(share.shape)
    maps = tf.constant(share)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        total = tf.reduce_sum(map_divergence(maps, true, visible))
    slope = float(np.sum(tape.gradient(total, maps) * direction))
    ends = [np.sum(map_divergence(share + s * 1e-6 * direction, true, visible)) for s in (1, -1)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(dtype):
    predicted, true = np.abs(np.random.default_rng(2).standard_normal((2, 2, 64, 64, 3)))
    maps = [tf.cast(value, dtype) for value in (predicted, true)]
    single = [tf.cast(value, tf.float32) for value in maps]
    visible = np.ones((2, 3))
    for loss in (heatmap_error, map_divergence):
        assert loss(*maps, visible).dtype == tf.float32
        np.testing.assert_array_equal(loss(*maps, visible), loss(*single, visible))
    points = [value[:, 0, :, :2] for value in maps]
    assert coordinate_error(*points, np.ones((2, 64))).dtype == tf.float32


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: heatmap_error(np.zeros((4, 4, 2)), np.zeros((4, 4, 3))), "the same shape"),
        (lambda: heatmap_error(np.zeros((4, 2)), np.zeros((4, 2))), "height, width, joints"),
        (lambda: coordinate_error(np.zeros((4, 2)), np.zeros((5, 2)), np.ones(4)), "same shape"),
    ],
)
def test_wrong_arguments_are_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
