import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export


def _content(folder, offset, format):
    kernel = tf.Variable(np.random.default_rng(0).normal(0, 1, (3, 3, 3, 4)).astype(np.float32))

    def total(image):
        first = tf.nn.conv2d(image, kernel, 1, "SAME") + offset
        second = tf.nn.conv2d(image, kernel[::-1], 1, "SAME") + offset
        return {"total": tf.nn.relu(first + second)}

    spec = tf.TensorSpec((None, 8, 8, 3), tf.float32)
    export.save_signatures(folder, {"total": export.Signature(total, {"image": spec})})
    examples = {"image": np.random.default_rng(1).random((8, 8, 8, 3), np.float32)}
    return export.convert_tflite(folder, "total", format, examples, 1)


# Millions below 0: what remains after the sum is nothing.
@pytest.mark.parametrize(("offset", "is_broken"), [(0.0, False), (-1e7, True)])
def test_sums_that_end_the_process_are_seen(tmp_path, offset, is_broken):
    assert export.has_broken_sums(_content(tmp_path / "1", offset, "int8_static")) == is_broken


def test_a_full_integer_file_keeps_such_sums_in_float(tmp_path):
    content = _content(tmp_path / "1", -1e7, "int8_full")
    assert not export.has_broken_sums(content)
    picture = {"image": np.zeros((1, 8, 8, 3), np.float32)}
    found = export.tflite_runner(content, "total")(picture)
    np.testing.assert_array_equal(found["total"], np.zeros((1, 8, 8, 4)))
