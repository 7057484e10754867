"""Writes docs/reliability.md from what tests marked `fault` say of themselves when they pass.

`python -m tools.reliability --run` runs them and keeps their rows in docs/results/reliability.json;
with `--long` also those that take many minutes (KERAS_POSE_KILLS and KERAS_POSE_REPLICAS say how much
they do); `--junit=FILE` takes the rows of a run made elsewhere. Without any of them it writes the page
from the rows that are there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS, PAGE = ROOT / "docs" / "results" / "reliability.json", ROOT / "docs" / "reliability.md"
_COLUMNS = ("fault", "trainer", "happened", "lost")
_OPENING = """# What goes wrong, and what is lost

Every row was written by a test that passed: `python -m tools.reliability --run`, with `--long` for those
that kill every trainer at random steps. Where it says *each*, all trainers share the code that is tested.

| fault | trainer | what happened | what was lost | test |
|---|---|---|---|---|
"""


def marked_tests() -> list[Path]:
    """Return the test files that bear rows."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [path for path in files if "mark.fault" in path.read_text(encoding="utf-8")]


def rows_of(junit: Path) -> dict[str, list[dict[str, str]]]:
    """Read what the passed tests of a report say.

    Args:
        junit: report of pytest in the family xunit1.

    Returns:
        Rows by test, `tests/room/test_file.py::test_name[case]`, of every test that ran; of one that
        failed, no rows.
    """
    found: dict[str, list[dict[str, str]]] = {}
    for case in ElementTree.parse(junit).iter("testcase"):
        if case.find("skipped") is not None:
            continue
        test = f"{case.get('file')}::{case.get('name')}"
        found[test] = []
        if case.find("failure") is None and case.find("error") is None:
            for entry in case.iter("property"):
                if entry.get("name") == "fault":
                    found[test].append(json.loads(entry.get("value", "")))
    return found


def read_rows() -> dict[str, list[dict[str, str]]]:
    """Return the rows that are kept, by test."""
    return json.loads(ROWS.read_text(encoding="utf-8")) if ROWS.exists() else {}


def is_there(test: str) -> bool:
    """Return whether a test of the rows still exists.

    Args:
        test: as in `rows_of`.
    """
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(
        encoding="utf-8"
    )


def page_text(rows: dict[str, list[dict[str, str]]]) -> str:
    """Set rows as the page.

    Args:
        rows: by test.
    """
    lines = []
    for test in sorted(rows):
        path = test.partition("::")[0]
        link = f"[{Path(path).stem.removeprefix('test_')}](../{path})"
        # Several cases of one test that say the same are one row.
        for row in rows[test]:
            cells = [row.get(name, "each" if name == "trainer" else "nothing") for name in _COLUMNS]
            lines.append("| " + " | ".join([*cells, link]) + " |")
    return _OPENING + "\n".join(dict.fromkeys(lines)) + "\n"


def run_tests(files: Iterable[Path], junit: Path, is_long: bool) -> int:
    """Run the marked tests of some files.

    Args:
        files: test files.
        junit: where the report goes.
        is_long: also those of many minutes.

    Returns:
        Exit code of pytest.
    """
    long_tests = {"KERAS_POSE_LONG_TESTS": "1"} if is_long else {}
    names = [path.relative_to(ROOT).as_posix() for path in files]
    options = ["-q", "-m", "fault", "-o", "junit_family=xunit1", f"--junitxml={junit}"]
    command = [sys.executable, "-m", "pytest", *options, *names]
    return subprocess.run(command, cwd=ROOT, env=os.environ | long_tests, check=False).returncode


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", action="store_true", help="run the marked tests of the gate")
    parser.add_argument("--long", action="store_true", help="run those of many minutes too")
    parser.add_argument("--only", default="", help="with --run: files whose path holds this")
    parser.add_argument("--junit", default="", help="a report of a run made elsewhere")
    chosen = parser.parse_args(arguments)
    rows, code = read_rows(), 0
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(chosen.junit or Path(folder) / "report.xml")
        if chosen.run or chosen.long:
            files = [path for path in marked_tests() if chosen.only in path.as_posix()]
            code = run_tests(files, junit, chosen.long)
        if junit.exists():
            rows |= rows_of(junit)
    rows = {test: said for test, said in sorted(rows.items()) if said and is_there(test)}
    ROWS.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page_text(rows), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {sum(map(len, rows.values()))} rows of {len(rows)} tests")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
