"""The contract on a network whose answer is known: pixels, cameras, mirrors, rows by themselves."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.serving import contract_signatures, hostile_inputs
from tests.serving.dot_network import FAR, SIZE, dot_network

HEIGHT, WIDTH = 150, 200
DOT = np.array([120.5, 70.5])
CAMERA = np.array([[180.0, 0, 95], [0, 170.0, 80], [0, 0, 1]], np.float32)
BOX = [80.0, 40.0, 60.0, 50.0]


@pytest.fixture(scope="module")
def served():
    return {
        name: tf.function(entry.function, autograph=False)
        for name, entry in contract_signatures(dot_network()).items()
    }


def picture(dot=DOT):
    """Black, one bright pixel with a soft rim."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    image[int(dot[1]), int(dot[0])] = 255.0 * 14
    return cv2.GaussianBlur(image, (0, 0), 1.5).clip(0, 255).astype(np.uint8)


def png(image):
    return cv2.imencode(".png", image)[1].tobytes()


def inputs(count=1, **changes):
    given = {
        "image_bytes": np.array([png(picture())] * count, object),
        "bbox": np.array([BOX] * count, np.float32),
        "K": np.array([CAMERA] * count),
        "bone_length_m": np.full((count, 1), 0.05, np.float32),
    }
    return given | changes


def call(function, given):
    answer = function(**{name: tf.constant(value) for name, value in given.items()})
    return {name: np.asarray(value) for name, value in answer.items()}


def project(points):
    seen = points @ CAMERA.T
    return seen[..., :2] / seen[..., 2:]


@pytest.mark.parametrize("box", [BOX, [100.0, 50, 45, 45], [-30, -20, 260, 190]])
def test_joints_come_back_in_the_picture_and_on_their_rays(served, box):
    answer = call(served["serving_default"], inputs(bbox=np.array([box], np.float32)))
    side = 1.25 * max(box[2:])
    # A pixel of the crop is side / 64 of the picture.
    assert np.abs(answer["keypoints_2d"][0, 0] - DOT).max() < side / SIZE
    np.testing.assert_allclose(
        answer["keypoints_2d"][0, 1] - answer["keypoints_2d"][0, 0], [0, 4 * side / SIZE], atol=1e-3
    )
    np.testing.assert_allclose(answer["depth"][0], [0, 8 * side / SIZE], rtol=1e-5)
    np.testing.assert_allclose(answer["keypoints_3d"][0, :, 2], FAR * 0.05, rtol=1e-6)
    np.testing.assert_allclose(
        project(answer["keypoints_3d"][0]), answer["keypoints_2d"][0], atol=2e-3
    )
    assert answer["valid"].tolist() == [1.0] and answer["score"].shape == (1, 2)


def test_a_left_hand_is_mirrored_there_and_back(served):
    given = inputs(2, is_left=np.array([[1], [0]], np.int32))
    answer = call(served["serve_sided"], given)
    side = 1.25 * 60
    assert np.abs(answer["keypoints_2d"][:, 0] - DOT).max() < side / SIZE
    np.testing.assert_allclose(project(answer["keypoints_3d"]), answer["keypoints_2d"], atol=2e-3)
    plain = call(served["serving_default"], inputs())
    np.testing.assert_array_equal(answer["keypoints_2d"][1], plain["keypoints_2d"][0])


def test_decoded_pictures_and_bytes_agree(served):
    rgb = picture()[None, ..., ::-1]
    given = inputs()
    del given["image_bytes"]
    by_image = call(served["serve_image"], given | {"image": rgb})
    by_bytes = call(served["serving_default"], inputs())
    assert (
        set(by_image)
        == set(by_bytes)
        == {"keypoints_2d", "keypoints_3d", "depth", "score", "valid"}
    )
    for name, value in by_bytes.items():
        np.testing.assert_allclose(by_image[name], value, atol=1e-5)


def test_a_crop_is_a_picture_that_is_its_own_box(served):
    crop = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    known = {"K": np.array([CAMERA] * 2), "bone_length_m": np.full((2, 1), 0.05, np.float32)}
    by_crop = call(served["serve_crop"], known | {"image": crop})
    tight = SIZE / 1.25
    box = [(SIZE - tight) / 2, (SIZE - tight) / 2, tight, tight]
    by_image = call(
        served["serve_image"], known | {"image": crop, "bbox": np.array([box] * 2, np.float32)}
    )
    assert set(by_crop) == set(by_image)
    for name, value in by_crop.items():
        np.testing.assert_allclose(by_image[name], value, atol=1e-3)


def test_without_a_camera_the_root_is_the_origin(served):
    files = {"image_bytes": np.array([png(picture())], object)}
    answer = call(served["serve_bytes"], files)
    assert not answer["keypoints_3d"][0, 0].any() and answer["valid"][0] == 1.0
    # 60 degrees over 200 px: the second joint is 4 crop px (250 / 64 picture px each) lower, 0.5 m away.
    focal = 100.0 / np.tan(np.radians(30.0))
    lower = 4 * (1.25 * WIDTH / SIZE) / focal * FAR * 0.05
    np.testing.assert_allclose(answer["keypoints_3d"][0, 1], [0, lower, 0], atol=1e-5)
    boxed = call(served["serve_box"], files | {"bbox": np.array([[0.0, 0, WIDTH, HEIGHT]], "f")})
    for name, value in answer.items():
        np.testing.assert_allclose(boxed[name], value, atol=1e-6)


def test_every_bad_row_is_its_own(served):
    given = hostile_inputs(png(picture()), HEIGHT, WIDTH)
    given["bone_length_m"] += 0.05
    answer = call(served["serving_default"], given)
    np.testing.assert_array_equal(answer["valid"], [0] * 11 + [1])
    assert all(np.isfinite(value).all() for value in answer.values())
    assert not answer["keypoints_3d"][:11].any()
    # Where picture and box are good, the 2D joints are.
    for name in ("keypoints_2d", "depth", "score"):
        assert not answer[name][:7].any() and answer[name][7:].any(axis=1).all()
    alone = call(served["serving_default"], {name: value[-1:] for name, value in given.items()})
    for name, value in alone.items():
        np.testing.assert_array_equal(answer[name][-1:], value)


@pytest.mark.parametrize("length", [0.0, -1.0, 0.009, 1.1, np.nan, np.inf])
def test_lengths_that_are_a_mistake_in_units(served, length):
    answer = call(served["serving_default"], inputs(bone_length_m=np.array([[length]], np.float32)))
    assert answer["valid"][0] == 0.0 and not answer["keypoints_3d"].any()


def test_cameras_that_are_none(served):
    bad = np.array([CAMERA] * 5)
    bad[0, 1, 0], bad[1, 2, 2], bad[2, 0, 0], bad[3, 1, 1] = 5.0, 0.0, np.nan, 0.5
    answer = call(served["serving_default"], inputs(5, K=bad))
    np.testing.assert_array_equal(answer["valid"], [0, 0, 0, 0, 1])


def test_lifting_is_the_part_behind_the_network(served):
    answer = call(served["serving_default"], inputs())
    given = {"keypoints_2d": answer["keypoints_2d"], "depth": answer["depth"]}
    known = {"K": CAMERA[None], "bone_length_m": np.array([[0.05]], np.float32)}
    lifted = call(served["lift"], given | known)
    np.testing.assert_allclose(lifted["keypoints_3d"], answer["keypoints_3d"], atol=1e-5)
    broken = given | {"depth": np.full((1, 2), np.nan, np.float32)}
    lifted = call(served["lift"], broken | known)
    assert lifted["valid"][0] == 0.0 and not lifted["keypoints_3d"].any()


def test_features_have_a_flag(served):
    crop = np.full((1, SIZE, SIZE, 3), 51, np.uint8)
    answer = call(served["embed"], {"image": crop})
    np.testing.assert_allclose(answer["features"], [[0.2] * 3], rtol=1e-4)
    assert answer["valid"].tolist() == [1.0]


def test_an_empty_batch_is_answered_by_an_empty_one(served):
    given = {name: value[:0] for name, value in inputs().items()}
    for value in call(served["serving_default"], given).values():
        assert value.shape[0] == 0


def test_a_network_without_sides_and_features_has_no_such_signatures():
    names = set(contract_signatures(dot_network(is_sided=False)))
    assert "serve_sided" not in names and "embed" in names
