"""Stopped or killed after any step, a run ends with the bytes of one that nothing disturbed."""

import json
import random
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.train import run_folder
from keras_pose.train.checkpoints import Checkpoints
from keras_pose.train.loop import SavingPlan
from tests.train.checkpoint_bytes import latest_tensors
from tests.train.command_server import ROOT, environment
from tests.train.interrupted_runs import BATCH, EPOCHS, STEPS, Model, train

LAST = STEPS * EPOCHS


@pytest.fixture(autouse=True)
def _heeds_ctrl_c():
    """Undo what a shell does to a command in the background: SIGINT ignored is not looked at."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder) == 0
    return folder


def _assert_same(folder, expected):
    mine, theirs = latest_tensors(folder), latest_tensors(expected)
    assert mine.keys() == theirs.keys() and len(theirs) > 20
    assert [name for name in mine if mine[name] != theirs[name]] == []
    assert (folder / "epochs.jsonl").read_text() == (expected / "epochs.jsonl").read_text()


def _steps(folder):
    return sorted(int(path.stem[5:]) for path in (folder / "checkpoints").glob("*.index"))


@pytest.mark.fault(
    fault="SIGTERM, SIGINT or a sudden end at random steps",
    happened="a signal saves after its step and ends with 128 + its number; the same command "
    "goes on, to the same bytes",
)
def test_signals_and_sudden_ends_at_random_steps_change_no_byte(tmp_path, whole, capsys):
    steps = sorted(random.sample(range(1, LAST), 3))
    plan = SavingPlan(steps=4)
    for step, number in zip(steps, (signal.SIGTERM, 0, signal.SIGINT), strict=True):
        code = train(tmp_path, at=step, number=number, plan=plan)
        assert code == (128 + number if number else 130), f"at step {step} of {steps}"
        newest = _steps(tmp_path)[-1] if _steps(tmp_path) else 0
        if number:
            assert newest == step
            name = signal.Signals(number).name
            assert f"Stopped by {name} after step {step}, which is saved" in capsys.readouterr().err
        else:
            assert step - 4 <= newest <= step
    assert train(tmp_path, plan=plan) == 0
    _assert_same(tmp_path, whole)


def test_several_steps_per_execution_are_the_same_steps(tmp_path, whole):
    assert train(tmp_path, at=18, number=signal.SIGTERM, steps_per_execution=3) == 143
    assert _steps(tmp_path) == [12, 18]
    assert train(tmp_path, steps_per_execution=6) == 0
    _assert_same(tmp_path, whole)
    with pytest.raises(ValueError, match="--steps_per_execution=5 does not divide --steps_per"):
        train(tmp_path / "new", steps_per_execution=5)
    assert train(tmp_path / "new", at=5, number=signal.SIGTERM) == 143
    with pytest.raises(ValueError, match="=2 does not divide what is left .* after step 5; go on"):
        train(tmp_path / "new", steps_per_execution=2)


@pytest.mark.fault(
    fault="SIGTERM and a sudden end on two replicas",
    happened="the same command goes on, to the same bytes",
)
@pytest.mark.slow
def test_two_replicas_resume_to_the_same_bytes(tmp_path):
    command = [sys.executable, "-m", "tests.train.interrupted_runs", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    _assert_same(tmp_path / "cut", tmp_path / "whole")
    _assert_same(tmp_path / "three", tmp_path / "whole")


@pytest.mark.fault(
    fault="the newest checkpoint is cut off, lacks its data or has one byte changed",
    happened="named and passed over; the run goes on from the one before, to the same bytes",
    lost="nothing; the steps between both are trained again",
)
@pytest.mark.parametrize(
    ("name", "content"),
    [("data-00000-of-00001", b""), ("data-00000-of-00001", None), ("index", b"garbage")],
)
def test_a_damaged_checkpoint_is_named_and_passed_over(tmp_path, whole, capsys, name, content):
    assert train(tmp_path, at=20, number=signal.SIGTERM) == 143
    path = tmp_path / "checkpoints" / f"step-20.{name}"
    data = path.read_bytes()
    # None changes one byte: every tensor bears a checksum.
    flipped = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    path.write_bytes(flipped if content is None else content)
    assert train(tmp_path) == 0
    said = capsys.readouterr().err
    assert "step-20: this checkpoint is damaged" in said and "goes on from step 12." in said
    _assert_same(tmp_path, whole)


@pytest.mark.fault(
    fault="no checkpoint is whole",
    happened="refused in one sentence; --restart begins anew and keeps the run aside",
)
def test_without_a_whole_checkpoint_nothing_is_begun_anew_unasked(tmp_path):
    assert train(tmp_path, at=5, number=signal.SIGTERM) == 143
    (tmp_path / "checkpoints" / "step-5.index").unlink()
    with pytest.raises(ValueError, match="step-5: this .* damaged .*or give --restart to begin"):
        train(tmp_path)
    assert train(tmp_path, restart=True) == 0


@pytest.mark.fault(
    fault="a checkpoint of a model of another shape",
    happened="refused in one sentence that names it",
)
def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    assert train(tmp_path, at=5, number=signal.SIGTERM) == 143

    class Larger(Model):
        extra = 2

    with pytest.raises(ValueError, match="step-5: this checkpoint is of another model; train"):
        train(tmp_path, build_model=Larger)


def test_the_last_ones_and_the_best_stay(tmp_path, whole):
    plan = SavingPlan(steps=5, keep=2, best_by="error")
    assert train(tmp_path, plan=plan) == 0
    rows = run_folder.read_epochs(str(tmp_path))
    best = min(rows, key=lambda row: row["error"])["step"]
    assert set(_steps(tmp_path)) == {best, 35, 36}
    # A run that is gone on with must not forget which is the best.
    run_folder.write_epochs(str(tmp_path / "kept"), [])
    with pytest.raises(ValueError, match="--best_by=accuracy is no measure .* choose one of error"):
        train(tmp_path / "other", plan=SavingPlan(best_by="accuracy"))


def test_the_clock_asks_for_checkpoints_too(tmp_path):
    assert train(tmp_path, plan=SavingPlan(minutes=1e-9, keep=100)) == 0
    assert _steps(tmp_path) == list(range(1, LAST + 1))


@pytest.mark.fault(
    fault="an end while early stopping is counting",
    happened="its patience is in the checkpoint",
)
def test_an_early_stop_remembers_its_patience(tmp_path):
    def stop():
        return keras.callbacks.EarlyStopping("error", min_delta=100.0, patience=2, mode="min")

    assert train(tmp_path, callbacks=[first := stop()]) == 0
    # Nothing is better by 100: it waits from the second epoch on and stops after the third.
    assert first.stopped_epoch == 2 and _steps(tmp_path)[-1] == LAST
    assert train(tmp_path / "cut", at=14, number=0, callbacks=[stop(), _Kill(14)]) == 130
    assert train(tmp_path / "cut", callbacks=[second := stop()], num_steps=10 * STEPS) == 0
    assert second.stopped_epoch == 2 and _steps(tmp_path / "cut")[-1] == LAST


class _Kill(keras.callbacks.Callback):
    def __init__(self, at):
        super().__init__()
        self.left = at

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.fault(
    fault="the loss becomes NaN",
    happened="stopped in one sentence; the batch's records are written out, the last finite "
    "checkpoint is named",
    lost="nothing before that step",
)
def test_a_number_that_breaks_names_the_records_and_the_last_checkpoint(tmp_path):
    from tests.train import interrupted_runs

    def late(first_step):
        # The 17th step sees NaN.
        return interrupted_runs.batches(first_step + 10_000 - 16)

    with pytest.raises(FloatingPointError) as caught:
        train(tmp_path, batches=late, plan=SavingPlan(steps=15))
    path = tmp_path / "non-finite-step-17.json"
    assert str(caught.value) == (
        f"step 17: error became non-finite; {path} names the batch's records, look at them or lower "
        f"--learning_rate, the last finite checkpoint is {tmp_path}/checkpoints/step-15."
    )
    content = json.loads(path.read_text())
    assert content["ids"] == [10_000 * BATCH + row for row in range(BATCH)]
    assert content["non_finite_inputs"] == {"rows": 3 * BATCH} and content["rows"] == BATCH


@pytest.mark.fault(
    fault="a weight becomes NaN",
    happened="no checkpoint is written over a good one",
    lost="nothing before that step",
)
def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    class Holder:
        variables = [keras.Variable([1.0, np.nan])]
        optimizers = []

    with pytest.raises(FloatingPointError, match="1 weights became .* there is no checkpoint yet"):
        Checkpoints(Holder, str(tmp_path)).save(3)
    assert list(tmp_path.rglob("step*")) == []


@pytest.mark.fault(
    fault="killed while a checkpoint is being written",
    happened="the half is never read and is cleared away by the next",
)
def test_a_checkpoint_that_was_not_finished_is_cleared_away(tmp_path):
    checkpoints = Checkpoints(_Numbers(), str(tmp_path))
    checkpoints.save(1)
    left = tmp_path / ".partial-1"
    left.mkdir()
    (left / "step-2.index").write_bytes(b"half")
    assert checkpoints.restore() == 1
    checkpoints.save(2)
    assert not left.exists() and checkpoints.steps() == [1, 2]


class _Numbers:
    def __init__(self):
        self.variables = [keras.Variable([1.0, 2.0])]
        self.optimizers = []


@pytest.mark.fault(
    fault="the disk is full in mid-checkpoint",
    happened="one sentence; earlier checkpoints stay",
    lost="nothing before the last checkpoint",
)
def test_a_full_disk_keeps_what_there_was_and_says_so(tmp_path, monkeypatch):
    checkpoints = Checkpoints(_Numbers(), str(tmp_path))
    checkpoints.save(1)

    def full(**arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.raw_ops, "SaveV2", full)
    checkpoints.save(2, wait=False)
    with pytest.raises(OSError, match=r"checkpoint of step 2 could not .*No space.*free some disk"):
        checkpoints.flush()
    assert checkpoints.steps() == [1] and checkpoints.restore() == 1
    assert [path.name for path in tmp_path.glob(".partial*")] == []
