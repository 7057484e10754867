"""The latency benchmark of Wild3D measures what it names."""

import pytest

from benchmarks import wild3d_latency
from benchmarks.wild3d_latency import NETWORKS, Settings, measure, run, table


def test_a_small_network_is_measured_in_every_format(monkeypatch):
    small = {
        "image_size": 64,
        "num_stacks": 1,
        "num_modules": 1,
        "width": 8,
        "num_depth_modules": 1,
    }
    monkeypatch.setitem(NETWORKS, "tiny", small)
    rows = measure("tiny", Settings(num_calls=2))
    assert [row["format"] for row in rows] == list(wild3d_latency.FORMATS)
    assert rows[1]["megabytes"] < rows[0]["megabytes"]
    assert all(0 < row["invoke_ms_median"] <= row["invoke_ms_90"] for row in rows)
    text = table(rows)
    assert text.count("tiny") == 3 and "float16" in text


def test_unknown_networks_are_refused():
    with pytest.raises(ValueError, match="hourglass"):
        run(Settings(networks="transformer"))
