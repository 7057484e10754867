"""A run says early on that it will take hours, and a line a minute in log files."""

import pytest

from keras_pose.train.callbacks import Pace
from keras_pose.train.options import RunOptions
from keras_pose.train.outcome import print_end, print_headline
from keras_pose.train.progress import duration


def _walk(num_steps, seconds_per_step, steps=200):
    now = [0.0]
    pace = Pace(num_steps, 1000, clock=lambda: now[0])
    pace.on_epoch_begin(0)
    for step in range(steps):
        # The first step compiles, which is no pace.
        now[0] += 50.0 if step == 0 else seconds_per_step
        pace.on_train_batch_end(step, {"loss": 0.25})


def test_a_run_of_hours_says_so_with_the_flag_that_shortens_it(capsys):
    _walk(20_000, 6.0)
    told = capsys.readouterr().err.strip().splitlines()
    # 20,000 steps less the six that were made, of 6 s each: 33.3 hours; 600 steps more fill an hour.
    assert told == [
        "At 6 s per step this run takes 33.3 hours more; --num_steps=606, in another --model_dir, ends "
        "in an hour. Ctrl-C ends it; the same command resumes it."
    ]


def test_a_short_run_says_nothing_but_a_line_a_minute(capsys):
    _walk(550, 6.0, steps=31)
    said, told = capsys.readouterr()
    assert told == ""
    assert said.splitlines() == [
        "step 11 of 550, loss 0.25, 54 minutes to go",
        "step 21 of 550, loss 0.25, 53 minutes to go",
        "step 31 of 550, loss 0.25, 52 minutes to go",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(40, "40 s"), (720, "12 minutes"), (7200, "2.0 hours")]
)
def test_times_are_worded(seconds, words):
    assert duration(seconds) == words


def test_headline_measures_stand_in_a_table_and_the_end_says_what_is_missing(capsys):
    results = {"all": {"a[x]": 61.25, "b[y]": 0.5, "c": 3.0}, "walk": {"a[x]": 70.0}}
    run = {"results": results, "steps": 20, "minutes": 0.5}
    print_headline(
        run | {"teacher_results": {"all": {"a[x]": 50.0}}}, {"a[x]": "mpjpe", "b[y]": "pck"}
    )
    options = RunOptions(model_dir="runs/a")
    print_end(run, options, "export {folder}")
    print_end(run | {"results": {}}, options, "export {folder}")
    assert capsys.readouterr().out.splitlines() == [
        "               mpjpe  pck",
        "all            61.25  0.5",
        "  its teacher     50    -",
        "walk              70    -",
        "run.json has all 3 measures under the ids of their protocols.",
        "20 steps took 30 s.",
        "Written to runs/a: weights, run.json, epochs.jsonl.",
        "Next: export runs/a",
        "Nothing was measured: nothing is held out, or what is held out has no labels.",
        "20 steps took 30 s.",
        "Written to runs/a: weights, run.json, epochs.jsonl.",
        "Next: export runs/a",
    ]
