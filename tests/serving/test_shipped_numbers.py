"""What docs/mobile.md says of the shipped networks is what their folders and the measurement say."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "mobile.md").read_text(encoding="utf-8")
FORMATS = ("float16", "int8_full")
# First of four columns: megabytes, share of joints in 2D, error of depth, milliseconds.
COLUMNS = {"hand_student": 1, "body_student": 5}
VERSIONS = {"hand_student": "3", "body_student": "3"}


def _row(format):
    """The cells of a format's row in the table that has four numbers per network."""
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in PAGE.splitlines()
        if line.startswith(f"| {format} |")
    ]
    (row,) = [cells for cells in rows if len(cells) == 9]
    return row


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", COLUMNS)
def test_the_table_repeats_the_version_folder(name, format):
    megabytes, share, depth, _ = _row(format)[COLUMNS[name] : COLUMNS[name] + 4]
    folder = ROOT / "savedmodels" / name / VERSIONS[name]
    file = f"{name}_decoded_{format}.tflite"
    accuracy = json.loads((folder / "accuracy.json").read_text(encoding="utf-8"))
    assert megabytes == f"{(folder / file).stat().st_size / 1e6:.2f}"
    assert share == f"{accuracy['values'][file]:.3f}"
    assert depth == f"{accuracy['depth_values'][file]:.3f}"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", COLUMNS)
def test_the_table_repeats_the_measured_times(name, format):
    text = (ROOT / "docs" / "results" / "phone_benchmark.txt").read_text(encoding="utf-8")
    pattern = rf"^\| {name}_decoded \| {format} \| [^|]* \| [^|]* \| ([\d.]+), "
    (median,) = re.findall(pattern, text, re.MULTILINE)
    assert _row(format)[COLUMNS[name] + 3] == median


@pytest.mark.parametrize("name", COLUMNS)
def test_typical_lengths_are_those_of_the_metadata(name):
    metadata = json.loads(
        (ROOT / "savedmodels" / name / VERSIONS[name] / "metadata.json").read_text(encoding="utf-8")
    )
    (said,) = re.findall(
        rf"([\d.]+) in\s+`{name}`", (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    )
    digits = len(said.partition(".")[2])
    assert said == f"{metadata['bone_length']['typical_m']:.{digits}f}"
