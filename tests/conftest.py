"""Every test starts from the same seeds and sees few cores, so that runs can be compared."""

import os

# Read once, when TensorFlow loads: before any test module imports it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import gc  # noqa: E402
import json  # noqa: E402
from unittest import mock  # noqa: E402

import keras  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402

SEED = 20_240_817
tf.random.set_seed(SEED)
# As in `leave_graphs_as_traced` of tests/train/command_server.py, which says why.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture(autouse=True)
def _same_start():
    """Seed Python, NumPy and Keras, and undo a dtype policy that the test before left on.

    TensorFlow is seeded once: `tf.random.set_seed` forgets every prepared graph, so that a model shared
    by the tests of a file would be prepared again for each of them. No stateful random operation decides
    over a test; all of the package's are keyed.
    """
    keras.config.set_dtype_policy("float32")
    with mock.patch.object(tf.random, "set_seed"):
        keras.utils.set_random_seed(SEED)


def pytest_collection_finish():
    """What imports made lives for ever: no collection of garbage need look at it again."""
    gc.freeze()


def pytest_collection_modifyitems(items):
    """Files with slow tests first: a worker that meets one last leaves the other idle for minutes.

    Tests of many minutes wait until they are asked for, and what a test marked `fault` proves goes into
    its report, from which `tools.reliability` writes `docs/reliability.md`.
    """
    for item in items:
        if item.get_closest_marker("long") and not os.environ.get("KERAS_POSE_LONG_TESTS"):
            item.add_marker(pytest.mark.skip(reason="long; set KERAS_POSE_LONG_TESTS=1"))
        for mark in item.iter_markers("fault"):
            if mark.kwargs:
                item.user_properties.append(("fault", json.dumps(mark.kwargs)))
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
