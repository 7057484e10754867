"""The plumbing of benchmarks: turns, ratios, tables, result files and a PyTorch that is not there."""

import json
import sys
import time

import pytest

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.rounds import interleave, median_ratio
from benchmarks.table import text_table
from benchmarks.torch_process import TorchProcess


def test_everybody_runs_in_every_round_and_nobody_always_first():
    calls = []

    def timer(name, seconds):
        def run(count):
            calls.append((name, count))
            return seconds * count

        return run

    timers = {"a": timer("a", 0.5), "b": timer("b", 2.0)}
    seconds = interleave(timers, 2, seconds_per_turn=1.0, warm_up=["a", "b"])
    assert seconds == {"a": [0.5, 0.5], "b": [2.0, 2.0]}
    warm_up, first, second = calls[:2], calls[2:4], calls[4:]
    assert warm_up == [("a", 1), ("b", 1)]
    assert (first, second) == ([("a", 2), ("b", 1)], [("b", 1), ("a", 2)])


def test_deadline_leaves_one_round():
    seconds = interleave({"a": lambda count: 1.0}, 5, 1.0, deadline=time.monotonic() - 1.0)
    assert seconds == {"a": [1.0]}


def test_ratio_is_taken_within_rounds():
    # The machine was ten times slower in the last round, for both.
    assert median_ratio([2.0, 2.0, 30.0], [1.0, 1.0, 10.0]) == 2.0


def test_table_aligns_numbers_to_the_right():
    lines = text_table(("name", "ms"), [("a", "10.5"), ("longer", "1")]).splitlines()
    assert lines == ["name      ms", "-" * 12, "a       10.5", "longer     1"]
    with pytest.raises(ValueError, match="1 cells under 2 titles"):
        text_table(("name", "ms"), [("a",)])


def test_result_is_written_twice(tmp_path):
    path = tmp_path / "new" / "speed.json"
    write_result(str(path), {"a": 1}, "table")
    assert json.loads(path.read_text()) == {"a": 1}
    assert path.with_suffix(".txt").read_text() == "table\n"
    with pytest.raises(ValueError, match=r"--output=speed.txt must end in .json"):
        write_result("speed.txt", {}, "")


def test_machine_is_described():
    description = machine.describe(2)
    assert description["threads_used"] == 2 and description["cores"] >= 1
    assert description["processor"] in machine.sentence(description)
    assert "NOT QUIET" in machine.sentence(description | {"load_average_at_start": 3.0})


def test_missing_python_is_named(tmp_path):
    with pytest.raises(ValueError, match="--torch_python=no/such/python cannot be started"):
        TorchProcess("no/such/python", 1, tmp_path)


def test_python_without_torch_is_named(tmp_path):
    with pytest.raises(ValueError, match="the environment needs torch and numpy"):
        TorchProcess(sys.executable, 1, tmp_path)
