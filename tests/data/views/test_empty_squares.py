"""Squares beside a person: they miss it, stay in the picture, and come as often as asked."""

import numpy as np
import tensorflow as tf

from keras_pose.data.views.draws import ViewRanges, plain_ranges
from keras_pose.data.views.empty_squares import empty_squares
from keras_pose.data.views.host_datasets import labelled_view_dataset
from tests.data.views.test_labelled_device import SIZE, _columns

COUNT = 400


def rows(height=200, width=300):
    return {
        "id": np.arange(COUNT),
        "height": np.full(COUNT, height),
        "width": np.full(COUNT, width),
    }


def test_squares_miss_the_person_and_stay_inside():
    person = np.tile([100.0, 60.0, 80.0, 80.0], (COUNT, 1))
    empty, is_empty = empty_squares(rows(), person, 1.0, 3, np.zeros(COUNT, int))
    assert is_empty.all()
    x, y, side = empty[:, 0], empty[:, 1], empty[:, 2]
    np.testing.assert_array_equal(side, empty[:, 3])
    assert (x >= 0).all() and (y >= 0).all()
    assert (x + side <= 300 + 1e-9).all() and (y + side <= 200 + 1e-9).all()
    beside = (x + side <= 100 + 1e-9) | (x >= 180 - 1e-9)
    beside |= (y + side <= 60 + 1e-9) | (y >= 140 - 1e-9)
    assert beside.all()
    # The strips are 100, 120, 60 and 60 px wide; a quarter are plain.
    assert side.max() <= 120.0 and (side == 3.0).mean() < 0.35
    assert len(np.unique(np.round(x))) > 50


def test_share_and_repeats():
    person = np.tile([100.0, 60.0, 80.0, 80.0], (COUNT, 1))
    first = empty_squares(rows(), person, 0.25, 3, np.zeros(COUNT, int))
    again = empty_squares(rows(), person, 0.25, 3, np.zeros(COUNT, int))
    other = empty_squares(rows(), person, 0.25, 3, np.ones(COUNT, int))
    assert 0.18 < first[1].mean() < 0.32
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[1] != other[1]).any()
    np.testing.assert_array_equal(first[0][~first[1]], person[~first[1]])


def test_a_picture_that_is_all_person_gives_its_farthest_corner():
    person = np.tile([10.0, 0.0, 290.0, 290.0], (COUNT, 1))
    empty, _ = empty_squares(rows(height=290), person, 1.0, 3, np.zeros(COUNT, int))
    np.testing.assert_array_equal(empty[:, 2], 3.0)
    np.testing.assert_array_equal(empty[:, 0], 0.0)


def test_crops_of_nobody_have_no_visible_joint():
    columns = _columns(height=300, width=400, box=(150, 100, 90, 90))
    random = np.random.default_rng(1)
    joints = random.uniform([155, 105], [235, 185], (len(columns["id"]), 16, 2))
    columns["keypoints_2d"] = joints.astype(np.float32)
    columns["visible"][:] = 1.0
    columns["has_2d"][:] = 1.0
    ranges = ViewRanges(scale=(0.9, 1.5), empty_probability=1.0)
    assert np.stack([view["known"] for view in views_of(columns, ranges)]).min() == 1.0
    assert np.stack([view["visible"] for view in views_of(columns, ranges)]).mean() < 0.02
    shown = views_of(columns, plain_ranges(1.2))
    assert np.stack([view["visible"] for view in shown]).min() == 1.0


def views_of(columns, ranges):
    records = tf.data.Dataset.from_tensor_slices(columns)
    options = {"epoch": "epoch", "size": SIZE, "crop_source": "box"}
    return list(labelled_view_dataset(records, ranges, 3, **options))
