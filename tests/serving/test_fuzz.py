"""Thousands of mutated requests: no crash, only finite numbers, no wrong `valid`, bounded memory."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.serving_fuzz import MUTATIONS, fuzz
from keras_pose.export import LoadedModel, save_signatures
from keras_pose.serving import contract_signatures
from tests.serving.dot_network import dot_network


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dot") / "1"
    save_signatures(folder, contract_signatures(dot_network()))
    return LoadedModel(folder).runner("serving_default")


@pytest.mark.slow
def test_ten_thousand_mutated_requests(runner):
    found = fuzz(runner, 0.05, 10_000, 3)
    assert found["inputs"] == 10_000
    by_mutation = found["by_mutation"]
    assert set(by_mutation) == set(MUTATIONS) and min(n for n, _ in by_mutation.values()) > 20
    # Some flips leave a picture and some do not.
    count, valid = by_mutation["flipped bits"]
    assert 0.1 * count < valid < count
    assert found["memory_growth_mib"] < 1024


def test_batches_that_do_not_fit_are_an_error_and_no_crash(runner):
    good = {
        "image_bytes": np.array([b"x"] * 3, object),
        "bbox": np.zeros((3, 4)),
        "K": np.zeros((3, 3, 3)),
        "bone_length_m": np.zeros((3, 1)),
    }
    runner(good)
    for name, value in good.items():
        with pytest.raises(tf.errors.InvalidArgumentError):
            runner(good | {name: value[:1]})
