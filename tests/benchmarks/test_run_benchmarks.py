"""Benchmarks of long and large runs: what they count is what there is, and bad settings are named."""

import pytest
import tensorflow as tf

from benchmarks import cost_models, jit_step, run_loop, soak
from keras_pose.train.checkpoints import Checkpoints


def test_step_seconds_are_those_between_two_ends(monkeypatch):
    clock = run_loop.StepClock()
    ends = iter([1.0, 1.5, 3.5, 10.0, 10.25])
    monkeypatch.setattr(run_loop.time, "perf_counter", lambda: next(ends))
    for steps in (3, 2):
        clock.on_epoch_begin(0)
        for batch in range(steps):
            clock.on_train_batch_end(batch)
    # The first step of an epoch begins nowhere that is noted.
    assert [seconds.tolist() for seconds in clock.step_seconds()] == [[0.5, 2.0], [0.25]]


def test_the_formula_of_a_checkpoint_is_compared_with_its_files(tmp_path):
    row = cost_models._row("bytes", 100, 104, 0.05)
    assert row["agrees"] and not cost_models._row("bytes", 100, 106, 0.05)["agrees"]
    assert "1.040  " in cost_models.table([row]) and "yes" in cost_models.table([row])

    class Weights:
        variables = [type("Held", (), {"value": tf.Variable(tf.ones((1000, 25)))})()]
        optimizers = []

    Checkpoints(Weights, str(tmp_path)).save(1)
    written = sum(path.stat().st_size for path in tmp_path.glob("step-1.*"))
    assert cost_models._row("bytes", 4 * 1000 * 25, written, 0.05)["agrees"]


def test_a_soak_says_what_it_found():
    result = {
        **{"records": 1000, "checkpoint_steps": 5, "growth": 0.004, "open_files": [31]},
        **{"order_repeats": False, "distinct_records": 1000},
        "rows": [{"step": 9, "seconds": 1.0, "VmRSS": 20.0, "RssAnon": 10.0, "open_files": 31}],
    }
    said = soak.table(result).splitlines()[-1]
    assert "memory grew by 0.40%, 31 open files; order from the middle on DIFFERS" in said


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="--trainers names 'tips'; choose among tips adversarial"):
        jit_step.Settings(trainers="tips")
    with pytest.raises(ValueError, match="--num_steps=3 is too small; give at least 9"):
        run_loop.Settings(num_steps=3)
    assert run_loop.Settings(width=8).changes == {"width": 8}
