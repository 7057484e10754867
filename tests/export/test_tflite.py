import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from keras_pose import export
from keras_pose.export import Bound, Signature
from keras_pose.files import write_file
from tests.export.toy_lifter import SPEC, ToyLifter, sample_points

GOLDEN = {"keypoints_2d": sample_points(64, seed=11)}
SAMPLES = {"keypoints_2d": sample_points(200, seed=12)}
# Of a network of coordinates; `int8_full` is for those of pictures, see test_tflite_int8_full.py.
FORMATS = ("float32", "float16", "int8", "int8_static")
# Relative RMS; some times what was measured: 2e-7, 3e-4, 5e-3, 2e-2.
DEPTH_BOUNDS = {"float32": 1e-6, "float16": 1e-3, "int8": 3e-2, "int8_static": 6e-2}


@pytest.fixture(scope="module")
def lifter():
    keras.utils.set_random_seed(2)
    return ToyLifter()


@pytest.fixture(scope="module")
def folder(lifter, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return export.write_saved_model(root, "toy", lifter.signatures(), serving_default="lift")


@pytest.fixture(scope="module")
def contents(folder):
    return {
        name: export.convert_tflite(
            folder, "lift", name, SAMPLES if name == "int8_static" else None
        )
        for name in FORMATS
    }


def _saved(tmp_path, function, spec):
    return export.write_saved_model(tmp_path, "toy", {"run": Signature(function, {"x": spec})})


def _depth_error(lifter, content, kernels="default"):
    """Relative RMS of depth / scale, so that a small person counts like a large one."""
    expected = lifter.lift(tf.constant(GOLDEN["keypoints_2d"]))
    outputs = export.tflite_runner(content, "lift", kernels=kernels)(GOLDEN)
    truth = expected["depth"] / expected["scale"][:, None]
    difference = outputs["depth"] / outputs["scale"][:, None] - truth
    return float(np.sqrt(np.mean(difference**2) / np.mean(np.square(truth))))


@pytest.mark.parametrize("kernels", ["default", "reference"])
@pytest.mark.parametrize("format", FORMATS)
def test_tflite_equals_python_call(lifter, contents, format, kernels):
    assert _depth_error(lifter, contents[format], kernels) < DEPTH_BOUNDS[format]
    outputs = export.tflite_runner(contents[format], "lift", kernels=kernels)(GOLDEN)
    scale = lifter.lift(tf.constant(GOLDEN["keypoints_2d"]))["scale"]
    # The normalisation stays in float32 in every format.
    np.testing.assert_allclose(outputs["scale"], scale, rtol=1e-6)


def test_fewer_bits_are_fewer_bytes(contents):
    assert len(contents["float16"]) < 0.75 * len(contents["float32"])
    assert len(contents["int8"]) < 0.75 * len(contents["float16"])


def _integer_operations(content):
    """Names of the operations whose result is stored in 8 bits."""
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for graph in model.subgraphs:
        for operator in graph.operators:
            if graph.tensors[operator.outputs[0]].type == schema.TensorType.INT8:
                code = model.operatorCodes[operator.opcodeIndex]
                yield names[max(code.builtinCode, code.deprecatedBuiltinCode)]


def test_only_the_listed_operations_become_integers(contents):
    assert set(_integer_operations(contents["float32"])) == set()
    integer = set(_integer_operations(contents["int8_static"])) - {"QUANTIZE"}
    assert "FULLY_CONNECTED" in integer and integer <= export.INTEGER_OPERATIONS
    # Centring and scaling subtract, divide and compare pixels, which no 8-bit grid holds.
    arithmetic = {"SUB", "DIV", "ABS", "REDUCE_MAX", "MUL", "MAXIMUM"}
    assert not export.INTEGER_OPERATIONS & arithmetic
    assert export.INTEGER_OPERATIONS < export.PORTABLE_OPERATIONS


def test_quantising_the_normalisation_too_ruins_depth(lifter, folder):
    # Why `int8_static` quantises a chosen few: this is what the converter does by itself.
    content = export.convert_tflite(folder, "lift", "int8_static", SAMPLES, integer_operations=None)
    assert _depth_error(lifter, content) > 0.1


@pytest.mark.parametrize("format", ["float32", "int8_static"])
def test_fixed_batch_is_run_as_often_as_it_takes(contents, folder, format):
    samples = SAMPLES if format == "int8_static" else None
    content = export.convert_tflite(folder, "lift", format, samples, batch_size=2)
    run = export.tflite_runner(content, "lift")
    outputs = run(GOLDEN)
    free = export.tflite_runner(contents[format], "lift")(GOLDEN)
    assert outputs["depth"].shape == (64, 5)
    size = np.abs(free["depth"]).max()
    np.testing.assert_allclose(outputs["depth"], free["depth"], atol=2e-2 * size)
    with pytest.raises(ValueError, match=r"takes batches of 2, not \[63\]"):
        run({"keypoints_2d": GOLDEN["keypoints_2d"][:63]})


def test_file_is_read_back_from_disk(contents, tmp_path):
    path = write_file(tmp_path / "lift.tflite", contents["float32"])
    one = {"keypoints_2d": GOLDEN["keypoints_2d"][:1]}
    outputs = export.run_tflite(path, "lift", one)
    np.testing.assert_array_equal(
        outputs["depth"], export.tflite_runner(contents["float32"], "lift")(one)["depth"]
    )


def test_operations_are_counted(tmp_path):
    kernel = tf.Variable(np.eye(4, dtype=np.float32) * 2)
    folder = _saved(
        tmp_path, lambda x: {"y": tf.exp(x @ kernel), "z": x + 1.0}, tf.TensorSpec([2, 4])
    )
    content = export.convert_tflite(folder, "run")
    assert export.count_operations(content) == {"ADD": 1, "EXP": 1, "FULLY_CONNECTED": 1}
    with pytest.raises(ValueError, match="This file uses EXP, which phones may not run"):
        export.refuse_operations(content, {"ADD", "FULLY_CONNECTED"}, "This file")
    with pytest.raises(ValueError, match="not a TFLite file"):
        export.count_operations(b"x" * 100)


def test_search_is_refused_though_it_is_builtin(tmp_path):
    # TensorFlow's own Analyzer calls TOPK_V2 fit for GPUs.
    folder = _saved(tmp_path, lambda x: {"y": tf.math.top_k(x, 2)[0]}, tf.TensorSpec([1, 4]))
    with pytest.raises(ValueError, match="uses TOPK_V2, which phones"):
        export.convert_tflite(folder, "run")
    allowed = {*export.PORTABLE_OPERATIONS, "TOPK_V2"}
    content = export.convert_tflite(folder, "run", allowed_operations=allowed)
    outputs = export.tflite_runner(content, "run")({"x": np.array([[3, 1, 4, 2.0]])})
    np.testing.assert_array_equal(outputs["y"], [[4, 3]])


def test_operation_without_counterpart_is_named(tmp_path):
    folder = _saved(tmp_path, lambda x: {"y": tf.linalg.svd(x)[0]}, tf.TensorSpec([1, 3, 3]))
    with pytest.raises(ValueError, match="since Svd has no TFLite counterpart"):
        export.convert_tflite(folder, "run")


def test_model_in_mixed_precision_is_told_what_to_do(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    folder = _saved(tmp_path, lambda x: {"y": network(x)}, tf.TensorSpec([None, 4]))
    with pytest.raises(ValueError, match="MatMul has no .* from a float32 twin"):
        export.convert_tflite(folder, "run")


def test_file_without_weights_is_refused(tmp_path):
    # The trap that save_signatures avoids: the Keras model hangs on the saved object.
    class Holder(tf.Module):
        pass

    lifter = ToyLifter()
    holder = Holder()
    holder.network = lifter.network
    function = tf.function(lifter.lift).get_concrete_function(**SPEC)
    tf.saved_model.save(holder, str(tmp_path), signatures={"lift": function})
    with pytest.raises(ValueError, match="lost its weights"):
        export.convert_tflite(tmp_path, "lift")
    allowed = {*export.PORTABLE_OPERATIONS, "VAR_HANDLE", "READ_VARIABLE"}
    content = export.convert_tflite(tmp_path, "lift", allowed_operations=allowed)
    report = export.compare_artefact(
        "toy.tflite",
        export.tflite_runner(content, "lift"),
        {name: value.numpy() for name, value in lifter.lift(**GOLDEN).items()},
        GOLDEN,
        {"depth": Bound(relative_rms=1e-3), "scale": Bound(relative_rms=1e-3)},
    )
    assert not report["passed"]
    with pytest.raises(export.ExportMismatch, match="toy.tflite"):
        export.write_verification(tmp_path, [report])


@pytest.mark.parametrize("kernels", ["default", "reference"])
def test_stride_above_kernel_size_is_right(tmp_path, kernels):
    # XNNPACK in ai-edge-litert 2.1.5 answered zeros here.
    kernel = tf.Variable(np.full([2, 2, 1, 1], 1.0, np.float32))
    folder = _saved(
        tmp_path,
        lambda x: {"y": tf.nn.conv2d(x, kernel, strides=4, padding="SAME")},
        tf.TensorSpec([1, 8, 8, 1]),
    )
    content = export.convert_tflite(folder, "run")
    picture = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1)
    # SAME with stride 4 and kernel 2 needs no padding: windows start at rows and columns 0 and 4.
    expected = [[[[18.0], [34.0]], [[146.0], [162.0]]]]
    outputs = export.tflite_runner(content, "run", kernels=kernels)({"x": picture})
    np.testing.assert_array_equal(outputs["y"], expected)


def test_wrong_use_is_told_in_a_sentence(folder, contents, tmp_path):
    with pytest.raises(ValueError, match="format 'int4' is unknown"):
        export.convert_tflite(folder, "lift", "int4")
    with pytest.raises(ValueError, match="'int8_static' needs representative_inputs"):
        export.convert_tflite(folder, "lift", "int8_static")
    with pytest.raises(ValueError, match="'int8' takes no representative_inputs"):
        export.convert_tflite(folder, "lift", "int8", SAMPLES)
    for batch_size in (None, 1):
        with pytest.raises(ValueError, match="signature 'up'"):
            export.convert_tflite(folder, "up", batch_size=batch_size)
    with pytest.raises(ValueError, match=r"no signature 'up': choose one of \['lift'\]"):
        export.tflite_runner(contents["float32"], "up")
    with pytest.raises(ValueError, match=r"Cannot read .*none.tflite: no such file"):
        export.run_tflite(tmp_path / "none.tflite", "lift", GOLDEN)
    with pytest.raises(ValueError, match="not a readable TFLite file"):
        export.tflite_runner(contents["float32"][:50], "lift")
    run = export.tflite_runner(contents["float32"], "lift")
    with pytest.raises(ValueError, match=r"takes \['keypoints_2d'\], not \['points'\]"):
        run({"points": GOLDEN["keypoints_2d"]})
    with pytest.raises(ValueError, match=r"of shape \[B, 5, 2\], not \[3, 4, 2\]"):
        run({"keypoints_2d": np.zeros([3, 4, 2])})
    with pytest.raises(ValueError, match="kernels='fast' is unknown"):
        export.tflite_runner(contents["float32"], "lift", kernels="fast")


def test_one_signature_alone_is_fixed_once(folder, lifter, tmp_path):
    fixed = export.fix_batch(folder, "lift", 1, tmp_path / "one")
    loaded = tf.saved_model.load(str(fixed))
    assert set(loaded.signatures) == {"lift"}
    (spec,) = loaded.signatures["lift"].structured_input_signature[1].values()
    assert spec.shape.as_list()[0] == 1
    # What is fixed already is taken as it is.
    assert export.fix_batch(fixed, "lift", 1, tmp_path / "two") == fixed
    assert not (tmp_path / "two").exists()
    with pytest.raises(ValueError, match="no signature 'x'"):
        export.fix_batch(folder, "x", 1, tmp_path / "three")
