"""One replica equals two, however pictures with and without depth labels are spread over them."""

import subprocess
import sys

import numpy as np
import pytest

from tests.train.command_server import ROOT, environment


@pytest.mark.slow
def test_one_replica_equals_two_with_an_uneven_mixture(tmp_path):
    path = tmp_path / "runs.npz"
    script = ROOT / "tests" / "wild3d" / "pose_replica_runs.py"
    done = subprocess.run(
        [sys.executable, script, path],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as arrays:
        runs = dict(arrays)
    one, two = (
        {name[4:]: value for name, value in runs.items() if name.startswith(prefix)}
        for prefix in ("one/", "two/")
    )
    assert (one.pop("replicas"), two.pop("replicas")) == (1, 2)
    assert one.keys() == two.keys()
    moved = [
        name
        for name in one
        if name.startswith("start/model") and not np.array_equal(one[name], one[name[6:]])
    ]
    # Five kernels, three biases, two batch normalisations of four arrays each.
    assert len(moved) == 5 + 3 + 2 * 4
    assert all(
        one[f"log/{step}/loss_{term}"] > 0 for step in (0, 1) for term in ("depth", "geometric")
    )
    far = {}
    for name in one:
        scale = max(1e-3, np.max(np.abs(one[name]), initial=0))
        difference = np.max(np.abs(one[name] - two[name]), initial=0) / scale
        if not difference <= 1e-10:
            far[name] = float(difference)
    assert far == {}
