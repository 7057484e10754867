"""A tiny run exported: SavedModel, TFLite and Keras agree, and a failure leaves nothing behind."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export
from keras_pose.bodies import serving
from keras_pose.bodies.golden import golden_bodies
from keras_pose.export.gpu_ops import GPU_OPERATIONS
from keras_pose.serving import ServedPose, publish, read_metadata, read_warmup
from keras_pose.skeletons import MPII_16
from keras_pose.train import run_folder
from keras_pose.train.options import RunOptions
from keras_pose.train.runs import read_config
from keras_pose.train.weights import write_weights
from keras_pose.wild3d import runs
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.exporting import ExportConfig, export_run
from keras_pose.wild3d.model import PoseModel
from keras_pose.wild3d.training import build_model

SIZE = 64
FORMATS = ("float32", "int8_full")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder as training leaves it, of a network that never learnt."""
    folder = str(tmp_path_factory.mktemp("run"))
    config = Config(
        dataset="generated",
        image_size=SIZE,
        num_stacks=1,
        num_modules=1,
        width=8,
        num_depth_modules=1,
        crop_scale=1.1,
    )
    keras.utils.set_random_seed(1)
    model = PoseModel(config)
    run_folder.open_run(folder, config)
    write_weights(model.network, runs.network_path(folder))
    run_folder.update_run(folder, steps=0, bone_sum_mm=4100.0, results={}, bodies={})
    return folder, model.pose


@pytest.fixture(scope="module")
def version(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("savedmodels")
    settings = ExportConfig(
        model_dir=run[0],
        export_dir=str(folder),
        name="tiny",
        formats=",".join(FORMATS),
        num_examples=8,
        num_heldout=4,
    )
    return folder / "tiny", export_run(settings)


def _outputs(runner, given):
    return {name: np.asarray(value) for name, value in runner(given).items()}


@pytest.mark.slow
def test_every_artefact_was_compared(version):
    folder, path = version
    assert path == str(folder / "1")
    reports = json.loads((folder / "1" / "parity.json").read_text())["artefacts"]
    compared = [report["artefact"] for report in reports]
    signatures = (
        *("serving_default", "serve_image", "serve_bytes", "serve_box", "serve_crop", "lift"),
        *("decoded", "heatmaps"),
    )
    files = [f"tiny_{what}_{kind}.tflite" for what in ("decoded", "heatmaps") for kind in FORMATS]
    plain = [f"{name} (reference kernels)" for name in files]
    saved = [f"saved_model.pb:{name}" for name in signatures]
    assert sorted(compared) == sorted([*saved, *files, *plain])
    assert all(report["passed"] for report in reports)
    assert sorted(entry.name for entry in folder.iterdir()) == ["1"]
    for name in files:
        assert (folder / "1" / name).is_file()


@pytest.mark.slow
def test_phones_run_every_operation(version):
    for what in ("decoded", "heatmaps"):
        content = (version[0] / "1" / f"tiny_{what}_float32.tflite").read_bytes()
        assert set(export.count_operations(content)) <= GPU_OPERATIONS
        content = (version[0] / "1" / f"tiny_{what}_int8_full.tflite").read_bytes()
        assert set(export.count_operations(content)) <= GPU_OPERATIONS | {"QUANTIZE", "DEQUANTIZE"}


@pytest.mark.slow
def test_keras_saved_model_and_tflite_agree(run, version):
    network = serving.pose_network(run[1], 1.25 * 1.1, 4.1)
    crops = golden_bodies(network, 3)["decoded"]["image"]
    pose = run[1](tf.constant(crops), training=False)
    expected = {
        "x": pose["keypoints_2d"][..., 0],
        "y": pose["keypoints_2d"][..., 1],
        "z": pose["depth"] * (SIZE / 2),
        "score": pose["score"],
    }
    path = version[0] / "1"
    runners = {
        "saved_model": export.saved_model_runner(path, "decoded"),
        "tflite": export.tflite_runner(path / "tiny_decoded_float32.tflite", "decoded"),
    }
    for runner in runners.values():
        found = _outputs(runner, {"image": crops})
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert found[name].shape == (3, 16)
            np.testing.assert_allclose(found[name], value, atol=2e-3)
    content = (path / "tiny_decoded_int8_full.tflite").read_bytes()
    assert export.read_files(content)["joints.txt"].split() == list(MPII_16.joints)
    assert export.read_files(content)["metadata.json"] == (path / "metadata.json").read_text()
    maps = export.tflite_runner(path / "tiny_heatmaps_float32.tflite", "heatmaps")
    network = serving.network_of(run[1])(tf.constant(crops), training=False)
    found = _outputs(maps, {"image": crops})
    np.testing.assert_allclose(found["heatmaps"], network["heatmaps"][-1], atol=1e-4)


@pytest.mark.slow
def test_the_default_signature_refuses_its_own_rows(run, version):
    given = golden_bodies(serving.pose_network(run[1], 1.25 * 1.1, 4.1), 2)["serving_default"]
    served = _outputs(export.saved_model_runner(version[0] / "1"), given)
    np.testing.assert_array_equal(served["valid"], [1, 1] + [0] * 11 + [1])
    assert all(np.isfinite(value).all() for value in served.values())


@pytest.mark.slow
def test_the_folder_tells_what_prediction_needs(version):
    metadata = read_metadata(version[0] / "1")
    assert (metadata.image_size, metadata.crop_scale) == (SIZE, pytest.approx(1.25 * 1.1))
    assert metadata.bone_length.typical_m == pytest.approx(4.1)
    assert (metadata.kind, metadata.side, metadata.root) == ("body", None, "pelvis")
    model = ServedPose(version[0] / "1")
    found = model.predict(np.zeros((90, 70, 3), np.uint8))[0]
    assert found.keypoints_2d.shape == (16, 2)
    card = (version[0] / "1" / "card.md").read_text()
    for words in ("`serving_default`", "sum of 14 bones", "metres", "4.100 m"):
        assert words in card


@pytest.mark.slow
def test_a_server_finds_requests_to_warm_up_with(version):
    asked = read_warmup(version[0] / "1")
    assert {name for name, _ in asked} == {"serving_default", "serve_bytes", "serve_box"}
    assert {len(given["image_bytes"]) for _, given in asked} == {1, 8}


@pytest.mark.slow
def test_a_mismatch_leaves_nothing_behind(run, tmp_path, monkeypatch):
    failed = {"artefact": "x", "passed": False, "problem": "differs", "outputs": {}}
    monkeypatch.setattr(publish, "compare_signatures", lambda *given: [])
    monkeypatch.setattr(publish, "compare_phone_files", lambda *given: [failed])
    settings = ExportConfig(
        model_dir=run[0], export_dir=str(tmp_path / "out"), name="tiny", formats=""
    )
    with pytest.raises(ValueError, match="nothing was exported"):
        export_run(settings)
    assert not list(tmp_path.rglob("*.pb"))
    assert not (tmp_path / "out" / "tiny").exists() or not any(
        (tmp_path / "out" / "tiny").iterdir()
    )


def test_bad_settings_are_refused(tmp_path):
    with pytest.raises(ValueError, match="--formats=float32,wav names 'wav'"):
        ExportConfig(formats="float32,wav")
    with pytest.raises(ValueError, match="--model_dir is empty"):
        export_run(ExportConfig(name="x"))
    with pytest.raises(ValueError, match="--name is empty"):
        export_run(ExportConfig(model_dir=str(tmp_path)))


@pytest.mark.slow
def test_training_starts_from_what_was_exported(run, version):
    config = dataclasses.replace(read_config(run[0], Config), init_from=version[1])
    RunOptions(model_dir="anywhere").check_command(config)
    runs.check_start(config)
    pictures = np.random.default_rng(3).integers(0, 256, (4, SIZE, SIZE, 3)).astype(np.uint8)
    rows = tf.data.Dataset.from_tensors({"image": tf.constant(pictures)}).repeat()
    started = build_model(config, lambda step: rows)
    unit = pictures / np.float32(255.0)
    expected, found = run[1](unit, training=False), started.pose(unit, training=False)
    np.testing.assert_allclose(found["depth"], expected["depth"], atol=1e-5)
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-5)
    # Trained on these very pictures, the first normalisation sees what it expects.
    norm = started.network.get_layer("stem_bn")
    before = norm.moving_mean.numpy().copy()
    started.network(unit, training=True)
    np.testing.assert_allclose(norm.moving_mean, before, atol=1e-5)
    other = dataclasses.replace(config, width=16)
    with pytest.raises(ValueError, match="--width=16 contradicts .*, which has 8; use that"):
        runs.check_start(other)
