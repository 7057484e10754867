import builtins
import os
import signal
import subprocess
import sys

import pytest

from keras_pose.export import child


@pytest.fixture(autouse=True)
def _no_child_is_left():
    child.close_child()
    yield
    child.close_child()


def test_calls_share_a_child_until_it_had_enough(monkeypatch):
    monkeypatch.setattr(child, "MOST_CALLS", 2)
    first, second, third = (child.call_in_child(os.getpid) for _ in range(3))
    assert os.getpid() != first == second != third
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_child_sees_no_gpu_and_what_it_prints_is_no_answer():
    assert child.call_in_child(os.getenv, "CUDA_VISIBLE_DEVICES") == "-1"
    assert child.call_in_child(os.system, "echo printed") == 0
    assert child.call_in_child(builtins.print, "printed") is None
    assert child.call_in_child(bytes, 3) == b"\0\0\0"


def test_errors_come_back_and_the_child_stays():
    before = child.call_in_child(os.getpid)
    with pytest.raises(ValueError, match=r"^invalid literal for int\(\) with base 10: 'x'$"):
        child.call_in_child(int, "x")
    with pytest.raises(RuntimeError, match="^FileNotFoundError: .*/no/such"):
        child.call_in_child(os.listdir, "/no/such")
    assert child.call_in_child(os.getpid) == before


def test_a_crash_is_told_and_the_next_call_works():
    with pytest.raises(RuntimeError, match=r"^its child process was ended by SIGABRT"):
        child.call_in_child(os.abort)
    with pytest.raises(RuntimeError, match=r"^its child process ended with 3$"):
        child.call_in_child(os._exit, 3)
    first = child.call_in_child(os.getpid)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert child.call_in_child(os.getpid) != first


def test_a_script_without_main_guard_runs_once(tmp_path):
    script = tmp_path / "convert.py"
    script.write_text(
        # By its path: this is about the script, and the whole package takes seconds to import.
        f"import os, runpy\ncall = runpy.run_path({child.__file__!r})['call_in_child']\n"
        "print('begun', call(os.path.basename, 'a/b'))\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "begun b\n"
