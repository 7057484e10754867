"""`serve_found` is the finder's boxes put to `serving_default`, picture by picture, in one call."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.serving_fuzz import fuzz
from keras_pose.export import LoadedModel, save_signatures
from keras_pose.serving import contract_signatures, hostile_inputs
from keras_pose.serving.found_poses import FOUND_WORDS, found_signature
from tests.serving.dot_finder import PLACES, find_dots
from tests.serving.dot_network import dot_network

HEIGHT, WIDTH = 90, 120
CAMERA = np.array([[150.0, 0, 60], [0, 150.0, 45], [0, 0, 1]], np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dots") / "1"
    network = dot_network(is_sided=False)
    default = {"serving_default": contract_signatures(network)["serving_default"]}
    save_signatures(folder, default | {"serve_found": found_signature(network, find_dots)})
    return LoadedModel(folder)


def _picture(*dots):
    """Black with soft bright dots, as a PNG file."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for x, y in dots:
        image[y, x] = 255.0 * 20
    soft = cv2.GaussianBlur(image, (0, 0), 1.5).clip(0, 255).astype(np.uint8)
    return cv2.imencode(".png", soft)[1].tobytes()


def _asked(pictures, length=0.05):
    data = np.empty(len(pictures), object)
    data[:] = pictures
    count = len(pictures)
    return {
        "image_bytes": data,
        "K": np.repeat(CAMERA[None], count, axis=0),
        "bone_length_m": np.full((count, 1), length, np.float32),
    }


def test_everybody_is_answered_as_with_a_box(model):
    pictures = [_picture((31, 30)), _picture(), b"no picture", _picture((92, 62), (28, 33))]
    asked = _asked(pictures)
    answer = model.runner("serve_found")(asked)
    assert answer["count"].tolist() == [1, 0, 0, 2]
    # Nobody is an answer; what is no picture is none.
    assert answer["valid"].tolist() == [1, 1, 0, 1]
    np.testing.assert_array_equal(answer["pose_valid"], [[1, 0], [0, 0], [0, 0], [1, 1]])
    np.testing.assert_allclose(answer["keypoints_2d"][0, 0, 0], [31.5, 30.5], atol=1.0)
    rows = [(0, 0), (3, 0), (3, 1)]
    boxes = {name: value[[picture for picture, _ in rows]] for name, value in asked.items()}
    boxes["bbox"] = np.array([answer["boxes"][place] for place in rows])
    np.testing.assert_allclose(boxes["bbox"][0], PLACES[0], atol=1e-4)
    for name, value in model.runner("serving_default")(boxes).items():
        own = answer["pose_valid" if name == "valid" else name]
        np.testing.assert_allclose(np.stack([own[place] for place in rows]), value, atol=1e-5)
    for name in ("boxes", "box_scores", "keypoints_2d", "keypoints_3d", "depth", "score"):
        assert not answer[name][1:3].any() and not answer[name][0, 1:].any()


def test_every_bad_row_is_its_own(model):
    good = _picture((31, 30))
    given = hostile_inputs(good, HEIGHT, WIDTH)
    del given["bbox"]
    given["bone_length_m"] += 0.05
    answer = model.runner("serve_found")(given)
    # Rows 3 to 6 are boxes that this signature does not have.
    np.testing.assert_array_equal(answer["valid"], [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(answer["count"], [0] * 3 + [1] * 9)
    assert all(np.isfinite(value).all() for value in answer.values())
    bad = answer["valid"] == 0
    assert not answer["keypoints_3d"][bad].any() and not answer["pose_valid"][bad].any()
    # Where the picture is good, its joints in pixels are known whatever the camera.
    assert answer["keypoints_2d"][3:, 0].any(axis=(1, 2)).all()


@pytest.mark.parametrize("count", [0, 3])
def test_batches_without_anybody_are_answered(model, count):
    answer = model.runner("serve_found")(_asked([_picture()] * count))
    assert answer["count"].tolist() == [0] * count and answer["valid"].tolist() == [1] * count
    assert answer["keypoints_3d"].shape == (count, 2, 2, 3)


def test_a_single_pixel_is_a_picture_without_anybody(model):
    data = cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes()
    answer = model.runner("serve_found")(_asked([data]))
    assert answer["valid"].tolist() == [1.0] and answer["count"].tolist() == [0]


def test_batches_that_do_not_fit_are_an_error(model):
    asked = _asked([_picture()] * 2)
    for name, value in asked.items():
        with pytest.raises(tf.errors.InvalidArgumentError):
            model.runner("serve_found")(asked | {name: value[:1]})


def test_what_is_answered_has_words(model):
    own = set(model.signatures["serve_found"][1])
    joints = {"keypoints_2d", "keypoints_3d", "depth", "score"}
    assert own == joints | set(FOUND_WORDS)


@pytest.mark.parametrize("num_inputs", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_requests(model, num_inputs):
    found = fuzz(
        model.runner("serve_found"),
        0.05,
        num_inputs,
        3,
        signature="serve_found",
        control=_picture((31, 30)),
    )
    assert found["inputs"] == num_inputs and "bad box" not in found["by_mutation"]
    assert found["memory_growth_mib"] < 1024
