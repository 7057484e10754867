"""The benchmark of films: noise that remembers within a film, and means of the last frames, by hand."""

import numpy as np

from benchmarks.lifter_motion import mean_of_last, remembered, tables


def _rows(values):
    return np.broadcast_to(np.float32(values)[:, None, None], (len(values), 17, 3))


def test_noise_begins_anew_with_each_film():
    fresh = np.ones((4, 17, 2), np.float32)
    noise = remembered(fresh, np.array([0, 0, 1, 1]), 0.6)
    # 0.6 * 1 + 0.8 * 1.
    np.testing.assert_allclose(noise[:, 0, 0], [1.0, 1.4, 1.0, 1.4], rtol=1e-6)


def test_means_stay_within_their_film():
    lifted = mean_of_last(_rows([1.0, 2.0, 6.0, 10.0, 20.0]), np.array([0, 0, 0, 1, 1]), 2)
    np.testing.assert_allclose(lifted[:, 0, 0], [1.0, 1.5, 4.0, 10.0, 15.0], rtol=1e-6)


def test_changes_are_against_the_first_lifter_of_the_same_noise():
    rows = [
        {"noise": noise, "lifter": name, "errors": {"n-mpjpe[x]": value}}
        for noise, name, value in (("a", "one", 10.0), ("a", "two", 8.0), ("b", "one", 4.0))
    ]
    said = [line.split() for line in tables(rows, []).splitlines()[2:]]
    assert [line[3:] for line in said] == [["+0", "%"], ["-20", "%"], ["+0", "%"]]
