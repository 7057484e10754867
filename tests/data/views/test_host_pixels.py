"""Views on the host: a dot lands where the matrix says, also when the view is far smaller."""

import numpy as np
import pytest

from keras_pose.data.views import host_pixels as augment_host
from keras_pose.data.views.draws import ViewRanges, plain_ranges, view_parameters
from keras_pose.geometry import affine2d

IDENTITY = np.eye(3, 4, dtype=np.float32)
NO_CUTOUT = np.zeros(3)


def dot_picture(height, width, place, sigma):
    """Black with a white round blot whose centre of mass is `place`, continuous pixels."""
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    square = (x[None] - place[0]) ** 2 + (y[:, None] - place[1]) ** 2
    grey = np.rint(255 * np.exp(-square / (2 * sigma**2))).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def centroid(picture):
    weights = np.asarray(picture, np.float64)[..., 0]
    y, x = np.arange(weights.shape[0]) + 0.5, np.arange(weights.shape[1]) + 0.5
    return np.array([weights.sum(0) @ x, weights.sum(1) @ y]) / weights.sum()


@pytest.mark.parametrize("box_side", [40.0, 100.0, 333.0, 700.0])
def test_a_dot_lands_where_the_matrix_says(box_side):
    # Sides of 40 to 700 px seen in 64 px: enlarged, shrunk a little, by 5 and by 10.
    ranges = ViewRanges(scale=(0.9, 1.1), mirror_probability=0.5).with_colour_strength(0.0)
    views = view_parameters(ranges, 0, 0, np.arange(12), 0)
    for row in range(12):
        place = np.array([411.3, 388.8]) + 0.1 * box_side * np.array([np.cos(row), np.sin(row)])
        picture = dot_picture(800, 900, place, sigma=max(2.0, box_side / 40))
        box = np.array([411.3 - box_side / 2, 388.8 - box_side / 2, box_side, box_side])
        view, matrix = augment_host.render_view(picture, box, views.row(row), 64)
        assert view.shape == (64, 64, 3) and view.dtype == np.uint8
        np.testing.assert_allclose(
            centroid(view), affine2d.apply(place[None], matrix)[0], atol=0.06
        )


def test_no_change_gives_the_pixels_themselves():
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    views = view_parameters(plain_ranges(1.0), 0, 0, np.array([0]), 0)
    view, matrix = augment_host.render_view(picture, [7, 5, 32, 32], views.row(0), 32)
    np.testing.assert_array_equal(view, picture[5:37, 7:39])
    np.testing.assert_array_equal(matrix, [[1, 0, -7], [0, 1, -5]])


def test_shrinking_averages_instead_of_picking():
    # A chessboard of single pixels has mean grey; one look-up per pixel would give black or white.
    chess = np.uint8(255 * (np.indices((128, 128)).sum(0) % 2))[:, :, None].repeat(3, 2)
    for factor in (2, 3, 4, 7):
        matrix = np.array([[1 / factor, 0, 0.0], [0, 1 / factor, 0.0]])
        size = 128 // factor
        view = augment_host.warp(chess, matrix, size)
        assert np.abs(view[1:-1, 1:-1].astype(int) - 127).max() <= 15, factor


def test_whole_blocks_are_exact_means():
    picture = np.random.default_rng(1).integers(0, 256, (48, 48, 3), np.uint8)
    view = augment_host.warp(picture, np.array([[1 / 4, 0, 0.0], [0, 1 / 4, 0.0]]), 12)
    means = picture.reshape(12, 4, 12, 4, 3).astype(float).mean((1, 3))
    # One level for the rounding of the block means.
    assert np.abs(view - means).max() <= 1.0


@pytest.mark.parametrize("factor", [1.0, 2.5, 6.0])
def test_outside_the_picture_is_black(factor):
    white = np.full((110, 140, 3), 255, np.uint8)
    matrix = affine2d.crop_matrix(np.array([0.0, 0.0]), 32 * factor, 0.0, 32)
    view = augment_host.warp(white, matrix, 32)
    assert (view[:15, :] == 0).all() and (view[:, :15] == 0).all()
    assert (view[17:, 17:] == 255).all()
    far = affine2d.crop_matrix(np.array([9000.0, 0.0]), 32 * factor, 0.3, 32)
    assert (augment_host.warp(white, far, 32) == 0).all()


def test_colours_are_the_matrix_rounded_and_cut_at_black_and_white():
    picture = np.random.default_rng(2).integers(0, 256, (16, 16, 3), np.uint8)
    views = view_parameters(ViewRanges(), 0, 0, np.arange(20), 0)
    for row in range(20):
        colour = views.colour[row]
        got = augment_host.retouch(picture.copy(), colour, 0.0, NO_CUTOUT)
        exact = picture @ colour[:, :3].T.astype(np.float64) + colour[:, 3]
        # Half a level for rounding, the rest for OpenCV's fixed-point coefficients.
        assert np.abs(got - np.clip(exact, 0, 255)).max() <= 0.75


def test_blur_is_a_gaussian_of_the_given_width():
    picture = dot_picture(65, 65, (32.5, 32.5), sigma=3.0)
    blurred = augment_host.retouch(picture.copy(), IDENTITY, 4.0 / 65, NO_CUTOUT)
    offsets = (np.arange(65) + 0.5 - 32.5) ** 2

    def spread(view):
        weights = view[..., 0].astype(float).sum(0)
        return (weights @ offsets) / weights.sum()

    # Variances add: 9 + 16, less what three standard deviations cut off (2.7 % of 16) and rounding.
    assert spread(blurred) - spread(picture) == pytest.approx(16.0, rel=0.06)


def test_blur_weights_sum_to_one_and_pad():
    taps = augment_host.blur_taps(1.7)
    assert len(taps) == 2 * augment_host.blur_radius(1.7) + 1 == 13
    assert taps.sum() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_array_equal(augment_host.blur_taps(1.7, radius=8)[2:-2], taps)
    np.testing.assert_array_equal(augment_host.blur_taps(0.0, radius=2), [0, 0, 1, 0, 0])


def test_cutout_covers_its_square():
    picture = np.zeros((20, 20, 3), np.uint8)
    view = augment_host.retouch(picture, IDENTITY, 0.0, np.array([0.5, 0.25, 0.2]))
    expected = np.zeros((20, 20), bool)
    expected[3:7, 8:12] = True
    np.testing.assert_array_equal(view[..., 0] == augment_host.CUTOUT_LEVEL, expected)
    corner = augment_host.cutout_edges(np.array([0.0, 1.0, 0.2]), 20)
    np.testing.assert_array_equal(corner, [[0, 2], [18, 20]])
