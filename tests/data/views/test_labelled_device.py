"""Labelled views in the graph: the host's labels bit for bit, its pixels within a level or two."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.views.device_datasets import labelled_squares_dataset, render_labelled
from keras_pose.data.views.draws import ViewRanges, plain_ranges
from keras_pose.data.views.host_datasets import labelled_view_dataset
from keras_pose.data.views.squares import lone_side, turn_spread
from keras_pose.geometry import affine2d
from keras_pose.skeletons import MPII_16

SIZE, COUNT = 48, 12
# Twice as wide as training's, so that pictures are seen enlarged and four times smaller.
BODIES = ViewRanges(
    angle_deg=(-60.0, 60.0),
    scale=(0.5, 2.0),
    shift=(0.0, 0.0),
    mirror_probability=0.5,
    hue_deg=(0.0, 0.0),
    saturation=(1.0, 1.0),
    contrast=(1.0, 1.0),
    brightness=(0.0, 0.0),
    cutout_probability=0.5,
    turn_probability=0.6,
    channel_gain=(0.6, 1.4),
    is_bell=True,
)
PRETRAINING = ViewRanges(blur_probability=0.5, cutout_probability=0.5, mirror_probability=0.3)


def _columns(height=150, width=170, box=(40, 30, 80, 80)):
    random = np.random.default_rng(5)
    coarse = random.integers(0, 256, (COUNT, 12, 12, 3), np.uint8)
    pictures = [cv2.resize(picture, (width, height)) for picture in coarse]
    rows = np.arange(COUNT)
    return {
        # A JPEG may be decoded in part or smaller, a PNG may not.
        "image": np.array(
            [
                cv2.imencode((".png", ".jpg")[row % 2], picture)[1].tobytes()
                for row, picture in enumerate(pictures)
            ],
            object,
        ),
        "name": np.array([f"{row}.png" for row in rows], object),
        "id": rows + 7,
        "epoch": rows // 4,
        "position": rows + 20,
        "side": np.where(rows % 3 == 0, -1, 1).astype(np.int32),
        "height": np.full(COUNT, height, np.int32),
        "width": np.full(COUNT, width, np.int32),
        "box": np.tile(np.float32(box), (COUNT, 1)),
        "has_box": np.ones(COUNT, np.float32),
        "keypoints_2d": random.uniform(0, height, (COUNT, 16, 2)).astype(np.float32),
        "visible": random.integers(0, 2, (COUNT, 16)).astype(np.float32),
        "has_2d": (rows % 4 > 0).astype(np.float32),
        "keypoints_3d": random.normal(0, 1, (COUNT, 16, 3)).astype(np.float32),
        "has_3d": (rows % 2).astype(np.float32),
        "intrinsics": random.uniform(1, 300, (COUNT, 3, 3)).astype(np.float32),
        "head_size": random.uniform(1, 30, COUNT).astype(np.float32),
    }


def _both(columns, ranges=BODIES, **options):
    """A batch of the host's views and one of the device's."""
    settings = {"seed": 2, "epoch": "epoch", "size": SIZE, "passed_on": ("head_size",)}
    settings |= {"flip_permutation": MPII_16.flip_permutation}
    records = tf.data.Dataset.from_tensor_slices(columns)
    host = next(iter(labelled_view_dataset(records, ranges, **settings).batch(COUNT)))
    squares = labelled_squares_dataset(records, ranges, **settings, **options).batch(COUNT)
    render = tf.function(lambda batch: render_labelled(batch, SIZE), autograph=False)
    return host, render(next(iter(squares)))


SHAPES = {
    "inside": {},
    "over_the_edge": {"box": (-30, 90, 100, 100)},
    "out_of_sight": {"box": (400, 400, 40, 40)},
    "large": {"height": 700, "width": 640, "box": (100, 150, 350, 350)},
    "tiny": {"height": 40, "width": 30, "box": (5, 5, 20, 20)},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "ranges", [BODIES, PRETRAINING, plain_ranges(1.0)], ids=["bodies", "pretraining", "plain"]
)
def test_labels_are_the_same_bits_and_pixels_the_same_but_for_rounding(shape, ranges):
    host, device = _both(_columns(**shape), ranges)
    assert set(host) == set(device)
    for key in host:
        if key != "image":
            assert host[key].dtype == device[key].dtype, key
            np.testing.assert_array_equal(host[key], device[key], err_msg=key)
    image = np.asarray(device["image"])
    assert image.dtype == np.float32 and image.shape == (COUNT, SIZE, SIZE, 3)
    assert 0 <= image.min() and image.max() <= 1
    difference = np.abs(255 * image - np.asarray(host["image"], np.float32))
    # The host looks up in steps of 1/32 of a pixel, and rounds after it and after the colours.
    assert difference.max() < 3.0
    assert difference.mean() < 0.5


def test_nothing_is_halved_but_what_the_host_halves():
    """The densest, widest view of a large picture fits the square at the host's own density."""
    columns = _columns(1500, 1500, (350, 350, 800, 800))
    for factor in (0.99, 1.01):
        # 1.999 and 3.96 pixels of the picture on one of the view: just before the next halving.
        still = 2 * SIZE * factor / 800
        ranges = ViewRanges((45, 45), (still, still), (0, 0)).with_colour_strength(0.0)
        host, device = _both(columns, ranges)
        difference = 255 * np.asarray(device["image"]) - np.asarray(host["image"], np.float32)
        assert np.abs(difference).max() < 2.0


def test_side_of_the_square_by_hand():
    # Two pixels on one, upright or at 45 degrees, and 16 more, in steps of 16.
    assert turn_spread(plain_ranges(1.0)) == 1.0
    assert lone_side(plain_ranges(1.0), 256) == 528
    assert turn_spread(BODIES) == pytest.approx(2**0.5)
    assert lone_side(BODIES, 64) == 208  # 181.02 + 16


def test_a_smaller_square_keeps_labels_and_blurs_a_little():
    columns = _columns(900, 900, (300, 300, 280, 280))
    host, device = _both(columns, side=96)
    np.testing.assert_array_equal(host["matrix"], device["matrix"])
    difference = np.abs(255 * np.asarray(device["image"]) - np.asarray(host["image"], np.float32))
    assert difference.mean() < 2.0


def test_a_dot_lands_on_its_label():
    ranges = ViewRanges((-60, 60), (0.9, 1.1), (0, 0), 0.5).with_colour_strength(0.0)
    columns = _columns()
    places = np.random.default_rng(0).uniform([70, 60], [90, 80], (COUNT, 2))
    x, y = np.arange(170) + 0.5, np.arange(150) + 0.5
    for row, place in enumerate(places):
        square = (x[None] - place[0]) ** 2 + (y[:, None] - place[1]) ** 2
        grey = np.rint(255 * np.exp(-square / (2 * 3.0**2))).astype(np.uint8)
        columns["image"][row] = cv2.imencode(".png", np.dstack([grey] * 3))[1].tobytes()
    columns["keypoints_2d"][:] = places[:, None]
    columns["has_2d"][:] = 1
    _, device = _both(columns, ranges)
    centres = np.arange(SIZE) + 0.5
    for row in range(COUNT):
        weights = np.asarray(device["image"][row, :, :, 0], np.float64)
        found = np.array([weights.sum(0) @ centres, weights.sum(1) @ centres]) / weights.sum()
        np.testing.assert_allclose(found, device["keypoints_2d"][row, 0], atol=0.05)
        back = affine2d.invert(np.asarray(device["matrix"][row], np.float64))
        np.testing.assert_allclose(affine2d.apply(found[None], back)[0], places[row], atol=0.1)
    assert len(set(np.asarray(device["mirrored"]))) == 2


def test_a_broken_picture_is_noted_and_marked():
    columns = _columns()
    columns["image"][1] = columns["image"][1][:50]
    account = BadRecords(COUNT, 0.5)
    host, device = _both(columns, bad_records=account)
    np.testing.assert_array_equal(host["ok"], np.arange(COUNT) != 1)
    np.testing.assert_array_equal(device["ok"], host["ok"])
    assert list(account.reasons) == [8]


def test_parts_that_ranges_leave_out_cost_nothing():
    records = tf.data.Dataset.from_tensor_slices(_columns())
    assert "blur" not in labelled_squares_dataset(records, BODIES, 0, 0, SIZE).element_spec
    assert "blur" in labelled_squares_dataset(records, PRETRAINING, 0, 0, SIZE).element_spec
