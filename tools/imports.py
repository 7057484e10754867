"""Which rooms and which third-party packages a Python file of this project really imports.

Read from the syntax tree, so lazy imports inside functions count and nothing is executed.
"""

import ast
import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "keras_pose"
# Top-level folders of this project that Python code can be imported from.
OWN_ROOTS = (PACKAGE, "benchmarks", "tests", "tools")
# Names of the package itself, which are no rooms.
_OWN_NAMES = ("ROOMS", "lazy_names")
_WINGS = {
    (path.parts[-3], path.parts[-2])
    for path in (Path(__file__).parents[1] / PACKAGE).glob("*/*/__init__.py")
}


@dataclasses.dataclass(frozen=True)
class Imports:
    """What one file imports.

    Attributes:
        modules: absolute dotted names inside this project: `keras_pose.geometry.camera`.
        third_party: top-level names outside this project and the standard library: `keras`.
    """

    modules: frozenset[str]
    third_party: frozenset[str]

    @property
    def rooms(self) -> frozenset[str]:
        """Folders of this project, `keras_pose/geometry` or `benchmarks`, that must be there."""
        return frozenset(folder_of(module) for module in self.modules)


def imports_of(path: Path, root: Path) -> Imports:
    """Parse one file and name everything it imports.

    Args:
        path: a Python file below `root`.
        root: the checkout.

    Returns:
        Its imports; relative ones are made absolute.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    here = path.relative_to(root).with_suffix("").parts
    names = set(_imported_names(tree, here))
    if here[0] in ("tests", "benchmarks"):
        names.update(_names_in_strings(tree))
    own = {name for name in names if name.split(".")[0] in OWN_ROOTS}
    foreign = {name.split(".")[0] for name in names - own} - set(sys.stdlib_module_names)
    return Imports(frozenset(own), frozenset(foreign))


def is_binary(path: Path) -> bool:
    """Return whether a file has a main guard."""
    return "\nif __name__ == " in path.read_text(encoding="utf-8")


def _imported_names(tree: ast.Module, here: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                # `here` ends in the module's own name, or in __init__: one level is the folder.
                source = ".".join((*here[: len(here) - node.level], source)).rstrip(".")
            # `from keras_pose.data import records` names a room, `from keras import ops` does not.
            if source.split(".")[0] in (PACKAGE, "tests"):
                yield from (f"{source}.{alias.name}" for alias in node.names)
            else:
                yield source
        elif isinstance(node, ast.Call) and _called_name(node) == "import_module" and node.args:
            if isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def _called_name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _names_in_strings(tree: ast.Module) -> Iterator[str]:
    """Rooms that a test reaches through a child process: `python -m keras_pose.tips.train`."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in docstrings:
                yield from re.findall(r"\bkeras_pose\.[a-z0-9_]+(?:\.[a-z0-9_]+)*", node.value)


def folder_of(module: str) -> str:
    """Return the folder that a module of this project lies in: `keras_pose/data/records`.

    Args:
        module: absolute dotted name, of a module, of a room or of a name in a room.
    """
    parts = module.split(".")
    if parts[0] == PACKAGE:
        is_room = len(parts) > 1 and not parts[1].startswith("__") and parts[1] not in _OWN_NAMES
        if not is_room:
            return PACKAGE
        # A wing is a room within a room.
        return "/".join(parts[: 3 if tuple(parts[1:3]) in _WINGS else 2])
    if parts[0] == "tests":
        return "/".join(parts[:2]) if len(parts) > 2 else "tests"
    return parts[0]
