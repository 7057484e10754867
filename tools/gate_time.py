"""Plugin of pytest that prints what each test file costs in processor time: where the gate's minutes go.

`make test` loads it. Alone: `python -m pytest -p tools.gate_time --dearest=400 tests/wild3d`. Processor
time is that of the test's process and of the processes that it started, so that a busy machine says
nearly the same as a quiet one; set-up that several tests share counts for the first of them.
"""

import contextlib
import os
from collections import Counter
from pathlib import Path

import pytest

_read_at = 0.0
_seconds: Counter[str] = Counter()
_tests: Counter[str] = Counter()


def _processor_seconds() -> float:
    """Seconds of this process, of those that it waited for, and of those that still run."""
    ticks = 0
    for started in Path("/proc/self/task").glob("*/children"):
        # A thread or a process may end while it is looked at.
        with contextlib.suppress(OSError):
            for number in started.read_text().split():
                # Behind the name, which may hold blanks: utime, stime, cutime, cstime.
                words = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(int(word) for word in words[11:15])
    return sum(os.times()[:4]) + ticks / os.sysconf("SC_CLK_TCK")


def pytest_addoption(parser):
    """Take the length of the table."""
    parser.addoption(
        "--dearest", type=int, default=20, help="test files in the table of processor time"
    )


def pytest_runtest_logstart():
    """Begin to count: what went before belongs to no test."""
    global _read_at
    _read_at = _processor_seconds()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    """Write the seconds since the last report into the report, which crosses to the first process."""
    global _read_at
    report = (yield).get_result()
    now = _processor_seconds()
    report.processor_seconds, _read_at = now - _read_at, now


def pytest_runtest_logreport(report):
    """Add up per file."""
    path = report.nodeid.split("::")[0]
    _seconds[path] += getattr(report, "processor_seconds", 0.0)
    _tests[path] += report.when == "call"


def pytest_terminal_summary(terminalreporter, config):
    """Print the dearest files."""
    terminalreporter.section(f"processor seconds: {_seconds.total():.0f} in all")
    for path, seconds in _seconds.most_common(config.getoption("dearest")):
        terminalreporter.line(f"{seconds:8.1f} {_tests[path]:5d} tests  {path}")
