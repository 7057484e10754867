"""The latency benchmark on a tiny lifter."""

import pytest

from benchmarks.lifter_latency import (
    FORMATS,
    Settings,
    export_random_lifter,
    exported_files,
    measure,
    run,
    table,
)
from benchmarks.recipes import read_recipe


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny" / "1"
    folder.mkdir(parents=True)
    # Kernels of fewer than 1,024 elements stay float32 in an int8 file.
    config = read_recipe("flags/tips/student.flags", teacher="none", width=64, num_blocks=1)
    export_random_lifter(config, folder)
    return folder


def test_files_are_found_beside_a_saved_model(version):
    files = exported_files(version.parents[1])
    assert len(files) == len(FORMATS)
    assert exported_files(version) == files
    assert exported_files(version.parent) == files


def test_formats_are_timed_and_compared(version):
    rows = {path.stem: measure(path, 1, 3) for path in exported_files(version)}
    errors = {kind: rows[f"random_width_64_{kind}"]["error"] for kind in FORMATS}
    assert errors["float32"] < 1e-5 < errors["int8"] < 0.5
    for row in rows.values():
        assert 0 < row["invoke_ms_min"] <= row["invoke_ms_median"]
        assert row["call_ms_median"] > 0
    lines = table(list(rows.values())).splitlines()
    assert len(lines) == 2 + len(FORMATS) and "float32" in lines[3]


def test_nothing_to_measure_is_said(tmp_path):
    with pytest.raises(ValueError, match="holds no <name>/<version>"):
        run(Settings(models=str(tmp_path), widths=""))
