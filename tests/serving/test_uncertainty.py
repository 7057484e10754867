"""What a network says of its own errors: fitted, served, carried into metres, and told to Python."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import codecs
from keras_pose.codecs import PowerLaw, Uncertainty
from keras_pose.codecs.camera_pose import camera_pose
from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.generated.hands import generate_hand
from keras_pose.export import LoadedModel, save_signatures
from keras_pose.serving import (
    Metadata,
    ServedPose,
    contract_signatures,
    describe_signatures,
    read_metadata,
    write_metadata,
)
from keras_pose.serving.accuracy import HeldOut
from keras_pose.serving.calibrated import calibrate, measure_uncertainty
from keras_pose.serving.propagation import propagate
from tests.serving.dot_network import SIZE, dot_network
from tests.serving.test_contract import picture

LAW = Uncertainty(PowerLaw((0.05, 0.1), (-1.0, 0.0, 0.0)), PowerLaw((0.0, 2.0), (0.0, 0.0, 0.0)))
CAMERA = np.array([[64.0, 0, 32], [0, 64.0, 32], [0, 0, 1]], np.float32)


def held_out(count=120, sigma=1.5, seed=0):
    """Crops with a dot; labels are off by Laplace numbers, of the dim half three times as far."""
    rng = np.random.default_rng(seed)
    crops = np.full((count, SIZE, SIZE, 3), 20, np.uint8)
    places = rng.integers(12, SIZE - 12, (count, 2))
    level = np.where(np.arange(count) % 4 < 2, 250, 100)
    crops[np.arange(count), places[:, 1], places[:, 0]] = level[:, None]
    points = (places + 0.5)[:, None] + np.array([[0.0, 0.0], [0.0, 4.0]])
    size = sigma * np.where(level > 200, 1.0, 3.0)[:, None]
    radius = rng.gamma(2.0, size=(count, 2)) * size / np.sqrt(3)
    angle = rng.uniform(0, 2 * np.pi, (count, 2))
    true = points + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    depth = np.array([0.0, 8.0]) + rng.normal(size=(count, 2)) * [0.0, 2.0]
    seen, sides = np.ones((count, 2)), np.full(count, 40.0)
    return HeldOut("dots", crops, true, seen, sides, depth)


def test_laws_are_found_on_held_out_crops():
    network = dot_network()
    truth = held_out(400)
    measured = measure_uncertainty(network, truth, truth)
    assert "hold" in measured.words and "fitted to one half" in measured.words
    network = dataclasses.replace(network, uncertainty=measured.uncertainty)
    points = np.array([[[30.5, 30.5], [30.5, 34.5]]])
    bright, dim = (
        measured.uncertainty.sigmas(points, np.full((1, 2), level / 255), SIZE)
        for level in (250, 100)
    )
    np.testing.assert_allclose(bright["sigma_2d"], 1.5, rtol=0.15)
    np.testing.assert_allclose(dim["sigma_2d"], 4.5, rtol=0.15)
    np.testing.assert_allclose(bright["sigma_depth"], [[0.0, 2.0]], rtol=0.15)


def test_too_few_crops_say_nothing():
    measured = measure_uncertainty(dot_network(), held_out(10), held_out(10))
    assert measured.uncertainty is None
    assert measured.words.startswith("It does not say how far off joints may be: 10 of them")


def test_scores_that_are_no_peaks_give_a_threshold_alone():
    truth = held_out(200)
    nobody = np.full((20, SIZE, SIZE, 3), 20, np.uint8)
    (first, second), words = calibrate(
        (dot_network(), dot_network()), truth, nobody, truth, "hand", of_peaks=False
    )
    assert first.uncertainty is None and second.uncertainty is None and len(words) == 1
    both, words = calibrate((dot_network(), dot_network()), truth, nobody, truth, "hand")
    assert both[0].uncertainty == both[1].uncertainty and both[0].uncertainty is not None
    assert len(words) == 2


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A network of dots that says how far off it may be."""
    folder = tmp_path_factory.mktemp("sigma") / "1"
    network = dataclasses.replace(dot_network(), found_threshold=0.5, uncertainty=LAW)
    save_signatures(folder, contract_signatures(network))
    metadata = Metadata(
        name="dots",
        version=1,
        method="peclr",
        kind="hand",
        skeleton="two_dots",
        joints=("dot", "below"),
        bones=((0, 1),),
        root="dot",
        image_size=SIZE,
        crop_scale=1.25,
        side="right",
        bone_length=None,
        depth_unit="pixels of the picture",
        score="heatmap_peak",
        found_threshold=0.5,
        uncertainty=LAW,
        signatures=describe_signatures(LoadedModel(folder)),
    )
    write_metadata(folder, metadata)
    return folder


def test_numbers_of_the_law_can_be_read_again(served):
    assert read_metadata(served).uncertainty == LAW


def test_pixels_are_those_of_the_picture(served):
    model = LoadedModel(served)
    image = picture([60.5, 70.5])
    box = np.array([[40.0, 40.0, 64.0, 64.0]], np.float32)
    given = {
        "image": image[None],
        "bbox": box,
        "K": CAMERA[None],
        "bone_length_m": np.full((1, 1), 0.05, "f"),
    }
    answer = model.runner("serve_image")(given)
    score = answer["score"][0]
    # The crop sees 1.25 * 64 = 80 px of the picture on its 64.
    np.testing.assert_allclose(
        answer["sigma_2d"][0], np.array([0.05, 0.1]) / (score + 0.05) * 80.0, rtol=1e-5
    )
    np.testing.assert_allclose(answer["sigma_depth"][0], [0.0, 2.0 * 80 / 64], rtol=1e-5)
    (found,) = ServedPose(served).predict(image, box)
    np.testing.assert_allclose(found.sigma_2d, answer["sigma_2d"][0], rtol=1e-5)
    np.testing.assert_allclose(found.sigma_depth, answer["sigma_depth"][0], rtol=1e-5)


def test_nobody_has_no_sigma(served):
    dark = np.full((1, SIZE, SIZE, 3), 20, np.uint8)
    answer = LoadedModel(served).runner("serve_crop")(
        {"image": dark, "K": CAMERA[None], "bone_length_m": np.full((1, 1), 0.05, "f")}
    )
    assert not answer["sigma_2d"].any() and not answer["sigma_depth"].any()


def test_metres_of_a_lift_along_rays(served):
    """The lift of dots is ten lengths along the ray: a pixel is 0.5 m over the focal length."""
    given = {
        "keypoints_2d": np.array([[[30.0, 20.0], [30.0, 24.0]]] * 2, np.float32),
        "depth": np.zeros((2, 2), np.float32),
        "sigma_2d": np.array([[2.0, 0.5], [np.nan, 1.0]], np.float32),
        "sigma_depth": np.ones((2, 2), np.float32),
        "K": np.repeat(CAMERA[None], 2, 0),
        "bone_length_m": np.full((2, 1), 0.05, np.float32),
    }
    answer = LoadedModel(served).runner("lift_sigma")(given)
    step = 0.5 / 64.0
    np.testing.assert_allclose(
        answer["sigma_3d"][0], [[2 * step, 2 * step, 0], [0.5 * step, 0.5 * step, 0]], rtol=1e-5
    )
    np.testing.assert_array_equal(answer["valid"], [1, 0])
    assert not answer["sigma_3d"][1].any()


def sampled(lift, given, sigma, camera, length, count=3000):
    """Standard deviations of a lift of many drawn inputs."""
    drawn = given + np.random.default_rng(5).normal(size=(count, *given.shape)) * sigma
    points, _ = lift(
        tf.constant(drawn[..., :2]),
        tf.constant(drawn[..., 2]),
        tf.repeat(tf.constant(camera)[None], count, 0),
        tf.fill((count,), tf.constant(length, tf.float64)),
    )
    return np.asarray(points).std(axis=0)


def test_first_order_agrees_with_sampling_for_bodies():
    body = generate_body(0, 3, size=160)
    camera = body.intrinsics.astype(np.float64)
    points = body.keypoints_3d.astype(np.float64)
    pelvis = points[6, 2]
    depth = (points[:, 2] - pelvis) * camera[1, 1] / pelvis
    given = np.concatenate([body.keypoints_2d, depth[:, None]], axis=-1).astype(np.float64)
    length = float(codecs.total_bone_length(points))
    sigma = np.full((16, 3), 0.5)
    sigma[6, 2] = 0.0
    said, valid = propagate(
        camera_pose,
        tf.constant(given[None]),
        tf.constant(sigma[None]),
        tf.constant(camera[None]),
        tf.constant([length], tf.float64),
    )
    assert bool(valid[0])
    drawn = sampled(camera_pose, given, sigma, camera, length)
    np.testing.assert_allclose(np.asarray(said)[0], drawn, rtol=0.1)


def test_first_order_agrees_with_sampling_for_hands():
    bone = codecs.REFERENCE_BONES["middle"]

    def lift(points, depth, camera, length):
        given = tf.concat([points, depth[..., None]], axis=-1)
        root, valid = codecs.root_depth(given, camera, bone)
        return codecs.decode(given, root, camera, length), valid

    hand = generate_hand(1, 3, size=160)
    camera = hand.intrinsics.astype(np.float64)
    points = hand.keypoints_3d.astype(np.float64)
    given = np.asarray(codecs.encode(points, camera, bone=bone))
    length = float(codecs.bone_length(points, bone=bone))
    sigma = np.tile([0.2, 0.2, 0.02], (21, 1))
    said, valid = propagate(
        lift,
        tf.constant(given[None]),
        tf.constant(sigma[None]),
        tf.constant(camera[None]),
        tf.constant([length], tf.float64),
    )
    assert bool(valid[0])
    drawn = sampled(lift, given, sigma, camera, length)
    np.testing.assert_allclose(np.asarray(said)[0], drawn, rtol=0.1)
