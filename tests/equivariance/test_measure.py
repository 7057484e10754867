"""The equivariance report: a perfect toy scores 0, every kind of broken one is caught, by hand values."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.equivariance.figures import (
    draw_example,
    equivariance_section,
    write_summaries,
)
from keras_pose.equivariance.measure import (
    KINDS,
    MEASURES,
    Probe,
    default_probes,
    linear_map_error,
    measure_equivariance,
)
from keras_pose.viz import report_html

SIZE, SIDE, SCALE, NUM = 96, 100.0, 1.5, 36
# Views are quantised to whole grey levels and interpolated: a blob's centre is known to about that.
EXACT = 0.004


def _pictures(num=NUM):
    """Grey pictures with a bright and a dark blob near the middle of the box."""
    rows, columns = np.indices((480, 480)) + 0.5
    pictures = []
    for seed in range(num):
        rng = np.random.default_rng(seed)
        ground = np.full((480, 480), 110.0)
        angle = rng.uniform(0, 2 * np.pi)
        for sign in (1, -1):
            x, y = (
                240 + sign * 26 * np.array([np.cos(angle), np.sin(angle)]) + rng.uniform(-4, 4, 2)
            )
            ground += sign * 70 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2))
        pictures.append(np.repeat(np.round(ground)[..., None], 3, -1).astype(np.uint8))
    return pictures


PICTURES = _pictures()
BOXES = np.tile([190.0, 190.0, SIDE, SIDE], (NUM, 1))


def _blobs(images):
    """Centres of the bright and the dark blob, pixels [B, 2, 2]; colours do not matter."""
    grey = images.mean(-1).astype(np.float64)
    away = grey - np.median(grey, axis=(1, 2), keepdims=True)
    rows, columns = np.indices(grey.shape[1:]) + 0.5
    centres = []
    for sign in (1, -1):
        weight = np.maximum(sign * away, 0)
        weight *= weight > 0.15 * weight.max(axis=(1, 2), keepdims=True)
        total = weight.sum((1, 2))
        centres.append(np.stack([(weight * columns).sum((1, 2)), (weight * rows).sum((1, 2))], -1))
        centres[-1] /= total[:, None]
    return np.stack(centres, 1)


def _in_half_sides(images):
    return (_blobs(images) / (images.shape[1] / 2) - 1.0).reshape(len(images), -1)


def _measure(**functions):
    return measure_equivariance(PICTURES, BOXES, SIZE, crop_scale=SCALE, **functions)


@pytest.fixture(scope="module")
def perfect():
    return _measure(predict=_blobs, project=_in_half_sides, embed=_in_half_sides)


@pytest.mark.parametrize("kind", KINDS)
def test_equivariant_toy_scores_nothing(perfect, kind):
    assert perfect.numbers[f"keypoints/{kind}"] < EXACT
    # Unit rows are about 0.3 half sides long: the same error counts a few times as much.
    assert perfect.numbers[f"projections/{kind}"] < 8 * EXACT
    assert perfect.numbers[f"features/{kind}"] < 8 * EXACT


def test_what_moves_with_the_view_is_not_invariant(perfect):
    for kind in ("rotation", "flip"):
        assert perfect.numbers[f"projections_not_undone/{kind}"] > 0.3
        assert perfect.numbers[f"features_invariance/{kind}"] > 0.3
    assert perfect.numbers["features_invariance/translation"] > 0.1
    assert perfect.numbers["features_invariance/colour"] < 8 * EXACT
    # Blobs of different pictures lie some 30 of the box's 100 pixels apart.
    assert 0.1 < perfect.numbers["keypoints/different_pictures"] < 0.4


@pytest.mark.parametrize("inverse", ["centered", "official"])
def test_other_inverses_undo_what_they_can(inverse):
    numbers = _measure(project=_in_half_sides, inverse=inverse).numbers
    # The official one turns about the mean of the points, which is not quite the view's middle.
    assert numbers["projections/rotation"] < (25 if inverse == "official" else 8) * EXACT
    if inverse == "official":
        options = {"center_points": True}
        result = _measure(project=_in_half_sides, inverse=inverse, undo_options=options)
        assert result.numbers["projections/rotation"] < 8 * EXACT
    if inverse == "centered":
        assert numbers["projections/translation"] < 8 * EXACT
        assert numbers["projections/scale"] < 8 * EXACT
    # Neither knows of the flip.
    assert numbers["projections/flip"] > 0.3


def test_shifted_prediction_is_caught_with_the_length_by_hand():
    shifted = _measure(predict=lambda images: _blobs(images) + [3.0, 0.0])
    # 3 pixels of the view are 3 * 150 / 96 of the picture; turned by 90 degrees they lie sqrt(2)
    # times as far apart, by 180 and mirrored twice; over the box's side of 100.
    step = 3 * SCALE * SIDE / SIZE / SIDE
    axis, errors = shifted.curve("keypoints", "rotation")
    expected = dict(zip(axis, errors, strict=True))
    assert expected[90] == pytest.approx(np.sqrt(2) * step, abs=EXACT)
    assert expected[-90] == pytest.approx(np.sqrt(2) * step, abs=EXACT)
    assert expected[180] == pytest.approx(2 * step, abs=EXACT)
    assert shifted.numbers["keypoints/flip"] == pytest.approx(2 * step, abs=EXACT)
    # In a zoomed view the same pixels are a smaller length.
    axis, errors = shifted.curve("keypoints", "scale")
    by_hand = [step * abs(1 / zoom - 1) for zoom in axis]
    np.testing.assert_allclose(errors, by_hand, atol=EXACT)
    # A constant shift moves with shifts: those cannot tell.
    assert shifted.numbers["keypoints/translation"] < EXACT


def test_constant_answer_is_caught():
    still = _measure(
        predict=lambda images: np.full((len(images), 2, 2), SIZE / 2),
        project=lambda images: np.ones((len(images), 8)),
        embed=lambda images: np.ones((len(images), 8)),
    )
    axis, errors = still.curve("keypoints", "translation")
    # The hand moves by that share of the crop's side, 1.5 sides of the box; the answer does not.
    np.testing.assert_allclose(errors, axis * SCALE, atol=1e-9)
    assert still.numbers["keypoints/different_pictures"] == 0
    for measure in ("projections", "features", "features_invariance"):
        assert np.isinf(still.errors[measure]).all()


def test_answer_in_the_wrong_frame_is_caught():
    def turned_back(images):
        return _blobs(images)[..., ::-1]

    numbers = _measure(predict=turned_back).numbers
    assert numbers["keypoints/rotation"] > 0.1 and numbers["keypoints/colour"] < EXACT


def test_colour_dependence_is_caught_by_colour_alone():
    def dependent(images):
        return _blobs(images) + 20 * (np.median(images, axis=(1, 2, 3)) - 110 / 255)[:, None, None]

    result = _measure(predict=dependent)
    axis, errors = result.curve("keypoints", "colour")
    assert result.numbers["keypoints/colour"] > 0.01
    assert errors[0] < errors[1] < errors[2]
    assert result.numbers["keypoints/rotation"] < EXACT


def test_features_that_forget_the_view_are_invariant_and_those_of_noise_are_nothing():
    def forgetful(images):
        first, second = _blobs(images).swapaxes(0, 1)
        return np.stack([images.max((1, 2, 3)), np.ones(len(images))], -1) * 0 + np.linalg.norm(
            first - second, axis=-1, keepdims=True
        )

    numbers = _measure(embed=forgetful).numbers
    for kind in ("rotation", "translation", "flip", "colour"):
        assert numbers[f"features_invariance/{kind}"] < 0.1
        assert numbers[f"features/{kind}"] < 0.1
    draws = np.random.default_rng(0)
    numbers = _measure(embed=lambda images: draws.normal(size=(len(images), 8))).numbers
    for kind in KINDS:
        assert 0.8 < numbers[f"features/{kind}"] < 2.0
        assert 0.7 < numbers[f"features_invariance/{kind}"] < 1.3


def test_linear_map_error_by_hand():
    rng = np.random.default_rng(0)
    target = rng.normal(size=(200, 5)) * [5, 4, 3, 2, 1]
    assert linear_map_error(target, target) < 1e-12
    turned = target @ np.linalg.qr(rng.normal(size=(5, 5)))[0] + 3.0
    assert linear_map_error(turned, target) < 1e-3
    assert linear_map_error(rng.normal(size=(200, 5)), target) == pytest.approx(1.0, abs=0.1)
    # Half of the variance can be had from the other half: y = x + noise of equal size.
    target = rng.normal(size=(2000, 3))
    noisy = target + rng.normal(size=(2000, 3))
    assert linear_map_error(noisy, target) == pytest.approx(np.sqrt(0.5), abs=0.03)


def test_wide_features_of_few_pictures_are_measured_too():
    rng = np.random.default_rng(1)
    low = rng.normal(size=(40, 3))
    wide = low @ rng.normal(size=(3, 512))
    mixed = wide @ np.linalg.qr(rng.normal(size=(512, 512)))[0]
    assert linear_map_error(wide, wide) < 1e-9
    assert linear_map_error(mixed, wide) < 0.05


def test_probes_cover_every_kind_and_both_directions():
    probes = default_probes()
    assert {probe.kind for probe in probes} == set(KINDS)
    shifts = np.array([probe.shift for probe in probes if probe.kind == "translation"])
    np.testing.assert_allclose(shifts.mean(0), 0, atol=1e-12)
    lengths = [probe.value for probe in probes if probe.kind == "translation"]
    np.testing.assert_allclose(np.linalg.norm(shifts, axis=-1), lengths)


def test_section_pictures_and_summaries(perfect, tmp_path):
    section = equivariance_section(perfect, inverse="affine")
    html = report_html("Report", [section])
    assert "Error under rotation" in html and "undone by the inverse &#x27;affine&#x27;" in html
    assert all(text.split(": ")[-1][1:24] in html for text in MEASURES.values())
    assert "trained" not in html
    marked = equivariance_section(perfect, trained={"rotation": (-45.0, 45.0)})
    assert report_html("Report", [marked]).count(">trained<") == 2
    example = draw_example(perfect)
    assert example.dtype == np.uint8 and example.ndim == 3 and example.std() > 5
    write_summaries(perfect, tmp_path, step=7)
    (path,) = tmp_path.glob("*.equivariance")
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert {"equivariance/keypoints/rotation", "equivariance/example"} <= tags


def test_collapsed_encoder_is_named_so():
    result = measure_equivariance(
        PICTURES[:4],
        BOXES[:4],
        SIZE,
        embed=lambda images: np.ones((len(images), 8)),
        probes=[Probe("flip", 1.0, mirror=1.0)],
    )
    table = equivariance_section(result).items[1]
    assert "collapsed" in table.rows[0]


def test_bad_arguments_end_in_a_sentence():
    with pytest.raises(ValueError, match="give at least 4 pictures, a box for each, and one of"):
        measure_equivariance(PICTURES, BOXES, SIZE)
    with pytest.raises(
        ValueError, match=r"keypoints returned \[36, 4\] .* must return \[36, K, 2\]"
    ):
        _measure(predict=_in_half_sides)
