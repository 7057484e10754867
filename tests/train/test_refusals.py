"""Runs that cannot begin say so in one sentence and touch nothing; a clock that jumps changes nothing."""

import ast
import time

import pytest

from keras_pose.hand_student.config import StudentConfig
from keras_pose.tips.config import Config
from keras_pose.train import run_folder
from keras_pose.train.lease import Lease
from keras_pose.train.strategy import per_replica_batch
from tests.train.command_server import ROOT
from tests.train.interrupted_runs import train
from tests.train.pretended_replicas import PretendedReplicas


@pytest.mark.fault(
    fault="a batch that does not divide by workers x replicas",
    happened="refused in one sentence before the model is built",
)
def test_a_batch_that_does_not_divide_is_refused(tmp_path):
    def build():
        raise AssertionError("a model was built")

    with pytest.raises(
        ValueError, match="--batch_size=8 cannot be .* 3 replicas; use a multiple of 3"
    ):
        train(tmp_path / "run", strategy=PretendedReplicas(3), build_model=build)
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert per_replica_batch(12, PretendedReplicas(3)) == 4


@pytest.mark.fault(
    fault="a run folder, and so a checkpoint, of another method",
    happened="refused by the names of both",
)
def test_a_run_of_another_method_is_refused_by_name(tmp_path):
    run_folder.open_run(str(tmp_path), Config())
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(
        ValueError, match="is a run of keras_pose.tips; give keras_pose.hand_student an"
    ):
        run_folder.check_run(str(tmp_path), StudentConfig())
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert run_folder.check_run(str(tmp_path), StudentConfig(), is_kept=False)


@pytest.mark.fault(
    fault="the clock jumps by a year, back and forth, while a run folder is held",
    happened="who holds it keeps it, who wants it is refused: beats are counted, clocks not compared",
)
def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch):
    now = time.time
    jumps = iter([365.0, -365.0] * 1000)
    monkeypatch.setattr(time, "time", lambda: now() + 86_400.0 * next(jumps))
    with Lease(str(tmp_path), beat_s=0.01) as held, Lease(str(tmp_path), beat_s=0.01) as wanted:
        held.acquire()
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            held.check()
            with pytest.raises(ValueError, match="is in use by process"):
                wanted.acquire()


def test_no_decision_of_a_run_is_taken_by_the_wall_clock():
    """What asks `time.time` would be fooled by a clock that is set; `monotonic` cannot be."""
    asked = [
        f"{path.name}:{node.lineno}"
        for path in sorted((ROOT / "keras_pose" / "train").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "datetime.now")
    ]
    assert asked == []
