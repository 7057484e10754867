"""A student exported: maps and joints for phones beside the contract's signatures, all compared."""

import json

import keras
import numpy as np
import pytest

from keras_pose import export
from keras_pose.data.generated.hands import generate_hand
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.exporting import ExportConfig, export_run
from keras_pose.hand_student.model import StudentModel
from keras_pose.hand_student.training import weights_path
from keras_pose.serving import ServedPose, read_metadata
from keras_pose.train import run_folder
from keras_pose.train.weights import write_weights

SIZE = 64
# Random maps survive no rounding; tests/serving/test_phone.py has the other formats.
FORMATS = ("float32",)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """A network that never learnt, but whose maps have peaks somewhere."""
    folder = str(tmp_path_factory.mktemp("run"))
    config = StudentConfig(dataset="generated", image_size=SIZE, width=16, depth_width=16)
    keras.utils.set_random_seed(2)
    model = StudentModel(config)
    for variable in model.network.get_layer("heatmaps").trainable_variables:
        variable.assign(keras.random.normal(variable.shape, stddev=0.5, seed=1))
    # Statistics of real activations, without which those of deep random networks vanish.
    for layer in model.network._flatten_layers():
        if hasattr(layer, "moving_variance"):
            layer.momentum = 0.0
    # Depths of a few bones, as hands have them.
    kernel = model.network.get_layer("depth_others").kernel
    kernel.assign(0.02 * kernel)
    crops = [generate_hand(number, 5, size=SIZE).image for number in range(8)]
    model.network(np.stack(crops).astype(np.float32) / 255.0, training=True)
    run_folder.open_run(folder, config)
    write_weights(model.network, weights_path(folder))
    run_folder.update_run(folder, steps=0, results={}, hands={})
    root = tmp_path_factory.mktemp("models")
    settings = ExportConfig(
        model_dir=folder,
        export_dir=str(root),
        name="tiny",
        num_examples=8,
        num_heldout=4,
        formats=",".join(FORMATS),
    )
    export_run(settings)
    return root / "tiny" / "1"


@pytest.mark.slow
def test_every_file_is_there_compared_and_measured(version):
    files = {f"tiny_{what}_{kind}.tflite" for what in ("decoded", "heatmaps") for kind in FORMATS}
    assert files <= {entry.name for entry in version.iterdir()}
    reports = json.loads((version / "parity.json").read_text())["artefacts"]
    compared = {report["artefact"] for report in reports}
    assert files | {f"{name} (reference kernels)" for name in files} <= compared
    assert "saved_model.pb:serve_sided" in compared
    accuracy = json.loads((version / "accuracy.json").read_text())["values"]
    assert set(accuracy) == files | {"saved_model.pb", "saved_model.pb:heatmaps"}


@pytest.mark.slow
def test_the_files_say_what_the_contract_says(version):
    metadata = read_metadata(version)
    assert (metadata.score, metadata.side) == ("heatmap_peak", "right")
    crops = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    camera = np.array([[80.0, 0, 32], [0, 80.0, 32], [0, 0, 1]], np.float32)
    known = {"K": np.stack([camera] * 2), "bone_length_m": np.full((2, 1), 0.03, np.float32)}
    served = export.run_saved_model(version, "serve_crop", {"image": crops, **known})
    phone = export.run_tflite(
        version / "tiny_decoded_float32.tflite", "decoded", {"image": crops.astype("f") / 255.0}
    )
    points = np.stack([phone["x"], phone["y"]], axis=-1)
    np.testing.assert_allclose(points, served["keypoints_2d"], atol=0.02)
    np.testing.assert_allclose(phone["z"], served["depth"], atol=1e-3)
    np.testing.assert_allclose(phone["score"], served["score"], rtol=1e-4, atol=1e-4)
    found = ServedPose(version).predict(crops[0], is_left=True)[0]
    assert found.keypoints_2d.shape == (21, 2)


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="names 'wav'"):
        ExportConfig(formats="float32,wav")
