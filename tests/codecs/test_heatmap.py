"""Heat maps: the official ones, maps and points by hand, the round trip's bound, three decoders."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pose import export
from keras_pose.codecs import (
    decode_heatmaps,
    decode_heatmaps_by_products,
    encode_heatmaps,
    soft_argmax,
    spatial_softmax,
)

# Operations that move numbers about.
LAYOUT = ("RESHAPE", "CONCATENATION", "STRIDED_SLICE", "PACK", "SHAPE")
DECODERS = (decode_heatmaps, decode_heatmaps_by_products)


@pytest.fixture(scope="module")
def golden():
    path = Path(__file__).parents[1] / "golden" / "wild3d" / "heatmap_decode_transform.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _encoded(golden, **options):
    """Maps [15, 64, 64] of the golden points, one joint each."""
    points = golden["hm_pts"].astype(np.float64)[:, None]
    maps = encode_heatmaps(points, np.ones(points.shape[:2]), 64, **options)
    assert maps.dtype == tf.float64
    return np.array(maps)[..., 0]


def test_maps_equal_the_recommended_ones(golden):
    # The vectors are stored in single precision.
    np.testing.assert_allclose(_encoded(golden), golden["hm_ref7"], atol=1e-7)


def test_maps_equal_the_wider_ones_of_the_later_release(golden):
    # That release adds half a pixel and cuts towards zero, where the others take the floor.
    points = np.trunc(golden["hm_master_sigma2_pts"] + 0.5)
    maps = _encoded({"hm_pts": points}, sigma=2.0, radius=6)
    np.testing.assert_allclose(maps, golden["hm_master_sigma2"], atol=1e-7)


def test_the_python_release_drops_the_last_row_and_column_of_the_blob(golden):
    maps, points = _encoded(golden), np.floor(golden["hm_pts"]).astype(int)
    for map_, (x, y), ref6, official in zip(
        maps, points, golden["hm_ref6"], golden["hm_official_py"], strict=True
    ):
        cut = map_.copy()
        for axis, last in ((0, y + 3), (1, x + 3)):
            if 0 <= last < 64:
                np.moveaxis(cut, axis, 0)[last] = 0
        np.testing.assert_allclose(cut, ref6, atol=1e-7)
        # Its kernel has four digits.
        np.testing.assert_allclose(cut, official, atol=6e-5)


def test_maps_equal_the_torch7_ones_away_from_the_first_rows(golden):
    # Nearer than 3 pixels to the top or left border that release displaces the blob.
    inner = (golden["hm_pts"] >= 3).all(axis=-1)
    assert inner.sum() >= 5
    np.testing.assert_allclose(_encoded(golden)[inner], golden["hm_official_lua"][inner], atol=1e-7)


def test_blob_by_hand():
    # Profile of section 4: 1, 0.8494, 0.5205, 0.2301, nothing from 4 pixels on.
    profile = [0.2301, 0.5205, 0.8494, 1.0, 0.8494, 0.5205, 0.2301]
    map_ = np.array(encode_heatmaps(np.array([[10.7, 4.0]]), np.ones(1), 16))[..., 0]
    np.testing.assert_allclose(map_[1:8, 7:14], np.outer(profile, profile), atol=1e-4)
    assert np.count_nonzero(map_) == 49 and map_[4, 10] == 1.0


def test_subpixel_blob_is_centred_on_the_point():
    # 0.2 right of the centre of column 10, in the middle of row 4.
    map_ = np.array(encode_heatmaps(np.array([[10.7, 4.5]]), np.ones(1), 16, subpixel=True))[..., 0]
    np.testing.assert_allclose(map_[4, 11], np.exp(-(0.8**2) / (2 * 1.75**2)), rtol=1e-6)
    np.testing.assert_allclose(map_[4, 10], np.exp(-(0.2**2) / (2 * 1.75**2)), rtol=1e-6)
    assert np.count_nonzero(map_) == 49


def test_hidden_outside_and_broken_joints_leave_zero_maps():
    nan, inf = np.nan, np.inf
    points = [[4, 4], [nan, nan], [nan, 3], [-4, 3], [19.5, 3], [inf, 3], [-3, 3], [18.9, 3]]
    visible = [0, 0, 1, 1, 1, 1, 1, 1]
    maps = np.array(encode_heatmaps(np.array(points, np.float64), np.array(visible), 16))
    assert np.isfinite(maps).all() and not maps[..., :6].any()
    # One column of each window is inside.
    assert np.count_nonzero(maps[..., 6]) == np.count_nonzero(maps[..., 7]) == 7
    assert maps[3, 0, 6] == maps[3, 15, 7] == pytest.approx(0.2301, abs=1e-4)


@pytest.mark.parametrize("decode", DECODERS)
def test_points_equal_the_official_ones(golden, decode):
    maps = np.moveaxis(golden["dec_hm"].astype(np.float32), 1, -1)
    points, score = decode(maps)
    np.testing.assert_array_equal(points, golden["dec_refined"])
    np.testing.assert_allclose(score, golden["dec_score"], atol=1e-6)
    # The Python release reads the neighbours at the transposed pixel; never that.
    assert np.abs(points - golden["dec_refined_official_py"]).max() >= 0.25
    np.testing.assert_array_equal(np.floor(points), golden["dec_argmax"])


@pytest.mark.parametrize("decode", DECODERS)
def test_points_by_hand(decode):
    maps = np.zeros((6, 8, 5), np.float64)  # 6 rows, 8 columns, 5 joints
    maps[2, 3, 0], maps[2, 4, 0], maps[1, 3, 0] = 1.0, 0.5, 0.2  # right, up
    maps[4, 6, 1] = 0.3  # equal neighbours: not moved
    maps[0, 5, 2], maps[0, 6, 2] = 0.9, 0.8  # on the border: not moved
    maps[:, :, 3] = -1.0  # constant: the first pixel, and the score tells
    maps[2, 6, 4] = maps[2, 1, 4] = maps[4, 1, 4] = 0.7  # equal maxima: the first by rows
    points, score = decode(maps)
    expected = [[3.75, 2.25], [6.5, 4.5], [5.5, 0.5], [0.5, 0.5], [1.5, 2.5]]
    np.testing.assert_array_equal(points, expected)
    np.testing.assert_array_equal(score, [1.0, 0.3, 0.9, -1.0, 0.7])
    assert points.dtype == score.dtype == tf.float64


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("subpixel", [False, True])
@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_round_trip_stays_within_the_quantisation(decode, subpixel, seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 24, (2, 5, 2))
    decoded, score = decode(encode_heatmaps(points, np.ones((2, 5)), 24, subpixel=subpixel))
    error = np.abs(np.array(decoded) - points)
    if not subpixel:
        # The blob is symmetric about its pixel, so the quarter rule does not move it.
        np.testing.assert_array_equal(decoded, np.floor(points) + 0.5)
        assert error.max() <= 0.5
        np.testing.assert_array_equal(score, 1.0)
        return
    # The maximum is the point's own pixel; the quarter rule then halves the half pixel, but for the
    # border, where both axes stay.
    inner = ((points >= 1) & (points < 23)).all(axis=-1)
    assert error[inner].max(initial=0) <= 0.25 + 1e-12
    assert error.max() <= 0.5


@given(st.integers(0, 10_000), st.sampled_from([np.float32, np.float64]), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_products_decode_as_the_arg_max_does(seed, dtype, digits):
    # Few digits make equal maxima and equal neighbours.
    maps = np.random.default_rng(seed).standard_normal((2, 9, 7, 3)).round(digits).astype(dtype)
    for one, other in zip(*(decode(maps) for decode in DECODERS), strict=True):
        np.testing.assert_array_equal(one, other)


def test_products_survive_half_precision():
    # The arithmetic of a phone's chip: nothing may overflow into NaN. (The public function computes
    # halves in single precision.)
    maps = np.random.default_rng(0).standard_normal((1, 64, 64, 16)).astype(np.float16)
    points, _ = decode_heatmaps_by_products(maps)
    assert points.dtype == tf.float32
    np.testing.assert_array_equal(points, decode_heatmaps(maps)[0])


def test_products_use_neither_arg_max_nor_comparison():
    graph = tf.function(decode_heatmaps_by_products).get_concrete_function(
        tf.TensorSpec([1, 16, 16, 4])
    )
    kinds = {node.type for node in graph.graph.get_operations()}
    arithmetic = {"Max", "Sum", "Sub", "Mul", "AddV2", "Square", "Relu", "Neg", "Minimum"}
    layout = {
        "ConcatV2",
        "Const",
        "Identity",
        "NoOp",
        "Placeholder",
        "StridedSlice",
        "Cast",
        "Range",
    }
    assert kinds <= arithmetic | layout, kinds - arithmetic - layout


@pytest.mark.parametrize("decode", (*DECODERS, soft_argmax))
def test_decoding_in_a_graph_of_unknown_batch_equals_plain_decoding(decode):
    maps = np.random.default_rng(1).standard_normal((3, 8, 8, 4)).astype(np.float32)
    graph = tf.function(decode, input_signature=[tf.TensorSpec([None, 8, 8, 4])])
    for one, other in zip(decode(maps), graph(maps), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("decode", (*DECODERS, soft_argmax))
def test_decoding_on_a_phone_equals_plain_decoding(decode, tmp_path):
    def run(heatmaps):
        return dict(zip(("points", "score"), decode(heatmaps), strict=True))

    signature = export.Signature(run, {"heatmaps": tf.TensorSpec([None, 16, 16, 4], tf.float32)})
    folder = export.write_saved_model(tmp_path, "decode", {"run": signature})
    # Refuses operations that are not built in.
    content = export.convert_tflite(folder, "run")
    maps = np.random.default_rng(4).standard_normal((2, 16, 16, 4)).astype(np.float32)
    outputs = export.tflite_runner(content, "run")({"heatmaps": maps})
    for name, value in run(maps).items():
        np.testing.assert_allclose(outputs[name], value, atol=1e-5)
    if decode is decode_heatmaps_by_products:
        used = set(export.count_operations(content))
        arithmetic = {"REDUCE_MAX", "SUM", "SUB", "MUL", "ADD", "RELU", "NEG", "MINIMUM"}
        assert used <= arithmetic | {"SQUARE", "SQUARED_DIFFERENCE", *LAYOUT}, used


def test_encoding_inside_a_dataset_equals_plain_encoding():
    points = np.random.default_rng(2).uniform(0, 16, (4, 3, 2)).astype(np.float32)
    dataset = tf.data.Dataset.from_tensor_slices(points)
    mapped = dataset.map(lambda p: encode_heatmaps(p, tf.ones(3), 16))
    np.testing.assert_allclose(
        list(mapped.as_numpy_iterator()), encode_heatmaps(points, np.ones((4, 3)), 16), atol=1e-7
    )


def test_soft_argmax_by_hand():
    # Softmax of (log 3, 0) is (3/4, 1/4): columns 0.5 and 1.5 give 0.75.
    maps = np.array([[[np.log(3.0)], [0.0]]])
    points, score = soft_argmax(maps)
    np.testing.assert_allclose(points, [[0.75, 0.5]], rtol=1e-12)
    np.testing.assert_allclose(score, [np.log(3.0)])
    points, _ = soft_argmax(maps, sharpness=2.0)  # 9/10 and 1/10
    np.testing.assert_allclose(points, [[0.6, 0.5]], rtol=1e-12)


def test_soft_argmax_of_symmetric_blobs_is_their_centre():
    points = np.array([[12.5, 12.5], [11.5, 14.5]])
    maps = encode_heatmaps(points, np.ones(2), 25)
    decoded, _ = soft_argmax(maps, sharpness=50.0)
    # exp(-50 (1 - 0)) over 600 background pixels moves it by less than this.
    np.testing.assert_allclose(decoded, points, atol=1e-10)
    shares = np.array(spatial_softmax(maps, 3.0))
    np.testing.assert_allclose(shares.sum(axis=(0, 1)), 1.0)
    np.testing.assert_array_equal(np.argmax(shares.reshape(-1, 2), 0), [12 * 25 + 12, 14 * 25 + 11])


def test_soft_argmax_has_the_gradient_of_its_value():
    rng = np.random.default_rng(3)
    maps, direction = rng.standard_normal((2, 1, 6, 6, 2))
    variable = tf.constant(maps)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        total = tf.reduce_sum(tf.sin(soft_argmax(variable, 2.0)[0]))
    slope = np.sum(tape.gradient(total, variable) * direction)
    value = lambda step: np.sin(soft_argmax(maps + step * direction, 2.0)[0]).sum()  # noqa: E731
    np.testing.assert_allclose(slope, (value(1e-6) - value(-1e-6)) / 2e-6, rtol=1e-7)


def test_large_maps_do_not_overflow():
    maps = np.full((4, 4, 1), -1e30, np.float32)
    maps[1, 2] = 1e30
    np.testing.assert_allclose(soft_argmax(maps)[0], [[2.5, 1.5]])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: encode_heatmaps(np.zeros((3, 3)), np.ones(3), 8), "points must have the shape"),
        (lambda: encode_heatmaps(np.zeros((3, 2)), np.ones(3), 0), "size=0"),
        (lambda: encode_heatmaps(np.zeros((3, 2)), np.ones(3), 8, sigma=0.0), "sigma=0.0"),
        (lambda: decode_heatmaps(np.zeros((3, 2))), "heatmaps must"),
        (lambda: decode_heatmaps(keras.KerasTensor((None, None, 8, 2))), "must have fixed sizes"),
        (lambda: soft_argmax(np.zeros((4, 4, 1)), 0.0), "sharpness=0.0 must be above 0"),
    ],
)
def test_wrong_arguments_are_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
