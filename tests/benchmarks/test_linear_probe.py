"""Linear probes: the minimum by its own conditions, separable toys, persons kept together."""

import numpy as np
import pytest

from benchmarks.linear_probe import (
    RIDGES,
    fit_classifier,
    fit_ridge,
    probe_angles,
    probe_classes,
)


def _blobs(seed, num=200, noise=0.3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num)
    centres = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 4.0]])
    features = centres[labels] + noise * rng.standard_normal((num, 2))
    # Junk of another size, a constant, and a turn of the whole.
    features = np.concatenate([features, 1e3 * rng.standard_normal((num, 1)), np.ones((num, 1))], 1)
    return features, labels


def test_separable_classes_are_told_apart():
    found = probe_classes(*_blobs(0), *_blobs(1))
    assert found.accuracy == 1.0
    assert found.per_class == {0: 1.0, 1: 1.0, 2: 1.0}
    assert found.ridge in RIDGES


def test_two_points_by_hand():
    # Standardised to -1 and +1. The logit difference d = 2 (w1 - w0) solves d = 2 s(-d) / ridge.
    ridge = 0.5
    probe = fit_classifier(np.array([[3.0], [7.0]]), np.array([0, 1]), ridge)
    low, high = 0.0, 10.0
    for _ in range(80):
        middle = (low + high) / 2
        # Weights +-v, logits +-v x: the slope of each weight is -s(-2 v) + ridge v.
        low, high = (
            (middle, high) if 1 / (1 + np.exp(2 * middle)) > ridge * middle else (low, middle)
        )
    np.testing.assert_allclose(probe.weights, [[-low, low]], atol=1e-6)
    np.testing.assert_allclose(probe.values(np.array([[5.0]])), [[0.0, 0.0]], atol=1e-6)


@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0])
def test_slope_is_zero_at_the_minimum(ridge):
    rng = np.random.default_rng(2)
    features, labels = rng.standard_normal((60, 90)), rng.integers(0, 4, 60)
    probe = fit_classifier(features, labels, ridge)
    x = (features - probe.mean) / probe.spread
    logits = probe.values(features)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    error = shares - np.eye(4)[labels]
    slope = x.T @ error / 60 + ridge * probe.weights
    assert np.abs(slope).max() < 2e-6
    assert np.abs(error.mean(axis=0)).max() < 2e-6


def test_fit_does_not_depend_on_scale_or_shift_of_features():
    features, labels = _blobs(3)
    plain = fit_classifier(features, labels).values(features)
    moved = fit_classifier(features * 40 - 7, labels).values(features * 40 - 7)
    np.testing.assert_allclose(moved, plain, atol=1e-5)


@pytest.mark.parametrize("width", [5, 80])
def test_ridge_regression_meets_its_normal_equations(width):
    rng = np.random.default_rng(4)
    features, targets = rng.standard_normal((40, width)) * 3 + 1, rng.standard_normal((40, 2))
    probe = fit_ridge(features, targets, 0.3)
    x = (features - probe.mean) / probe.spread
    slope = x.T @ (probe.values(features) - targets) / 40 + 0.3 * probe.weights
    np.testing.assert_allclose(slope, 0.0, atol=1e-12)


def test_angles_of_a_linear_code_are_read_off():
    rng = np.random.default_rng(5)
    mix = rng.standard_normal((2, 16))

    def code(num):
        deg = rng.uniform(-180, 180, num)
        return np.stack([np.cos(np.radians(deg)), np.sin(np.radians(deg))], 1) @ mix, deg

    train, test = code(300), code(100)
    assert probe_angles(*train, *test, ridge=1e-6) < 0.1
    # The seam at 180 degrees and whole turns do not matter.
    turned = (test[0], test[1] + 720.0)
    assert probe_angles(train[0], train[1] - 360.0, *turned, ridge=1e-6) < 0.1
    blind = probe_angles(
        rng.standard_normal((300, 4)), train[1], rng.standard_normal((100, 4)), test[1]
    )
    assert 70 < blind < 110


def test_penalty_is_chosen_on_persons_kept_aside():
    rng = np.random.default_rng(7)
    groups = np.repeat(np.arange(40), 5)
    labels = np.arange(200) // 5 % 2
    # Every person has a colour of its own; the class is one faint number.
    person = np.random.default_rng(8).standard_normal((40, 60))[groups]
    features = np.concatenate([person, labels[:, None] + rng.standard_normal((200, 1))], axis=1)
    by_person = probe_classes(features, labels, features, labels, train_groups=groups)
    mixed = probe_classes(features, labels, features, labels)
    assert by_person.ridge > mixed.ridge


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: fit_classifier(np.zeros(3), np.zeros(3, int)), "Features must be finite"),
        (
            lambda: fit_classifier(np.full((3, 1), np.nan), np.zeros(3, int)),
            "Features must be finite",
        ),
        (lambda: fit_classifier(np.zeros((3, 1)), np.zeros(3)), "Labels must be 3 whole numbers"),
        (lambda: fit_classifier(np.zeros((3, 1)), np.zeros(3, int), 0.0), "ridge is 0.0"),
        (lambda: fit_ridge(np.zeros((3, 1)), np.zeros(3)), r"Targets must be \[3, C\]"),
        (lambda: fit_ridge(np.zeros((3, 1)), np.zeros((3, 1)), -1.0), "ridge is -1.0"),
        (
            lambda: probe_classes(*_blobs(0), *_blobs(1), train_groups=np.zeros(200)),
            "of one group",
        ),
    ],
)
def test_bad_input_is_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize("part", ["training", "test"])
def test_a_part_without_examples_is_named(part):
    full, empty = _blobs(0), (np.zeros((0, 4)), np.zeros(0, int))
    parts = (empty, full) if part == "training" else (full, empty)
    with pytest.raises(ValueError, match=f"The {part} part has no example"):
        probe_classes(*parts[0], *parts[1])
