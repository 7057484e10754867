"""Rotations: values by hand, group laws, gradients, eager against graph."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.geometry import invert_rotation, rotate, rotation_x, rotation_y, rotation_z

AXES = pytest.mark.parametrize(
    ("make", "axis"), [(rotation_x, 0), (rotation_y, 1), (rotation_z, 2)], ids="xyz"
)
ANGLES = np.array([0.0, np.pi / 6, np.pi / 3, np.pi / 2, np.pi, -np.pi / 4, 2.5, -7.0])


@pytest.mark.parametrize(
    ("make", "point", "expected"),
    [
        # A quarter turn: y to z about x, z to x about y, x to y about z.
        (rotation_x, [1, 2, 3], [1, -3, 2]),
        (rotation_y, [1, 2, 3], [3, 2, -1]),
        (rotation_z, [1, 2, 3], [-2, 1, 3]),
    ],
    ids="xyz",
)
def test_quarter_turn_by_hand(make, point, expected):
    quarter = make(np.float64(np.pi / 2))
    got = rotate(np.array([point], np.float64), quarter)
    np.testing.assert_allclose(got, [expected], atol=1e-15)


def test_thirty_degrees_by_hand():
    c, s = 0.8660254037844386, 0.5
    angle = np.float64(np.pi / 6)
    expected = {
        rotation_x: [[1, 0, 0], [0, c, -s], [0, s, c]],
        rotation_y: [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        rotation_z: [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    for make, matrix in expected.items():
        np.testing.assert_allclose(make(angle), matrix, atol=1e-15)


def test_golden_rotation_is_azimuth_then_elevation_on_row_vectors(golden):
    azimuth, elevation = golden["azimuth"], golden["elevation"]
    matrix = np.asarray(rotation_y(azimuth)) @ np.asarray(rotation_x(elevation))
    np.testing.assert_allclose(matrix, golden["R"], atol=1e-15)
    pose = np.concatenate([golden["x"], golden["z"][..., None]], axis=-1)
    turned = rotate(pose, invert_rotation(golden["R"]))
    np.testing.assert_allclose(turned[..., :2], golden["fake"], atol=1e-12)


@AXES
def test_rotation_is_orthonormal_and_keeps_its_axis(make, axis):
    matrix = np.asarray(make(ANGLES))
    identity = np.broadcast_to(np.eye(3), matrix.shape)
    np.testing.assert_allclose(matrix @ matrix.transpose(0, 2, 1), identity, atol=1e-15)
    np.testing.assert_allclose(np.linalg.det(matrix), 1.0, atol=1e-15)
    np.testing.assert_array_equal(matrix[:, axis], np.eye(3)[[axis] * len(ANGLES)])


@AXES
def test_angles_add_up(make, axis):
    first, second = ANGLES[:, None], ANGLES[None, :]
    product = np.asarray(make(first)) @ np.asarray(make(second))
    np.testing.assert_allclose(product, make(first + second), atol=1e-14)


@AXES
def test_inverse_is_the_opposite_angle(make, axis):
    np.testing.assert_array_equal(invert_rotation(make(ANGLES)), make(-ANGLES))


def test_rotating_back_returns_the_points():
    points = np.random.default_rng(0).normal(size=(8, 17, 3))
    matrix = rotation_y(ANGLES) @ rotation_x(ANGLES[::-1].copy())
    back = rotate(rotate(points, matrix), invert_rotation(matrix))
    np.testing.assert_allclose(back, points, atol=1e-14)


def test_rotate_is_the_matrix_times_each_column():
    rng = np.random.default_rng(1)
    points, matrix = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 3, 3))
    expected = [[matrix[b] @ points[b, j] for j in range(5)] for b in range(2)]
    np.testing.assert_allclose(rotate(points, matrix), expected, atol=1e-14)


def test_one_rotation_serves_a_whole_batch():
    points = np.random.default_rng(2).normal(size=(4, 5, 3))
    one = rotation_z(np.float64(0.3))
    np.testing.assert_allclose(rotate(points, one)[3], rotate(points[3], one), atol=1e-15)


def test_dtype_follows_the_angle():
    assert rotation_x(np.float64(0.1)).dtype == tf.float64
    assert rotation_x(np.float32(0.1)).dtype == tf.float32
    assert rotation_x(0.1).dtype == tf.float32
    # A rotation in float32 must not cost float64 points their precision.
    assert rotate(np.zeros((1, 3)), rotation_x(np.float32(0.1))).dtype == tf.float64


@AXES
def test_gradient_equals_the_finite_difference(make, axis):
    points = np.random.default_rng(3).normal(size=(len(ANGLES), 4, 3))
    exact, numeric = tf.test.compute_gradient(
        lambda angle: rotate(points, make(angle)), [tf.constant(ANGLES)], delta=1e-5
    )
    np.testing.assert_allclose(exact[0], numeric[0], atol=1e-8)


def test_graph_gives_the_eager_numbers():
    points = np.random.default_rng(4).normal(size=(8, 17, 3))

    def turn(points, angle):
        return rotate(points, rotation_y(angle) @ rotation_x(angle))

    signature = [tf.TensorSpec([None, None, 3], tf.float64), tf.TensorSpec([None], tf.float64)]
    graph = tf.function(turn, input_signature=signature)
    np.testing.assert_array_equal(graph(points, ANGLES), turn(points, ANGLES))


def test_wrong_shapes_name_the_argument():
    with pytest.raises(ValueError, match=r"points must have .* \[\.\.\., joints, 3\].* \[17, 2\]"):
        rotate(np.zeros((17, 2)), np.eye(3))
    with pytest.raises(ValueError, match=r"rotation must have .* \[\.\.\., 3, 3\].* \[3\]"):
        rotate(np.zeros((17, 3)), np.zeros(3))
    with pytest.raises(ValueError, match="rotation must have"):
        invert_rotation(np.zeros((4, 3, 2)))
