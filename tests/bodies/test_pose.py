"""Reading poses: by hand, three ways to find a maximum, units, where depth maps are read."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.bodies.pose import COORDINATES, PoseDecoder, build_pose, decode_pose, read_depth
from keras_pose.wild3d.network import build_network


def _peaks(places, size=16):
    """Maps [1, size, size, 16] with a blob whose right and lower neighbours are the higher ones."""
    maps = np.zeros((1, size, size, 16))
    for joint, (x, y) in enumerate(places):
        maps[0, y, x, joint] = 0.9
        maps[0, y, x + 1, joint] = maps[0, y + 1, x, joint] = 0.5
    return maps


_PLACES = [(1 + joint % 13, 2 + (7 * joint) % 12) for joint in range(16)]


@pytest.mark.parametrize("coordinates", ["argmax", "argmax_by_products"])
def test_pose_by_hand(coordinates):
    depth = np.arange(16.0)[None]
    outputs = {"heatmaps": [np.zeros((1, 16, 16, 16)), _peaks(_PLACES)], "depth": depth}
    pose = {name: np.array(value) for name, value in decode_pose(outputs, 64, coordinates).items()}
    # The pixel's centre and a quarter towards the neighbour; a map pixel is 4 px of the crop.
    expected = 4.0 * (np.array(_PLACES) + 0.75)
    np.testing.assert_allclose(pose["keypoints_2d"][0], expected, rtol=1e-12)
    np.testing.assert_allclose(pose["score"], np.full((1, 16), 0.9))
    np.testing.assert_array_equal(pose["depth"], depth)
    np.testing.assert_allclose(pose["points"][0, :, :2], expected / 32 - 1, rtol=1e-12)
    np.testing.assert_array_equal(pose["points"][..., 2], depth)


def test_soft_argmax_finds_the_centre_of_mass():
    maps = np.zeros((1, 16, 16, 16))
    maps[0, 4, 6] = maps[0, 4, 9] = 1.0
    outputs = {"heatmaps": [maps], "depth": np.zeros((1, 16))}
    pose = decode_pose(outputs, 64, "soft_argmax", sharpness=200.0)
    np.testing.assert_allclose(np.array(pose["keypoints_2d"])[0, 3], [32.0, 18.0], rtol=1e-9)


def test_each_joint_reads_its_own_depth_map_at_its_pixel():
    random = np.random.default_rng(0)
    maps = random.normal(size=(2, 8, 12, 16))
    points = random.uniform(0.0, 1.0, (2, 16, 2)) * [12, 8]
    points[0, 0] = [3.0, 4.0]  # a corner of four pixels belongs to the lower right one
    points[0, 1] = [-5.0, 2.5]
    points[0, 2] = [12.0, 8.0]
    points[0, 3] = np.nextafter([7.0, 5.0], 0.0)
    column = np.clip(np.floor(points[..., 0]), 0, 11).astype(int)
    row = np.clip(np.floor(points[..., 1]), 0, 7).astype(int)
    expected = maps[np.arange(2)[:, None], row, column, np.arange(16)]
    seen = read_depth({"depth_maps": maps.astype(np.float32)}, points.astype(np.float32))
    assert tuple(np.floor(points[0, 3].astype(np.float32))) == (7.0, 5.0)
    expected[0, 3] = maps[0, 5, 7, 3]
    np.testing.assert_allclose(np.array(seen), expected.astype(np.float32), rtol=1e-6)
    # In float32 the last coordinate before an edge is told from the edge.
    points[0, 3] = np.nextafter(np.float32([7.0, 5.0]), np.float32(0.0))
    seen = read_depth({"depth_maps": maps.astype(np.float32)}, points.astype(np.float32))
    np.testing.assert_allclose(np.array(seen)[0, 3], maps[0, 4, 6, 3], rtol=1e-6)


def test_gradient_of_depth_reaches_one_pixel_of_the_map_and_no_point():
    maps = tf.Variable(np.zeros((1, 8, 8, 16)))
    points = tf.Variable(np.full((1, 16, 2), 2.25))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(read_depth({"depth_maps": maps}, points) * np.arange(1.0, 17.0))
    to_maps, to_points = tape.gradient(total, [maps, points])
    expected = np.zeros((1, 8, 8, 16))
    expected[0, 2, 2] = np.arange(1.0, 17.0)
    np.testing.assert_array_equal(to_maps, expected)
    assert to_points is None


def test_depth_vector_is_passed_on():
    depth = np.arange(16.0)[None]
    np.testing.assert_array_equal(read_depth({"depth": depth}, np.zeros((1, 16, 2))), depth)


@pytest.mark.parametrize("head", ["vector", "map"])
def test_model_decodes_what_its_network_says(head):
    network = build_network(
        num_stacks=2, num_modules=1, num_depth_modules=1, width=8, image_size=64, depth_head=head
    )
    pictures = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    for coordinates in COORDINATES:
        seen = build_pose(network, 64, coordinates)(pictures)
        expected = decode_pose(network(pictures), 64, coordinates)
        assert set(seen) == {"keypoints_2d", "score", "depth", "points"}
        for name, value in expected.items():
            np.testing.assert_allclose(np.array(seen[name]), np.array(value), atol=1e-5)


def test_wrong_sizes_and_words_are_refused():
    network = build_network(num_stacks=1, num_modules=1, width=8, image_size=64)
    with pytest.raises(ValueError, match="expects pictures of 64 px, not 128"):
        build_pose(network, 128)
    with pytest.raises(ValueError, match="--coordinates=mean"):
        build_pose(network, 64, "mean")
    with pytest.raises(ValueError, match="--coordinates=mean"):
        decode_pose({"heatmaps": [np.zeros((1, 16, 16, 16))]}, 64, "mean")


def test_configuration_survives_a_round_trip():
    layer = PoseDecoder(128, "soft_argmax", 30.0)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
