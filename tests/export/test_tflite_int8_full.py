"""Integers from border to border: what goes in, what comes out, what it costs, what is refused."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_pose import export
from keras_pose.export import Bound
from keras_pose.export.converter import decoding_tensors
from tests.export.toy_phone import (
    CELL,
    SIZE,
    ToyPhone,
    blob_pictures,
    blob_places,
    unit_pictures,
)

SAMPLES = {"image": unit_pictures(24, seed=1)}
PLACES = blob_places(24, seed=2)
GOLDEN = {"image": unit_pictures(24, seed=2)}
RANGES = {"x": (0.0, SIZE), "y": (0.0, SIZE)}
NAMES = ("x", "y", "z", "score")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return export.write_saved_model(root, "toy", ToyPhone().signatures(), "decoded")


@pytest.fixture(scope="module")
def contents(folder):
    return {
        (name, kind): export.convert_tflite(
            folder, name, "int8_full", SAMPLES, 1, input_type=kind, output_ranges=RANGES
        )
        for name in ("heatmaps", "decoded")
        for kind in ("uint8", "int8")
    }


def _reference(name):
    outputs = ToyPhone().signatures()[name].function(image=tf.constant(GOLDEN["image"]))
    return {key: value.numpy() for key, value in outputs.items()}


@pytest.mark.parametrize("name", ["heatmaps", "decoded"])
@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_borders_are_integers_with_a_scale_each(contents, name, kind):
    runner = Interpreter(model_content=contents[name, kind]).get_signature_runner(name)
    (entry,) = runner.get_input_details().values()
    assert entry["dtype"] == np.dtype(kind).type
    scale, zero = entry["quantization"]
    # A step of the input is one grey level, and 0 is black.
    assert scale == pytest.approx(1.0 / 255.0, rel=1e-6)
    assert zero == (0 if kind == "uint8" else -128)
    outputs = runner.get_output_details()
    assert set(outputs) == ({"heatmaps", "depth"} if name == "heatmaps" else set(NAMES))
    assert all(entry["dtype"] == np.int8 for entry in outputs.values())
    scales = [entry["quantization"][0] for entry in outputs.values()]
    assert min(scales) > 0.0
    if name == "decoded":
        assert outputs["x"]["quantization"] == pytest.approx((SIZE / 255.0, -128))
        # The heat maps' peak is at most 1, the depth some pixels: far from one common scale.
        assert outputs["score"]["quantization"][0] < 0.1 * outputs["x"]["quantization"][0]


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_a_cameras_grey_levels_go_in_as_they_are(contents, kind):
    levels = blob_pictures(PLACES[:1]).astype(np.int16) - (0 if kind == "uint8" else 128)
    runner = Interpreter(model_content=contents["decoded", kind]).get_signature_runner("decoded")
    raw = runner(image=levels.astype(kind))
    detail = runner.get_output_details()["x"]
    x = (raw["x"].astype(float) - detail["quantization"][1]) * detail["quantization"][0]
    # A quarter of a cell by the decoding, half a step by the output.
    np.testing.assert_allclose(x, PLACES[:1, :, 0], atol=CELL * 0.5 + SIZE / 510.0 + 0.1)
    by_floats = export.tflite_runner(contents["decoded", kind], "decoded")(
        {"image": GOLDEN["image"][:1]}
    )
    np.testing.assert_allclose(by_floats["x"], x, atol=1e-4)


@pytest.mark.parametrize("kernels", export.KERNELS)
@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_outputs_equal_the_float_ones_but_for_a_step(contents, kind, kernels):
    maps = export.tflite_runner(contents["heatmaps", kind], "heatmaps", kernels=kernels)(GOLDEN)
    # Peaks of 1: two steps of 1 / 255 through two layers.
    np.testing.assert_allclose(maps["heatmaps"], _reference("heatmaps")["heatmaps"], atol=0.015)
    found = export.tflite_runner(contents["decoded", kind], "decoded", kernels=kernels)(GOLDEN)
    true = _reference("decoded")
    np.testing.assert_allclose(found["score"], true["score"], atol=0.02)
    # Numbers of 8 bits may turn the quarter of a cell towards either neighbour, half a cell in all.
    for name in ("x", "y"):
        assert np.abs(found[name] - true[name]).max() < 0.5 * CELL + SIZE / 510.0 + 1e-3
        assert np.median(np.abs(found[name] - true[name])) < SIZE / 510.0 + 1e-3


def test_the_network_is_integer_and_the_decoding_is_not(folder, contents):
    maps = export.count_operations(contents["heatmaps", "int8"])
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(maps)
    assert export.count_operations(contents["heatmaps", "uint8"])["QUANTIZE"] == 1
    decoded = export.count_operations(contents["decoded", "int8"])
    # The maps are widened once; x, y and the peak become integers again.
    assert (decoded["DEQUANTIZE"], decoded["QUANTIZE"]) == (1, 3)
    plain = export.convert_tflite(folder, "decoded", "float32", batch_size=1)
    assert len(decoding_tensors(plain)) > 50
    assert decoding_tensors(export.convert_tflite(folder, "heatmaps", batch_size=1)) == []


def _compare(content, name):
    reference = _reference("separate")
    bounds = {key: Bound(relative_rms=0.1) for key in reference}
    runner = export.tflite_runner(content, name)
    return export.compare_artefact("toy_int8_full.tflite", runner, reference, GOLDEN, bounds)


def test_one_scale_for_all_outputs_is_refused(folder, tmp_path):
    content = export.convert_tflite(folder, "separate", "int8_full", SAMPLES, 1)
    assert _compare(content, "separate")["passed"]
    # As a float file the packed outputs are right: only 8 bits make them wrong.
    assert _compare(export.convert_tflite(folder, "shared", batch_size=1), "shared")["passed"]
    report = _compare(export.convert_tflite(folder, "shared", "int8_full", SAMPLES, 1), "shared")
    # The converter carries the shared scale back to what both are computed from: z dies as well.
    assert report["outputs"]["presence"]["relative_rms"] > 0.9
    with pytest.raises(export.ExportMismatch, match=r"^toy_int8_full\.tflite .* 'presence'"):
        export.write_verification(tmp_path, [report])
    assert list(tmp_path.iterdir()) == []


def test_networks_of_coordinates_are_refused(tmp_path):
    def lift(points):
        return {"z": points / tf.reduce_max(tf.abs(points), axis=-1, keepdims=True)}

    signature = export.Signature(lift, {"points": tf.TensorSpec((None, 4), tf.float32)})
    folder = export.write_saved_model(tmp_path, "toy", {"lift": signature})
    samples = {"points": np.random.default_rng(0).normal(0.0, 9.0, (16, 4)).astype(np.float32)}
    with pytest.raises(ValueError, match="Input 'points' is used in float32"):
        export.convert_tflite(folder, "lift", "int8_full", samples, 1)


def test_wrong_use_is_told_in_a_sentence(folder):
    assert export.SAMPLED_FORMATS == ("int8_static", "int8_full")
    for kind in export.SAMPLED_FORMATS:
        with pytest.raises(ValueError, match=f"'{kind}' needs representative_inputs"):
            export.convert_tflite(folder, "decoded", kind)
    with pytest.raises(ValueError, match="input_type='float' is unknown"):
        export.convert_tflite(folder, "decoded", "int8_full", SAMPLES, 1, input_type="float")
    with pytest.raises(ValueError, match="The range of output 'x' is 1 to 1; give two"):
        ranges = {"x": (1.0, 1.0)}
        export.convert_tflite(folder, "decoded", "int8_full", SAMPLES, 1, output_ranges=ranges)
