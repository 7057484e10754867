"""Pictures decoded in part or to a smaller size show the views that the whole picture shows."""

import cv2
import numpy as np
import pytest

from keras_pose.data.views import host_pixels as augment_host
from keras_pose.data.views.decoding import decode_for_views
from keras_pose.geometry import affine2d


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


@pytest.mark.parametrize(("side", "factor"), [(150.0, 2), (260.0, 4), (620.0, 4)])
def test_a_reduced_decode_shows_the_same_view(side, factor):
    # Odd sizes: the last row and column of the reduced picture stand for half a block.
    place = np.array([331.7, 182.4])
    picture = dot_picture(401, 643, place, sigma=side / 25)
    picture[..., 1] //= 2
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    matrix = affine2d.crop_matrix(np.array([320.0, 200.0]), side, 0.4, 64)
    image, maps = decode_for_views(data, "dot.jpg", matrix[None])
    assert image.shape == (-(-401 // factor), -(-643 // factor), 3)
    got = augment_host.warp(image, maps[0], 64)
    exact = augment_host.warp(picture, matrix, 64)
    assert np.abs(got.astype(int) - exact).mean() < 1.0
    np.testing.assert_allclose(centroid(got), affine2d.apply(place[None], matrix)[0], atol=0.1)


def test_a_picture_is_decoded_whole_when_a_view_needs_its_pixels():
    picture = dot_picture(64, 80, (40.0, 30.0), sigma=5.0)
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    near, far = (affine2d.crop_matrix(np.array([40.0, 30.0]), s, 0.0, 16) for s in (16.0, 64.0))
    image, maps = decode_for_views(data, "dot.jpg", np.stack([near, far]))
    assert image.shape == (64, 80, 3)
    np.testing.assert_array_equal(maps, [near, far])


def test_bytes_that_are_no_picture_are_refused_by_name():
    with pytest.raises(ValueError, match=r"hand_7\.jpg"):
        decode_for_views(b"not a picture", "hand_7.jpg", np.eye(2, 3)[None])


@pytest.mark.parametrize("sampling", ["444", "420"])
@pytest.mark.parametrize("place", [(60.0, 50.0), (250.0, 180.0), (330.0, 20.0)])
def test_a_part_shows_the_pixels_of_the_whole(sampling, place):
    random = np.random.default_rng(0)
    picture = cv2.resize(random.integers(0, 256, (20, 30, 3), np.uint8), (347, 241))
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor])[1].tobytes()
    matrices = affine2d.crop_matrix(np.array(place), np.array([60.0, 70.0]), 0.5, 64)
    whole, _ = decode_for_views(data, "a.jpg", matrices)
    part, maps = decode_for_views(data, "a.jpg", matrices, 64, (241, 347))
    assert whole.shape == (241, 347, 3) and part.size < whole.size / 2
    for view in range(2):
        np.testing.assert_array_equal(
            augment_host.warp(part, maps[view], 64), augment_host.warp(whole, matrices[view], 64)
        )


def test_what_cannot_be_decoded_in_part_is_decoded_whole():
    picture = dot_picture(200, 300, (150.0, 100.0), 9.0)
    near = affine2d.crop_matrix(np.array([150.0, 100.0]), np.array([40.0, 40.0]), 0.0, 64)
    png = cv2.imencode(".png", picture)[1].tobytes()
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    # A PNG, a shape that is not the picture's, and a view of nearly everything.
    all_of_it = affine2d.crop_matrix(np.array([[150.0, 100.0]]), 125.0, 0.5, 64)
    moved = affine2d.compose(near, np.array([[1.0, 0.0, -6000.0], [0.0, 1.0, 0.0]]))
    cases = [(png, near, (200, 300)), (jpeg, moved, (200, 9000)), (jpeg, all_of_it, (200, 300))]
    for data, matrices, shape in cases:
        image, maps = decode_for_views(data, "a", matrices, 64, shape)
        assert image.shape == (200, 300, 3)
        np.testing.assert_array_equal(maps, matrices)
    with pytest.raises(ValueError, match="hand_8"):
        decode_for_views(jpeg[: len(jpeg) // 2], "hand_8.jpg", near, 64, (200, 300))
