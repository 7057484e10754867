"""Views in the graph: the host's draws and maps, its pixels within a level or two."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.views.device_datasets import (
    augmentation_place,
    render_views,
    squares_dataset,
)
from keras_pose.data.views.draws import ViewRanges, view_matrix, view_parameters
from keras_pose.data.views.host_datasets import two_views_dataset
from keras_pose.data.views.squares import reach, square_side
from keras_pose.geometry import affine2d

SIZE = 48
RANGES = ViewRanges(
    blur_probability=0.5, cutout_probability=0.5, grey_probability=0.2, mirror_probability=0.3
)


def _records(count=8, height=150, width=170, box=(40, 30, 80, 80), pictures=None):
    random = np.random.default_rng(5)
    if pictures is None:
        coarse = random.integers(0, 256, (count, 12, 12, 3), np.uint8)
        pictures = [
            cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
            for picture in coarse
        ]
    return {
        "image": np.array([cv2.imencode(".png", p)[1].tobytes() for p in pictures], object),
        "name": np.array([f"{row}.png" for row in range(count)], object),
        "id": np.arange(count),
        "epoch": np.arange(count) // 3,
        "side": np.where(np.arange(count) % 2, -1, 1).astype(np.int32),
        "height": np.full(count, height, np.int32),
        "width": np.full(count, width, np.int32),
        "box": np.tile(np.float32(box), (count, 1)),
        "has_box": np.ones(count, np.float32),
        "keypoints_2d": np.zeros((count, 21, 2), np.float32),
        "visible": np.zeros((count, 21), np.float32),
        "has_2d": np.zeros(count, np.float32),
    }


def _both(columns, ranges=RANGES, **options):
    count = len(columns["id"])
    settings = {"seed": 2, "epoch": "epoch", "size": SIZE, "mirror_left": True}
    records = tf.data.Dataset.from_tensor_slices(columns)
    host = next(iter(two_views_dataset(records, ranges, **settings).batch(count)))
    squares = squares_dataset(records, ranges, **settings, **options).batch(count)
    render = tf.function(lambda batch: render_views(batch, SIZE), autograph=False)
    return host, render(next(iter(squares)))


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"box": (-30, 90, 100, 100)},
        {"height": 700, "width": 640, "box": (200, 300, 150, 150)},
        {"height": 40, "width": 30, "box": (5, 5, 20, 20)},
    ],
    ids=["inside", "over_the_edge", "large", "tiny"],
)
def test_device_views_are_the_host_views(shape):
    # Room for all pixels in view: nothing is halved but what the host halves.
    host, device = _both(_records(**shape), side=416)
    assert set(host) == set(device)
    for key in ("canonical", "angle_deg", "jitter", "id", "ok"):
        np.testing.assert_array_equal(host[key], device[key])
    views = np.asarray(device["views"])
    assert views.dtype == np.float32 and views.shape == (8, 2, SIZE, SIZE, 3)
    assert 0 <= views.min() and views.max() <= 1
    difference = np.abs(255 * views - np.asarray(host["views"], np.float32))
    # The host rounds after the warp and the colours: half a level through a contrast of 1.4, the
    # fixed-point colour matrix, and its own last half.
    assert difference.max() < 3.0
    assert difference.mean() < 0.5


@pytest.mark.parametrize("side", [None, 160])
def test_halved_squares_differ_little_from_whole_ones(side):
    columns = _records(4, 900, 900, (300, 300, 280, 280))
    host, device = _both(columns, side=side)
    difference = np.abs(255 * np.asarray(device["views"]) - np.asarray(host["views"], np.float32))
    assert difference.mean() < 2.0


def test_a_dot_lands_where_the_matrix_says():
    ranges = ViewRanges(scale=(0.9, 1.1)).with_colour_strength(0.0)
    random = np.random.default_rng(0)
    places = random.uniform([70, 60], [90, 80], (8, 2))
    x, y = np.arange(170) + 0.5, np.arange(150) + 0.5
    pictures = []
    for place in places:
        square = (x[None] - place[0]) ** 2 + (y[:, None] - place[1]) ** 2
        grey = np.rint(255 * np.exp(-square / (2 * 3.0**2))).astype(np.uint8)
        pictures.append(np.repeat(grey[..., None], 3, axis=2))
    columns = _records(pictures=pictures)
    columns["side"][:] = 1
    _, device = _both(columns, ranges)
    centres = np.arange(SIZE) + 0.5
    for view in range(2):
        draws = view_parameters(ranges, 2, columns["epoch"], columns["id"], view)
        matrices = view_matrix(draws, columns["box"], SIZE)
        for row, place in enumerate(places):
            weights = np.asarray(device["views"][row, view, :, :, 0], np.float64)
            found = np.array([weights.sum(0) @ centres, weights.sum(1) @ centres])
            expected = affine2d.apply(place[None], matrices[row])[0]
            np.testing.assert_allclose(found / weights.sum(), expected, atol=0.05)


def test_parts_that_ranges_leave_out_cost_nothing():
    plain = tf.data.Dataset.from_tensor_slices(_records(2))
    element = squares_dataset(plain, ViewRanges(), 0, 0, SIZE).element_spec
    assert "blur" not in element
    assert "blur" in squares_dataset(plain, RANGES, 0, 0, SIZE).element_spec


def test_a_broken_picture_is_noted_and_marked():
    columns = _records(3)
    columns["image"][1] = columns["image"][1][:50]
    account = BadRecords(3, 0.5)
    records = tf.data.Dataset.from_tensor_slices(columns)
    dataset = squares_dataset(records, RANGES, 0, 0, SIZE, bad_records=account)
    assert [bool(row["ok"]) for row in dataset.as_numpy_iterator()] == [True, False, True]
    assert list(account.reasons) == [1]


@pytest.mark.parametrize("angles", [(-45.0, 45.0), (-10.0, 20.0), (100.0, 130.0), (50.0, 80.0)])
def test_no_view_looks_beyond_the_reach(angles):
    ranges = ViewRanges(angle_deg=angles, shift=(-0.2, 0.1), scale=(0.5, 1.3))
    draws = view_parameters(ranges, 0, 0, np.arange(20_000), 0)
    matrices = view_matrix(draws, np.tile([-0.5, -0.5, 1.0, 1.0], (20_000, 1)), 1)
    corners = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    farthest = 2 * np.abs(affine2d.apply(corners, affine2d.invert(matrices))).max()
    # Nearly reached, never passed.
    assert 0.93 * reach(ranges) < farthest <= reach(ranges) + 1e-9


def test_square_side_by_hand():
    # Scale 1, no shift, no turn: the square is the view itself and 16 more, in steps of 16.
    still = ViewRanges(angle_deg=(0.0, 0.0), shift=(0.0, 0.0), scale=(1.0, 1.0))
    assert reach(still) == 1.0 and square_side(still, 128) == 144
    turned = ViewRanges(angle_deg=(-45.0, 45.0), shift=(0.0, 0.0), scale=(1.0, 2.0))
    assert reach(turned) == pytest.approx(2 * 2**0.5)
    assert square_side(turned, 100) == 304


def test_the_place_follows_the_word_and_the_devices():
    assert augmentation_place("host") == "host" and augmentation_place("device") == "device"
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    assert augmentation_place("auto") == ("device" if has_gpu else "host")
    with pytest.raises(ValueError, match="augment_on"):
        augmentation_place("tpu")
