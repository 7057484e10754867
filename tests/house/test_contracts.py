"""Every public name can be imported, says what it is, has one home, and is named by some test."""

import ast
import collections
import importlib
import inspect
import re
from pathlib import Path

from tools.build_law import rooms

ROOT = Path(__file__).parents[2]


def _public_names():
    """(room, name, object) for each name in the `__all__` of each room."""
    for room in rooms(ROOT):
        module = importlib.import_module(f"keras_pose.{room.replace('/', '.')}")
        for name in getattr(module, "__all__", ()):
            yield room, name, getattr(module, name)


def test_all_lists_what_the_room_re_exports():
    faults = []
    for room in rooms(ROOT):
        module = importlib.import_module(f"keras_pose.{room.replace('/', '.')}")
        listed = collections.Counter(getattr(module, "__all__", ()))
        faults += [f"{room} has no __all__"] if not hasattr(module, "__all__") else []
        faults += [f"{room}: {name} is listed twice" for name, n in listed.items() if n > 1]
        text = (ROOT / "keras_pose" / room / "__init__.py").read_text()
        imported = set()
        for names in re.findall(r"^from \S+ import (?:\(([^)]*)\)|(.*))$", text, re.MULTILINE):
            imported |= set(re.findall(r"\w+", "".join(names)))
        faults += [f"{room}: {name} is not in __all__" for name in sorted(imported - set(listed))]
    assert not faults, "\n".join(["", *faults])


def test_a_name_has_one_home():
    homes = collections.defaultdict(set)
    for room, name, _ in _public_names():
        homes[name].add(room)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_public_objects_say_what_they_are():
    silent = []
    for room, name, thing in _public_names():
        if (inspect.isfunction(thing) or inspect.isclass(thing)) and not inspect.getdoc(thing):
            silent.append(f"{room}.{name}")
    assert not silent, "\n".join(["", *silent])


def _names_read(node):
    """Names that a piece of code reads, its own left out."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr


def _names_defined(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return {target.id for target in targets if isinstance(target, ast.Name)}


def test_every_public_name_is_used_by_more_than_its_own_test():
    # By another part of the code, or by a page, which is where users are told of it.
    others = ("README.md", "CONTRIBUTING.md", "savedmodels/README.md")
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in others)]
    used = set(re.findall(r"\w+", "\n".join(path.read_text() for path in pages)))
    defined = {}
    for folder in ("keras_pose", "benchmarks", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.parse(path.read_text()).body:
                own = _names_defined(node)
                used |= set(_names_read(node)) - own
                if folder == "keras_pose":
                    defined |= {name: path for name in own if not name.startswith("_")}
    # Console entry points are named in setup.py.
    dead = sorted(f"{defined[name]}: {name}" for name in defined.keys() - used - {"run_main"})
    assert not dead, "\n".join(["", *dead])
