"""The benchmark of generated hands on a handful of them."""

import pytest

from benchmarks.generated_hands import Settings, run


def test_sizes_are_timed_and_set_in_a_table():
    result, text = run(Settings(sizes="32,48", num_hands=1, num_rounds=2))
    assert [row["size"] for row in result["results"]] == [32, 48]
    for row in result["results"]:
        assert 0 < row["picture_ms_fastest_round"] <= row["picture_ms_median"]
        assert row["records_per_cpu_second_median"] > 0
    assert "records per CPU s" in text and len(text.splitlines()) == 6


def test_no_hands_are_refused():
    with pytest.raises(ValueError, match="--num_hands=0 is too small"):
        Settings(num_hands=0)
