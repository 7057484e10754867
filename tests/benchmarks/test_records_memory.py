"""The memory benchmark runs on a few records and reports what it says it reports."""

import json

import pytest

from benchmarks.records_memory import Settings, make_records, measure, memory_mib, report


def test_a_few_records(tmp_path):
    settings = Settings(
        folder=str(tmp_path / "set"), num_records=60, num_streamed=240, size=16, batch_size=8
    )
    assert [record.id for record in make_records(settings)] == list(range(60))
    result = measure(settings)
    assert json.loads(json.dumps(result)) == result
    assert result["rows"][-1]["records"] == 240 and len(result["rows"]) >= 20
    assert all(row["VmRSS"] >= row["RssAnon"] > 0 for row in result["rows"])
    assert result["records_per_s"] > 0
    text = report(result)
    assert "bytes per record" in text and "records streamed" in text
    # Records that are there are used again.
    before = (tmp_path / "set" / "index.json").stat().st_mtime_ns
    measure(settings)
    assert (tmp_path / "set" / "index.json").stat().st_mtime_ns == before


def test_memory_grows_with_what_is_held():
    before = memory_mib()["RssAnon"]
    held = bytearray(b"\x01") * (64 * 2**20)
    assert 60 < memory_mib()["RssAnon"] - before < 80
    assert len(held)


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="--size=4 is too small"):
        Settings(size=4)
