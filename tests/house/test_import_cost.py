"""Importing the package or its lowest room loads no framework and changes nothing."""

import json
import subprocess
import sys

import pytest

import keras_pose

_REPORT = """
import json, os, sys
before = dict(os.environ)
import {module}
print(json.dumps({{
    "frameworks": sorted({{"tensorflow", "keras", "cv2", "absl"}} & set(sys.modules)),
    "environment": dict(os.environ) == before,
}}))
"""


@pytest.mark.parametrize("module", ["keras_pose", "keras_pose.skeletons"])
def test_import_loads_no_framework(module):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _REPORT.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )
    # One line: the import itself printed nothing.
    assert json.loads(done.stdout) == {"frameworks": [], "environment": True}
    assert done.stderr == ""


def test_version_is_three_numbers():
    assert [part.isdigit() for part in keras_pose.__version__.split(".")] == [True] * 3
