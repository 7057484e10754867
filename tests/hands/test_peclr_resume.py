"""Killed in mid-training and started again, both stages end where an undisturbed run ends."""

import json
import os
import signal
import time

import pytest

from tests.train.checkpoint_bytes import latest_tensors
from tests.train.command_server import shared_server

# The gate has the same of every trainer in memory (`tests/reliability/test_checkpoints_of_trainers.py`).
pytestmark = [pytest.mark.slow, pytest.mark.long]

EPOCHS, STEPS = 3, 8
COMMON = (
    "--dataset=generated",
    "--num_generated=40",
    "--encoder=resnet10_half",
    "--image_size=32",
    "--batch_size=4",
    f"--num_steps={EPOCHS * STEPS}",
    "--warmup_steps=2",
    f"--steps_per_epoch={STEPS}",
)
# Everything with a state: moments, batch statistics, memory bank, averaged weights.
STAGES = {
    "pretrain": ("--negatives=bank", "--bank_size=32", "--optimizer=lars_adam"),
    "finetune": ("--refine_root", "--averaging_momentum=0.9"),
}


@pytest.fixture(scope="module")
def server():
    return shared_server()


@pytest.mark.parametrize("stage", STAGES)
def test_killed_run_ends_byte_equal(server, tmp_path, stage):
    module = f"keras_pose.peclr.{stage}"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = (*COMMON, *STAGES[stage])
    code, command = server.run(module, *arguments, f"--model_dir={whole}")
    assert code == 0, command.stderr
    running = server.start(module, *arguments, f"--model_dir={killed}")
    end = time.monotonic() + 900
    # The state file is written after the checkpoint that it names.
    while not (killed / "checkpoints" / "checkpoint").exists():
        assert time.monotonic() < end, f"no checkpoint appeared: {running.stderr}"
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    found = {path.name for path in (killed / "checkpoints").glob("*.index")}
    assert f"step-{STEPS}.index" in found
    assert f"step-{EPOCHS * STEPS}.index" not in found, "too late to be an interruption"
    code, command = server.run(module, *arguments, f"--model_dir={killed}")
    assert code == 0, command.stderr
    assert "Epoch 1/" not in command.stdout, "it began again instead of going on"
    mine, theirs = latest_tensors(killed), latest_tensors(whole)
    assert mine.keys() == theirs.keys() and len(theirs) > 60
    assert [name for name in mine if mine[name] != theirs[name]] == []
    rows = (whole / "epochs.jsonl").read_text()
    assert (killed / "epochs.jsonl").read_text() == rows
    assert len(rows.splitlines()) == EPOCHS
    records = [json.loads((folder / "run.json").read_text()) for folder in (killed, whole)]
    entry = "heldout" if stage == "pretrain" else "results"
    assert records[0][entry] == records[1][entry]
