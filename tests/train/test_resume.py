"""Killed in mid-training and started again, a run ends where the uninterrupted one ends, bit by bit."""

import json
import os
import signal
import time

import keras
import numpy as np
import pytest

from keras_pose.tips.runs import load_lifter
from tests.train.checkpoint_bytes import latest_tensors
from tests.train.command_server import shared_server

pytestmark = pytest.mark.slow

TRAIN = "keras_pose.tips.train"
EPOCHS, STEPS = 3, 60
COMMON = (
    "--dataset=generated",
    "--num_generated_frames=200",
    "--width=8",
    "--num_blocks=1",
    "--discriminator_blocks=1",
    "--batch_size=16",
    f"--num_steps={EPOCHS * STEPS}",
    f"--steps_per_epoch={STEPS}",
)
# Everything with a state: seeds of dropout, moments of batch normalisation, learnt scene, averages.
ADVERSARIAL = ("--dropout=0.3", "--norm=batch", "--pitch=learnt", "--bone_ratios=learnt")


@pytest.fixture(scope="module")
def server():
    return shared_server()


@pytest.fixture(scope="module")
def uninterrupted(server, tmp_path_factory):
    """Run folder of the adversarial run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    code, command = server.run(TRAIN, *COMMON, *ADVERSARIAL, f"--model_dir={folder}")
    assert code == 0, command.stderr
    return folder


def _kill_in_second_epoch(running, folder):
    """Wait for the first checkpoint, let the next epoch begin, kill; returns what was there."""
    end = time.monotonic() + 900
    # The state file is written after the checkpoint that it names.
    while not (folder / "checkpoints" / "checkpoint").exists():
        assert time.monotonic() < end, f"no checkpoint appeared: {running.stderr}"
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    found = sorted(path.name for path in (folder / "checkpoints").glob("*.index"))
    assert f"step-{STEPS}.index" in found
    assert f"step-{EPOCHS * STEPS}.index" not in found, "too late to be an interruption"
    assert not (folder / "weights" / "last.weights.h5").exists()
    return found


def _weights(folder, which):
    """Bytes of every saved weight of the lifter, as an export would read them."""
    _, model = load_lifter(str(folder), which)
    return [keras.ops.convert_to_numpy(weight).tobytes() for weight in model.lifter.weights]


def _assert_same_run(folder, expected):
    mine, theirs = latest_tensors(folder), latest_tensors(expected)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if mine[name] != theirs[name]] == []
    for which in ("last", "picked"):
        ours, others = _weights(folder, which), _weights(expected, which)
        assert len(ours) == len(others) >= 8
        assert [i for i, one in enumerate(ours) if one != others[i]] == []
    rows = (expected / "epochs.jsonl").read_text()
    assert (folder / "epochs.jsonl").read_text() == rows
    assert [json.loads(row)["step"] for row in rows.splitlines()] == [
        STEPS * epoch for epoch in range(1, EPOCHS + 1)
    ]
    first, second = (json.loads((f / "run.json").read_text()) for f in (folder, expected))
    for entry in ("results", "stop_rule", "depth_sign", "chirality", "steps", "config"):
        assert first[entry] == second[entry]


def test_the_checkpoint_holds_every_kind_of_state(uninterrupted):
    tensors = latest_tensors(uninterrupted)
    step = [np.frombuffer(data, dtype) for name, (dtype, data) in tensors.items() if "step" in name]
    assert step == [EPOCHS * STEPS]
    kinds = {dtype for dtype, _ in tensors.values()}
    # Weights and moments; step counters; seeds of dropout.
    assert {"float32", "int64"} <= kinds
    assert len(tensors) > 100


@pytest.mark.fault(
    fault="kill -9 in the second epoch",
    trainer="TIPS, adversarial",
    happened="the same command goes on; weights, rows and results are the same bytes",
)
def test_killed_adversarial_run_ends_byte_equal(server, uninterrupted, tmp_path):
    folder = tmp_path / "run"
    arguments = [*COMMON, *ADVERSARIAL, f"--model_dir={folder}"]
    _kill_in_second_epoch(server.start(TRAIN, *arguments), folder)
    code, command = server.run(TRAIN, *arguments)
    assert code == 0, command.stderr
    assert "Epoch 1/" not in command.stdout, "it began again instead of going on"
    _assert_same_run(folder, uninterrupted)


def test_the_same_command_on_a_finished_run_changes_nothing(server, uninterrupted):
    before, rows = latest_tensors(uninterrupted), (uninterrupted / "epochs.jsonl").read_text()
    code, command = server.run(TRAIN, *COMMON, *ADVERSARIAL, f"--model_dir={uninterrupted}")
    assert code == 0, command.stderr
    assert "Epoch" not in command.stdout
    assert latest_tensors(uninterrupted) == before
    assert (uninterrupted / "epochs.jsonl").read_text() == rows


@pytest.mark.fault(
    fault="kill -9 in the second epoch",
    trainer="TIPS, student",
    happened="the same command goes on; weights, rows and results are the same bytes",
)
def test_killed_student_ends_byte_equal(server, uninterrupted, tmp_path):
    settings = (*COMMON, "--model=student", f"--teacher={uninterrupted}", "--dropout=0.3")
    expected, folder = tmp_path / "expected", tmp_path / "run"
    code, command = server.run(TRAIN, *settings, f"--model_dir={expected}")
    assert code == 0, command.stderr
    running = server.start(TRAIN, *settings, f"--model_dir={folder}")
    _kill_in_second_epoch(running, folder)
    code, command = server.run(TRAIN, *settings, f"--model_dir={folder}")
    assert code == 0, command.stderr
    _assert_same_run(folder, expected)
