"""A body run from an imported landmark network: new heads on its maps, and loading without the import."""

import numpy as np
import pytest

from keras_pose.train import run_folder
from keras_pose.weights.imported import body_trunk
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.runs import check_start, load_pose
from keras_pose.wild3d.training import _write_weights, build_model
from tests.weights.toy_files import body_landmarks, convert

SIDE = 64


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("body_mediapipe") / "1" / "networks"
    folder.mkdir(parents=True)
    (folder / "pose_landmark_full.tflite").write_bytes(convert(body_landmarks, (SIDE, SIDE, 3)))
    return folder.parents[1]


def _config(imported, **changes):
    settings = {
        "backbone": "pose_landmark",
        "init_from": str(imported),
        "image_size": SIDE,
        "depth_head": "map",
        "num_depth_modules": 1,
    }
    return Config(**(settings | changes))


def test_new_heads_read_its_maps_and_a_run_stands_alone(imported, tmp_path):
    config = _config(imported)
    check_start(config)
    model = build_model(config)
    image = np.random.default_rng(0).random((2, SIDE, SIDE, 3)).astype(np.float32)
    outputs = model.network(image)
    assert outputs["heatmaps"][-1].shape == (2, SIDE // 4, SIDE // 4, 16)
    trunk = body_trunk(imported / "1" / "networks" / "pose_landmark_full.tflite")
    maps = trunk(image).numpy().reshape(-1, 6)
    heads = outputs["heatmaps"][-1].numpy().reshape(-1, 16)
    fitted, *_ = np.linalg.lstsq(np.c_[maps, np.ones(len(maps))], heads, rcond=None)
    np.testing.assert_allclose(np.c_[maps, np.ones(len(maps))] @ fitted, heads, atol=1e-5)
    run_folder.open_run(str(tmp_path), config, [])
    _write_weights(model, str(tmp_path))
    _, pose = load_pose(str(tmp_path))
    np.testing.assert_allclose(
        pose(image)["keypoints_2d"], model.pose(image)["keypoints_2d"], atol=1e-4
    )
    # Another run may start from it, heads included.
    again = _config(tmp_path)
    check_start(again)
    following = build_model(again).network(image)["heatmaps"][-1]
    np.testing.assert_allclose(following, outputs["heatmaps"][-1], atol=1e-6)


def test_what_contradicts_it_is_one_sentence(imported):
    with pytest.raises(ValueError, match="--backbone=hourglass contradicts --init_from"):
        check_start(_config(imported, backbone="hourglass"))
    with pytest.raises(ValueError, match="learns from labels alone"):
        _config(imported, teacher="runs/teacher")
