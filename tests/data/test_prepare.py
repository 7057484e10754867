"""The prepare binary: every source to records, resumable, bad records counted, wrong flags named."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_pose.data.prepare import PrepareConfig, open_source, prepare, print_summary, run_main
from keras_pose.data.records import RecordReader, read_index

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for number in range(7):
        picture = rng.integers(0, 255, (12, 10, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), picture)
    return tmp_path / "in"


def _config(folder, **change):
    settings = {"source": "folder", "input": str(folder), "output": str(folder.parent / "out")}
    return PrepareConfig(**(settings | change))


def test_a_folder_becomes_records(folder, capsys):
    done = []
    index = prepare(_config(folder, licence="own", side="right"), lambda *a: done.append(a))
    assert index == read_index(folder.parent / "out")
    assert index["name"] == "in" and index["licence"] == "own" and done[-1] == (7, 7)
    reader = RecordReader(folder.parent / "out")
    assert reader.record(3).image == (folder / "3.png").read_bytes()
    print_summary(index, "out")
    assert "in: 7 records in out" in capsys.readouterr().out


def test_bad_pictures_are_counted_and_limited(folder):
    data = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(data[:-20])
    (folder / "5.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 of 7 records are bad.*2.png: the picture is cut off"):
        prepare(_config(folder))
    seen = []
    index = prepare(
        _config(folder, max_bad_fraction=0.3, output=str(folder.parent / "b")),
        on_bad=lambda *a: seen.append(a),
    )
    assert index["num_records"] == 5 and index["num_bad"] == 2
    assert [position for position, _ in seen] == ["2", "5"]
    assert "5.png: the file is empty" in seen[1][1]


def test_odd_pictures_are_kept_readable(folder):
    cv2.imwrite(str(folder / "0.png"), np.full((12, 10), 65535, np.uint16))
    cv2.imwrite(str(folder / "1.png"), np.zeros((1, 1, 3), np.uint8))
    prepare(_config(folder))
    reader = RecordReader(folder.parent / "out")
    plain = cv2.imdecode(np.frombuffer(reader.record(0).image, np.uint8), cv2.IMREAD_UNCHANGED)
    assert plain.dtype == np.uint8 and (plain == 255).all()
    assert (reader.record(1).height, reader.record(1).width) == (1, 1)


def test_a_box_outside_its_picture_is_a_bad_record(folder):
    (folder.parent / "boxes.csv").write_text("0.png,2,2,5,5\n1.png,20,2,5,5\n2.png,-3,-3,6,6\n")
    boxes = str(folder.parent / "boxes.csv")
    index = prepare(_config(folder, boxes=boxes, max_bad_fraction=0.5))
    assert index["num_records"] == 2 and "1.png" in index["bad"][0][1]
    assert "outside the picture of 10 x 12" in index["bad"][0][1]


def test_generated_hands_and_the_other_sources_are_opened(tmp_path):
    config = PrepareConfig(source="generated_hands", output=str(tmp_path / "g"), num=3, size=48)
    index = prepare(config)
    assert index["num_records"] == 3 and index["counts"]["with_3d"] == 3
    assert RecordReader(tmp_path / "g").record(2).width == 48
    words = {
        "freihand": "training_K.json does not exist",
        "youtube_3d_hands": "regressor",
        "keypoint_json": "cannot be read",
    }
    for source, word in words.items():
        with pytest.raises(ValueError, match=word):
            open_source(PrepareConfig(source=source, input=str(tmp_path), output="x"))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"output": ""}, "--output is missing"),
        ({"input": ""}, "--input is missing"),
        ({"source": "video"}, "--source=video is unknown"),
        ({"max_bad_fraction": 1.5}, "--max_bad_fraction=1.5 is too large"),
        ({"label_field": "digit"}, "--label_field=digit means nothing to --source=folder"),
        ({"side": "both"}, "--side=both is unknown"),
    ],
)
def test_wrong_flags_are_named(folder, change, word):
    with pytest.raises(ValueError, match=word):
        prepare(_config(folder, **change))


def test_other_settings_do_not_go_on_with_a_folder(folder):
    prepare(_config(folder))
    before = (folder.parent / "out" / "index.json").read_bytes()
    prepare(_config(folder, num_threads=1, max_bad_fraction=0.5))  # the same records
    assert (folder.parent / "out" / "index.json").read_bytes() == before
    with pytest.raises(ValueError, match="begun with settings"):
        prepare(_config(folder, side="left"))


def test_the_command_line(folder):
    assert callable(run_main)
    (folder / "4.png").write_bytes(b"junk")
    command = [
        *(sys.executable, "-m", "keras_pose.data.prepare", "--source=folder"),
        *(f"--input={folder}", f"--output={folder.parent / 'out'}"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1 and "4.png" in errors[0] and "Traceback" not in done.stderr
    done = subprocess.run(
        [*command, "--max_bad_fraction=0.2"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "in: 6 records" in done.stdout
    assert "bad record 4: 4.png" in done.stderr and "1 bad records were left out" in done.stdout
    index = json.loads((folder.parent / "out" / "index.json").read_text())
    assert index["settings"]["source"] == "folder" and index["settings"]["count"] == 7
