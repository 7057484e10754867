"""Killed within a stage and at the border of two, and started again: the run ends byte-equal."""

import json
import os
import signal
import time

import pytest

from tests.train.checkpoint_bytes import latest_tensors
from tests.train.command_server import shared_server

pytestmark = pytest.mark.slow

MODULE = "keras_pose.wild3d.train"
# The third is the second with one more term; all three run in test_own_pictures_to_model.
STAGES = ("stage1", "stage2")
STEPS = 12
ARGUMENTS = (
    "--stages=1,2",
    "--flagfile=flags/wild3d/quicktest.flags",
    f"--num_steps={STEPS}",
    "--steps_per_epoch=4",
    "--num_generated=16",
)


@pytest.fixture(scope="module")
def server():
    return shared_server()


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """Folder of a training that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "whole"
    code, command = server.run(MODULE, *ARGUMENTS, f"--model_dir={folder}")
    assert code == 0, command.stderr
    return folder


def _kill_when(server, folder, has_happened):
    """Start the command and kill it as soon as something is there."""
    command = server.start(MODULE, *ARGUMENTS, f"--model_dir={folder}")
    end = time.monotonic() + 600
    while not has_happened():
        assert time.monotonic() < end, command.stderr
        time.sleep(0.002)
    os.kill(command.pid, signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL, "it ended before it was killed"


# What has just been written when the command is killed, and what must not be there yet.
PLACES = (
    # Between two stages: the weights are there, the next stage has not begun.
    ("stage1/weights/network.weights.h5", "stage2/checkpoints"),
    ("stage2/checkpoints/checkpoint", "stage2/weights"),
)


@pytest.mark.fault(
    fault="kill -9 within stages and between two",
    trainer="Wild3D, stages 1 and 2",
    happened="the same command goes on; weights, rows and results are the same bytes",
)
def test_training_killed_within_stages_and_between_two_ends_byte_equal(server, whole, tmp_path):
    killed = tmp_path / "killed"
    for place, left in PLACES:
        _kill_when(server, killed, (killed / place).exists)
        assert not (killed / left).exists(), f"{place}: too late to be an interruption"
    code, command = server.run(MODULE, *ARGUMENTS, f"--model_dir={killed}")
    assert code == 0, command.stderr
    assert command.stdout.count("finished before") == 1
    for stage in STAGES:
        mine, theirs = latest_tensors(killed / stage), latest_tensors(whole / stage)
        assert mine.keys() == theirs.keys() and len(theirs) > 100
        assert [name for name in mine if mine[name] != theirs[name]] == [], stage
        rows = [(folder / stage / "epochs.jsonl").read_text() for folder in (killed, whole)]
        assert rows[0] == rows[1] and len(rows[0].splitlines()) == 3
        records = [json.loads((f / stage / "run.json").read_text()) for f in (killed, whole)]
        assert records[0]["results"] == records[1]["results"]


def test_stages_follow_each_other_and_are_not_run_twice(server, whole):
    records = [json.loads((whole / stage / "run.json").read_text()) for stage in STAGES]
    starts = [record["config"]["init_from"] for record in records]
    assert starts == ["", str(whole / "stage1")]
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*.json*")}
    code, command = server.run(MODULE, *ARGUMENTS, f"--model_dir={whole}")
    assert code == 0, command.stderr
    assert command.stdout.count("finished before") == 2
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*.json*")} == before
