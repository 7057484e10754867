"""Signatures of a small random network: pictures against crops, the law of size, rows by themselves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.codecs import total_bone_length
from keras_pose.data.augment_host import warp
from keras_pose.geometry import affine2d
from keras_pose.skeletons import MPII_16
from keras_pose.wild3d import serving
from keras_pose.wild3d.network import build_network
from keras_pose.wild3d.pose import build_pose
from keras_pose.wild3d.verification import explained_joints

SIZE = 64
HEIGHT, WIDTH = 90, 130
CAMERA = np.array([[400.0, 0, 70], [0, 400.0, 40], [0, 0, 1]], np.float32)
BOX = np.array([20.0, -6.0, 40.0, 80.0], np.float32)


@pytest.fixture(scope="module")
def pose():
    keras.utils.set_random_seed(3)
    network = build_network(
        image_size=SIZE, num_stacks=1, num_modules=1, width=8, num_depth_modules=1, stem_width=8
    )
    return build_pose(network, SIZE)


@pytest.fixture(scope="module")
def served(pose):
    """The signatures as a server runs them: traced once, called with arrays."""
    return {
        name: tf.function(entry.function)
        for name, entry in serving.signatures(pose, "argmax", 10.0).items()
    }


def _call(function, given):
    return {
        name: np.asarray(value)
        for name, value in function(**{k: tf.constant(v) for k, v in given.items()}).items()
    }


def _given(count=2):
    image = np.random.default_rng(4).integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return {
        "image": image,
        "box": np.repeat(BOX[None], count, 0),
        "intrinsics": np.repeat(CAMERA[None], count, 0),
        "bone_sum": np.full(count, 4.0, np.float32),
        "body_height": np.zeros(count, np.float32),
    }


@pytest.fixture(scope="module")
def answer(served):
    return _call(served["serve_image"], _given())


def test_all_is_answered(answer):
    shapes = {name: value.shape for name, value in answer.items()}
    assert shapes == {
        **{"keypoints_2d": (2, 16, 2), "score": (2, 16), "depth": (2, 16), "points": (2, 16, 3)},
        **{"keypoints_3d": (2, 16, 3), "position": (2, 3)},
        **{"valid": (2,), "valid_3d": (2,), "valid_position": (2,)},
    }
    assert all(np.isfinite(value).all() for value in answer.values())
    np.testing.assert_array_equal(
        [answer[name] for name in ("valid", "valid_3d", "valid_position")], 1.0
    )


def test_crop_units_are_pixels_of_the_picture(answer):
    # The square of side 80 about (40, 34): x from 0 to 80, y from -6 to 74.
    expected = 40.0 * (answer["points"][..., :2] + 1.0) + [0.0, -6.0]
    np.testing.assert_allclose(answer["keypoints_2d"], expected, atol=1e-3)
    np.testing.assert_array_equal(answer["points"][..., 2], answer["depth"])


def test_a_crop_cut_by_the_host_gives_the_same(served, answer):
    given = _given()
    matrix = np.array([[0.8, 0, 0], [0, 0.8, 4.8]])
    crops = np.stack([warp(image, matrix, SIZE) for image in given["image"]])
    cameras = affine2d.transform_intrinsics(CAMERA.astype(np.float64), matrix)
    crop = {name: value for name, value in given.items() if name != "box"}
    crop |= {"image": crops, "intrinsics": np.repeat(cameras[None], 2, 0).astype(np.float32)}
    other = _call(served["serve_crop"], crop)
    # A grey level more or less hardly moves a score; an arg-max of a random network it may.
    np.testing.assert_allclose(other["score"], answer["score"], atol=2e-3)
    moved = np.abs(other["points"] - answer["points"])[..., :2].max(-1)
    same = moved < 1e-5
    assert same.mean() >= 0.9
    back = other["keypoints_2d"] / 0.8 - [0.0, 6.0]
    np.testing.assert_allclose(back[same], answer["keypoints_2d"][same], atol=1e-3)
    plain = _call(served["keypoints"], {"image": crops})
    for name in serving.POSE:
        np.testing.assert_allclose(plain[name], other[name], atol=1e-5)


def test_what_is_a_crop_already_is_not_cut(served):
    crops = np.random.default_rng(5).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    whole = np.repeat(np.array([[0, 0, SIZE, SIZE]], np.float32), 2, 0)
    given = _given() | {"image": crops, "box": whole}
    as_picture = _call(served["serve_image"], given)
    given.pop("box")
    as_crop = _call(served["serve_crop"], given)
    for name, value in as_crop.items():
        np.testing.assert_allclose(as_picture[name], value, rtol=1e-4, atol=1e-4)


def test_metres_have_the_bone_sum_that_is_given(served, answer):
    np.testing.assert_allclose(total_bone_length(answer["keypoints_3d"]), 4.0, rtol=1e-5)
    np.testing.assert_array_equal(answer["keypoints_3d"][:, MPII_16.index("pelvis")], 0.0)
    double = _call(served["serve_image"], _given() | {"bone_sum": np.full(2, 8.0, np.float32)})
    np.testing.assert_allclose(double["keypoints_3d"], 2 * answer["keypoints_3d"], atol=1e-5)
    # A person twice as tall that looks the same is twice as far away.
    np.testing.assert_allclose(double["position"], 2 * answer["position"], rtol=1e-4)
    by_height = _given() | {
        "bone_sum": np.zeros(2, np.float32),
        "body_height": np.full(2, 4.0 / 2.4, np.float32),
    }
    by_height = _call(served["serve_image"], by_height)
    np.testing.assert_allclose(by_height["keypoints_3d"], answer["keypoints_3d"], atol=1e-5)


def test_the_position_by_hand(answer):
    # Half a side is 40 px; metres per half side from one bone of both outputs.
    knee, hip = MPII_16.indices(("right_knee", "right_hip"))
    metres = np.linalg.norm(
        answer["keypoints_3d"][:, knee] - answer["keypoints_3d"][:, hip], axis=-1
    )
    units = np.linalg.norm(answer["points"][:, knee] - answer["points"][:, hip], axis=-1)
    away = 400.0 / (40.0 / (metres / units))
    rows = [row for row in range(16) if row != MPII_16.index("thorax")]
    mean = answer["position"][:, 2] + answer["keypoints_3d"][:, rows, 2].mean(1)
    np.testing.assert_allclose(mean, away, rtol=1e-4)


def test_unknown_sizes_and_cameras_cost_what_they_cost(served, answer):
    nothing = np.zeros(2, np.float32)
    no_size = _call(served["serve_image"], _given() | {"bone_sum": nothing})
    no_camera = _call(
        served["serve_image"], _given() | {"intrinsics": np.zeros((2, 3, 3), np.float32)}
    )
    for name in serving.POSE:
        np.testing.assert_array_equal(no_size[name], answer[name])
    for name in ("keypoints_3d", "position", "valid_3d", "valid_position"):
        np.testing.assert_array_equal(no_size[name], 0.0)
    np.testing.assert_array_equal(no_camera["keypoints_3d"], answer["keypoints_3d"])
    np.testing.assert_array_equal(no_camera["position"], 0.0)


def test_bad_rows_harm_no_neighbour(served, answer):
    bad = serving.hostile_inputs(HEIGHT, WIDTH)
    good = _given(1)
    mixed = {name: np.concatenate([bad[name], good[name]]) for name in good}
    mixed["image"][-1] = _given()["image"][0]
    found = _call(served["serve_image"], mixed)
    assert all(np.isfinite(value).all() for value in found.values())
    np.testing.assert_array_equal(found["valid"], [0] * 4 + [1] * 5)
    np.testing.assert_array_equal(found["valid_3d"], [0] * 6 + [1] * 3)
    np.testing.assert_array_equal(found["valid_position"], [0] * 8 + [1])
    for name, value in answer.items():
        np.testing.assert_allclose(found[name][-1], value[0], rtol=1e-4, atol=1e-4)
        if not name.startswith("valid"):
            np.testing.assert_array_equal(found[name][:4], 0.0)


def test_phones_get_the_same_joints(served, answer):
    crops = np.random.default_rng(6).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    plain = _call(served["keypoints"], {"image": crops})
    unit = {"image": crops.astype(np.float32) / np.float32(255.0)}
    phone = _call(served["decoded"], unit)
    np.testing.assert_allclose(phone["x"], plain["keypoints_2d"][..., 0], atol=1e-3)
    np.testing.assert_allclose(phone["y"], plain["keypoints_2d"][..., 1], atol=1e-3)
    np.testing.assert_allclose(phone["z"], 32.0 * plain["depth"], atol=1e-3)
    np.testing.assert_allclose(phone["score"], plain["score"], atol=1e-5)
    maps = _call(served["heatmaps"], unit)
    assert maps["heatmaps"].shape == (2, 16, 16, 16)
    np.testing.assert_allclose(maps["heatmaps"].max((1, 2)), plain["score"], atol=1e-5)
    np.testing.assert_allclose(maps["depth"], plain["depth"], atol=1e-5)


def test_only_equal_values_of_the_map_explain_another_place():
    field = np.zeros((5, 6))
    field[1, 2], field[3, 4], field[2, 1] = 1.0, 0.995, 0.5
    maps = np.repeat(field[None, :, :, None], 5, axis=3)
    true = np.tile([2.5, 1.5], (1, 5, 1))
    answered = true.copy()
    # Nearly as high; far lower; same pixel and level neighbours; another offset without cause; none.
    answered[0, :4] = [[4.5, 3.5], [1.5, 2.5], [2.75, 1.5], [2.5, 1.75]]
    maps[0, 2, 2, 3] = 0.3
    np.testing.assert_array_equal(
        explained_joints(answered, true, maps, 0.01), [[True, False, True, False, False]]
    )
    answered[0, 0] = np.nan
    assert not explained_joints(answered, true, maps, 0.01)[0, 0]
