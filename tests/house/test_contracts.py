"""Every public name can be imported, says what it is, has one home, and is named by some test."""

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
        module = importlib.import_module(f"keras_pose.{room}")
        for name in getattr(module, "__all__", ()):
            yield room, name, getattr(module, name)


def test_all_lists_what_the_room_re_exports():
    faults = []
    for room in rooms(ROOT):
        module = importlib.import_module(f"keras_pose.{room}")
        listed = collections.Counter(getattr(module, "__all__", ()))
        faults += [f"{room} has no __all__"] if not listed else []
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


def test_every_public_name_is_named_by_a_test():
    paths = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    words = set(re.findall(r"\w+", "\n".join(path.read_text() for path in paths)))
    untested = [f"{room}.{name}" for room, name, _ in _public_names() if name not in words]
    assert not untested, "\n".join(["", *untested])
