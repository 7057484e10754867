"""Entry point of every py_test target: hands the test file that Bazel names to pytest."""

import sys
from pathlib import Path

# Python puts this file's folder first, whose subfolders are named like rooms.
sys.path.pop(0)

import pytest  # noqa: E402

if __name__ == "__main__":
    root = Path(__file__).parents[1]
    options = [f"--rootdir={root}", f"--config-file={root / 'pyproject.toml'}"]
    # Bazel's run folder is not ours to write into.
    sys.exit(pytest.main([*options, "-p", "no:cacheprovider", *sys.argv[1:]]))
