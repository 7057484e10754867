"""Record folders, run folders and exports of before the rooms moved go on working."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np

from keras_pose.data.doctor.examination import check_records
from keras_pose.export import run_saved_model
from keras_pose.hands.data import load_hands
from keras_pose.hands.options import HandOptions
from keras_pose.tips.config import Config
from keras_pose.tips.training import train_run
from keras_pose.train.options import RunOptions
from keras_pose.train.runs import read_config

ROOT = Path(__file__).parents[2]
BEFORE = ROOT / "tests" / "golden" / "before"


def test_records_of_before_are_sound_and_make_batches():
    findings, examined = check_records(BEFORE / "records")
    assert examined == 6 and not [finding for finding in findings if finding.is_error]
    options = HandOptions(image_size=32, batch_size=4, val_share=0.0)
    (batch,) = load_hands(options, str(BEFORE / "records")).batches(0).take(1)
    assert batch["image"].shape == (4, 32, 32, 3) and np.asarray(batch["has_3d"]).all()


def _arrays(path):
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return arrays


def test_a_run_of_before_goes_on_to_the_weights_it_had(tmp_path):
    shutil.copytree(BEFORE / "lifter", tmp_path / "run")
    assert "method" not in json.loads((tmp_path / "run" / "run.json").read_text())
    config = read_config(str(tmp_path / "run"), Config)
    run = train_run(config, RunOptions(model_dir=str(tmp_path / "run")))
    assert run["steps"] == 6 and run["finished"]
    expected = _arrays(BEFORE / "lifter_after_6_steps.weights.h5")
    found = _arrays(tmp_path / "run" / "weights" / "last.weights.h5")
    assert found.keys() == expected.keys() and len(found) > 5
    for name, value in expected.items():
        # Byte-equal on the machine that made them; another processor rounds otherwise.
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_an_export_of_before_lifts():
    points = np.random.default_rng(0).normal(size=(2, 17, 2)).astype(np.float32) * 100
    folder = ROOT / "savedmodels" / "tips_cmu" / "1"
    assert "settings" not in json.loads((folder / "metadata.json").read_text())
    lifted = run_saved_model(folder, "lift", {"keypoints_2d": points})
    assert lifted["keypoints_3d"].shape == (2, 17, 3) and (lifted["valid"] == 1).all()
