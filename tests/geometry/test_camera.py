"""Cameras: pixels by hand, round trips, gradients."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.geometry import (
    camera_to_world,
    centred_intrinsics,
    intrinsics_matrix,
    project,
    project_arrays,
    rotation_x,
    rotation_y,
    world_to_camera,
)

# 1000 x 800 picture, principal point in its middle.
INTRINSICS = np.array([[1200.0, 0.0, 500.0], [0.0, 1100.0, 400.0], [0.0, 0.0, 1.0]])


def people(count=6, seed=0):
    """Points 3 to 7 m in front of the camera."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.4, (count, 17, 3)) + [0, 0, 5] + rng.uniform(-1, 1, (count, 1, 3))


def test_intrinsics_by_hand():
    matrix = intrinsics_matrix(np.array([1200.0, 1100.0]), np.array([500.0, 400.0]))
    np.testing.assert_array_equal(matrix, INTRINSICS)
    assert intrinsics_matrix(np.ones((4, 2)), np.ones((4, 2))).shape == (4, 3, 3)


def test_projection_by_hand():
    # 1 m right, 0.5 m down, 4 m ahead: 1200 * 1/4 + 500 and 1100 * 0.5/4 + 400.
    got = project(np.array([[1.0, 0.5, 4.0], [0.0, 0.0, 9.0]]), INTRINSICS)
    np.testing.assert_allclose(got, [[800.0, 537.5], [500.0, 400.0]], atol=1e-12)


def test_arrays_are_projected_like_tensors():
    points = people()
    pixels = project_arrays(points, INTRINSICS)
    np.testing.assert_allclose(pixels, project(points, INTRINSICS), rtol=1e-12)
    assert type(pixels) is np.ndarray and pixels.dtype == np.float64
    np.testing.assert_array_equal(project_arrays([[1, 0.5, 4]], INTRINSICS), [[800.0, 537.5]])


def test_optical_axis_meets_the_corner_between_the_middle_pixels():
    # Pixels are continuous: in a 2 x 2 picture the four pixel centres are 0.5 and 1.5.
    intrinsics = intrinsics_matrix(np.array([1.0, 1.0]), np.array([1.0, 1.0]))
    np.testing.assert_array_equal(project(np.array([[0.0, 0.0, 3.0]]), intrinsics), [[1.0, 1.0]])
    np.testing.assert_array_equal(project(np.array([[-0.5, -0.5, 1.0]]), intrinsics), [[0.5, 0.5]])


def test_skew_moves_x_with_y():
    skewed = INTRINSICS + [[0, 10.0, 0], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(
        project(np.array([[1.0, 0.5, 4.0]]), skewed), [[801.25, 537.5]], atol=1e-12
    )


def test_each_pose_may_have_its_own_camera():
    points = people(2)
    both = np.stack([INTRINSICS, INTRINSICS * [[2.0], [2.0], [1.0]]])
    got = project(points, both)
    np.testing.assert_allclose(got[1], 2 * np.asarray(project(points[1], INTRINSICS)), atol=1e-11)


def test_pixel_does_not_change_along_its_ray():
    points = people()
    np.testing.assert_allclose(
        project(3 * points, INTRINSICS), project(points, INTRINSICS), atol=1e-10
    )


def test_world_to_camera_by_hand():
    # A camera 2 m behind the origin (z = -2), turned a quarter about the vertical.
    turn = rotation_y(np.float64(np.pi / 2))
    got = world_to_camera(np.array([[1.0, 0.0, 0.0]]), turn, np.array([0.0, 0.0, -2.0]))
    # X - c = (1, 0, 2); the quarter turn takes z to x and x to -z.
    np.testing.assert_allclose(got, [[2.0, 0.0, -1.0]], atol=1e-15)


def test_world_and_camera_are_inverse():
    points, rng = people(), np.random.default_rng(1)
    rotation = rotation_x(rng.normal(size=6)) @ rotation_y(rng.normal(size=6))
    centre = rng.normal(size=(6, 3))
    there = world_to_camera(points, rotation, centre)
    np.testing.assert_allclose(camera_to_world(there, rotation, centre), points, atol=1e-14)
    origin = world_to_camera(centre[:, None], rotation, centre)
    np.testing.assert_array_equal(origin, np.zeros((6, 1, 3)))


def test_gradients_equal_finite_differences():
    points = people(2)[:, :4]
    rotation, centre = np.asarray(rotation_y(np.float64(0.4))), np.array([0.1, 0.2, -0.3])
    functions = {
        "project": (lambda x: project(x, INTRINSICS), points),
        "world_to_camera": (lambda x: world_to_camera(x, rotation, centre), points),
        "camera_to_world": (lambda x: camera_to_world(x, rotation, centre), points),
    }
    for name, (function, start) in functions.items():
        exact, numeric = tf.test.compute_gradient(function, [tf.constant(start)], delta=1e-5)
        np.testing.assert_allclose(exact[0], numeric[0], atol=1e-5, rtol=1e-7, err_msg=name)


def test_graph_gives_the_eager_numbers():
    points = people().astype(np.float32)
    intrinsics = INTRINSICS.astype(np.float32)

    graph = tf.function(
        lambda points: project(points, intrinsics),
        input_signature=[tf.TensorSpec([None, None, 3], tf.float32)],
    )
    inside = graph(points)
    assert inside.dtype == tf.float32
    # The graph optimizer divides by multiplying with the reciprocal.
    np.testing.assert_allclose(inside, project(points, intrinsics), rtol=3e-7, atol=3e-7)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: project(np.zeros((17, 2)), INTRINSICS), "points_cam"),
        (lambda: project(np.zeros((17, 3)), np.zeros((2, 3))), "intrinsics"),
        (lambda: world_to_camera(np.zeros((17, 3)), np.eye(3), np.zeros(2)), "centre"),
        (lambda: camera_to_world(np.zeros((17, 3)), np.eye(2), np.zeros(3)), "rotation"),
        (lambda: intrinsics_matrix(np.zeros(1), np.zeros(2)), "focal_px"),
        (lambda: intrinsics_matrix(np.zeros(2), np.zeros(3)), "centre_px"),
    ],
)
def test_wrong_shape_names_the_argument(call, argument):
    with pytest.raises(ValueError, match=f"^{argument} must have the shape"):
        call()


def test_a_lens_in_the_middle_by_hand():
    # Half the longer side at 45 degrees: the focal length is as long.
    matrix = [[80.0, 0.0, 80.0], [0.0, 80.0, 60.0], [0.0, 0.0, 1.0]]
    np.testing.assert_allclose(centred_intrinsics(120, 160, fov_deg=90.0), matrix, atol=1e-12)
    np.testing.assert_array_equal(centred_intrinsics(120, 160, focal_px=80.0), matrix)
    # The angle is that of the longer side, whichever it is.
    assert centred_intrinsics(160, 120, fov_deg=90.0)[0, 0] == pytest.approx(80.0)


@pytest.mark.parametrize("lens", [{}, {"fov_deg": 180.0}, {"focal_px": -3.0}])
def test_no_lens_is_refused(lens):
    with pytest.raises(ValueError, match="not describe a lens|not a focal length"):
        centred_intrinsics(10, 10, **lens)
