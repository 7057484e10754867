"""Records to views in `tf.data`: order, determinism, labels that follow the crop, broken pictures."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.views import host_pixels as augment_host
from keras_pose.data.views.draws import ViewRanges, plain_ranges, view_parameters
from keras_pose.data.views.host_datasets import labelled_view_dataset, two_views_dataset
from keras_pose.geometry import affine2d, project

SIZE = 64
COUNT = 10
RANGES = ViewRanges(blur_probability=0.5, cutout_probability=0.5)


def _columns(count=COUNT, height=150, width=170, side=1):
    random = np.random.default_rng(5)
    intrinsics = np.array([[300.0, 0, 80], [0, 310, 70], [0, 0, 1]])
    points_3d = random.uniform([-0.08, -0.08, 0.5], [0.08, 0.08, 0.7], (count, 21, 3))
    pictures = []
    for _ in range(count):
        coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
        picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        pictures.append(cv2.imencode(".png", picture)[1].tobytes())
    return {
        "image": np.array(pictures, object),
        "name": np.array([f"{row:03d}.png" for row in range(count)], object),
        "id": np.arange(100, 100 + count),
        "side": np.full(count, side, np.int32),
        "height": np.full(count, height, np.int32),
        "width": np.full(count, width, np.int32),
        "box": np.tile(np.float32([40, 30, 80, 80]), (count, 1)),
        "has_box": np.ones(count, np.float32),
        "keypoints_2d": np.asarray(project(points_3d, intrinsics)).astype(np.float32),
        "visible": np.ones((count, 21), np.float32),
        "has_2d": np.ones(count, np.float32),
        "keypoints_3d": points_3d.astype(np.float32),
        "has_3d": np.ones(count, np.float32),
        "has_depth": np.ones(count, np.float32),
        "intrinsics": np.tile(np.float32(intrinsics), (count, 1, 1)),
        "has_intrinsics": np.ones(count, np.float32),
        "scale": np.full(count, 0.03, np.float32),
        "label": np.full(count, -1, np.int64),
    }


def _records(columns):
    return tf.data.Dataset.from_tensor_slices(
        {key: tf.constant(column) for key, column in columns.items()}
    )


def _elements(dataset):
    return list(dataset.as_numpy_iterator())


def _pairs(columns, epoch=0, **options):
    return _elements(two_views_dataset(_records(columns), RANGES, 3, epoch, SIZE, **options))


def _decoded(data):
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def test_pairs_are_the_rendered_draws():
    columns = _columns()
    pairs = _pairs(columns)
    assert [pair["id"] for pair in pairs] == list(columns["id"])
    for row, pair in enumerate(pairs):
        picture = _decoded(columns["image"][row])
        box = columns["box"][row].astype(float)
        for view in range(2):
            draw = view_parameters(RANGES, 3, 0, columns["id"][row : row + 1], view).row(0)
            expected, matrix = augment_host.render_view(picture, box, draw, SIZE)
            np.testing.assert_array_equal(pair["views"][view], expected)
            np.testing.assert_allclose(pair["angle_deg"][view], draw.angle_deg, rtol=1e-6)
            # Canonical: a corner of the box, through the exact map, in half sides of the view.
            corner = affine2d.apply(box[None, :2] + [[80.0, 0.0]], matrix)
            got = affine2d.apply(np.array([[1.0, -1.0]]), pair["canonical"][view].astype(float))
            np.testing.assert_allclose(got, corner / (SIZE / 2) - 1, atol=1e-5)
            middle = affine2d.apply(box[None, :2] + 40.0, matrix)[0]
            np.testing.assert_allclose(pair["jitter"][view], middle / SIZE - 0.5, atol=1e-6)
        assert pair["ok"]


@pytest.mark.parametrize("options", [{"chunk": 1}, {"chunk": 7, "parallel_calls": 4}])
def test_chunks_and_threads_change_nothing(options):
    for one, other in zip(_pairs(_columns()), _pairs(_columns(), **options), strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_a_record_keeps_its_views_in_any_order_and_changes_them_with_the_epoch():
    columns = _columns()
    reverse = {key: column[::-1] for key, column in columns.items()}
    first, again, later = _pairs(columns), _pairs(reverse)[::-1], _pairs(columns, epoch=1)
    for one, other, next_epoch in zip(first, again, later, strict=True):
        np.testing.assert_array_equal(one["views"], other["views"])
        assert (one["angle_deg"] != next_epoch["angle_deg"]).all()
        assert one["angle_deg"][0] != one["angle_deg"][1]


def test_the_epoch_may_follow_the_running_number():
    columns = _columns(4)
    running = _pairs(columns, epoch=lambda number: number // 2)
    for row, pair in enumerate(running):
        expected = _pairs(columns, epoch=row // 2)[row]
        np.testing.assert_array_equal(pair["angle_deg"], expected["angle_deg"])


def test_the_epoch_may_come_with_the_records():
    columns = _columns(4) | {"epoch": np.array([0, 0, 1, 1]), "position": np.array([4, 5, 6, 7])}
    for key in ("epoch", "position"):
        running = _pairs(columns, epoch=key)
        assert [pair["position"] for pair in running] == [4, 5, 6, 7]
        for row, pair in enumerate(running):
            expected = _pairs(columns, epoch=int(columns[key][row]))[row]
            np.testing.assert_array_equal(pair["angle_deg"], expected["angle_deg"])


@pytest.mark.parametrize("dataset", [two_views_dataset, labelled_view_dataset])
def test_a_broken_picture_is_noted_and_marked_and_the_rest_goes_on(dataset):
    columns = _columns(4)
    columns["image"][2] = columns["image"][2][:40]
    account = BadRecords(4, max_bad_fraction=0.5)
    elements = _elements(dataset(_records(columns), RANGES, 3, 0, SIZE, bad_records=account))
    assert [bool(element["ok"]) for element in elements] == [True, True, False, True]
    assert [int(element["id"]) for element in elements] == list(columns["id"])
    picture = elements[2]["views" if "views" in elements[2] else "image"]
    assert (picture == 0).all()
    assert list(account.reasons) == [102] and "002.png" in account.reasons[102]


def test_too_many_broken_pictures_stop_the_run():
    columns = _columns(4)
    columns["image"][2] = b"nothing"
    account = BadRecords(4, max_bad_fraction=0.1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="max_bad_fraction"):
        _pairs(columns, bad_records=account)


def _labelled(columns, ranges=RANGES, **options):
    return _elements(labelled_view_dataset(_records(columns), ranges, 3, 0, SIZE, **options))


@pytest.mark.parametrize("side", [1, -1, 0])
def test_projecting_the_3d_joints_gives_the_2d_ones_of_the_view(side):
    for view in _labelled(_columns(side=side)):
        assert view["mirrored"] == (side == -1)
        projected = np.asarray(project(view["keypoints_3d"], view["intrinsics"]))
        np.testing.assert_allclose(projected, view["keypoints_2d"], atol=2e-3)
        inside = np.all((view["keypoints_2d"] >= 0) & (view["keypoints_2d"] < SIZE), axis=-1)
        np.testing.assert_array_equal(view["visible"], inside)
        assert view["keypoints_3d"][:, 2].min() > 0.4


def test_the_matrix_takes_labels_back_to_the_picture():
    columns = _columns(side=-1)
    for row, view in enumerate(_labelled(columns)):
        back = affine2d.apply(view["keypoints_2d"], affine2d.invert(view["matrix"]))
        np.testing.assert_allclose(back, columns["keypoints_2d"][row], atol=2e-3)


def test_a_mirrored_left_hand_is_the_right_hand_of_the_mirrored_picture():
    left = _columns(side=-1)
    width = left["width"][0]
    right = _columns(side=1)
    for row in range(COUNT):
        mirrored = np.ascontiguousarray(_decoded(left["image"][row])[:, ::-1, ::-1])
        right["image"][row] = cv2.imencode(".png", mirrored)[1].tobytes()
    right["keypoints_2d"] = left["keypoints_2d"] * [-1, 1] + np.float32([width, 0])
    right["keypoints_3d"] = left["keypoints_3d"] * np.float32([-1, 1, 1])
    right["intrinsics"][:, 0, 2] = width - left["intrinsics"][:, 0, 2]
    right["box"][:, 0] = width - left["box"][:, 0] - left["box"][:, 2]
    right = {key: np.float32(c) if c.dtype == np.float64 else c for key, c in right.items()}
    for one, other in zip(_labelled(left), _labelled(right), strict=True):
        for key in ("keypoints_2d", "keypoints_3d", "intrinsics", "visible"):
            np.testing.assert_allclose(one[key], other[key], atol=1e-3)
        # The two look-ups round differently.
        assert np.abs(one["image"].astype(int) - other["image"]).max() <= 2
    for one, other in zip(
        _pairs(left, mirror_left=True), _pairs(right, mirror_left=True), strict=True
    ):
        np.testing.assert_allclose(one["canonical"], other["canonical"], atol=1e-6)
        assert np.abs(one["views"].astype(int) - other["views"]).max() <= 2


def test_left_hands_stay_left_unless_asked():
    columns = _columns(3, side=-1)
    plain = _labelled(columns, plain_ranges(1.0), mirror_left=False)
    for row, view in enumerate(plain):
        assert view["mirrored"] == 0
        np.testing.assert_array_equal(view["keypoints_3d"], columns["keypoints_3d"][row])
        expected = (columns["keypoints_2d"][row] - [40, 30]) * SIZE / 80
        np.testing.assert_allclose(view["keypoints_2d"], expected, atol=1e-3)


def test_what_is_unknown_stays_zero():
    columns = _columns(2)
    for key in ("keypoints_2d", "keypoints_3d", "intrinsics", "visible", "has_2d", "has_box"):
        columns[key] = np.zeros_like(columns[key])
    for view in _labelled(columns):
        for key in ("keypoints_2d", "keypoints_3d", "intrinsics", "visible"):
            np.testing.assert_array_equal(view[key], 0)
        # Without a box and joints the whole picture is the square; its longer side is 170.
        zoom = np.sqrt(np.linalg.det(view["matrix"][:, :2]))
        assert SIZE / (1.5 * 170) - 1e-6 <= zoom <= SIZE / (0.9 * 170) + 1e-6


def test_mirroring_exchanges_the_rows_of_left_and_right():
    """By hand: rows 1 and 2 trade places, and x becomes the view's side less x."""
    columns = _columns()
    columns["visible"][:, 1] = 0
    order = np.arange(21)
    order[[1, 2]] = 2, 1
    mirrored = ViewRanges(
        (0, 0), (1, 1), (0, 0), 1.0, (0, 0), (1, 1), (1, 1), (0, 0), channel_gain=(1, 1)
    )
    settings = {"mirror_left": False, "flip_permutation": order, "passed_on": ("height",)}
    pairs = zip(
        _elements(
            labelled_view_dataset(_records(columns), plain_ranges(1), 0, 0, SIZE, **settings)
        ),
        _elements(labelled_view_dataset(_records(columns), mirrored, 0, 0, SIZE, **settings)),
        strict=True,
    )
    for plain, flipped in pairs:
        expected = plain["keypoints_2d"][order] * [-1, 1] + [SIZE, 0]
        np.testing.assert_allclose(flipped["keypoints_2d"], expected, atol=1e-4)
        expected = plain["keypoints_3d"][order] * [-1, 1, 1]
        np.testing.assert_allclose(flipped["keypoints_3d"], expected)
        assert flipped["visible"][2] == 0 and plain["visible"][1] == 0
        assert flipped["visible"][1] == plain["visible"][2]
        again = project(flipped["keypoints_3d"], flipped["intrinsics"])
        np.testing.assert_allclose(again, flipped["keypoints_2d"], atol=1e-3)
        assert flipped["height"] == 150
