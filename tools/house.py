"""Prints the size and the structure of the house, of now and of an earlier commit side by side.

`python -m tools.house --before=<commit> > docs/results/house.md`. Everything is read from the files of
the two trees; nothing is run.
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.build_law import METHODS
from tools.imports import PACKAGE, imports_of

ROOT = Path(__file__).parents[1]
# Modules in which the settings of a command are declared: today's, and those of earlier trees.
_CONFIGS = {
    "the phone's hand network": ("hand_student.config", "peclr.student_config"),
    "Wild3D": ("wild3d.config",),
}


def house_rows(root: Path) -> Iterator[tuple[str, str]]:
    """Measure one tree.

    Args:
        root: a checkout.

    Yields:
        What is measured and its value, for a row of a table.
    """
    package, tests = root / PACKAGE, root / "tests"
    files = sorted(package.rglob("*.py"))
    code, test = _lines(files), _lines(tests.rglob("*.py"))
    folders = sorted({path.parent for path in files})
    largest = max(folders, key=lambda folder: len(list(folder.glob("*.py"))))
    yield "Python files of the package", str(len(files))
    yield "lines of the package", f"{code:,}"
    yield "lines of tests", f"{test:,}"
    yield "lines of tests over lines of the package", f"{test / code:.2f}"
    yield "folders", str(len(folders))
    name = largest.relative_to(package).as_posix()
    yield "files in the largest folder", f"{len(list(largest.glob('*.py')))} (`{name}`)"
    longest = max(files, key=lambda path: _lines([path]))
    yield "lines of the longest file", f"{_lines([longest])}"
    arrows = _arrows(root, files)
    between = sum(arrows.values())
    yield "imports of modules from one folder into another", f"{between:,}"
    yield "pairs of folders, one of which imports the other", f"{len(arrows):,}"
    wings = {pair for pair in arrows if all("/data/" in f"{folder}/" for folder in pair)}
    yield "pairs of wings of `data`, one of which imports the other", str(len(wings))
    for method in METHODS:
        if (package / method).is_dir():
            yield f"lines of `{method}`", f"{_lines((package / method).rglob('*.py')):,}"
    for what, modules in _CONFIGS.items():
        names = {f"{PACKAGE}.{module}" for module in modules}
        users = [path for path in files if names & _modules(path, root)]
        yield f"files that import the settings of {what}", str(len(users))


def _lines(paths):
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def _modules(path, root):
    """Modules that a file imports, and those that its imported names come from."""
    found = imports_of(path, root).modules
    return found | {module.rpartition(".")[0] for module in found}


def _arrows(root, files):
    """(folder, imported folder) to the number of imports."""
    known = {path.parent for path in files}
    arrows: dict[tuple[str, str], int] = {}
    for path in files:
        here = path.parent.relative_to(root).as_posix()
        for module in imports_of(path, root).modules:
            target = root.joinpath(*module.split("."))
            while target not in known:
                target = target.parent
            there = target.relative_to(root).as_posix()
            if there not in (here, PACKAGE):
                arrows[here, there] = arrows.get((here, there), 0) + 1
    return arrows


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: words after the program's name; those of the process if None.

    Returns:
        Exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", required=True, help="commit of the earlier tree")
    before = parser.parse_args(arguments).before
    command = ["git", "-C", str(ROOT), "archive", before, PACKAGE, "tests"]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        old = dict(house_rows(Path(folder)))
    new = dict(house_rows(ROOT))
    print("# The house before and after it was redrawn\n")
    print(f"Printed by `python -m tools.house --before={before}`.\n")
    print(f"| what | {before} | now |\n|---|---|---|")
    for what in [*new, *(what for what in old if what not in new)]:
        print(f"| {what} | {old.get(what, '-')} | {new.get(what, '-')} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
