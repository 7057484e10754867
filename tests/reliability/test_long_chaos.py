"""Of two workers one is killed again and again, and the supervisor starts both: the same weights."""

import json
import os
import random
import socket
import subprocess
import sys

import pytest

from tests.reliability.trainer_cases import CASES, STEPS
from tests.train.checkpoint_bytes import latest_tensors
from tests.train.command_server import ROOT, environment

pytestmark = [pytest.mark.slow, pytest.mark.long]

KILLS = int(os.environ.get("KERAS_POSE_KILLS", "10"))
CASE = CASES["tips_adversarial"]


def _free_port():
    """First of two free ports beside each other."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("localhost", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("localhost", port + 1))
            except OSError:
                continue
            return port


def _train(folder, plan):
    """Let the supervisor train on two workers; returns what it said."""
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan))
    worker = [sys.executable, "-m", "tests.reliability.disturbed_worker", folder / "plan.json"]
    flags = [*CASE.arguments, f"--model_dir={folder / 'run'}", "--checkpoint_steps=2"]
    done = subprocess.run(
        [ROOT / "tools" / "run_workers.sh", "2", *worker, CASE.module, *flags],
        cwd=ROOT,
        env=environment(FIRST_PORT=str(_free_port()), PAUSE_S="0.1"),
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.fault
def test_two_workers_one_of_which_is_killed_end_with_the_same_weights(tmp_path, record_property):
    _train(tmp_path / "whole", [])
    draws = random.SystemRandom()
    steps = sorted(draws.sample(range(1, STEPS), KILLS))
    plan = [[draws.randrange(2), step] for step in steps]
    said = _train(tmp_path / "killed", plan)
    assert json.loads((tmp_path / "killed" / "plan.json").read_text()) == []
    assert said.count("all 2 are started again") == KILLS
    mine, theirs = (latest_tensors(tmp_path / name / "run") for name in ("killed", "whole"))
    assert mine.keys() == theirs.keys() and len(theirs) > 20
    assert [key for key in mine if mine[key] != theirs[key]] == []
    rows = [(tmp_path / name / "run" / "epochs.jsonl").read_text() for name in ("killed", "whole")]
    assert rows[0] == rows[1]
    listed = ", ".join(
        f"{'chief' if worker == 0 else 'other'} after {step}" for worker, step in plan
    )
    record_property(
        "fault",
        json.dumps(
            {
                "fault": f"kill -9 of one of two workers: {listed} of {STEPS} steps",
                "trainer": CASE.name,
                "happened": f"the supervisor started both again {KILLS} times, by itself",
                "lost": f"nothing: {len(theirs)} tensors of the last checkpoint are byte-equal",
            }
        ),
    )
