"""NT-Xent: the official code's values and gradients, laws, extra negatives, low precision."""

import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.losses import contrastive_logits, nt_xent, rows_cross_entropy

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "golden" / "peclr" / "a0_ntxent.npz")
CASES = [(i, float(row[2])) for i, row in enumerate(GOLDEN["cases_n_dim_tau"])]
RANDOM = np.random.default_rng(11)


def _unit(*shape):
    rows = RANDOM.normal(size=shape)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _mean_and_gradients(first, second, temperature):
    first, second = tf.constant(first), tf.constant(second)
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        loss = tf.reduce_mean(nt_xent(first, second, temperature))
    return loss, tape.gradient(loss, [first, second])


@pytest.mark.parametrize(("case", "temperature"), CASES)
def test_values_and_gradients_equal_the_official_code(case, temperature):
    first, second = GOLDEN[f"c{case}_z1"], GOLDEN[f"c{case}_z2"]
    loss, gradients = _mean_and_gradients(
        first.astype(np.float64), second.astype(np.float64), temperature
    )
    np.testing.assert_allclose(loss, GOLDEN[f"c{case}_loss_f64"], rtol=1e-12)
    for gradient, key in zip(gradients, ("dz1", "dz2"), strict=True):
        # The stored gradients are rounded to float32.
        np.testing.assert_allclose(gradient, GOLDEN[f"c{case}_{key}"], rtol=1e-6, atol=1e-8)
    loss, gradients = _mean_and_gradients(first, second, temperature)
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, GOLDEN[f"c{case}_loss_f32"], rtol=1e-6, atol=1e-6)
    for gradient, key in zip(gradients, ("dz1", "dz2"), strict=True):
        np.testing.assert_allclose(gradient, GOLDEN[f"c{case}_{key}"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("temperature", [0.5, 0.07, 1e-3])
def test_a_single_pair_has_nothing_to_tell_apart(temperature):
    losses = nt_xent(_unit(1, 16).astype(np.float32), _unit(1, 16).astype(np.float32), temperature)
    np.testing.assert_array_equal(losses, [0.0, 0.0])


def test_orthogonal_rows_are_a_uniform_guess():
    rows = np.eye(256, dtype=np.float32)
    # 255 candidates, all at similarity 0.
    np.testing.assert_allclose(
        nt_xent(rows[:128], rows[128:]), np.full(256, math.log(255)), rtol=1e-6
    )


def test_equal_partners_and_all_else_orthogonal_by_hand():
    rows = np.eye(4)
    # One candidate at exp(2), six at exp(0).
    expected = math.log(math.exp(2) + 6) - 2
    np.testing.assert_allclose(nt_xent(rows, rows), np.full(8, expected), rtol=1e-12)


def test_low_temperatures_do_not_overflow():
    rows = np.eye(8, dtype=np.float32)[:, :8]
    losses, gradients = _mean_and_gradients(rows, rows, 1e-4)
    assert np.isfinite(losses) and losses < 1e-6
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_rows_are_compared_in_float32(dtype):
    first, second = (tf.cast(_unit(16, 32), dtype) for _ in range(2))
    losses = nt_xent(first, second, 0.1)
    assert losses.dtype == tf.float32
    wide = nt_xent(tf.cast(first, tf.float32), tf.cast(second, tf.float32), 0.1)
    np.testing.assert_array_equal(losses, wide)


def _gather_of(parts, number):
    """What all replicas hold, seen from one of them."""
    start = sum(part.shape[0] for part in parts[:number])

    def gather(rows):
        return tf.concat([*parts[:number], rows, *parts[number + 1 :]], axis=0), start

    return gather


def test_gathered_negatives_equal_one_big_batch():
    first, second = tf.constant(_unit(6, 8)), tf.constant(_unit(6, 8))
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        whole = nt_xent(first, second, 0.2)
        total = tf.reduce_sum(whole)
    expected = tape.gradient(total, [first, second])
    pairs = [slice(0, 2), slice(2, 6)]  # replicas may even differ in size
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        parts = [tf.concat([first[pair], second[pair]], axis=0) for pair in pairs]
        losses = [
            nt_xent(first[pair], second[pair], 0.2, gather=_gather_of(parts, number))
            for number, pair in enumerate(pairs)
        ]
        total = sum(tf.reduce_sum(values) for values in losses)
    got = tape.gradient(total, [first, second])
    by_view = [np.split(values.numpy(), 2) for values in losses]
    joined = np.concatenate([part[view] for view in (0, 1) for part in by_view])
    np.testing.assert_allclose(joined, whole, rtol=1e-12)
    np.testing.assert_allclose(got[0], expected[0], atol=1e-12)
    np.testing.assert_allclose(got[1], expected[1], atol=1e-12)


def test_a_bank_adds_negatives_without_gradient_and_empty_places_do_not_count():
    rows, bank = np.eye(8), tf.constant(np.eye(8)[[6, 0, 7]])
    first, second = tf.constant(rows[:2]), tf.constant(rows[2:4])
    with tf.GradientTape() as tape:
        tape.watch([first, bank])
        losses = nt_xent(first, second, 0.5, bank=bank)
    # Row 0 meets itself in the bank at exp(2); the others see three orthogonal rows more.
    expected = [math.log(5 + math.exp(2)), math.log(6), math.log(6), math.log(6)]
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    of_first, of_bank = tape.gradient(losses, [first, bank])
    assert of_bank is None and np.any(of_first)
    empty = np.concatenate([bank, np.zeros((5, 8))])
    np.testing.assert_allclose(nt_xent(first, second, 0.5, bank=empty), expected, rtol=1e-12)
    alone = nt_xent(first, second, 0.5, bank=np.zeros((5, 8)))
    np.testing.assert_allclose(alone, nt_xent(first, second), rtol=1e-12)


def test_partners_are_the_other_view_of_the_same_picture():
    logits, partner = contrastive_logits(np.eye(6)[:3], np.eye(6)[:3], 1.0)
    np.testing.assert_array_equal(partner, [3, 4, 5, 0, 1, 2])
    # A row that equals its partner finds it, and never itself.
    np.testing.assert_array_equal(np.argmax(logits, axis=-1), partner)
    np.testing.assert_array_less(np.diagonal(logits), -1e8)


def test_sizes_unknown_while_tracing():
    @tf.function(input_signature=[tf.TensorSpec([None, 8]), tf.TensorSpec([None, 8])])
    def traced(first, second):
        return nt_xent(first, second)

    first, second = _unit(5, 8).astype(np.float32), _unit(5, 8).astype(np.float32)
    np.testing.assert_allclose(traced(first, second), nt_xent(first, second), rtol=1e-6)


def test_cross_entropy_of_rows_by_hand():
    logits = np.log([[1.0, 3.0, 4.0], [5.0, 1.0, 2.0]])
    losses = rows_cross_entropy(tf.constant(logits), tf.constant([1, 2]))
    np.testing.assert_allclose(losses, [math.log(8 / 3), math.log(4.0)], rtol=1e-12)
