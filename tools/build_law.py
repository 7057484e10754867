"""Writes the BUILD files from the real imports, and says where BUILD, imports and levels disagree.

`python -m tools.build_law` prints every disagreement and exits 1 if there is one; with `--write`
it first rewrites the BUILD files. What a room may import is written down here once, in `MAY_IMPORT`
and `MAY_USE`; tests/house runs the same check.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.build_files import build_files
from tools.imports import PACKAGE, Imports, imports_of, is_binary

ROOT = Path(__file__).parents[1]

_NUMBERS = ("skeletons", "geometry")
_SHARED = (*_NUMBERS, "files", "data_service", "train", "codecs", "losses", "layers", "metrics")
_RECORDS = ("data/labels", "data/pictures", "data/records")
_WINGS = (*_RECORDS, "data/motion", "data/views", "data/datasets", "data/generated", "data/doctor")
_BELOW_SERVING = (*_SHARED, *_WINGS, "data", "viz", "export")
_BELOW_METHODS = (*_BELOW_SERVING, "serving")
# Strictly downward; the same level never, except inside a room. `train` and `files` serve every method
# and therefore know nothing of poses. A wing of `data` is a room of its own.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "files": (),
    "skeletons": (),
    "geometry": ("skeletons",),
    # What trainers and input workers say to each other.
    "data_service": (),
    "train": ("files", "data_service"),
    "codecs": _NUMBERS,
    "losses": _NUMBERS,
    # Weights come from files of torch or of this package.
    "layers": (*_NUMBERS, "files", "train"),
    "metrics": _NUMBERS,
    "data/labels": _SHARED,
    "data/pictures": _SHARED,
    "data/records": _SHARED,
    "data/motion": (*_SHARED, "data/labels"),
    "data/views": (*_SHARED, *_RECORDS),
    "data/datasets": (*_SHARED, *_RECORDS),
    "data/doctor": (*_SHARED, *_RECORDS),
    "data/generated": (*_SHARED, *_RECORDS, "data/motion"),
    # `prepare` alone, which turns any source into records.
    "data": (*_SHARED, *_WINGS),
    "viz": _SHARED,
    "export": _SHARED,
    "serving": _BELOW_SERVING,
    "weights": _BELOW_METHODS,
    # What networks of one kind share.
    "hands": _BELOW_METHODS,
    "bodies": _BELOW_METHODS,
    "lifting": _BELOW_METHODS,
    "peclr": (*_BELOW_METHODS, "hands"),
    "hand_pose": (*_BELOW_METHODS, "hands", "weights"),
    # A student may import its teacher; otherwise no method imports another.
    "hand_student": (*_BELOW_METHODS, "hands", "hand_pose"),
    "wild3d": (*_BELOW_METHODS, "bodies", "weights"),
    "tips": (*_BELOW_METHODS, "lifting"),
    "lifter_student": (*_BELOW_METHODS, "lifting", "tips"),
    "lifter_motion": (*_BELOW_METHODS, "lifting", "tips", "lifter_student"),
    # Above the methods.
    "predict": _BELOW_METHODS,
    "pseudo_labels": _BELOW_METHODS,
    "equivariance": (*_BELOW_METHODS, "hands", "peclr", "hand_pose", "hand_student"),
    "demo": (*_BELOW_METHODS, "lifting", "tips"),
    "doctor": _BELOW_SERVING,
}
METHODS = (
    "peclr",
    "hand_pose",
    "hand_student",
    "wild3d",
    "tips",
    "lifter_student",
    "lifter_motion",
)
METHOD_BUDGET = 1600
"""Lines of a method's folder, all its files together."""
_ANY_DEPENDENCY = (
    "absl",
    "PIL",
    "ai_edge_litert",
    "cv2",
    "flatbuffers",
    "google",
    "h5py",
    "keras",
    "numpy",
    "tensorboard",
    "tensorflow",
)
# Rooms whose numbers must not depend on the backend name their libraries; the others may use any
# dependency that setup.py declares.
MAY_USE: dict[str, tuple[str, ...]] = {
    "files": (*_ANY_DEPENDENCY, "scipy"),
    "skeletons": ("numpy",),
    "geometry": ("keras", "numpy"),
    "codecs": ("keras", "numpy"),
    "losses": ("keras", "numpy"),
    # TensorFlow only inside functions, where it is the backend: its fused batch normalisation, and
    # whether a `tf.distribute` replica is running.
    "layers": ("keras", "numpy", "tensorflow"),
    "metrics": ("keras", "numpy"),
    # SciPy reads MATLAB files and cdflib CDF files, inside the functions that need them
    # (docs/dependencies.md).
    "data/datasets": (*_ANY_DEPENDENCY, "cdflib", "scipy"),
    "data/motion": (*_ANY_DEPENDENCY, "scipy"),
}
# The modules below the binaries that may read flags.
_FLAG_MODULES = (f"{PACKAGE}/train/config.py", f"{PACKAGE}/train/binary.py")


def rooms(root: Path = ROOT) -> tuple[str, ...]:
    """Return the names of the rooms that exist, wings too: folders with an `__init__.py`."""
    package = root / PACKAGE
    paths = package.rglob("*/__init__.py")
    return tuple(sorted(path.parent.relative_to(package).as_posix() for path in paths))


def import_faults(root: Path = ROOT) -> Iterator[str]:
    """Sentences about imports that go up, sideways or outside the declared dependencies.

    Args:
        root: the checkout.

    Yields:
        One sentence per fault, with file and remedy.
    """
    for room in rooms(root):
        if room not in MAY_IMPORT:
            yield f"{PACKAGE}/{room}: the room has no level; add it to MAY_IMPORT or rename it"
            continue
        for path in sorted((root / PACKAGE / room).glob("*.py")):
            yield from _faults_of_file(path, room, imports_of(path, root), root)


def _faults_of_file(path: Path, room: str, imports: Imports, root: Path) -> Iterator[str]:
    file = path.relative_to(root).as_posix()
    for folder in sorted(imports.rooms - {PACKAGE, f"{PACKAGE}/{room}"}):
        other = folder.removeprefix(f"{PACKAGE}/")
        if other not in MAY_IMPORT[room]:
            yield f"{file}: {room} may not import {other}; move the code down or take an argument"
    for name in sorted(imports.third_party - set(MAY_USE.get(room, _ANY_DEPENDENCY))):
        yield f"{file}: {room} may not use {name}; do without it or allow it in setup.py and here"
    if "absl" in imports.third_party and file not in _FLAG_MODULES and not is_binary(path):
        yield f"{file}: absl belongs to {_FLAG_MODULES[0]} and binaries; take a config as argument"


def build_faults(root: Path = ROOT) -> Iterator[str]:
    """Sentences about BUILD files whose `deps` are not what the code imports.

    The declared side is parsed from the file, the real side from the code, so a BUILD file edited
    by hand is judged by what it says.

    Args:
        root: the checkout.

    Yields:
        One sentence per undeclared import, needless dependency, or missing or stray file.
    """
    for folder, declared in _declared_libraries(root).items():
        files = sorted((root / folder).glob("*.py"))
        real = set().union(*(imports_of(file, root).rooms for file in files)) - {folder}
        if folder != PACKAGE:
            real |= {PACKAGE}  # `import keras_pose.geometry` runs keras_pose/__init__.py first.
        for name in sorted(real - declared):
            yield f"{folder}/BUILD: {name} is imported but not in deps"
        for name in sorted(declared - real):
            yield f"{folder}/BUILD: {name} is in deps but not imported"
    wanted = build_files(root)
    present = {path.relative_to(root).as_posix() for path in _build_paths(root)}
    for file in sorted(present | set(wanted)):
        if file not in wanted:
            yield f"{file}: this folder needs no BUILD file; remove it"
        elif file not in present or (root / file).read_text(encoding="utf-8") != wanted[file]:
            yield f"{file}: out of date; run python -m tools.build_law --write"


def _build_paths(root: Path) -> list[Path]:
    folders = (PACKAGE, "benchmarks", "tests", "tools")
    found = [path for folder in folders for path in (root / folder).rglob("BUILD")]
    return [*root.glob("BUILD"), *(path for path in found if "bazel_offline" not in path.parts)]


def _declared_libraries(root: Path) -> dict[str, set[str]]:
    """Folder of each room -> folders that the `py_library` named like the room declares."""
    declared = {}
    for folder in (PACKAGE, *(f"{PACKAGE}/{room}" for room in rooms(root))):
        path = root / folder / "BUILD"
        calls = parse_build(path) if path.exists() else []
        libraries = [call for call in calls if call["rule"] == "py_library"]
        labels = [label for library in libraries for label in library.get("deps", ())]
        declared[folder] = {label.removeprefix("//").split(":")[0] for label in labels}
    return declared


def parse_build(path: Path) -> list[dict]:
    """Read the calls of a BUILD file; Starlark calls are valid Python.

    Args:
        path: a BUILD file.

    Returns:
        One dict per top-level call: `rule` plus every keyword whose value is a literal.
    """
    calls = []
    for node in ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call: dict = {"rule": getattr(node.value.func, "id", "")}
            for keyword in node.value.keywords:
                try:
                    call[str(keyword.arg)] = ast.literal_eval(keyword.value)
                except ValueError:  # glob(...) is no literal.
                    continue
            calls.append(call)
    return calls


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: words after the program's name; those of the process if None.

    Returns:
        Exit code: 0 if the law holds.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="rewrite the BUILD files first")
    if parser.parse_args(arguments).write:
        wanted = build_files(ROOT)
        for path in _build_paths(ROOT):
            if path.relative_to(ROOT).as_posix() not in wanted:
                path.unlink()
        for file, text in wanted.items():
            (ROOT / file).write_text(text, encoding="utf-8")
    faults = [*import_faults(), *build_faults()]
    print("\n".join(faults) if faults else "BUILD files, imports and levels agree.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
