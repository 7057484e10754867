"""Every command says what it takes, and refuses a wrong flag, without importing TensorFlow."""

import json
import re
import subprocess
import sys

import pytest

from tests.train.command_server import ROOT, environment

# What `setup.py` installs, and the commands that have no script.
MODULES = sorted(
    set(re.findall(r"= (keras_pose\.(?!__main__)[\w.]*):run_main", (ROOT / "setup.py").read_text()))
    | {"keras_pose.data.check", "keras_pose.tips.demo"}
)
# Runs a command twice in one process: --help ends it before any flag is defined.
_CHILD = """
import io, json, resource, runpy, sys, contextlib
module = sys.argv[1]
report = {}
for name, word in (("help", "--help"), ("wrong", "--nonsense=1")):
    sys.argv = [module, word]
    said, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as end:
            code = end.code
    report[name] = {"code": code, "said": said.getvalue(), "told": told.getvalue()}
used = resource.getrusage(resource.RUSAGE_SELF)
report["seconds"] = used.ru_utime + used.ru_stime
report["heavy"] = sorted({"tensorflow", "keras", "cv2"} & set(sys.modules))
print(json.dumps(report))
"""


def _report(module):
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, module],
        capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=120,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", MODULES)
def test_help_and_a_wrong_flag_cost_no_tensorflow(module):
    report = _report(module)
    assert report["heavy"] == []
    assert report["seconds"] < 2
    assert report["help"]["code"] == 0
    lines = report["help"]["said"].splitlines()
    assert lines[0].startswith("Usage: ") and max(map(len, lines)) <= 110
    # Flags stand under a title, and each of the command's own is there with its default.
    assert any(line.startswith("  --") and "=" in line for line in lines)
    assert [line for line in lines if re.fullmatch(r"[A-Z][\w ]+:", line)]
    assert report["wrong"]["code"] == 1 and report["wrong"]["said"] == ""
    assert report["wrong"]["told"].splitlines()[-1].startswith("ERROR: Unknown command line flag")


def test_flags_of_a_training_stand_in_groups_with_defaults():
    lines = _report("keras_pose.tips.train")["help"]["said"].splitlines()
    titles = [line for line in lines if re.fullmatch(r"[A-Z][\w ]+:", line)]
    assert titles[:2] == ["Data:", "Geometry:"] and len(titles) == len(set(titles))
    flag = lines.index("  --azimuth_range_deg=160.0")
    assert lines[flag + 1].endswith("From 0.0 to 180.0.")
    # The last group but one is what all trainers share.
    assert titles.index("Where and how:") < lines.index("  --model_dir=")
