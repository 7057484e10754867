"""A hand pose run from an imported landmark network: its answers at the start, and without the import."""

import numpy as np
import pytest

from keras_pose.export import fold_normalization
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.start import check_pretrained
from keras_pose.hand_pose.training import build_model, finetune_run, load_hand_pose
from keras_pose.train.options import RunOptions
from keras_pose.weights import read_tflite
from tests.weights.toy_files import convert, hand_landmarks

SIDE = 32


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hand_mediapipe") / "1" / "networks"
    folder.mkdir(parents=True)
    (folder / "hand_landmark_full.tflite").write_bytes(convert(hand_landmarks, (SIDE, SIDE, 3)))
    return folder.parents[1]


def _config(imported, **changes):
    settings = {
        "dataset": "generated",
        "num_generated": 8,
        "encoder": "hand_landmark",
        "init_from": str(imported),
        "image_size": SIDE,
        "root": "wrist",
        "batch_size": 2,
        "num_steps": 2,
        "steps_per_epoch": 2,
        "warmup_steps": 0,
    }
    return FinetuneConfig(**(settings | changes))


def _given():
    image = np.random.default_rng(0).random((2, SIDE, SIDE, 3)).astype(np.float32)
    camera = np.array([[90.0, 0, SIDE / 2], [0, 90.0, SIDE / 2], [0, 0, 1]], np.float32)
    return {"image": image, "intrinsics": np.repeat(camera[None], 2, 0)}


def _screen(imported, given):
    whole = read_tflite(imported / "1" / "networks" / "hand_landmark_full.tflite")(given["image"])
    return whole["Identity"].numpy().reshape(2, 21, 3)[..., :2]


def test_it_begins_where_the_network_is(imported):
    config = _config(imported, averaging_momentum=0.5)
    check_pretrained(config)
    model = build_model(config)
    given = _given()
    for pose in (model.pose, model.averaged_pose, fold_normalization(model.pose)):
        points = pose(given)["keypoints_2d"].numpy()
        np.testing.assert_allclose(points, _screen(imported, given), atol=1e-3)
    # All of it is trained: the trunk's convolution, the head's layer.
    assert len(model.trained_variables) == 4


@pytest.mark.slow
def test_a_run_stands_alone_afterwards(imported, tmp_path):
    config, given = _config(imported), _given()
    screen = _screen(imported, given)
    finetune_run(config, RunOptions(model_dir=str(tmp_path), mode="train"))
    (tmp_path / "weights" / "hand_landmark.tflite").rename(tmp_path / "aside")
    with pytest.raises(ValueError, match="copy it back among its weights"):
        load_hand_pose(str(tmp_path))
    (tmp_path / "aside").rename(tmp_path / "weights" / "hand_landmark.tflite")
    _, trained = load_hand_pose(str(tmp_path))
    assert np.abs(trained(given)["keypoints_2d"].numpy() - screen).max() > 1e-3
    # The next run starts from this one, and not from the import.
    again = _config(tmp_path)
    check_pretrained(again)
    following = build_model(again)
    np.testing.assert_allclose(
        following.pose(given)["keypoints_2d"], trained(given)["keypoints_2d"], atol=1e-4
    )


def test_what_contradicts_it_is_one_sentence(imported):
    with pytest.raises(ValueError, match="--encoder=resnet18 contradicts --init_from"):
        check_pretrained(_config(imported, encoder="resnet18"))
    with pytest.raises(ValueError, match="which has no projection head"):
        _config(imported, projection="points")
