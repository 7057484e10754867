"""The mean over a picture and its mirror image: values by hand, means, both heads."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.bodies.pose import build_pose, decode_pose
from keras_pose.codecs.mirror import mirror_pose, with_mirror
from keras_pose.skeletons import MPII_16

WRISTS = MPII_16.indices(("left_wrist", "right_wrist"))


def _outputs(rng, head):
    outputs = {"heatmaps": [rng.standard_normal((2, 8, 8, 16)) for _ in range(2)]}
    if head == "map":
        return outputs | {"depth_maps": rng.standard_normal((2, 8, 8, 16))}
    return outputs | {"depth": rng.standard_normal((2, 16))}


def test_a_pose_is_mirrored_by_hand():
    pixels = np.zeros((1, 16, 2))
    pixels[0, WRISTS[0]] = [10.0, 20.0]
    points = np.concatenate([pixels / 32 - 1, np.full((1, 16, 1), 0.5)], axis=-1)
    points[0, WRISTS[0], 2] = 0.75
    pose = {"keypoints_2d": pixels, "points": points, "depth": points[..., 2]}
    mirrored = mirror_pose(pose | {"score": np.arange(16.0)[None]}, 64)
    np.testing.assert_allclose(mirrored["keypoints_2d"][0, WRISTS[1]], [54.0, 20.0])
    np.testing.assert_allclose(mirrored["keypoints_2d"][0, WRISTS[0]], [64.0, 0.0])
    np.testing.assert_allclose(mirrored["points"][0, WRISTS[1]], [54 / 32 - 1, 20 / 32 - 1, 0.75])
    np.testing.assert_allclose(mirrored["depth"][0, WRISTS[1]], 0.75)
    np.testing.assert_allclose(mirrored["score"][0], MPII_16.flip_permutation)


@pytest.mark.parametrize("head", ["vector", "map"])
def test_the_pose_of_mirrored_maps_is_the_mirrored_pose(head):
    outputs, swap = _outputs(np.random.default_rng(0), head), list(MPII_16.flip_permutation)
    other = {"heatmaps": [maps[:, :, ::-1, swap] for maps in outputs["heatmaps"]]}
    if head == "map":
        other["depth_maps"] = outputs["depth_maps"][:, :, ::-1, swap]
    else:
        other["depth"] = outputs["depth"][:, swap]
    pose, mirrored = decode_pose(outputs, 32), decode_pose(other, 32)
    for name, value in mirror_pose(mirrored, 32).items():
        np.testing.assert_allclose(value, pose[name], atol=1e-12)


def _network(head):
    """A few random weights with the outputs of a network; reads left and right unlike."""
    picture = keras.Input((32, 32, 3), name="image")
    maps = keras.layers.Conv2D(16, 5, strides=4, padding="same")(picture)
    outputs = {"heatmaps": [maps, keras.layers.Conv2D(16, 3, padding="same")(maps)]}
    if head == "map":
        outputs["depth_maps"] = keras.layers.Conv2D(16, 3, padding="same")(maps)
    else:
        outputs["depth"] = keras.layers.Dense(16)(keras.layers.Flatten()(maps))
    return keras.Model(picture, outputs)


@pytest.mark.parametrize("head", ["vector", "map"])
def test_poses_of_mirrored_pictures_are_mirrored(head):
    network = _network(head)
    pictures = np.random.default_rng(1).random((3, 32, 32, 3)).astype(np.float32)
    flipped = pictures[:, :, ::-1]
    function = with_mirror(build_pose(network, 32))
    own, other = function(tf.constant(pictures)), mirror_pose(function(tf.constant(flipped)), 32)
    assert set(own) == set(other)
    for name in own:
        np.testing.assert_allclose(own[name], other[name], atol=1e-5)
