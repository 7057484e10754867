"""Every broken condition, simulated: the doctor names it, says what to do, and exits with 1."""

import importlib.metadata
import json
import os
import socket

import pytest
import tensorflow as tf

from keras_pose.doctor import examination, machine, runs
from keras_pose.doctor.findings import BROKEN, NOTE, OK
from keras_pose.doctor.settings import Settings
from keras_pose.train.checkpoints import Checkpoints


def _versions(requirement, version, python=(3, 11)):
    return machine.check_versions([requirement], {"keras": version} if version else {}, python)


@pytest.mark.parametrize(
    ("bounds", "version", "fits"),
    [
        (">=3.15,<4", "3.15.1", True),
        (">=3.15,<4", "3.14.9", False),
        (">=3.15,<4", "4.0.0", False),
        ("~=3.15", "3.99", True),
        ("~=3.15.0", "3.16.0", False),
        ("==3.15", "3.15.0", True),
        ("==3.*", "3.9", True),
        ("!=3.15.1", "3.15.1", False),
        ("<=3.15", "3.15.1", False),
        ("", "1", True),
    ],
)
def test_versions_are_compared_as_numbers(bounds, version, fits):
    (found,) = _versions(f"keras{bounds}", version)
    assert found.state == (OK if fits else BROKEN)
    if not fits:
        assert found.remedy == f"python -m pip install 'keras{bounds}'" and version in found.found


def test_what_is_not_installed_or_too_old_is_named():
    (found,) = _versions("keras>=3", "")
    assert found.as_line() == ("broken  keras: not installed; python -m pip install 'keras>=3'.")
    python, _ = _versions("keras>=3", "3.1", python=(3, 10))
    assert python.state == BROKEN and "3.11" in python.remedy
    assert machine.check_versions(["cdflib>=1; extra == 'motion'"], {}, (3, 11)) == []


@pytest.mark.parametrize(
    ("seen", "state", "words"),
    [
        (([], False, False), OK, "none; training runs on the CPU"),
        (([], True, True), BROKEN, "tensorflow[and-cuda]"),
        (([], True, False), BROKEN, "not tensorflow-cpu"),
        ((["GPU:0"], True, True, False), BROKEN, "product on the first fails"),
        ((["GPU:0"], True, True), OK, "1 usable (GPU:0)"),
    ],
)
def test_gpus_that_cannot_be_used_say_why(seen, state, words):
    found = machine.check_devices(*seen)
    assert found.state == state and words in found.as_line()


def test_limits_disk_and_litert():
    files, shared = machine.check_limits(256, 0.06)
    assert (files.state, shared.state) == (BROKEN, NOTE)
    assert "ulimit -n 4096" in files.remedy and "--shm-size" in shared.remedy
    assert [one.state for one in machine.check_limits(-1, None)] == [OK, OK]
    assert machine.check_disk("/run", 0.5, True).state == BROKEN
    assert "name another --model_dir" in machine.check_disk("/run", 50.0, False).as_line()
    assert machine.check_disk("/run", 50.0, True).state == OK
    assert machine.check_litert(ImportError("libX.so")).state == BROKEN
    assert machine.check_litert(None).state == OK


def _workers(*addresses, index=0):
    content = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {"TF_CONFIG": json.dumps(content)}


def test_workers_that_cannot_meet():
    assert runs.check_workers({}).state == OK
    broken = runs.check_workers({"TF_CONFIG": "{"})
    assert broken.state == BROKEN and "no JSON" in broken.found and "or unset it" in broken.remedy
    unknown = runs.check_workers(_workers("localhost:0", "localhost:1"))
    assert unknown.state == BROKEN and "'localhost:0' is no address" in unknown.found
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        mine = runs.check_workers(_workers(f"localhost:{port}", "localhost:1"))
        assert mine.state == BROKEN and f"port {port}" in mine.found
        assert runs.check_workers(_workers(f"localhost:{port}", "localhost:9", index=1)).state == OK
    quiet = runs.check_workers(_workers(f"localhost:{port}", "localhost:1"))
    assert quiet.state == NOTE and "nothing answers at localhost:1" in quiet.found
    lost = runs.check_workers(_workers(f"localhost:{port}", "no-such-host.invalid:1"))
    assert lost.state == BROKEN and "no-such-host.invalid:1" in lost.found


def test_the_strategy_that_auto_picks():
    assert runs.check_strategy("auto", 0, {}).found == "--strategy=auto is one_device"
    pair = _workers("localhost:5", "localhost:6")
    assert runs.check_strategy("auto", 8, pair).found == "--strategy=auto is multi_worker"
    assert runs.check_strategy("mirrored", 0, {}).state == BROKEN


def test_data_that_cannot_be_read(tmp_path, monkeypatch):
    assert runs.check_data(str(tmp_path / "nowhere")).state == BROKEN
    assert "nothing lies there" in runs.check_data(str(tmp_path)).found
    (tmp_path / "one").write_bytes(b"1")
    assert runs.check_data(str(tmp_path)).found == "1 files, all of which can be opened"
    os.symlink(tmp_path / "gone", tmp_path / "two")
    found = runs.check_data(str(tmp_path))
    assert found.state == BROKEN and f"{tmp_path}/two cannot be read" in found.found


def test_runs_and_their_checkpoints(tmp_path):
    (none,) = runs.check_run_folder(str(tmp_path))
    assert none.state == OK
    model = type("Model", (), {"optimizers": []})()
    model.variables = [type("Variable", (), {"value": tf.Variable([1.0, 2.0])})()]
    checkpoints = Checkpoints(model, str(tmp_path / "checkpoints"), keep=3)
    checkpoints.save(1)
    (lost,) = runs.check_run_folder(str(tmp_path))
    assert lost.state == BROKEN and "without run.json" in lost.found
    (tmp_path / "run.json").write_text('{"method": "tips", "config": {}, "finished": true}')
    run, newest = runs.check_run_folder(str(tmp_path))
    assert run.found == "tips, finished" and newest.found == "the newest whole one is of step 1"
    checkpoints.save(2)
    (tmp_path / "checkpoints" / "step-2.data-00000-of-00001").write_bytes(b"")
    _, noted = runs.check_run_folder(str(tmp_path))
    assert noted.state == NOTE and "[2] damaged, the newest whole one is of step 1" in noted.found
    (tmp_path / "checkpoints" / "step-1.index").write_bytes(b"")
    _, broken = runs.check_run_folder(str(tmp_path))
    assert broken.state == BROKEN and "--restart" in broken.remedy
    (tmp_path / "run.json").write_text("{")
    (record,) = runs.check_run_folder(str(tmp_path))
    assert record.state == BROKEN and "restore it or retrain" in record.remedy


def test_the_command_prints_lines_or_json_and_exits_with_1(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(machine, "measured_disk", lambda folder: (folder, 100.0, True))
    monkeypatch.setattr(machine, "measured_limits", lambda: (65536, 8.0))
    examination.main(Settings(model_dir=str(tmp_path)))
    assert "    ok  strategy: --strategy=auto is one_device." in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        examination.main(Settings(data_dir=str(tmp_path / "none"), json=True))
    assert ended.value.code == 1
    content = json.loads(capsys.readouterr().out)
    assert content["broken"] is True
    assert [one["state"] for one in content["findings"] if one["state"] != OK] == [BROKEN]


def test_this_machine_has_what_is_asked_for():
    _, installed = machine.installed_versions()
    assert installed["keras"] == importlib.metadata.version("keras")
