"""Views as pure functions: draws, colour matrices, boxes."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pose.data.pictures.boxes import joints_box, record_box, square_box
from keras_pose.data.views.draws import (
    ViewParameters,
    ViewRanges,
    colour_matrix,
    plain_ranges,
    uniform_draws,
    view_matrix,
    view_parameters,
)
from keras_pose.geometry import affine2d

RANGES = ViewRanges(
    mirror_probability=0.3, grey_probability=0.2, blur_probability=0.5, cutout_probability=0.4
)
FIELDS = [field.name for field in dataclasses.fields(ViewParameters)]


def _same(first, second):
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in FIELDS)


@settings(max_examples=25)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8, unique=True),
    st.integers(0, 2**40),
    st.integers(0, 2**31),
    st.integers(0, 7),
    st.randoms(use_true_random=False),
)
def test_a_view_depends_on_seed_epoch_example_and_view_alone(ids, epoch, seed, view, random):
    together = view_parameters(RANGES, seed, epoch, np.array(ids), view)
    order = list(range(len(ids)))
    random.shuffle(order)
    shuffled = view_parameters(RANGES, seed, epoch, np.array(ids)[order], view)
    for place, number in enumerate(order):
        assert _same(shuffled.row(place), together.row(number))
        alone = view_parameters(RANGES, seed, epoch, np.array([ids[number]]), view)
        assert _same(alone.row(0), together.row(number))


def test_epochs_may_differ_within_a_batch():
    mixed = view_parameters(RANGES, 1, np.array([0, 5, 9]), np.array([4, 4, 4]), 0)
    for row, epoch in enumerate((0, 5, 9)):
        assert _same(view_parameters(RANGES, 1, epoch, np.array([4]), 0).row(0), mixed.row(row))


@pytest.mark.parametrize("other", [(1, 0, 0), (0, 1, 0), (0, 0, 1)], ids=["seed", "epoch", "view"])
def test_another_seed_epoch_or_view_is_another_draw(other):
    ids = np.arange(20_000)
    first = uniform_draws(0, 0, ids, 0, 17)
    second = uniform_draws(*other[:2], ids, other[2], 17)
    assert (first != second).mean() > 0.9999
    # Standard error of a correlation of 20,000 pairs is 0.007.
    for number in range(17):
        assert abs(np.corrcoef(first[:, number], second[:, number])[0, 1]) < 0.035


def test_draws_are_uniform_and_independent():
    draws = uniform_draws(3, 7, np.arange(40_000), 1, 17)
    assert draws.min() >= 0 and draws.max() < 1
    for number in range(17):
        counts, _ = np.histogram(draws[:, number], bins=20, range=(0, 1))
        # Chi-square with 19 degrees of freedom exceeds 50 with probability 1e-4.
        assert ((counts - 2000) ** 2 / 2000).sum() < 50
    assert np.abs(np.corrcoef(draws.T) - np.eye(17)).max() < 0.025
    assert abs(np.corrcoef(draws[1:, 0], draws[:-1, 0])[0, 1]) < 0.025


def test_parameters_fill_their_ranges():
    views = view_parameters(RANGES, 0, 0, np.arange(20_000), 0)
    for values, (low, high) in (
        (views.angle_deg, (-45, 45)),
        (views.scale, (0.9, 1.5)),
        (views.shift[:, 0], (-0.1, 0.1)),
        (views.shift[:, 1], (-0.1, 0.1)),
        (views.blur_sigma[views.blur_sigma > 0], (0.002, 0.016)),
        (views.cutout[views.cutout[:, 2] > 0, 2], (0.1, 0.3)),
    ):
        width = high - low
        assert low <= values.min() < low + 0.01 * width
        assert high - 0.01 * width < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 0.02 * width
    # Five standard errors of a share of 20,000.
    assert abs(views.mirror.mean() - 0.3) < 0.017
    assert abs((views.blur_sigma > 0).mean() - 0.5) < 0.018
    assert abs((views.cutout[:, 2] > 0).mean() - 0.4) < 0.018
    # A grey view maps red and green alike.
    assert abs(np.isclose(views.colour[:, 0, 0], views.colour[:, 1, 0]).mean() - 0.2) < 0.015


def test_plain_views_change_nothing_but_the_crop():
    views = view_parameters(plain_ranges(1.25), 0, 3, np.arange(5), 0)
    np.testing.assert_array_equal(views.angle_deg, 0)
    np.testing.assert_array_equal(views.scale, 1.25)
    np.testing.assert_array_equal(views.colour, np.eye(3, 4)[None].repeat(5, 0))
    np.testing.assert_array_equal(views.blur_sigma, 0)
    np.testing.assert_array_equal(views.cutout[:, 2], 0)
    assert len(views) == 5


def test_colour_matrix_by_hand():
    def one(*values):
        return colour_matrix(*(np.array([value]) for value in values))[0]

    np.testing.assert_allclose(one(0.0, 1.0, 1.0, 0.0), np.eye(3, 4), atol=1e-6)
    # No saturation: every channel is the NTSC luma.
    luma = [0.299, 0.587, 0.114]
    np.testing.assert_allclose(one(77.0, 0.0, 1.0, 0.0), [[*luma, 0]] * 3, atol=1e-6)
    # Mid-grey stays under contrast; brightness adds a share of white.
    stretched = one(0.0, 1.0, 2.0, 0.1)
    np.testing.assert_allclose(stretched[:, :3], 2 * np.eye(3), atol=1e-6)
    np.testing.assert_allclose(stretched[:, 3], -127.5 + 25.5, atol=1e-4)


@given(st.floats(-180, 180), st.floats(0, 2), st.floats(0, 255))
def test_hue_and_saturation_leave_greys_and_luma_alone(hue, saturation, grey):
    matrix = colour_matrix(*(np.array([v]) for v in (hue, saturation, 1.0, 0.0)))[0]
    np.testing.assert_allclose(matrix @ [grey, grey, grey, 1], [grey] * 3, atol=1e-3)
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(luma @ matrix[:, :3], luma, atol=1e-6)


def test_hue_turns_add_up():
    def turn(angle):
        return colour_matrix(*(np.array([v]) for v in (angle, 1.0, 1.0, 0.0)))[0][:, :3]

    np.testing.assert_allclose(turn(30.0) @ turn(50.0), turn(80.0), atol=1e-6)


def test_colour_strength_scales_the_ranges_about_neutral():
    double = ViewRanges().with_colour_strength(2.0)
    assert double.hue_deg == (-60.0, 60.0) and double.saturation == (0.0, 2.0)
    assert double.brightness == (-0.4, 0.4) and double.angle_deg == (-45.0, 45.0)
    none = ViewRanges().with_colour_strength(0.0)
    assert none.hue_deg == (0.0, 0.0) and none.contrast == (1.0, 1.0)
    with pytest.raises(ValueError, match="strength"):
        ViewRanges().with_colour_strength(-1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"angle_deg": (10.0, -10.0)},
        {"scale": (0.0, 1.0)},
        {"saturation": (-0.5, 1.0)},
        {"shift": (0.0, float("nan"))},
        {"blur_probability": 1.5},
    ],
)
def test_ranges_that_cannot_be_drawn_from_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ViewRanges(**wrong)


def test_too_many_views_are_refused():
    with pytest.raises(ValueError, match="view 8"):
        view_parameters(RANGES, 0, 0, np.arange(3), 8)


def test_boxes_by_hand():
    np.testing.assert_array_equal(square_box(np.array([10, 20, 40, 10])), [10, 5, 40, 40])
    assert square_box([10, 20, 40, 80], 1.25).tolist() == [-20, 10, 100, 100]
    many = square_box([[10, 20, 40, 80], [0, 0, 4, 2]], 2.0)
    assert many.tolist() == [[-50, -20, 160, 160], [-2, -3, 8, 8]]
    points = np.array([[10.0, 10], [30, 20], [1000, 1000]])
    around = joints_box(points, np.array([1, 1, 0]))
    # Middle (20, 15), longer side 20, times the margin 1.2.
    np.testing.assert_allclose(around, [8, 3, 24, 24])
    limbs = np.array([[0, 0], [10, 50], [500, 500.0]])
    assert joints_box(limbs, [1, 1, 0], 1.4).tolist() == [-30, -10, 70, 70]
    assert joints_box(points, np.array([1, 0, 0])) is None
    assert joints_box(points[[0, 0]], np.array([1, 1])) is None


def test_what_is_missing_is_replaced_by_the_next_source():
    box, points = np.array([10.0, 20, 40, 40]), np.array([[10.0, 10], [30, 20]])
    seen, picture = np.ones(2), (60, 80)
    whole, around = [0, -10, 80, 80], [8, 3, 24, 24]
    for source, expected in (("box", box), ("joints", around), ("picture", whole)):
        np.testing.assert_allclose(record_box(source, box, points, seen, picture), expected)
    np.testing.assert_allclose(record_box("box", None, points, seen, picture), around)
    np.testing.assert_allclose(record_box("joints", box, None, None, picture), box)
    np.testing.assert_allclose(record_box("joints", None, points, 0 * seen, picture), whole)
    np.testing.assert_allclose(record_box("box", np.zeros(4), None, None, picture), whole)
    with pytest.raises(ValueError, match="crop_source"):
        record_box("mask", box, points, seen, picture)


def test_view_matrix_is_the_chain_of_named_steps():
    views = view_parameters(RANGES, 0, 0, np.arange(50), 0)
    box = np.array([30.0, 40, 60, 60])
    matrices = view_matrix(views, np.tile(box, (50, 1)), 64)
    for row in range(50):
        one = views.row(row)
        turn = cv2.getRotationMatrix2D((0, 0), one.angle_deg, 64 / (60 * one.scale))
        to_middle = np.array([[1, 0, -60], [0, 1, -70.0]])
        flip = np.array([[1 - 2 * one.mirror, 0, 0], [0, 1, 0]])
        place = np.array([[1, 0, 32 + 64 * one.shift[0]], [0, 1, 32 + 64 * one.shift[1]]])
        expected = to_middle
        for step in (flip, turn, place):
            expected = affine2d.compose(step, expected)
        np.testing.assert_allclose(matrices[row], expected, atol=1e-9)
        np.testing.assert_allclose(view_matrix(one, box, 64), matrices[row], atol=1e-12)


def test_bell_shaped_draws_are_clipped_at_two_deviations():
    ranges = ViewRanges(
        angle_deg=(-60.0, 60.0),
        scale=(2**-0.5, 2**0.5),
        is_bell=True,
        turn_probability=0.4,
        channel_gain=(0.6, 1.4),
    )
    draw = view_parameters(ranges, 3, 0, np.arange(40_000), 0)
    turned = draw.angle_deg[draw.angle_deg != 0]
    assert abs(len(turned) / 40_000 - 0.4) < 0.01
    # 30 degrees are one deviation: 68.3 % lie within, and 4.55 % are clipped to an end.
    assert abs(np.mean(np.abs(turned) < 30) - 0.6827) < 0.01
    assert abs(np.mean(np.isclose(np.abs(turned), 60)) - 0.0455) < 0.005
    octaves = np.log2(draw.scale)
    assert abs(octaves.mean()) < 0.005 and np.abs(octaves).max() <= 0.5 + 1e-12
    assert abs(np.mean(np.abs(octaves) < 0.25) - 0.6827) < 0.01


def test_channel_gains_multiply_each_colour_by_itself():
    still = plain_ranges(1.0)
    gained = dataclasses.replace(still, channel_gain=(0.6, 1.4))
    colour = view_parameters(gained, 3, 0, np.arange(2000), 0).colour
    diagonal = colour[:, np.arange(3), np.arange(3)]
    assert np.all(colour[:, ~np.eye(3, 4, dtype=bool)] == 0)
    assert 0.6 <= diagonal.min() < 0.61 and 1.39 < diagonal.max() <= 1.4
    assert abs(np.corrcoef(diagonal.T)[0, 1]) < 0.1
    assert np.all(view_parameters(still, 3, 0, np.arange(9), 0).colour == np.eye(3, 4))
