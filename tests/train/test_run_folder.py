"""A run folder says what was asked for, refuses another question, and never shows half a file."""

import dataclasses
import json
import os
from typing import ClassVar

import pytest

from keras_pose import train
from keras_pose.train import callbacks, option, run_folder


@dataclasses.dataclass(frozen=True)
class Settings:
    method: ClassVar[str] = "toy"
    rate: float = option(0.1, "Rate.")
    count: int = option(3, "Count.")


def test_new_run_records_config_command_and_environment(tmp_path):
    folder = tmp_path / "new" / "run"
    train.open_run(str(folder), Settings(rate=0.5), command=["program", "--rate=0.5"])
    assert sorted(os.listdir(folder)) == ["run.flags", "run.json"]
    run = train.read_run(str(folder))
    assert run["config"] == {"rate": 0.5, "count": 3}
    assert run["command"] == ["program", "--rate=0.5"]
    environment = run["environment"]
    assert environment["processors"] == os.cpu_count()
    assert {"keras_pose", "git_commit", "python", "tensorflow", "keras", "numpy"} <= set(
        environment
    )
    flags = (folder / "run.flags").read_text().splitlines()
    assert flags[0].startswith("# Repeats") and flags[1:] == ["--rate=0.5", "--count=3"]


def test_same_settings_go_on_and_others_are_refused(tmp_path):
    folder = str(tmp_path)
    train.open_run(folder, Settings(), command=["first"])
    train.update_run(folder, results={"error": 1.5})
    train.open_run(folder, Settings(), command=["second"])
    run = train.read_run(folder)
    assert run["command"] == ["first"] and run["results"] == {"error": 1.5}
    with pytest.raises(ValueError) as caught:
        train.open_run(folder, Settings(rate=0.2, count=9))
    assert "--rate=0.2 (was 0.1), --count=9 (was 3)" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="--model_dir is empty"):
        train.open_run("", Settings())
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="--model_dir=.*file is not a folder"):
        train.open_run(str(tmp_path / "file"), Settings())


def test_flags_beside_a_finished_run_repeat_it_or_are_refused():
    trained = Settings(rate=0.5)
    for given in (trained, Settings()):
        run_folder.check_repeated("runs/one", given, trained)
    with pytest.raises(ValueError, match="runs/one: --count differs .* give --flagfile=run.flags"):
        run_folder.check_repeated("runs/one", Settings(rate=0.5, count=9), trained)


def test_entries_are_merged_and_replaced(tmp_path):
    (tmp_path / "run.json").write_text('{"config": {}, "b": 2}')
    train.update_run(str(tmp_path), b=3, c=[4])
    assert json.loads((tmp_path / "run.json").read_text()) == {"config": {}, "b": 3, "c": [4]}


def test_skipped_records_of_a_run_that_goes_on_stay_listed(tmp_path):
    folder = str(tmp_path)
    train.open_run(folder, Settings())
    for met, listed in (
        ({}, {}),
        ({"7": "cut"}, {"7": "cut"}),
        # Another process, which met others.
        ({}, {"7": "cut"}),
        ({"3": "grey", "7": "cut again"}, {"3": "grey", "7": "cut"}),
    ):
        callbacks.SkippedRecords(folder, lambda met=met: met).on_epoch_end(0)
        assert train.read_run(folder)["skipped"] == listed


def test_missing_or_broken_record_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"run.json: there is no run here; train first"):
        train.read_run(str(tmp_path))
    (tmp_path / "run.json").write_text('{"config": ')
    with pytest.raises(ValueError, match=r"run.json: this is not valid JSON .*; restore it"):
        train.read_run(str(tmp_path))


def test_rows_come_back_and_replace_earlier_ones(tmp_path):
    folder = str(tmp_path)
    assert train.read_epochs(folder) == []
    rows = [{"epoch": 1, "error": 2.5}, {"epoch": 2, "error": 1.25}]
    train.write_epochs(folder, rows)
    assert (tmp_path / "epochs.jsonl").read_text().count("\n") == 2
    assert train.read_epochs(folder) == rows
    train.write_epochs(folder, rows[:1])
    assert train.read_epochs(folder) == rows[:1]
