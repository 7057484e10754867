"""One replica equals two: loss, gradient, optimizer, bank and running statistics of the whole network."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.train.command_server import ROOT, environment

# In float32 the zero gradients of biases before batch normalisation are noise, which Adam blows up.
EXACT = {"precision": "float64", "learning_rate": 0.01, "weight_decay": 0.01}
TINY = {"encoder": "tiny", "projection_width": 16}
CASES = {
    "whole": {**EXACT, "optimizer": "lars_adam", "inverse": "affine"},
    "bank": {
        **EXACT,
        **TINY,
        "optimizer": "lars_sgd",
        "inverse": "official",
        "negatives": "bank",
        "bank_size": 24,
    },
    "micro": {**TINY, "negatives": "micro", "accumulation_steps": 2, "inverse": "none"},
    "float16": {**TINY, "precision": "mixed_float16", "inverse": "centered"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Function from a case to the arrays of its run on one replica and of that on two."""
    path = tmp_path_factory.mktemp("replicas") / "runs.npz"
    script = ROOT / "tests" / "peclr" / "contrastive_replica_runs.py"
    # The whole network is traced for two minutes; the step is the same with two layers.
    is_long = bool(os.environ.get("KERAS_POSE_LONG_TESTS"))
    cases = {name: case for name, case in CASES.items() if is_long or name != "whole"}
    # A process of its own: two logical processors, and a failed collective poisons its process.
    done = subprocess.run(
        [sys.executable, script, path, json.dumps(cases)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as arrays:
        everything = dict(arrays)

    def of_case(case):
        one, two = (
            {
                name.removeprefix(prefix): array
                for name, array in everything.items()
                if name.startswith(prefix)
            }
            for prefix in (f"{case}/one/", f"{case}/two/")
        )
        assert (one.pop("replicas"), two.pop("replicas")) == (1, 2)
        return one, two

    return of_case


def _far(one, two, tolerance):
    assert one.keys() == two.keys()
    difference = {
        name: np.max(np.abs(one[name] - two[name]), initial=0)
        / max(1e-3, np.max(np.abs(one[name]), initial=0))
        for name in one
    }
    return {name: value for name, value in difference.items() if not value <= tolerance}


def _moved(one):
    starts = [name for name in one if name.startswith("start/")]
    return [name for name in starts if not np.array_equal(one[name], one[name[6:]])]


@pytest.mark.slow
@pytest.mark.parametrize(
    # Variables and running statistics of the encoder, of the head, and the bank.
    ("case", "num_moving"),
    [
        pytest.param("whole", 60 + 40 + 5 + 2, marks=pytest.mark.long),
        ("bank", 3 + 2 + 5 + 2 + 1),
    ],
)
def test_one_replica_equals_two(runs, case, num_moving):
    one, two = runs(case)
    assert len(_moved(one)) >= num_moving
    assert any("momentum" in name and np.any(one[name]) for name in one)
    # What is left is the order of sums. Of the bias before batch normalisation that is all there is, and
    # Adam's division magnifies it to 2e-9 of an encoder's kernel; gradients' momenta, statistics and
    # losses agree to 1e-9.
    far = _far(one, two, 1e-9)
    bias = {name for name in far if name.endswith("projection_head_0/bias")}
    kernels = {name for name in far if name.startswith("model/") and name.endswith("/kernel")}
    assert far.keys() <= bias | kernels
    assert all(far[name] < 1e-8 for name in kernels)
    assert all(far[name] < 1e-6 for name in bias)


@pytest.mark.slow
def test_micro_negatives_stay_on_their_replica_and_accumulate(runs):
    one, two = runs("micro")
    # 7 candidates against 15: fewer to be confused with, by about log(15 / 7).
    assert one["log/loss"][0] - two["log/loss"][0] == pytest.approx(np.log(15 / 7), abs=0.4)
    # Held out, all replicas' pictures are candidates.
    assert abs(one["held_out/loss"] - two["held_out/loss"]) < 0.2
    assert len(_moved(two)) >= 3 + 2 + 4 + 2
    assert all(np.all(np.isfinite(array)) for array in two.values())


@pytest.mark.slow
def test_float16_trains_on_two_replicas(runs):
    one, two = runs("float16")
    assert all(np.all(np.isfinite(array)) for array in two.values())
    np.testing.assert_allclose(one["log/loss"][0], two["log/loss"][0], atol=0.02)
    assert len(_moved(two)) >= 3
