"""The report on FreiHAND's test: files, scores and their protocols, released weights, bad settings."""

import json
import types
import zipfile

import cv2
import keras
import numpy as np
import pytest

from keras_pose.hand_pose import evaluation as evaluate
from keras_pose.hand_pose.evaluation import EvaluateConfig, build_released_pose, evaluate_freihand
from keras_pose.hand_pose.freihand_test import read_competition_file
from keras_pose.hand_pose.network import build_hand_pose
from keras_pose.metrics import FREIHAND_PROTOCOLS, freihand_scores
from tests.hand_pose.weight_rule import resnet_shapes, rule_state

K = [[480.0, 0.0, 112.0], [0.0, 480.0, 112.0], [0.0, 0.0, 1.0]]


def _folder(path, has_labels=True, num=3):
    """FreiHAND's layout with noise for pictures, and its joints."""
    rng = np.random.default_rng(1)
    rgb = path / "evaluation" / "rgb"
    rgb.mkdir(parents=True)
    hands = rng.uniform(-0.06, 0.06, (num, 21, 3)) + [0.0, 0.0, 0.7]
    for number in range(num):
        picture = rng.integers(0, 255, (224, 224, 3), np.uint8)
        cv2.imwrite(str(rgb / f"{number:08d}.jpg"), picture)
    scales = np.linalg.norm(hands[:, 9] - hands[:, 10], axis=-1)
    tables = {"K": [K] * num, "scale": scales.tolist()}
    if has_labels:
        tables["xyz"] = hands.tolist()
    for name, table in tables.items():
        (path / f"evaluation_{name}.json").write_text(json.dumps(table))
    return hands, scales


def _model():
    image = keras.Input((32, 32, 3))
    hidden = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 5, strides=4)(image))
    return build_hand_pose(keras.Model(image, hidden), 32)


def test_report_scores_what_it_wrote(tmp_path):
    hands, _ = _folder(tmp_path / "set")
    report = evaluate_freihand(_model(), tmp_path / "set", tmp_path / "out", batch_size=2)
    joints, vertices = read_competition_file(tmp_path / "out" / "pred.zip")
    assert joints.shape == (3, 21, 3) and not vertices.any()
    expected = freihand_scores(joints, hands)
    for key, value in expected.items():
        np.testing.assert_allclose(report[key]["value"], value, rtol=1e-4)
        assert report[key]["protocol"] == FREIHAND_PROTOCOLS[key].id
    zero = freihand_scores(np.zeros_like(hands), hands)
    np.testing.assert_allclose(report["zero_xyz_mean3d"]["value"], zero["xyz_mean3d"], rtol=1e-6)
    assert json.loads((tmp_path / "out" / "scores.json").read_text()) == report
    lines = (tmp_path / "out" / "scores.txt").read_text().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        *("xyz_mean3d", "xyz_auc3d", "xyz_al_mean3d", "xyz_al_auc3d")
    ]


def test_hidden_labels_leave_the_competitions_file_alone(tmp_path):
    _folder(tmp_path / "set", has_labels=False)
    assert evaluate_freihand(_model(), tmp_path / "set", tmp_path / "out") == {}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pred.zip"]


def test_command_crops_as_the_run_was_trained(tmp_path, monkeypatch, capsys):
    _folder(tmp_path / "set")
    run = types.SimpleNamespace(reference_bone="middle", crop_scale=1.25, crop_source="box")
    config = EvaluateConfig(model_dir=str(tmp_path / "run"), data_dir=str(tmp_path / "set"))
    monkeypatch.setattr(evaluate.finetune, "load_hand_pose", lambda folder: (run, _model()))
    seen = {}
    plain = evaluate.freihand_evaluation.predict_hands

    def predict_hands(*arguments, **crops):
        seen.update(crops)
        return plain(*arguments, **crops)

    monkeypatch.setattr(evaluate.freihand_evaluation, "predict_hands", predict_hands)
    evaluate.main(config)
    # The square around joints is 1.2 times their extent, and the run's crops 1.25 times that.
    assert seen == {"num_passes": 2, "batch_size": 32, "box_share": 1 / 1.5}
    with zipfile.ZipFile(tmp_path / "run" / "freihand" / "pred.zip") as archive:
        assert archive.namelist() == ["pred.json"]
    assert "xyz_al_mean3d" in capsys.readouterr().out
    run.crop_source = "picture"
    with pytest.raises(ValueError, match="trained with --crop_source=picture"):
        evaluate.main(config)
    run.reference_bone = "index"
    with pytest.raises(ValueError, match="--reference_bone=index was used in training"):
        evaluate.main(config)


def _released_state():
    shapes = {f"backend_model.{n}": s for n, s in resnet_shapes((3, 4, 6, 3), True).items()}
    shapes |= {"backend_model.fc.weight": (64, 2048), "backend_model.fc.bias": (64,)}
    for number, (outputs, inputs) in {0: (128, 64), 3: (128, 128), 6: (1, 128)}.items():
        shapes[f"zroot_ref.zroot_ref.{number}.weight"] = (outputs, inputs)
        shapes[f"zroot_ref.zroot_ref.{number}.bias"] = (outputs,)
    for number in (1, 4):
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"zroot_ref.zroot_ref.{number}.{part}"] = (128,)
    return rule_state(shapes)


@pytest.mark.slow
def test_released_weights_become_the_model(monkeypatch):
    state = _released_state()
    monkeypatch.setattr(evaluate, "read_torch_file", lambda path: state)
    model = build_released_pose("rn50.pth")
    kernel = np.array(model.get_layer("head").kernel)
    np.testing.assert_array_equal(kernel, state["backend_model.fc.weight"].T[:, :63])
    refiner = model.get_layer("root_refiner")
    np.testing.assert_array_equal(
        refiner.correction.kernel, state["zroot_ref.zroot_ref.6.weight"].T
    )
    assert model.input["image"].shape == (None, 224, 224, 3)
    del state["zroot_ref.zroot_ref.6.bias"]
    with pytest.raises(ValueError, match=r"^rn50.pth: .* lack 'zroot_ref.zroot_ref.6.bias'"):
        build_released_pose("rn50.pth")
    pretrained = {name: value for name, value in state.items() if "layer" in name}
    monkeypatch.setattr(evaluate, "read_torch_file", lambda path: pretrained)
    with pytest.raises(ValueError, match="holds no pose head"):
        build_released_pose("rn50.pth")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Give one of --model_dir and --released_weights"),
        ({"model_dir": "a", "released_weights": "b"}, "Give one of"),
        ({"model_dir": "a"}, "--data_dir is empty"),
        ({"released_weights": "b", "data_dir": "c"}, "--output_dir is empty"),
        ({"model_dir": "a", "data_dir": "c", "num_passes": 0}, "--num_passes=0 is too small"),
    ],
)
def test_contradicting_settings_are_named(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        EvaluateConfig(**settings)
