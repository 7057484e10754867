"""The phone-sized hand network: what it answers, what it weighs, what it runs on."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import codecs
from keras_pose.export import GPU_OPERATIONS, Signature, convert_tflite, save_signatures
from keras_pose.hand_student.network import build_student_network
from keras_pose.hand_student.pose import build_student_pose, decode_student
from tests.hand_pose.regressor_runs import toy_batch


def _maps_of(points, size=32):
    return codecs.encode_heatmaps(points / 4.0, np.ones((len(points), 21)), size, 2.0, 6, True)


@pytest.fixture(scope="module")
def network():
    """The network of the recipe, random weights."""
    return build_student_network()


def test_outputs_have_the_shapes_that_are_promised_and_the_wrist_is_the_root(network):
    outputs = network(np.zeros((2, 128, 128, 3), np.float32))
    assert outputs["heatmaps"].shape == (2, 32, 32, 21) and outputs["depth"].shape == (2, 21)
    assert np.all(np.asarray(outputs["depth"])[:, 0] == 0)


@pytest.mark.parametrize("coordinates", ["soft_argmax", "argmax", "argmax_by_products"])
def test_blobs_decode_to_where_they_were_drawn(coordinates):
    points = np.random.default_rng(0).uniform(24, 104, (3, 21, 2)).astype(np.float32)
    outputs = {"heatmaps": _maps_of(points), "depth": np.zeros((3, 21), np.float32)}
    found = decode_student(outputs, 128, coordinates, 20.0)
    # A quarter of a map pixel is 1 px; the soft mean is drawn to the middle by what lies around.
    np.testing.assert_allclose(found["keypoints_2d"], points, atol=1.6)
    assert np.all(np.asarray(found["score"]) > 0.9)


def test_lifted_hands_project_to_their_pixels_and_their_bone_has_length_one():
    batch = toy_batch(3)
    bones = batch["keypoints_3d"] / batch["scale"][:, None, None]
    depth = (bones[..., 2] - bones[:, :1, 2]).astype(np.float32)
    # The toy's crop of 32 px, seen at 128.
    camera = batch["intrinsics"] * np.array([[4.0], [4.0], [1.0]], np.float32)
    pose = build_student_pose(build_student_network(width=8, depth_width=8))
    maps = {"heatmaps": _maps_of(4.0 * batch["keypoints_2d"]), "depth": depth}
    points_25d, _ = pose.get_layer("decode")(maps)
    root, valid = pose.get_layer("root_solver")(points_25d, camera)
    points_2d, relative, points_3d, _ = pose.get_layer("lifting")(points_25d, root, camera)
    points_3d = np.asarray(points_3d, np.float64)
    assert np.all(valid)
    pixels = points_3d @ camera.transpose(0, 2, 1)
    np.testing.assert_allclose(pixels[..., :2] / pixels[..., 2:], points_2d, atol=1e-3)
    np.testing.assert_allclose(points_3d[..., 2] - points_3d[:, :1, 2], depth, atol=1e-4)
    np.testing.assert_allclose(relative, depth, atol=1e-6)
    bone = np.linalg.norm(points_3d[:, 9] - points_3d[:, 10], axis=-1)
    # Farther than 50 bones the solver stops: the pixels make one hand's bone short.
    solved = np.asarray(root)[:, 0] < 49.0
    assert np.sum(solved) >= 2
    np.testing.assert_allclose(bone[solved], 1.0, atol=1e-3)


def test_names_and_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="--backbone=resnet50"):
        build_student_network("resnet50")
    with pytest.raises(ValueError, match="multiple of 32"):
        build_student_network(image_size=100)


def test_files_are_small_and_run_on_phone_gpus(network, tmp_path):
    """At most 4 MB in 8 bits and 8 MB in 16, decoding by products and by soft arg-max included."""

    def decoded(image):
        outputs = network(image, training=False)
        by_products = decode_student(outputs, 128, "argmax_by_products")
        return by_products | {"soft": decode_student(outputs, 128)["keypoints_2d"]}

    spec = {"image": tf.TensorSpec([None, 128, 128, 3], tf.float32)}
    save_signatures(tmp_path, {"decoded": Signature(tf.function(decoded), spec)})
    for form, most, more in (
        ("float32", 8e6, set()),
        ("float16", 8e6, {"DEQUANTIZE"}),
        ("int8", 4e6, {"DEQUANTIZE", "QUANTIZE"}),
    ):
        content = convert_tflite(
            tmp_path, "decoded", form, batch_size=1, allowed_operations=GPU_OPERATIONS | more
        )
        assert len(content) <= most, form
