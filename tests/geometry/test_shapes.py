"""What numbers become at the door of a formula."""

import numpy as np
import pytest
from keras import ops

from keras_pose.geometry.shapes import as_floating, as_precise


@pytest.mark.parametrize(
    ("given", "floating", "precise"),
    [
        ("float16", "float16", "float32"),
        ("bfloat16", "bfloat16", "float32"),
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("int32", "float32", "float32"),
    ],
)
def test_half_precision_alone_is_widened(given, floating, precise):
    values = ops.convert_to_tensor([1, 2, 3], given)
    for function, expected in ((as_floating, floating), (as_precise, precise)):
        assert function(values).dtype == expected
        np.testing.assert_array_equal(np.array(function(values), np.float64), [1, 2, 3])


def test_several_values_share_one_dtype():
    halves = as_precise(np.float16([0.5]), np.array([2]))
    assert [tensor.dtype for tensor in halves] == ["float32", "float32"]
    mixed = as_precise(np.float16([0.5]), np.float64([2]))
    assert [tensor.dtype for tensor in mixed] == ["float64", "float64"]
