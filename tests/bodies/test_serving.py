"""Signatures of a small random network, and the geometry behind them on people whose joints are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.bodies import serving
from keras_pose.bodies.pose import build_pose
from keras_pose.codecs import SUMMED_BONES, total_bone_length, weak_perspective
from keras_pose.data.generated.bodies import generate_body
from keras_pose.serving.phone_parity import explained_joints
from keras_pose.skeletons import MPII_16
from keras_pose.wild3d.network import build_network

SIZE = 64
CAMERA = np.array([[150.0, 0, 30], [0, 150.0, 34], [0, 0, 1]], np.float32)


@pytest.fixture(scope="module")
def pose():
    keras.utils.set_random_seed(3)
    network = build_network(
        image_size=SIZE, num_stacks=1, num_modules=1, width=8, num_depth_modules=1, stem_width=8
    )
    return build_pose(network, SIZE)


@pytest.fixture(scope="module")
def signatures(pose):
    network = serving.pose_network(pose, crop_scale=1.1, bone_sum_m=4.2)
    return serving.signatures(network, pose, "argmax", 10.0)


@pytest.fixture(scope="module")
def served(signatures):
    """The signatures as a server runs them: traced once, called with arrays."""
    return {
        name: tf.function(entry.function, autograph=False) for name, entry in signatures.items()
    }


def _call(function, given):
    return {
        name: np.asarray(value)
        for name, value in function(**{k: tf.constant(v) for k, v in given.items()}).items()
    }


def _crops(count=2):
    crops = np.random.default_rng(4).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    return {
        "image": crops,
        "K": np.repeat(CAMERA[None], count, 0),
        "bone_length_m": np.full((count, 1), 4.0, np.float32),
    }


@pytest.fixture(scope="module")
def answer(served):
    return _call(served["serve_crop"], _crops())


def test_the_network_says_what_the_keras_model_says(pose, answer):
    outputs = pose(tf.constant(_crops()["image"], tf.float32) / 255.0, training=False)
    np.testing.assert_allclose(answer["keypoints_2d"], outputs["keypoints_2d"], atol=1e-4)
    np.testing.assert_allclose(answer["score"], outputs["score"], atol=1e-5)
    depth = np.asarray(outputs["depth"])
    pelvis = depth[:, [MPII_16.index("pelvis")]]
    np.testing.assert_allclose(answer["depth"], (depth - pelvis) * SIZE / 2, atol=1e-3)
    np.testing.assert_array_equal(answer["valid"], 1.0)


def test_metres_have_the_bone_sum_that_is_given(served, answer):
    np.testing.assert_allclose(total_bone_length(answer["keypoints_3d"]), 4.0, rtol=1e-5)
    double = _call(served["serve_crop"], _crops() | {"bone_length_m": np.full((2, 1), 8.0, "f")})
    # A person twice as tall that looks the same is twice as far away.
    np.testing.assert_allclose(double["keypoints_3d"], 2 * answer["keypoints_3d"], rtol=1e-4)


def test_lifting_gives_a_known_person_back_to_a_millimetre(served):
    joints = [row for row in range(16) if row != MPII_16.index("thorax")]
    pelvis, neck = MPII_16.indices(("pelvis", "upper_neck"))
    true, given = [], {"keypoints_2d": [], "depth": [], "K": [], "bone_length_m": []}
    for number in range(8):
        body = generate_body(number, 11, size=64)
        points = np.array(body.keypoints_3d, np.float64)
        # The rule of the labels takes the spine to be straight.
        points[MPII_16.index("thorax")] = 0.5 * (points[pelvis] + points[neck])
        seen = points @ np.array(body.intrinsics, np.float64).T
        places, depth, _ = weak_perspective(seen[:, :2] / seen[:, 2:], points)
        bones = [np.linalg.norm(points[a] - points[b]) for a, b in SUMMED_BONES]
        true.append(points)
        values = (places, depth, body.intrinsics, [sum(bones)])
        for name, value in zip(given, values, strict=True):
            given[name].append(np.asarray(value, np.float32))
    lifted = _call(served["lift"], {name: np.stack(value) for name, value in given.items()})
    np.testing.assert_array_equal(lifted["valid"], 1.0)
    errors = np.linalg.norm(lifted["keypoints_3d"] - np.stack(true), axis=-1)[:, joints]
    assert errors.max() < 1e-3


def test_without_a_camera_the_typical_person_stands_on_the_origin(served):
    image = _crops(1)["image"][0]
    data = tf.io.encode_png(image).numpy()
    answer = _call(served["serve_bytes"], {"image_bytes": np.array([data], object)})
    assert not answer["keypoints_3d"][0, MPII_16.index("pelvis")].any()
    np.testing.assert_allclose(total_bone_length(answer["keypoints_3d"]), 4.2, rtol=1e-5)


def test_a_body_has_no_side_and_no_features(signatures):
    assert set(signatures) == {
        *("serving_default", "serve_image", "serve_bytes", "serve_box", "serve_crop", "lift"),
        *("decoded", "heatmaps"),
    }


def test_phones_get_the_same_joints(served):
    given = _crops()
    plain = _call(served["serve_crop"], given)
    unit = {"image": given["image"].astype(np.float32) / np.float32(255.0)}
    phone = _call(served["decoded"], unit)
    np.testing.assert_allclose(phone["x"], plain["keypoints_2d"][..., 0], atol=1e-3)
    np.testing.assert_allclose(phone["y"], plain["keypoints_2d"][..., 1], atol=1e-3)
    depth = phone["z"] - phone["z"][:, [MPII_16.index("pelvis")]]
    np.testing.assert_allclose(depth, plain["depth"], atol=1e-3)
    np.testing.assert_allclose(phone["score"], plain["score"], atol=1e-5)
    maps = _call(served["heatmaps"], unit)
    assert maps["heatmaps"].shape == (2, 16, 16, 16)
    np.testing.assert_allclose(maps["heatmaps"].max((1, 2)), plain["score"], atol=1e-5)


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
