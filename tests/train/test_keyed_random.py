"""Keyed random numbers: a function of their key, evenly spread, independent between streams."""

import numpy as np

from keras_pose.train.keyed_random import keyed_uniform


def test_a_record_draws_the_same_number_in_any_company():
    whole = keyed_uniform(5, np.arange(1000), stream=2)
    np.testing.assert_array_equal(keyed_uniform(5, np.array([7, 999, 0]), 2), whole[[7, 999, 0]])
    np.testing.assert_array_equal(
        keyed_uniform(5, np.arange(1000).reshape(10, 100), 2), whole.reshape(10, 100)
    )


def test_numbers_are_uniform_and_streams_and_seeds_are_independent():
    count = 40_000
    draws = [
        keyed_uniform(seed, np.arange(count), stream)
        for seed, stream in ((0, 0), (0, 1), (1, 0), (-1, 0), (2**63, 0))
    ]
    for draw in draws:
        assert 0.0 <= draw.min() and draw.max() < 1.0
        counts, _ = np.histogram(draw, bins=20, range=(0, 1))
        # Chi-square with 19 degrees of freedom exceeds 50 with probability 1e-4.
        assert ((counts - count / 20) ** 2 / (count / 20)).sum() < 50
        # Neighbouring records are not correlated (standard error 0.005).
        assert abs(np.corrcoef(draw[1:], draw[:-1])[0, 1]) < 0.025
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 0.025
