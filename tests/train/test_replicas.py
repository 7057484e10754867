"""One replica equals two: the whole adversarial step, its losses and every updated variable."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.train.command_server import ROOT, environment

STEPS = 4
COMMON = {
    # In float32 the zero gradients of biases before batch normalisation are noise, which Adam blows up.
    "precision": "float64",
    "width": 8,
    "num_blocks": 1,
    "discriminator_blocks": 1,
    "pitch": "learnt",
    "bone_ratios": "learnt",
    "num_steps": 50,
    "batch_size": 16,
    "label_exchange": 0.5,
}
# The mean over replicas of the norm of each one's gradient is not the norm of their mean.
PER_REPLICA_LOGS = {"gradient_norm", "discriminator_gradient_norm"}


def _runs(folder, **settings):
    """Arrays of the run on one replica and of the one on two."""
    path = folder / "runs.npz"
    script = ROOT / "tests" / "train" / "replica_runs.py"
    # A process of its own: two logical processors, and a failed collective poisons its process.
    done = subprocess.run(
        [sys.executable, script, path, json.dumps({**COMMON, **settings}), str(STEPS)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as arrays:
        one, two = (
            {name.split("/", 1)[1]: arrays[name] for name in arrays if name.startswith(prefix)}
            for prefix in ("one/", "two/")
        )
    assert (one.pop("replicas"), two.pop("replicas")) == (1, 2)
    assert one.keys() == two.keys()
    return one, two


def _assert_equal(one, two, tolerance):
    logs = {name for name in one if name.startswith("log/")}
    assert len(logs) >= 9
    far = {}
    for name in one.keys() - {f"log/{name}" for name in PER_REPLICA_LOGS}:
        assert one[name].shape == two[name].shape
        difference = np.max(np.abs(one[name].astype(np.float64) - two[name]), initial=0)
        if not difference <= tolerance * max(1.0, np.max(np.abs(one[name]))):
            far[name] = difference
    assert far == {}


def _assert_something_happened(one):
    """Equal because nothing moved would be no proof."""
    moved = [name for name in one if name.startswith("start/")]
    still = [name for name in moved if np.array_equal(one[name], one["model/" + name[6:]])]
    assert len(moved) > 30 and still == []
    kinds = ("lifter/legs", "lifter/torso", "averaged/legs", "discriminator", "camera_pitch")
    for kind in kinds:
        assert any(name.startswith(f"model/{kind}") for name in one), kind
    for optimizer in ("legs", "torso", "discriminator", "camera_pitch", "log_ratios"):
        assert any(f"optimizer/adam_{optimizer}/" in name for name in one), optimizer
    assert one["log/pitch_deg"][0] != one["log/pitch_deg"][-1]


@pytest.mark.slow
def test_one_replica_equals_two(tmp_path):
    one, two = _runs(tmp_path)
    _assert_something_happened(one)
    # The views are drawn and the batch is split alike; what is left is the order of sums.
    _assert_equal(one, two, 1e-12)


@pytest.mark.slow
def test_one_replica_equals_two_with_batch_statistics(tmp_path):
    one, two = _runs(
        tmp_path, norm="batch", split="whole", adversary="cross_entropy", three_d_weight=1.0
    )
    # Statistics are taken over the global batch.
    assert any("moving_variance" in name for name in one)
    _assert_equal(one, two, 1e-12)
