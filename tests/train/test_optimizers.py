"""LARS, AdamW and the schedule: the official trajectory, hand values, laws, serialisation."""

import json
import math
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.train.optimizers import (
    OPTIMIZERS,
    FilteredAdamW,
    Lars,
    WarmupCosine,
    build_optimizer,
    is_decayed,
)

FOLDER = pathlib.Path(__file__).parents[1] / "golden" / "peclr"
GOLDEN = np.load(FOLDER / "e_optim.npz")
STEPS, WARMUP, TOTAL = (int(value) for value in GOLDEN["hyper_steps_warm_total"])
RATE, DECAY = float(GOLDEN["base_lr"]), float(GOLDEN["wd"])
NAMES = ("w", "z", "b")


def _variables(arrays, dtype="float64"):
    return [
        keras.Variable(np.array(array), dtype=dtype, name=f"variable_{number}")
        for number, array in enumerate(arrays)
    ]


def test_schedule_before_each_step_equals_the_official_one():
    schedule = WarmupCosine(RATE, WARMUP, TOTAL, clamp=False)
    rates = [schedule(step) for step in range(STEPS)]
    np.testing.assert_allclose(rates, GOLDEN["lr_before_step"], rtol=1e-5, atol=1e-9)
    assert rates[0] == 0 and rates[WARMUP - 1] == np.float32(RATE)
    clamped = WarmupCosine(RATE, WARMUP, TOTAL)
    rates = [float(clamped(step)) for step in range(STEPS)]
    np.testing.assert_allclose(
        rates[: TOTAL + 1], GOLDEN["lr_before_step"][: TOTAL + 1], rtol=1e-5, atol=1e-9
    )
    assert rates[TOTAL:] == [0.0] * (STEPS - TOTAL)


@pytest.mark.parametrize("run", ["fh_yt", "fh_only"])
def test_schedule_of_the_published_runs_and_its_overshoot(run):
    _, _, warmup, total, steps = GOLDEN[f"sched_{run}_samples_iters_warm_total_realsteps"]
    peak = 1e-4 * math.sqrt(2048)
    schedule = WarmupCosine(peak, int(warmup), int(total), clamp=False)
    rates = np.array([schedule(step) for step in range(0, steps, 25)])
    np.testing.assert_allclose(rates, GOLDEN[f"sched_{run}_lr_every25"], atol=1e-6 * peak)
    rates = np.array([schedule(step) for step in range(steps - 20, steps)])
    np.testing.assert_allclose(rates, GOLDEN[f"sched_{run}_lr_last20"], atol=1e-6 * peak)
    assert rates[-1] > rates.min() and steps > total


@pytest.mark.parametrize(("warmup", "first"), [(0, 1.0), (1, 0.0), (2, 0.0)])
def test_short_warm_ups(warmup, first):
    schedule = WarmupCosine(1.0, warmup, 10)
    assert float(schedule(0)) == first
    assert float(schedule(max(warmup, 1))) == pytest.approx(1.0, abs=0.05)


def test_a_warm_up_of_the_whole_run_is_refused():
    with pytest.raises(ValueError, match="warmup_steps=5 leaves no steps of num_steps=5"):
        WarmupCosine(1.0, 5, 5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 5e-6), ("float32", 2e-5)])
def test_lars_around_adam_follows_the_official_trajectory(dtype, tolerance):
    # The vectors decay w and z and spare b; a rank filter would decide otherwise for z.
    for names, decay in ((("w", "z"), DECAY), (("b",), 0.0)):
        variables = _variables([GOLDEN[f"init_{name}"] for name in names], dtype)
        optimizer = Lars(
            WarmupCosine(RATE, WARMUP, TOTAL, clamp=False),
            coupled_decay=decay,
            decay_filter="names",
        )
        optimizer.build(variables)
        for step in range(STEPS):
            gradients = [tf.constant(GOLDEN[f"grad_{name}"][step], dtype) for name in names]
            optimizer.apply(gradients, variables)
            for name, variable in zip(names, variables, strict=True):
                expected = GOLDEN[f"traj_{name}"][step]
                np.testing.assert_allclose(variable, expected, atol=tolerance)


def _scaled_gradient(value, gradient, rate, **settings):
    """What the inner rule sees, read off a first momentum: SGD's is the gradient itself."""
    (variable,) = _variables([value])
    optimizer = Lars(rate, inner="sgd", decay_filter="names", **settings)
    optimizer.build([variable])
    optimizer.apply([tf.constant(gradient, tf.float64)], [variable])
    return np.array(optimizer.slots[0][0]), np.array(variable)


@pytest.mark.parametrize("name", NAMES)
def test_scaled_gradients_equal_the_official_ones(name):
    decay = 0.0 if name == "b" else DECAY
    before = [GOLDEN[f"init_{name}"], *GOLDEN[f"traj_{name}"]]
    for step in range(STEPS):
        scaled, _ = _scaled_gradient(
            before[step],
            GOLDEN[f"grad_{name}"][step],
            float(GOLDEN["lr_before_step"][step]),
            coupled_decay=decay,
        )
        np.testing.assert_allclose(scaled, GOLDEN[f"scaledgrad_{name}"][step], atol=1e-6)


def test_lars_by_hand():
    value, gradient = np.array([3.0, 4.0]), np.array([0.0, 2.0])  # norms 5 and 2
    # 0.02 * 5 / 2 = 0.05, half of the learning rate.
    scaled, after = _scaled_gradient(value, gradient, 0.1)
    np.testing.assert_allclose(scaled, [0.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(after, [3.0, 3.9], rtol=1e-6)
    # At a learning rate of 0.01 the ratio is 5 and clipped to 1.
    np.testing.assert_allclose(_scaled_gradient(value, gradient, 0.01)[0], gradient, rtol=1e-6)
    np.testing.assert_allclose(_scaled_gradient(value, gradient, 0.0)[0], gradient, rtol=1e-6)
    scaled, _ = _scaled_gradient(value, gradient, 0.01, clip=False)
    np.testing.assert_allclose(scaled, [0.0, 0.1], rtol=1e-6)
    # With decay 0.4: 0.02 * 5 / (2 + 0.4 * 5) = 0.025 of g + 0.4 p.
    scaled, _ = _scaled_gradient(value, gradient, 0.01, clip=False, coupled_decay=0.4)
    np.testing.assert_allclose(scaled, 0.025 * np.array([1.2, 3.6]), rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "gradient"), [([0.0, 0.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 0.0])]
)
def test_without_a_norm_the_gradient_is_left_alone(value, gradient):
    scaled, _ = _scaled_gradient(np.array(value), np.array(gradient), 0.1, coupled_decay=0.5)
    np.testing.assert_array_equal(scaled, gradient)


def test_momentum_of_sgd_by_hand():
    (variable,) = _variables([[100.0]])
    optimizer = Lars(0.5, inner="sgd")  # 0.02 * 100 / 1 / 0.5 is clipped to 1
    optimizer.build([variable])
    seen = []
    for _ in range(3):
        optimizer.apply([tf.constant([1.0], tf.float64)], [variable])
        seen.append(float(variable[0]))
    # Momentum 1, 1.9, 2.71.
    np.testing.assert_allclose(seen, [99.5, 98.55, 97.195], rtol=1e-9)


def _torch_adamw(value, gradients, rate, decay):
    first = second = 0.0
    for step, gradient in enumerate(gradients, 1):
        value = value * (1.0 - rate * decay)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        root = math.sqrt(second / (1.0 - 0.999**step)) + 1e-8
        value -= rate * first / (1.0 - 0.9**step) / root
    return value


@pytest.mark.parametrize("gradients", [[0.3, -0.2, 0.5], [2e-8, -1e-8, 3e-8]])
def test_adamw_decays_matrices_and_adds_epsilon_after_the_correction(gradients):
    variables = _variables([[[2.0]], [2.0]])
    optimizer = FilteredAdamW(0.01, decoupled_decay=0.1)
    optimizer.build(variables)
    for gradient in gradients:
        optimizer.apply(
            [tf.constant([[gradient]], tf.float64), tf.constant([gradient], tf.float64)], variables
        )
    matrix, vector = (_torch_adamw(2.0, gradients, 0.01, decay) for decay in (0.1, 0.0))
    np.testing.assert_allclose(variables[0][0, 0], matrix, rtol=1e-9)
    np.testing.assert_allclose(variables[1][0], vector, rtol=1e-9)


def _keras_path(name):
    """Path our ResNet gives to what the official model calls by a position in a Sequential."""
    parts = name.split(".")
    kind = {"weight": "gamma", "bias": "beta"}[parts[-1]]
    if parts[0] == "projection_head":
        layer = f"projection_head_{parts[1]}"
        is_norm = parts[1] == "1"
    else:
        position, inner = parts[2], parts[3:-1]
        if position in "01":
            layer = {"0": "conv1", "1": "bn1"}[position]
        else:
            layer = f"layer{int(position) - 3}_" + "_".join(inner)
        is_norm = "bn" in layer or layer.endswith("downsample_1")
    if not is_norm:
        kind = {"gamma": "kernel", "beta": "bias"}[kind]
    return f"{layer}/{kind}"


def test_the_filter_by_names_is_the_published_one():
    groups = json.loads((FOLDER / "weight_decay_groups_rn50.json").read_text())
    assert (len(groups["decayed"]), len(groups["not_decayed"])) == (62, 104)
    for group, expected in (("decayed", True), ("not_decayed", False)):
        names = [name for name in groups[group] if "final_layer" not in name]
        wrong = [n for n in names if is_decayed(_keras_path(n), 1, "names") != expected]
        assert wrong == []


def test_the_filter_by_rank_spares_all_vectors():
    assert is_decayed("layer1_0_bn1/gamma", 1, "rank") is False
    assert is_decayed("conv1/kernel", 4, "rank") is True
    with pytest.raises(ValueError, match="decay_filter=bn is unknown; choose one of rank, names"):
        is_decayed("conv1/kernel", 4, "bn")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_survive_serialisation_with_their_state(name):
    schedule = WarmupCosine(0.1, 2, 9, clamp=False)
    optimizer = build_optimizer(name, schedule, 0.02, "names")
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    gradient = [tf.constant([[1.0, -2.0]])]
    results = []
    for each in (optimizer, again):
        variable = keras.Variable(np.array([[0.5, 1.0]]), dtype="float32")
        each.build([variable])
        for _ in range(3):
            each.apply(gradient, [variable])
        results.append(np.array(variable))
    np.testing.assert_array_equal(*results)
    assert not np.array_equal(results[0], [[0.5, 1.0]])


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="optimizer=lamb is unknown"):
        build_optimizer("lamb", 0.1)
    with pytest.raises(ValueError, match="inner=lion is unknown"):
        Lars(0.1, inner="lion")


def _three_updates(name, jit_compile):
    start = np.linspace(-1, 1, 12).reshape(3, 4)
    variables = _variables([start, start[0]], "float32")
    optimizer = build_optimizer(name, WarmupCosine(0.1, 0, 9), 0.01)
    optimizer.build(variables)

    @tf.function(jit_compile=jit_compile)
    def step():
        optimizer.apply([tf.sin(v.value) + 0.1 for v in variables], variables)

    for _ in range(3):
        step()
    return [np.array(v) for v in variables]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_compiled_updates_equal_plain_ones(name):
    plain, compiled = _three_updates(name, False), _three_updates(name, True)
    for one, other in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
