"""Coverage against closed forms, and laws of errors that were drawn from known ones."""

import numpy as np
import pytest

from keras_pose.metrics import (
    LEVELS,
    coverage,
    expected_calibration_error,
    fit_power_law,
    negative_log_likelihood,
    region_radius,
)


def test_radii_by_hand():
    # 1 - (1 + r) exp(-r) is 0.8 at r = 2.99431, 0.5 at 1.67835 and 0.95 at 4.74386 (gamma tables).
    for level, scaled in ((0.5, 1.67835), (0.8, 2.99431), (0.95, 4.74386)):
        np.testing.assert_allclose(region_radius(level, 2), scaled / np.sqrt(3), rtol=1e-5)
    np.testing.assert_allclose(region_radius(0.6826895, 1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(region_radius(0.9544997, 1), 2.0, rtol=1e-6)


@pytest.mark.parametrize(("level", "dimensions"), [(0.0, 2), (1.0, 2), (0.5, 3)])
def test_no_region(level, dimensions):
    with pytest.raises(ValueError, match="has no region"):
        region_radius(level, dimensions)


def test_coverage_counts_what_is_inside():
    radius = region_radius(0.8, 2)
    errors = np.array([0.0, 0.99 * radius, 1.01 * radius, 5.0])
    assert coverage(errors, np.ones(4), 0.8, 2) == 0.5
    # Twice as unsure of the last two: one more is inside.
    assert coverage(errors, np.array([1, 1, 2, 2]), 0.8, 2) == 0.75
    assert np.isnan(coverage(np.zeros(0), np.zeros(0), 0.8, 2))


def test_calibration_error_of_those_who_are_always_right_or_never():
    # Errors of 0 lie inside every region: the mean of 1 - level over levels 0.05 to 0.95 is a half.
    np.testing.assert_allclose(expected_calibration_error(np.zeros(5), np.ones(5), 2), 0.5)
    np.testing.assert_allclose(expected_calibration_error(np.full(5, 1e9), np.ones(5), 1), 0.5)


def test_likelihood_is_that_of_a_density():
    # Sums to 1 over the plane (2) and the line (1), in small steps.
    radii = np.arange(0.005, 60.0, 0.01)
    surprise = [negative_log_likelihood(radii[n : n + 1], np.array([1.7]), 2) for n in range(6000)]
    plane = np.sum(np.exp(-np.array(surprise)) * 2.0 * np.pi * radii[:6000] * 0.01)
    np.testing.assert_allclose(plane, 1.0, rtol=1e-3)
    surprise = [negative_log_likelihood(radii[n : n + 1], np.array([1.7]), 1) for n in range(6000)]
    np.testing.assert_allclose(2.0 * np.sum(np.exp(-np.array(surprise)) * 0.01), 1.0, rtol=1e-3)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_law_is_found_again(dimensions):
    rng = np.random.default_rng(3)
    count, scales, exponents = 40_000, np.array([1.0, 2.0, 5.0]), np.array([0.5, -0.3])
    evidence = rng.normal(2.0, 1.0, (count, 2))
    joints = rng.integers(0, 3, count)
    sigma = scales[joints] * np.exp(evidence @ exponents)
    # The distance of an isotropic Laplace vector over its scale is a gamma number of shape 2.
    drawn = rng.gamma(2.0, size=count) / np.sqrt(3) if dimensions == 2 else rng.normal(size=count)
    errors = np.abs(drawn) * sigma
    found_scales, found_exponents = fit_power_law(evidence, joints, errors, 3, dimensions)
    np.testing.assert_allclose(found_exponents, exponents, atol=0.02)
    np.testing.assert_allclose(found_scales, scales, rtol=0.06)
    said = found_scales[joints] * np.exp(evidence @ found_exponents)
    for level in LEVELS:
        assert abs(coverage(errors, said, level, dimensions) - level) < 0.01
    # The truth is likelier than any other: a law twice as sure is not.
    assert negative_log_likelihood(errors, said, dimensions) < negative_log_likelihood(
        errors, said / 2.0, dimensions
    )


def test_scale_of_errors_carries_over():
    rng = np.random.default_rng(4)
    evidence, joints = rng.normal(size=(500, 2)), rng.integers(0, 4, 500)
    errors = rng.gamma(2.0, size=500)
    small, powers = fit_power_law(evidence, joints, errors, 4, 2)
    large, same = fit_power_law(evidence, joints, 10.0 * errors, 4, 2)
    np.testing.assert_allclose(large, 10.0 * small, rtol=1e-5)
    np.testing.assert_allclose(same, powers, atol=1e-6)


def test_too_few_errors_and_broken_ones():
    with pytest.raises(ValueError, match="5 errors settle no law of 24 numbers"):
        fit_power_law(np.zeros((5, 3)), np.zeros(5, int), np.ones(5), 21, 2)
    with pytest.raises(ValueError, match="not finite"):
        fit_power_law(np.zeros((50, 1)), np.zeros(50, int), np.full(50, np.nan), 2, 2)
