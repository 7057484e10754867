"""RMSprop and the steps of its learning rate: torch's trajectory, hand values, laws."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.train.optimizers import PlainRmsprop, StepDecay, build_optimizer

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "golden" / "wild3d" / "rmsprop.npz")
RATE = float(GOLDEN["lr"])


def _trajectory(optimizer, dtype="float64", compiled=False):
    """Values [5, 6] after each step with the golden gradients."""
    variable = keras.Variable(GOLDEN["p0"], dtype=dtype)
    optimizer.build([variable])
    apply = lambda gradient: optimizer.apply([gradient], [variable])  # noqa: E731
    apply = tf.function(apply, jit_compile=True) if compiled else apply
    values = []
    for gradient in GOLDEN["grads"]:
        apply(tf.constant(gradient, dtype))
        values.append(np.array(variable))
    return np.array(values)


def test_the_vectors_are_the_published_settings():
    optimizer = PlainRmsprop()
    assert (optimizer.rho, optimizer.epsilon) == (float(GOLDEN["alpha"]), float(GOLDEN["eps"]))


# In single precision the values themselves (about 1) are rounded to 6e-8 in each of five steps.
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-8), ("float32", 5e-7)])
@pytest.mark.parametrize("compiled", [False, True])
def test_trajectory_equals_torch(dtype, tolerance, compiled):
    # Keras hands the learning rate on in single precision, 3e-8 of a step of at most 10 rates.
    values = _trajectory(build_optimizer("rmsprop", RATE), dtype, compiled)
    np.testing.assert_allclose(values, GOLDEN["torch_traj"], atol=tolerance)


def test_what_keras_makes_of_the_same_numbers():
    """Why there is an optimizer of our own: epsilon under the root takes most of a small step away."""
    for epsilon, name in ((1e-8, "keras_eps1e8_traj"), (1e-16, "keras_eps1e16_traj")):
        optimizer = keras.optimizers.RMSprop(RATE, rho=0.99, epsilon=epsilon)
        np.testing.assert_allclose(_trajectory(optimizer), GOLDEN[name], atol=1e-8)
    first = np.abs(GOLDEN["keras_eps1e8_traj"][0] - GOLDEN["p0"])
    torch = np.abs(GOLDEN["torch_traj"][0] - GOLDEN["p0"])
    small = (np.abs(GOLDEN["grads"][0]) < 1e-5) & (torch > 0)
    assert small.any() and (first[small] < 0.1 * torch[small]).all()


def test_by_hand():
    variable = keras.Variable(np.array([1.0]), dtype="float64")
    optimizer = PlainRmsprop(0.5, rho=0.75, epsilon=1.0)
    optimizer.build([variable])
    optimizer.apply([tf.constant([2.0], tf.float64)], [variable])
    # v = 1, step 0.5 * 2 / (1 + 1).
    np.testing.assert_allclose(variable, [0.5])
    optimizer.apply([tf.constant([0.0], tf.float64)], [variable])
    np.testing.assert_allclose(variable, [0.5])
    optimizer.apply([tf.constant([1.0], tf.float64)], [variable])
    # v = 0.75^2 + 0.25 = 0.8125.
    np.testing.assert_allclose(variable, [0.5 - 0.5 / (1.0 + np.sqrt(0.8125))])


def test_decay_joins_the_gradient_of_matrices():
    variables = [keras.Variable(np.ones((1, 1))), keras.Variable(np.ones(1))]
    optimizer = build_optimizer("rmsprop", 0.1, weight_decay=0.5)
    optimizer.build(variables)
    optimizer.apply([tf.zeros((1, 1)), tf.zeros(1)], variables)
    # Whatever its size, the first gradient moves by rate / sqrt(1 - rho).
    np.testing.assert_allclose(variables[0], [[0.0]], atol=1e-5)
    np.testing.assert_array_equal(variables[1], [1.0])


def test_rate_falls_after_each_step():
    schedule = StepDecay(2.0, (3, 5), 0.5)
    rates = [float(schedule(step)) for step in range(7)]
    assert rates == [2.0, 2.0, 2.0, 1.0, 1.0, 0.5, 0.5]
    assert float(StepDecay(0.25)(10**9)) == 0.25
    graph = tf.function(schedule)
    assert [float(graph(tf.constant(step))) for step in (2, 3, 5)] == [2.0, 1.0, 0.5]


def test_schedule_and_optimizer_survive_serialisation():
    optimizer = build_optimizer("rmsprop", StepDecay(0.1, [2], 0.1))
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is PlainRmsprop and again.get_config() == optimizer.get_config()
    np.testing.assert_array_equal(_trajectory(again), _trajectory(optimizer))


@pytest.mark.parametrize(
    ("steps", "factor"), [((5, 3), 0.1), ((0,), 0.1), ((3, 3), 0.1), ((3,), -1.0)]
)
def test_steps_that_make_no_sense_are_refused(steps, factor):
    with pytest.raises(ValueError, match="must be positive and increasing"):
        StepDecay(0.1, steps, factor)
