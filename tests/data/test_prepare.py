"""The prepare binary: every source to records, resumable, bad records counted, wrong flags named."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_pose.data.preparation import PrepareConfig, open_source, prepare, print_summary
from keras_pose.data.prepare_sources import SOURCE_FLAGS, source_settings
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


def test_names_that_are_not_utf_8_are_bad_records(folder):
    (folder / "a\udce4.png").write_bytes((folder / "1.png").read_bytes())
    (folder / "b\udce4.png").write_bytes(b"")
    index = prepare(_config(folder, max_bad_fraction=0.5))
    assert index["num_records"] == 7 and index == read_index(folder.parent / "out")
    assert "'a\\\\udce4.png' is not UTF-8; rename" in index["bad"][0][1]
    assert index["bad"][1][1].startswith("b\\udce4.png: the file is empty")


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
        "youtube_3d_hands": "--joint_regressor is missing",
        "keypoint_json": "cannot be read",
        "mpii": "holds none of train.h5",
        "coco": "cannot be read",
        "lsp": "joints.mat cannot be read",
        "human36m_pictures": "S1 is not a folder",
        "mpi_inf_3dhp_pictures": "no labelled frame",
    }
    for source, word in words.items():
        with pytest.raises(ValueError, match=word):
            open_source(PrepareConfig(source=source, input=str(tmp_path), output="x"))


def test_generated_bodies_with_and_without_3d(tmp_path):
    for labels_3d in (True, False):
        output = tmp_path / f"bodies {labels_3d}"
        config = PrepareConfig(
            *("generated_bodies", "", str(output)),
            num=3,
            size=64,
            style="wild",
            labels_3d=labels_3d,
        )
        index = prepare(config)
        assert index["num_records"] == 3 and index["settings"]["size"] == 64
        assert index["counts"]["with_depth"] == (3 if labels_3d else 0)
        assert index["counts"]["with_head_size"] == 3
        assert RecordReader(output).num_joints == 16


def test_own_pictures_of_people_with_coco_joints(tmp_path):
    """What a new user has: a folder of pictures and a JSON file."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    images, annotations = [], []
    for number in range(3):
        picture = rng.integers(0, 255, (90, 80, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{number}.jpg"), picture)
        images.append({"id": number, "file_name": f"{number}.jpg"})
        points = np.column_stack([rng.uniform(10, 70, (17, 2)), np.full(17, 2)])
        annotations.append({"image_id": number, "keypoints": points.ravel().tolist()})
    content = {"images": images, "annotations": annotations}
    (tmp_path / "people.json").write_text(json.dumps(content))
    index = prepare(
        PrepareConfig(
            source="keypoint_json",
            input=str(tmp_path / "people.json"),
            output=str(tmp_path / "out"),
            joint_order="coco_17",
            licence="own",
        )
    )
    assert index["skeleton"] == "mpii_16" and index["counts"]["with_box"] == 3


def test_settings_of_older_folders_are_recognised(tmp_path):
    config = PrepareConfig(source="generated_hands", output=str(tmp_path / "g"), num=2)
    # Written by versions in which --size was 128 by default and there was no --head_field.
    assert prepare(config)["settings"] == {
        **{"source": "generated_hands", "num": 2, "seed": 0, "size": 128},
        **{"side": "", "backgrounds": "", "count": 2},
    }
    path = tmp_path / "people.json"
    path.write_text('{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}')
    settings = source_settings(PrepareConfig("keypoint_json", str(path), "x"))
    assert "head_field" not in settings and settings["joint_order"] == "hand_21_freihand"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"size": 16}, "--size=16 is too small"),
        ({"adjusted": "maybe"}, "--adjusted=maybe is unknown"),
        ({"source": "mpii", "style": "wild"}, "--style=wild has no effect with --source=mpii"),
        ({"output": ""}, "--output is missing"),
        ({"input": ""}, "--input is missing"),
        ({"source": "video"}, "--source=video is unknown"),
        ({"max_bad_fraction": 1.5}, "--max_bad_fraction=1.5 is too large"),
        ({"label_field": "digit"}, "--label_field=digit has no effect with --source=folder"),
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
    with pytest.raises(ValueError, match="started with settings"):
        prepare(_config(folder, side="left"))


def test_the_command_line(folder):
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
    done = subprocess.run(
        [*command, "--max_bad_fraction=0.2"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "is already finished, so no picture was read" in done.stdout
    index = json.loads((folder.parent / "out" / "index.json").read_text())
    assert index["settings"]["source"] == "folder" and index["settings"]["count"] == 7


def test_every_flag_of_a_source_is_one():
    fields = {field.name for field in dataclasses.fields(PrepareConfig)}
    for source, names in SOURCE_FLAGS.items():
        assert set(names) <= fields, source
