"""A lifter on disk computes what the Keras model computes, from pixels, and refuses bad input."""

import json
import os
import pathlib

import keras
import numpy as np
import pytest

from keras_pose import export
from keras_pose.lifting import serving
from keras_pose.serving import read_metadata, read_warmup
from keras_pose.skeletons import H36M_17
from keras_pose.tips import runs
from keras_pose.tips.config import Config
from keras_pose.tips.exporting import SIGNATURE, ExportConfig, export_run, golden_inputs
from keras_pose.tips.networks import PartLifter, PoseLifter
from keras_pose.train import run_folder

CONFIG = Config(dataset="generated", width=16, num_blocks=1, discriminator_blocks=1)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A finished run, as the trainer leaves it."""
    folder = str(tmp_path_factory.mktemp("run"))
    keras.utils.set_random_seed(3)
    run_folder.open_run(folder, CONFIG, command=["test"])
    lifter = PartLifter(CONFIG)
    for variable in lifter.trainable_variables:
        variable.assign(np.random.default_rng(1).normal(0, 0.3, variable.shape))
    runs.save_lifter(lifter, folder, "last")
    run_folder.update_run(
        folder, depth_sign=-1.0, chirality=0.1, source="made up", results={"x[unit=mm]": 1.0}
    )
    return folder


@pytest.fixture(scope="module")
def version(run_dir, tmp_path_factory):
    root = str(tmp_path_factory.mktemp("models"))
    return export_run(ExportConfig(model_dir=run_dir, export_dir=root, name="toy"))


def _model(run_dir):
    return runs.load_lifter(run_dir)[1]


def test_every_artefact_is_there_and_proved(version):
    names = set(os.listdir(version))
    assert {"saved_model.pb", "card.md", "parity.json", "toy_int8.tflite"} <= names
    with open(os.path.join(version, "parity.json"), encoding="utf-8") as file:
        artefacts = json.load(file)["artefacts"]
    assert [report["passed"] for report in artefacts] == [True] * 7
    metadata = read_metadata(version)
    assert (metadata.method, len(metadata.joints), metadata.image_size) == ("tips", 17, 0)
    assert "pixels" in metadata.units["keypoints_3d"] and "K" not in metadata.units
    assert [len(given["keypoints_2d"]) for _, given in read_warmup(version)] == [1, 8]
    settings = metadata.settings
    assert (settings["method"], settings["exported_weights"]) == ("tips", "last")
    assert settings["config"]["width"] == 16


def test_files_know_joints_and_units(version):
    for path in pathlib.Path(version).glob("*.tflite"):
        content = path.read_bytes()
        files = export.read_files(content)
        assert files["joints.txt"].split() == list(H36M_17.joints)
        assert files["metadata.json"] == (path.parent / "metadata.json").read_text()
        found = export.read_tflite_metadata(content)
        assert "signature lift" in found["description"]
        (graph,) = found["subgraph_metadata"]
        (pose,) = graph["input_tensor_metadata"]
        assert (pose["name"], pose["description"]) == ("keypoints_2d", "pixels of any scale")
        names = [entry["name"] for entry in graph["output_tensor_metadata"]]
        assert sorted(names) == ["keypoints_3d", "scale", "valid"]


def test_saved_model_lifts_like_the_keras_model(run_dir, version):
    pixels = golden_inputs(8)
    served = export.run_saved_model(version, "serving_default", {"keypoints_2d": pixels})
    model = _model(run_dir)
    for row, pose in enumerate(pixels):
        centred = pose - pose[0]
        scale = np.abs(centred).max()
        lifted = np.array(model((centred / scale)[None, 1:]))[0] * scale
        lifted[:, 2] *= -1.0  # the run's depth sign
        np.testing.assert_allclose(served["keypoints_3d"][row, 1:], lifted, atol=2e-4 * scale)
        np.testing.assert_allclose(served["scale"][row], scale, rtol=1e-6)
    assert np.all(served["keypoints_3d"][:, 0] == 0)
    assert np.all(served["valid"] == 1)


def test_output_scales_and_does_not_move_with_the_input(version):
    pixels = golden_inputs(4)
    lift = export.saved_model_runner(version)
    plain = lift({"keypoints_2d": pixels})["keypoints_3d"]
    moved = lift({"keypoints_2d": 3.0 * pixels + np.float32([40.0, -7.0])})["keypoints_3d"]
    size = np.abs(plain).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(moved / size, 3.0 * plain / size, atol=2e-3)


@pytest.mark.parametrize("kind", ["saved_model", "float32", "float16", "int8"])
def test_hostile_input_answers_zero_and_not_valid(version, kind):
    inputs = {"keypoints_2d": serving.hostile_inputs()}
    if kind == "saved_model":
        answer = export.run_saved_model(version, SIGNATURE, inputs)
    else:
        answer = export.run_tflite(os.path.join(version, f"toy_{kind}.tflite"), SIGNATURE, inputs)
    for name in ("keypoints_3d", "scale", "valid"):
        np.testing.assert_array_equal(answer[name], np.zeros_like(answer[name]))


def test_empty_batch_is_answered(version):
    empty = np.zeros((0, H36M_17.num_joints, 2), np.float32)
    answer = export.run_saved_model(version, SIGNATURE, {"keypoints_2d": empty})
    assert answer["keypoints_3d"].shape == (0, H36M_17.num_joints, 3)


def test_a_version_is_never_overwritten_and_steps_are_said(run_dir, version, capsys):
    root = os.path.dirname(os.path.dirname(version))
    with pytest.raises(ValueError, match="1"):
        export_run(ExportConfig(model_dir=run_dir, export_dir=root, name="toy", version=1))
    again = ExportConfig(model_dir=run_dir, export_dir=root, name="toy", formats="float16")
    capsys.readouterr()
    assert export_run(again).endswith("/2")
    steps = [line.split(" s  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert steps == [
        f"reading {run_dir}",
        "saving 1 signatures",
        "converting lift to float16",
        "comparing every signature with the Keras model meanwhile",
        "comparing 1 files with the Keras model",
        f"publishing {root}/toy/2",
    ]
    assert [path.name for path in pathlib.Path(root, "toy", "2").glob("*.tflite")] == [
        "toy_float16.tflite"
    ]


def test_formats_that_need_maps_are_refused(run_dir, tmp_path):
    settings = ExportConfig(
        model_dir=run_dir, export_dir=str(tmp_path), name="toy", formats="int8_full"
    )
    with pytest.raises(ValueError, match="--formats=int8_full needs a network with heat maps"):
        export_run(settings)
    assert not list(tmp_path.iterdir())


def test_a_differing_artefact_stops_the_export(run_dir, tmp_path, monkeypatch):
    convert = export.convert_tflite

    def forge(folder, signature, kind, **_):
        content = convert(folder, signature, "float32")
        if kind != "int8":
            return content
        keras.utils.set_random_seed(99)
        other = serving.lift_signature(PoseLifter(CONFIG))
        export.save_signatures(tmp_path / "other", {SIGNATURE: other})
        return convert(tmp_path / "other", SIGNATURE, "float32")

    monkeypatch.setattr(export, "convert_tflite", forge)
    with pytest.raises(export.ExportMismatch, match="int8.*keypoints_3d"):
        export_run(ExportConfig(model_dir=run_dir, export_dir=str(tmp_path / "m"), name="toy"))
    assert not (tmp_path / "m" / "toy").exists()


def test_card_names_protocol_licence_and_units(version):
    with open(os.path.join(version, "card.md"), encoding="utf-8") as file:
        card = file.read()
    for fact in ("x[unit=mm]", "Apache-2.0", "pelvis at 0", "keypoints_2d", "seeds 0"):
        assert fact in card


@pytest.mark.parametrize(("flag", "settings"), [("model_dir", {"name": "a"}), ("name", {})])
def test_a_missing_flag_is_named(run_dir, flag, settings):
    settings = settings if flag == "model_dir" else {"model_dir": run_dir}
    with pytest.raises(ValueError, match=f"--{flag}"):
        export_run(ExportConfig(**settings))
