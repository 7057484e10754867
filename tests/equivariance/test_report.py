"""The equivariance report of runs and exports: right pictures, right functions, files, bad commands."""

import dataclasses
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_pose.data import records
from keras_pose.data.generated.hands import generate_hands
from keras_pose.equivariance import measure as equivariance
from keras_pose.equivariance import subject as equivariance_subject
from keras_pose.equivariance.measure import Probe
from keras_pose.equivariance.reporting import ReportConfig, number_lines, report_equivariance
from keras_pose.equivariance.subject import choose_pictures, load_subject, open_pictures
from keras_pose.export import save_signatures
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.serving import network_of
from keras_pose.hand_pose.training import finetune_run, load_hand_pose
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.model import StudentModel
from keras_pose.hand_student.serving import student_network_of, student_signatures
from keras_pose.hand_student.training import load_student, weights_path
from keras_pose.hands import serving
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.training import pretrain_run
from keras_pose.serving import write_metadata
from keras_pose.serving.publish import training_settings
from keras_pose.train import run_folder
from keras_pose.train.options import RunOptions
from keras_pose.train.weights import write_weights

SHIPPED = Path(__file__).parents[2] / "savedmodels" / "hand_student" / "3"
SIZE, NUM = 32, 40
COMMON = {
    "encoder": "resnet10_half",
    "image_size": SIZE,
    "batch_size": 8,
    "num_steps": 2,
    "warmup_steps": 0,
    "steps_per_epoch": 2,
    "val_share": 0.4,
}
FEW = (
    Probe("rotation", -30.0, angle_deg=-30.0),
    Probe("rotation", 30.0, angle_deg=30.0),
    Probe("translation", 0.1, shift=(0.1, 0.0)),
    Probe("translation", 0.2, shift=(0.2, 0.0)),
)


@pytest.fixture(autouse=True)
def _few_probes(monkeypatch):
    monkeypatch.setattr(equivariance, "default_probes", lambda: FEW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records of rendered hands, four to a person, with one left hand in two."""
    place = tmp_path_factory.mktemp("records")
    hands = generate_hands(NUM, seed=3, size=48, side="both", hands_per_person=4)
    records.write_records(hands, place, "rendered")
    return place


@pytest.fixture(scope="module")
def pretrained(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("pretrained") / "run"
    config = PretrainConfig(**COMMON, projection_width=16, num_points=8)
    pretrain_run(config, RunOptions(model_dir=str(place), data_dir=str(folder)))
    return place


@pytest.fixture(scope="module")
def finetuned(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("finetuned") / "run"
    config = FinetuneConfig(**COMMON, crop_scale=1.2)
    options = RunOptions(mode="train", model_dir=str(place), data_dir=str(folder))
    finetune_run(config, options)
    return place


def _report(tmp_path, data_dir, **settings):
    return report_equivariance(
        ReportConfig(
            data_dir=str(data_dir),
            output=str(tmp_path / "report.html"),
            num_pictures=6,
            batch_size=6,
            **settings,
        )
    )


def test_a_pretraining_run_is_reported(pretrained, folder, tmp_path):
    boards = tmp_path / "boards"
    result, content = _report(
        tmp_path, folder, model_dir=str(pretrained), tensorboard_dir=str(boards)
    )
    assert json.loads((tmp_path / "report.json").read_text()) == content
    assert content["pictures"] == {
        "part": "held-out",
        "count": 6,
        "folders": [folder.name],
        "unread": [],
    }
    assert content["inverse"] == "affine" and content["step"] == 2
    assert set(content["measures"]) == {
        *("projections", "projections_not_undone", "features", "features_invariance")
    }
    assert [probe["value"] for probe in content["probes"]] == [-30, 30, 0.1, 0.2]
    # The means that are printed are those of the probes.
    for measure in content["measures"]:
        rotations = [probe[measure] for probe in content["probes"][:2]]
        np.testing.assert_allclose(
            content["numbers"][f"{measure}/rotation"], sum(rotations) / 2, rtol=1e-9
        )
    page = (tmp_path / "report.html").read_text()
    assert "pretrained resnet10_half (32 px) was shown 6 held-out pictures" in page
    assert "Error under rotation" in page and "data:image/png" in page
    assert "Dots are predicted joints" not in page
    assert 'src="http' not in page
    lines = list(number_lines(result))
    assert any(line.endswith("projections  different pictures") for line in lines)
    assert list(boards.glob("*.equivariance"))


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """A student that never learnt, whose split is not the default one."""
    place = str(tmp_path_factory.mktemp("student"))
    config = StudentConfig(image_size=SIZE, width=8, depth_width=8, val_share=0.4, split_seed=2)
    run_folder.open_run(place, config)
    write_weights(StudentModel(config).network, weights_path(place))
    return place


def _export(run, place, network, config, signatures):
    """What of an export the report reads: two signatures and the metadata."""
    save_signatures(place, {name: signatures[name] for name in ("keypoints", "embed")})
    metadata = serving.describe("hands", 1, network, config.reference_bone)
    settings = training_settings(str(run))
    write_metadata(place, dataclasses.replace(metadata, settings=settings))
    return str(place)


def _assert_same(of_export, of_run):
    assert of_export["pictures"] == of_run["pictures"] and of_export["note"] == ""
    assert of_export["crop_scale"] == of_run["crop_scale"]
    for name, value in of_run["numbers"].items():
        # A residual of a fit of three pictures hangs on every digit.
        tolerance = 0.05 if name.startswith("features/") else 1e-3
        np.testing.assert_allclose(of_export["numbers"][name], value, rtol=tolerance, err_msg=name)


def test_a_finetuned_run_and_its_export_agree(finetuned, folder, tmp_path):
    _, of_run = _report(tmp_path, folder, model_dir=str(finetuned))
    assert set(of_run["measures"]) == {"keypoints", "features", "features_invariance"}
    assert "Dots are predicted joints" in (tmp_path / "report.html").read_text()
    assert of_run["crop_scale"] == 1.2
    config, model = load_hand_pose(str(finetuned))
    network = network_of(config, model)
    version = _export(finetuned, tmp_path / "1", network, config, serving.signatures(network))
    _assert_same(_report(tmp_path, folder, saved_model=version)[1], of_run)


def test_a_student_and_its_export_agree(student, folder, tmp_path):
    _, of_run = _report(tmp_path, folder, model_dir=student)
    assert set(of_run["measures"]) == {"keypoints", "features", "features_invariance"}
    config, model = load_student(student)
    network = student_network_of(config, model)
    signatures = student_signatures(network, config, model)
    version = _export(student, tmp_path / "1", network, config, signatures)
    _assert_same(_report(tmp_path, folder, saved_model=version)[1], of_run)


def test_a_student_which_does_not_tell_its_settings_is_reported(folder, tmp_path):
    # As folders of before settings were written.
    silent = tmp_path / "1"
    silent.mkdir()
    for path in SHIPPED.iterdir():
        if path.name != "metadata.json":
            (silent / path.name).symlink_to(path)
    metadata = json.loads((SHIPPED / "metadata.json").read_text(encoding="utf-8"))
    del metadata["settings"]
    (silent / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    _, content = _report(tmp_path, folder, saved_model=str(silent), val_share=0.4)
    assert content["note"].startswith(f"{silent}/metadata.json does not say")
    assert "--val_share=0.4 and --split_seed=5" in content["note"]
    assert content["note"] in (tmp_path / "report.html").read_text()
    # Its card says 1.3 times the box.
    assert content["crop_scale"] == 1.3 and content["pictures"]["count"] == 6
    # It was trained to follow turns: far less than what lies between different hands.
    numbers = content["numbers"]
    assert 0 < numbers["keypoints/rotation"] < 0.5 * numbers["keypoints/different_pictures"]


def test_pictures_are_those_that_the_run_held_out(folder):
    config = FinetuneConfig(**COMMON)
    record_set, places, part = open_pictures(config, str(folder))
    reader = record_set.readers[0]
    trained = {reader.record(int(position)).group for position in record_set.train[0]}
    shown = [reader.record(position) for _, position in places]
    assert part == "held-out" and len(shown) == 16
    assert not trained & {record.group for record in shown}
    published = dataclasses.replace(config, split="published")
    expected = records.split_published(reader, 0.6, config.split_seed)[1]
    assert [position for _, position in open_pictures(published, str(folder))[1]] == list(expected)
    everything = open_pictures(dataclasses.replace(config, val_share=0.0), str(folder))
    assert everything[2] == "training" and len(everything[1]) == NUM


def test_left_hands_are_mirrored_where_training_does(folder):
    config = FinetuneConfig(**COMMON, crop_source="joints")
    record_set, places, _ = open_pictures(config, str(folder))
    shown = [record_set.readers[0].record(position) for _, position in places]
    mirrored, boxes, _ = choose_pictures(record_set, places, config, len(places))
    plain, plain_boxes, _ = choose_pictures(
        record_set, places, dataclasses.replace(config, mirror_left=False), len(places)
    )
    sides = [record.side for record in shown]
    assert {"left", "right"} == set(sides)
    for row, side in enumerate(sides):
        flip = side == "left"
        np.testing.assert_array_equal(mirrored[row], plain[row][:, ::-1] if flip else plain[row])
        x, y, width, height = plain_boxes[row]
        np.testing.assert_allclose(boxes[row], [48 - x - width if flip else x, y, width, height])


def test_unreadable_pictures_are_left_out_and_named(folder, monkeypatch):
    config = PretrainConfig(**COMMON)
    record_set, places, _ = open_pictures(config, str(folder))
    calls = []

    def decode(data, name):
        calls.append(name)
        if len(calls) == 2:
            raise ValueError(f"{name}: the picture is cut off.")
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)

    monkeypatch.setattr(equivariance_subject, "decode_picture", decode)
    pictures, boxes, unread = choose_pictures(record_set, places, config, 5)
    assert len(pictures) == len(boxes) == 4
    assert unread == [f"{calls[1]}: the picture is cut off."]


def test_crops_are_as_trained(pretrained):
    subject = load_subject(str(pretrained))
    # In the middle of the widths of views, 0.8 to 1.3, as a ratio.
    assert subject.crop_scale == pytest.approx(math.sqrt(0.8 * 1.3))
    low, high = subject.trained_ranges["scale"]
    assert low * high == pytest.approx(1.0) and high / low == pytest.approx(1.3 / 0.8)


def test_bad_commands_are_refused(pretrained, folder, tmp_path):
    for settings, words in (
        ({}, "Give one of --model_dir and --saved_model"),
        ({"model_dir": "a", "saved_model": "b", "output": "r.html"}, "Give one of"),
        ({"model_dir": "a", "output": "report.pdf"}, "must end in .html"),
        ({"model_dir": "a", "output": "r.html", "num_pictures": 2}, "--num_pictures=2"),
    ):
        with pytest.raises(ValueError, match=words):
            ReportConfig(**settings)
    with pytest.raises(ValueError, match="there is no run here"):
        _report(tmp_path, folder, model_dir=str(tmp_path / "none"))
    with pytest.raises(ValueError, match=r"saved_model\.pb"):
        _report(tmp_path, folder, saved_model=str(tmp_path / "none"))
    with pytest.raises(ValueError, match="--data_dir"):
        _report(tmp_path, "", model_dir=str(pretrained))
    with pytest.raises((ValueError, OSError), match="none"):
        _report(tmp_path, tmp_path / "none", model_dir=str(pretrained))
    assert not list(tmp_path.iterdir())
