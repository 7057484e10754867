"""A run folder has one writer: alive it is named, dead it is forgotten, on this machine and others."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from keras_pose.train.lease import LEASE_FILE, Lease, _this_process


def _write(folder, **changes):
    content = {"token": "theirs", "beat": 0} | _this_process() | changes
    (folder / LEASE_FILE).write_text(json.dumps(content))


@pytest.mark.fault(
    fault="another process writes to the run folder",
    happened="refused with its pid and host",
)
def test_a_second_writer_is_refused_and_the_first_leaves_nothing(tmp_path):
    folder = tmp_path / "run"
    with Lease(str(folder)) as first, Lease(str(folder)) as second:
        assert not folder.exists(), "nothing is made before it is needed"
        first.acquire()
        first.acquire()
        with pytest.raises(ValueError, match=f"run is in use by process {os.getpid()} on .*; wait"):
            second.acquire()
        assert sorted(os.listdir(folder)) == [LEASE_FILE]
    assert os.listdir(folder) == []
    with Lease(str(folder)) as third:
        third.acquire()


@pytest.mark.fault(
    fault="the process that held the run folder was killed",
    happened="forgotten at once",
)
def test_a_dead_process_of_this_machine_is_forgotten_at_once(tmp_path):
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
    _write(tmp_path, pid=int(child.stdout), started="1")
    began = time.monotonic()
    with Lease(str(tmp_path)) as lease:
        lease.acquire()
    assert time.monotonic() - began < 2


def test_a_number_that_another_process_bears_now_does_not_count(tmp_path):
    _write(tmp_path, started="1")
    with Lease(str(tmp_path)) as lease:
        lease.acquire()


@pytest.mark.fault(
    fault="the run folder is held from another host",
    happened="refused while its beat goes on; taken when it has stopped",
)
def test_a_process_elsewhere_is_told_by_its_beat(tmp_path, capsys):
    _write(tmp_path, host="elsewhere", pid=7)
    done = threading.Event()

    def beat():
        number = 0
        while not done.wait(0.02):
            number += 1
            aside = tmp_path / "aside"
            aside.write_text(
                json.dumps({"token": "theirs", "pid": 7, "host": "elsewhere", "beat": number})
            )
            os.replace(aside, tmp_path / LEASE_FILE)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with (
            Lease(str(tmp_path), beat_s=0.1) as lease,
            pytest.raises(ValueError, match="in use by process 7 on elsewhere"),
        ):
            lease.acquire()
    finally:
        done.set()
        thread.join()
    # Its beat has stopped; clocks are not compared.
    with Lease(str(tmp_path), beat_s=0.1) as lease:
        lease.acquire()
        assert "watching for 0 s" in capsys.readouterr().err
        assert json.loads((tmp_path / LEASE_FILE).read_text())["pid"] == os.getpid()


@pytest.mark.fault(
    fault="a process stood still and lost the run folder",
    happened="it writes nothing more and says who has it",
)
def test_who_stood_still_and_was_replaced_writes_no_more(tmp_path):
    with Lease(str(tmp_path), beat_s=0.01) as lease:
        lease.acquire()
        lease.check()
        _write(tmp_path, host="elsewhere", pid=9)
        end = time.monotonic() + 10
        with pytest.raises(ValueError, match="taken over by process 9 on elsewhere while"):
            while time.monotonic() < end:
                lease.check()
                time.sleep(0.01)
    assert json.loads((tmp_path / LEASE_FILE).read_text())["token"] == "theirs"


@pytest.mark.fault(
    fault="the file of the lease is cut off",
    happened="it belongs to nobody",
)
def test_half_a_file_belongs_to_nobody(tmp_path):
    (tmp_path / LEASE_FILE).write_text('{"pid": ')
    with Lease(str(tmp_path), beat_s=0.02) as lease:
        lease.acquire()


@pytest.mark.fault(
    fault="the run folder cannot be written",
    happened="one sentence before anything is trained",
)
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        Lease(str(tmp_path / "file" / "run")) as lease,
        pytest.raises(OSError, match="--model_dir=.*run: nothing can be written there .Not a dir"),
    ):
        lease.acquire()
