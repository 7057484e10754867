"""Affine maps of the plane: values by hand, group laws, both warpers' conventions, intrinsics."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pose.geometry import affine2d, project

_NUMBER = st.floats(-50, 50)
# Rotation, two zooms well away from 0, a shear, and a shift: never close to singular.
_MATRIX = st.builds(
    lambda angle, zoom_x, zoom_y, shear, x, y: (
        np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        @ np.array([[zoom_x, shear, x], [0, zoom_y, y]])
    ),
    st.floats(-4, 4),
    st.floats(0.2, 5),
    st.floats(0.2, 5),
    st.floats(-2, 2),
    _NUMBER,
    _NUMBER,
)
_POINTS = st.lists(st.tuples(_NUMBER, _NUMBER), min_size=1, max_size=5).map(np.array)


def test_values_by_hand():
    shift_then_double = affine2d.compose(
        np.array([[2.0, 0, 0], [0, 2, 0]]), np.array([[1.0, 0, 3], [0, 1, -1]])
    )
    np.testing.assert_array_equal(shift_then_double, [[2, 0, 6], [0, 2, -2]])
    np.testing.assert_array_equal(
        affine2d.apply(np.array([[1.0, 5.0]]), shift_then_double), [[8.0, 8.0]]
    )
    np.testing.assert_allclose(
        affine2d.invert(shift_then_double), [[0.5, 0, -3], [0, 0.5, 1]], atol=1e-15
    )


def test_a_positive_angle_turns_counter_clockwise_on_screen():
    # Right of the centre goes to above it, and above means a smaller y.
    turned = affine2d.crop_matrix(np.array([10.0, 20.0]), 8.0, np.pi / 2, 8)
    np.testing.assert_allclose(
        affine2d.apply(np.array([[11.0, 20.0], [10.0, 20.0]]), turned),
        [[4.0, 3.0], [4.0, 4.0]],
        atol=1e-12,
    )


@pytest.mark.parametrize("angle_deg", [-170.0, -45.0, 0.0, 12.5, 90.0])
def test_rotation_is_that_of_opencv(angle_deg):
    ours = affine2d.crop_matrix(np.array([32.0, 32.0]), 64.0, np.radians(angle_deg), 64)
    np.testing.assert_allclose(ours, cv2.getRotationMatrix2D((32, 32), angle_deg, 1), atol=1e-12)


@given(_MATRIX, _MATRIX, _POINTS)
def test_composition_is_one_map_after_the_other(outer, inner, points):
    np.testing.assert_allclose(
        affine2d.apply(points, affine2d.compose(outer, inner)),
        affine2d.apply(affine2d.apply(points, inner), outer),
        atol=1e-9,
    )


@given(_MATRIX, _POINTS)
def test_the_inverse_brings_points_back(matrix, points):
    back = affine2d.apply(affine2d.apply(points, matrix), affine2d.invert(matrix))
    np.testing.assert_allclose(back, points, atol=1e-9)
    np.testing.assert_allclose(
        affine2d.compose(affine2d.invert(matrix), matrix), [[1, 0, 0], [0, 1, 0]], atol=1e-9
    )


@given(_MATRIX)
def test_integer_centres_round_trip_and_shift_by_half(matrix):
    integer = affine2d.to_integer_centres(matrix)
    np.testing.assert_allclose(affine2d.from_integer_centres(integer), matrix, atol=1e-12)
    # The centre of pixel (3, 7) is (3.5, 7.5) when pixels are continuous.
    np.testing.assert_allclose(
        affine2d.apply(np.array([[3.0, 7.0]]), integer) + 0.5,
        affine2d.apply(np.array([[3.5, 7.5]]), matrix),
        atol=1e-9,
    )


def test_crop_by_hand():
    # The square (20..60, 30..70) to 80 px: twice as large, its corner to the origin.
    plain = affine2d.crop_matrix(np.array([40.0, 50.0]), 40.0, 0.0, 80)
    np.testing.assert_allclose(plain, [[2, 0, -40], [0, 2, -60]], atol=1e-12)
    mirrored = affine2d.crop_matrix(np.array([40.0, 50.0]), 40.0, 0.0, 80, mirror=1.0)
    np.testing.assert_allclose(mirrored, [[-2, 0, 120], [0, 2, -60]], atol=1e-12)
    shifted = affine2d.crop_matrix(np.array([40.0, 50.0]), 40.0, 0.0, 80, np.array([0.25, -0.5]))
    np.testing.assert_allclose(
        affine2d.apply(np.array([[40.0, 50.0]]), shifted), [[60.0, 0.0]], atol=1e-12
    )
    turned = affine2d.crop_matrix(np.array([40.0, 50.0]), 40.0, np.pi / 2, 80)
    np.testing.assert_allclose(
        affine2d.apply(np.array([[60.0, 50.0]]), turned), [[40.0, 0.0]], atol=1e-12
    )


def test_crop_mirrors_before_it_turns():
    centre = np.array([12.0, 9.0])
    both = affine2d.crop_matrix(centre, 10.0, 0.4, 10, mirror=1.0)
    mirror = np.array([[-1.0, 0, 24], [0, 1, 0]])
    turn = affine2d.crop_matrix(centre, 10.0, 0.4, 10)
    np.testing.assert_allclose(both, affine2d.compose(turn, mirror), atol=1e-12)


def test_normalized_frames_by_hand():
    box = np.array([20.0, 30.0, 40.0, 40.0])
    exact = affine2d.crop_matrix(np.array([40.0, 50.0]), 40.0, 0.0, 128)
    np.testing.assert_allclose(
        affine2d.normalized(exact, box, 128), [[1, 0, 0], [0, 1, 0]], atol=1e-12
    )
    # Twice the side, the hand a quarter of the crop to the right: half as large, at x = 0.5.
    wide = affine2d.crop_matrix(np.array([40.0, 50.0]), 80.0, 0.0, 128, np.array([0.25, 0.0]))
    np.testing.assert_allclose(
        affine2d.normalized(wide, box, 128), [[0.5, 0, 0.5], [0, 0.5, 0]], atol=1e-12
    )
    # A flat box stands for the square about its middle.
    flat = np.array([20.0, 45.0, 40.0, 10.0])
    np.testing.assert_allclose(affine2d.normalized(exact, flat, 128)[:, :2], np.eye(2), atol=1e-12)


@settings(max_examples=30)
@given(_MATRIX, st.integers(0, 2**31))
def test_projecting_with_the_new_intrinsics_is_mapping_the_old_pixels(matrix, seed):
    random = np.random.default_rng(seed)
    points = random.uniform([-0.2, -0.2, 0.4], [0.2, 0.2, 1.2], (21, 3))
    intrinsics = np.array([[480.0, 1.5, 112], [0, 470, 110], [0, 0, 1]])
    expected = affine2d.apply(np.asarray(project(points, intrinsics)), matrix)
    got = project(points, affine2d.transform_intrinsics(intrinsics, matrix))
    np.testing.assert_allclose(got, expected, atol=1e-8)


def _dot(x, y, size=48):
    """A round blot whose centre of mass is (x, y), continuous pixels."""
    centres = np.arange(size) + 0.5
    square = (centres[None] - x) ** 2 + (centres[:, None] - y) ** 2
    return np.float32(200 * np.exp(-square / (2 * 2.0**2)))


def _centroid(picture):
    weights = np.asarray(picture, np.float64)
    centres = np.arange(weights.shape[0]) + 0.5
    return (np.array([weights.sum(0), weights.sum(1)]) @ centres) / weights.sum()


@pytest.mark.parametrize("angle_deg", [0.0, 30.0, -75.0])
def test_both_warpers_put_a_dot_where_the_matrix_says(angle_deg):
    matrix = affine2d.crop_matrix(
        np.array([22.0, 25.0]), 40.0, np.radians(angle_deg), 64, np.array([0.05, -0.02])
    )
    place = np.array([[18.3, 27.9]])
    expected = affine2d.apply(place, matrix)[0]
    picture = _dot(*place[0])
    by_opencv = cv2.warpAffine(picture, affine2d.to_integer_centres(matrix), (64, 64))
    rows = affine2d.projective_rows(matrix.astype(np.float32))
    by_tensorflow = tf.raw_ops.ImageProjectiveTransformV3(
        images=picture[None, :, :, None],
        transforms=rows[None],
        output_shape=[64, 64],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    np.testing.assert_allclose(_centroid(by_opencv), expected, atol=0.01)
    np.testing.assert_allclose(_centroid(by_tensorflow[0, :, :, 0]), expected, atol=0.01)


def test_tensors_give_the_numbers_of_arrays_with_any_leading_axes():
    random = np.random.default_rng(1)
    matrix, other = random.normal(size=(2, 3, 4, 2, 3))
    points, intrinsics = random.normal(size=(3, 4, 21, 2)), random.normal(size=(3, 4, 3, 3))
    box = random.uniform(1, 5, size=(3, 4, 4))
    angle, centre = random.normal(size=(3, 4)), random.normal(size=(3, 4, 2))
    calls = [
        lambda to: affine2d.compose(to(matrix), to(other)),
        lambda to: affine2d.invert(to(matrix)),
        lambda to: affine2d.apply(to(points), to(matrix)),
        lambda to: affine2d.crop_matrix(to(centre), to(angle), to(angle), 64),
        lambda to: affine2d.normalized(to(matrix), to(box), 64),
        lambda to: affine2d.transform_intrinsics(to(intrinsics), to(matrix)),
        lambda to: affine2d.to_integer_centres(to(matrix)),
        lambda to: affine2d.projective_rows(to(matrix)),
    ]
    for call in calls:
        array = call(lambda value: value)
        assert isinstance(array, np.ndarray) and array.dtype == np.float64
        eager = call(tf.constant)
        assert eager.dtype == tf.float64
        np.testing.assert_allclose(eager, array, rtol=1e-9, atol=1e-9)
        graph = tf.function(lambda call=call: call(tf.constant))()
        np.testing.assert_allclose(graph, array, rtol=1e-9, atol=1e-9)


def test_float32_stays_float32_and_whole_numbers_become_floats():
    centre = np.zeros(2, np.float32)
    assert affine2d.crop_matrix(centre, np.float32(3), 0.5, 64).dtype == np.float32
    assert affine2d.invert(np.array([[2, 0, 0], [0, 2, 0]])).dtype == np.float64


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.zeros(3), np.zeros((2, 2))])
def test_a_matrix_of_another_shape_is_refused(wrong):
    for call in (affine2d.invert, affine2d.to_integer_centres):
        with pytest.raises(ValueError, match="must have the shape"):
            call(wrong)
    with pytest.raises(ValueError, match="must have the shape"):
        affine2d.apply(np.zeros((4, 2)), wrong)
