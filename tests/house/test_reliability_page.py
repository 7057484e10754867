"""docs/reliability.md is what tests said of themselves, and every test that bears rows has said them."""

import re
from pathlib import Path

import pytest

from tools import reliability

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_rows():
    rows = reliability.read_rows()
    assert rows and reliability.PAGE.read_text(encoding="utf-8") == reliability.page_text(rows)


def test_every_row_is_of_a_test_that_is_there():
    assert [test for test in reliability.read_rows() if not reliability.is_there(test)] == []


@pytest.mark.long
def test_every_test_that_bears_rows_has_written_them():
    """Long, for rows are written when the long tests are run, not by who adds a test."""
    rows = reliability.read_rows()
    written = {test.partition("[")[0] for test in rows}
    marked = re.compile(
        r"@pytest\.mark\.fault(?:\n|\().*?^def (test_\w+)", re.MULTILINE | re.DOTALL
    )
    silent = [
        f"{path.relative_to(ROOT).as_posix()}::{name}"
        for path in reliability.marked_tests()
        for name in marked.findall(path.read_text(encoding="utf-8"))
        if f"{path.relative_to(ROOT).as_posix()}::{name}" not in written
    ]
    assert silent == [], (
        "run `python -m tools.reliability --run` (--long for those of many minutes)"
    )


@pytest.mark.parametrize("outcome", ["passed", "failed", "skipped"])
def test_only_passed_tests_write_rows(tmp_path, outcome):
    row = '{"fault": "a & b", "happened": "c"}'
    inner = {
        "passed": "",
        "failed": '<failure message="no"/>',
        "skipped": '<skipped message="not now"/>',
    }[outcome]
    value = row.replace("&", "&amp;").replace('"', "&quot;")
    junit = tmp_path / "report.xml"
    junit.write_text(
        '<testsuites><testsuite><testcase file="tests/a/test_b.py" name="test_c[d]"><properties>'
        f'<property name="fault" value="{value}"/></properties>{inner}</testcase>'
        "</testsuite></testsuites>"
    )
    expected = {
        "passed": {"tests/a/test_b.py::test_c[d]": [{"fault": "a & b", "happened": "c"}]},
        "failed": {"tests/a/test_b.py::test_c[d]": []},
        "skipped": {},
    }[outcome]
    assert reliability.rows_of(junit) == expected
    text = reliability.page_text(reliability.rows_of(junit))
    line = "| a & b | each | c | nothing | [b](../tests/a/test_b.py) |"
    assert (line in text.splitlines()) == (outcome == "passed")
