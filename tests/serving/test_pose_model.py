"""A version folder as a Python function: a server's numbers, and files that explain themselves."""

import json
import shutil

import cv2
import numpy as np
import pytest

from keras_pose.export import LoadedModel, run_saved_model, save_signatures
from keras_pose.serving import (
    BoneLength,
    Found,
    Metadata,
    ServedPose,
    contract_signatures,
    describe_signatures,
    describe_skeleton,
    read_metadata,
    write_metadata,
)
from keras_pose.skeletons import Skeleton
from tests.serving.dot_network import dot_network
from tests.serving.test_contract import BOX, CAMERA, DOT, picture, png

FACTS = {
    "name": "dot",
    "version": 1,
    "method": "peclr",
    "kind": "hand",
    "skeleton": "dot_2",
    "joints": ("dot", "below"),
    "bones": ((0, 1),),
    "root": "dot",
    "image_size": 64,
    "crop_scale": 1.25,
    "side": "right",
    "bone_length": BoneLength((("dot", "below"),), 0.05, "from the dot downwards"),
    "depth_unit": "pixels of the picture",
    "score": "none",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("dot") / "1"
    signatures = contract_signatures(dot_network())
    save_signatures(path, signatures, serving_default="serving_default")
    write_metadata(path, Metadata(**FACTS, signatures=describe_signatures(LoadedModel(path))))
    return path


@pytest.fixture(scope="module")
def model(folder):
    return ServedPose(folder)


def test_the_folder_of_a_model_means_its_highest_version(folder, tmp_path):
    for number in ("9", "10"):
        shutil.copytree(folder, tmp_path / number)
    (tmp_path / "11").mkdir()
    content = json.loads((tmp_path / "10" / "metadata.json").read_text())
    (tmp_path / "10" / "metadata.json").write_text(json.dumps(content | {"version": 10}))
    assert ServedPose(tmp_path).metadata.version == 10


def test_a_joint_order_settles_joints_bones_and_root():
    fork = Skeleton("fork", ("left", "stem", "right"), (1, -1, 1))
    assert describe_skeleton(fork) == {
        "skeleton": "fork",
        "joints": ("left", "stem", "right"),
        "bones": ((1, 0), (1, 2)),
        "root": "stem",
    }


def test_metadata_comes_back(folder):
    metadata = read_metadata(folder)
    for name, value in FACTS.items():
        assert getattr(metadata, name) == value
    default = metadata.signatures["serving_default"]
    assert default["inputs"]["image_bytes"] == {"dtype": "string", "shape": [None]}
    assert default["inputs"]["K"] == {"dtype": "float32", "shape": [None, 3, 3]}
    assert default["outputs"]["keypoints_3d"] == {"dtype": "float32", "shape": [None, 2, 3]}
    content = json.loads((folder / "metadata.json").read_text())
    assert content["units"]["keypoints_3d"] == "metres" and "z forward" in content["frame"]


def test_python_and_server_say_the_same(folder, model):
    jpeg = cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    image = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1), cv2.COLOR_BGR2RGB)
    given = {
        "image_bytes": [jpeg],
        "bbox": [BOX],
        "K": [CAMERA],
        "bone_length_m": [[0.07]],
        "is_left": [[1]],
    }
    served = run_saved_model(folder, "serve_sided", given)
    found = model.predict(image, np.array([BOX]), CAMERA, 0.07, is_left=True)[0]
    for name in ("keypoints_2d", "keypoints_3d", "depth", "score"):
        np.testing.assert_allclose(getattr(found, name), served[name][0], atol=1e-4)
    assert found.valid and not found.is_root_relative


def test_without_a_camera_python_and_server_agree_too(folder, model):
    served = run_saved_model(folder, "serve_bytes", {"image_bytes": [png(picture())]})
    found = model.predict(np.ascontiguousarray(picture()[..., ::-1]))[0]
    np.testing.assert_allclose(found.keypoints_3d, served["keypoints_3d"][0], atol=1e-5)
    assert found.is_root_relative
    # The whole picture of 200 x 150 px with a margin of a quarter.
    np.testing.assert_allclose(found.box, [-25, -50, 250, 250], atol=1e-3)


def test_a_box_beside_the_picture_is_not_valid(model):
    image = np.ascontiguousarray(picture()[..., ::-1])
    found = model.predict(image, np.array([[900.0, 0, 10, 10], BOX]), CAMERA)
    assert [one.valid for one in found] == [False, True]
    assert found[0].keypoints_3d is None and not found[0].keypoints_2d.any()
    assert np.abs(found[1].keypoints_2d[0] - DOT).max() < 2


def test_many_boxes_are_those_boxes(model):
    image = np.ascontiguousarray(picture()[..., ::-1])
    found = model.predict(image, np.array([BOX] * 19), CAMERA)
    assert len(found) == 19 and all(isinstance(one, Found) and one.valid for one in found)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("{}", "lacks 'schema'"),
        ('{"schema": 9}', "schema 9"),
        ('{"schema": 1}', "lacks"),
    ],
)
def test_broken_metadata_is_one_sentence(tmp_path, content, words):
    if content is not None:
        (tmp_path / "metadata.json").write_text(content)
    with pytest.raises(ValueError, match=words):
        read_metadata(tmp_path)


def test_wrong_arrays_are_refused(model):
    with pytest.raises(ValueError, match="uint8"):
        model.predict(np.zeros((4, 4)))
    # What OpenCV gives for a file that is not there.
    with pytest.raises(ValueError, match="image is object of shape .* give uint8"):
        model.predict(None)
    with pytest.raises(ValueError, match=r"give \[N, 4\]"):
        model.predict(np.zeros((4, 4, 3), np.uint8), np.zeros(4))
    with pytest.raises(ValueError, match="no pixel"):
        model.predict(np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(ValueError, match=r"give one camera matrix \[3, 3\]"):
        model.predict(np.zeros((4, 4, 3), np.uint8), intrinsics=np.zeros((2, 3, 3)))


def test_a_network_that_sees_no_pictures_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    write_metadata(tmp_path, Metadata(**FACTS, signatures={"lift": {}}))
    with pytest.raises(ValueError, match="takes no pictures"):
        ServedPose(tmp_path)


def test_a_camera_matrix_of_another_picture_is_warned_about(model):
    camera = np.array([[1500.0, 0, 960], [0, 1500, 540], [0, 0, 1]])
    with pytest.warns(UserWarning, match=r"intrinsics: .* of 1920 x 1080 px, not of 96 x 64 px"):
        model.predict(np.zeros((64, 96, 3), np.uint8), intrinsics=camera)
