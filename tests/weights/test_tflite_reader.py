"""Files of TensorFlow's converter come back as Keras models that compute what LiteRT computes."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_pose.export import count_operations
from keras_pose.weights import Difference, compare_layers, read_tflite
from keras_pose.weights.tflite_file import unfold
from keras_pose.weights.tflite_operations import HANDLERS
from tests.weights.toy_files import FILES, convert

# Float32 through one operation, over the largest value of its output.
_LAYER, _WHOLE = 1e-5, 1e-4


def _rows(shape, count=3):
    return np.random.default_rng(1).normal(0.0, 1.0, (count, *shape)).astype(np.float32)


def _litert(content, rows):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for row in rows:
        interpreter.set_tensor(entry["index"], row[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result["index"])[0].copy())
    return np.stack(outputs)


@pytest.fixture(scope="module")
def contents():
    return {
        (name, half): convert(function, shape, half)
        for name, (function, shape) in FILES.items()
        for half in (False, True)
    }


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_every_operation_computes_what_litert_computes(contents, name, half):
    content = contents[name, half]
    rows = _rows(FILES[name][1])
    differences = compare_layers(content, rows)
    assert all(isinstance(entry, Difference) for entry in differences)
    assert max(entry.relative for entry in differences) < _LAYER
    true = _litert(content, rows)
    (own,) = read_tflite(content)(rows).values()
    assert np.abs(np.asarray(own) - true).max() < _WHOLE * np.abs(true).max()


def test_the_files_hold_every_operation_that_is_read(contents):
    held: set[str] = set()
    for content in contents.values():
        held |= set(count_operations(content))
    # The converter writes others for these, or builds them in.
    assert set(HANDLERS) - held <= {"EXPAND_DIMS", "SQUEEZE", "RSQRT", "RELU_N1_TO_1"}


def test_float16_files_hold_float16(contents):
    content = contents["convolutions", True]
    assert len(content) < len(contents["convolutions", False])
    assert "DEQUANTIZE" in count_operations(content)


def test_a_difference_is_found():
    # The comparison itself: rows of another scale than LiteRT's would be seen by it.
    content = convert(lambda x: tf.nn.relu(x * 3.0), (4, 4, 1))
    model = read_tflite(content)
    model.set_weights([2.0 * weight for weight in model.get_weights()])
    rows = _rows((4, 4, 1))
    (own,) = model(rows).values()
    np.testing.assert_allclose(own, 2.0 * _litert(content, rows), rtol=1e-6)


def test_a_network_that_was_read_learns(contents):
    model = read_tflite(contents["heads", True])
    rows = _rows(FILES["heads"][1], 8)
    aims = np.tile(np.array([0.9, 0.1, 0.5], np.float32), (8, 1))
    optimizer = keras.optimizers.Adam(0.01)
    losses = []
    for _ in range(15):
        with tf.GradientTape() as tape:
            (answer,) = model(rows, training=True).values()
            loss = tf.reduce_mean(tf.square(answer - aims))
        slopes = tape.gradient(loss, model.trainable_weights)
        optimizer.apply(slopes, model.trainable_weights)
        losses.append(float(loss))
    assert len(model.trainable_weights) == len(model.weights) >= 5
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", ["convolutions", "transposed", "arithmetic", "pools"])
def test_a_network_that_was_read_is_saved_and_loaded(contents, name, tmp_path):
    model = read_tflite(contents[name, False])
    model.save(tmp_path / "network.keras")
    rows = _rows(FILES[name][1])
    again = keras.models.load_model(tmp_path / "network.keras")(rows)
    for key, value in model(rows).items():
        np.testing.assert_array_equal(again[key], value)


def test_sparse_weights_are_unfolded():
    # The matrix [[1, 0, 2, 0], [0, 0, 0, 3]] by rows, columns listed; then in blocks of one row by two.
    dense, sparse = schema.DimensionType.DENSE, schema.DimensionType.SPARSE_CSR

    def level(kind, size=0, segments=None, indices=None):
        listed = (None, None) if segments is None else (segments, indices)
        vectors = [None if part is None else SimpleNamespace(values=part) for part in listed]
        return SimpleNamespace(
            format=kind, denseSize=size, arraySegments=vectors[0], arrayIndices=vectors[1]
        )

    rows = SimpleNamespace(
        traversalOrder=[0, 1],
        blockMap=None,
        dimMetadata=[level(dense, 2), level(sparse, 0, [0, 2, 3], [0, 2, 3])],
    )
    true = [[1, 0, 2, 0], [0, 0, 0, 3]]
    assert unfold(np.array([1, 2, 3]), (2, 4), rows).tolist() == true
    blocks = SimpleNamespace(
        traversalOrder=[0, 1, 2],
        blockMap=[1],
        dimMetadata=[level(dense, 2), level(sparse, 0, [0, 2, 3], [0, 1, 1]), level(dense, 2)],
    )
    assert unfold(np.array([1, 0, 2, 0, 0, 3]), (2, 4), blocks).tolist() == true
    columns_first = SimpleNamespace(
        traversalOrder=[1, 0],
        blockMap=None,
        dimMetadata=[level(dense, 4), level(sparse, 0, [0, 1, 1, 2, 3], [0, 0, 1])],
    )
    assert unfold(np.array([1, 2, 3]), (2, 4), columns_first).tolist() == true


def _one_sentence(error, *words):
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text and all(word in text for word in words), text


def test_an_unknown_operation_is_named(tmp_path):
    path = tmp_path / "waves.tflite"
    path.write_bytes(convert(lambda x: tf.sin(x) + tf.cos(x), (4,)))
    with pytest.raises(ValueError) as error:
        read_tflite(path)
    _one_sentence(error, str(path), "COS, SIN", "not supported")


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (lambda x: tf.reduce_mean(x, 0), "along the batch"),
        (lambda x: tf.reshape(x, (4, 4)), "mixes the batch"),
        (lambda x: tf.pad(x, [[1, 0], [0, 0], [0, 0]]), "pads the batch"),
        (lambda x: x + tf.reshape(tf.reduce_mean(x, 1), (1, 4)), "different numbers of axes"),
    ],
)
def test_what_needs_a_batch_of_one_is_named(function, word):
    content = convert(function, (4, 4))
    with pytest.raises(ValueError) as error:
        read_tflite(content)
    _one_sentence(error, word)


def test_whole_numbers_are_refused(contents):
    def wide(x):
        return x @ tf.constant(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32))

    traced = tf.function(wide, input_signature=[tf.TensorSpec((1, 64), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [traced.get_concrete_function()], traced
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with pytest.raises(ValueError) as error:
        read_tflite(converter.convert())
    _one_sentence(error, "INT8", "float32 or float16")


def test_damaged_and_foreign_files_are_named(contents, tmp_path):
    content = contents["convolutions", True]
    path = tmp_path / "half.tflite"
    for share in np.linspace(0.0, 0.95, 40):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError) as error:
            read_tflite(path)
        _one_sentence(error, str(path))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(ValueError, match="not a TFLite file"):
        read_tflite(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_tflite(tmp_path / "missing.tflite")
