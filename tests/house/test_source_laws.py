"""Laws about the source itself: size, names, docstrings, public interfaces, machine paths.

Each test collects every fault before it fails, so one run names all the files to mend.
"""

import ast
import itertools
import re
from pathlib import Path

import keras_pose
from tools.build_law import MAY_IMPORT, METHOD_BUDGET, METHODS, rooms
from tools.imports import imports_of

ROOT = Path(__file__).parents[2]
FOLDERS = ("keras_pose", "tests", "benchmarks", "tools")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
LIBRARY = [path for path in SOURCES if path.relative_to(ROOT).parts[0] == "keras_pose"]
FORBIDDEN_MODULES = {"util", "utils", "common", "helper", "helpers", "misc", "base", "manager"}
# Keras calls these; its own documentation says what they do and what they take.
KERAS_HOOKS = {
    "build",
    "build_from_config",
    "call",
    "compile",
    "compile_from_config",
    "compute_loss",
    "compute_output_shape",
    "compute_output_spec",
    "from_config",
    "get_build_config",
    "get_compile_config",
    "get_config",
    "metrics",
    "predict_step",
    "reset_state",
    "result",
    "test_step",
    "train_step",
    "update_state",
    "update_step",
}
# `[..., J, 3]`, `[B]`, `[N, 17, 2]`, or the words for no axes and for any.
_SHAPE = re.compile(r"\[(\.\.\.|[A-Z][A-Za-z0-9]*|\d+)(, *[^\]]+)?\]|scalar|any shape")
_TENSOR = re.compile(r"Tensor|ndarray|ArrayLike")


def _name(path):
    return path.relative_to(ROOT).as_posix()


def _list(faults):
    return "\n".join(["", *faults])


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _public(body, kinds=(ast.FunctionDef, ast.ClassDef)):
    return [node for node in body if isinstance(node, kinds) and not node.name.startswith("_")]


def _public_functions(path):
    """Module-level functions and methods of public classes, with the name a fault is told by."""
    tree = _tree(path)
    for node in _public(tree.body, ast.FunctionDef):
        yield f"{_name(path)}: {node.name}", node
    for owner in _public(tree.body, ast.ClassDef):
        for node in _public(owner.body, ast.FunctionDef):
            # The hooks of a Keras callback are documented by Keras like those of a layer.
            if node.name not in KERAS_HOOKS and not node.name.startswith("on_"):
                yield f"{_name(path)}: {owner.name}.{node.name}", node


def _arguments(node):
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def test_there_is_something_to_judge():
    assert len(LIBRARY) >= 20
    assert {_name(path).split("/")[0] for path in SOURCES} == set(FOLDERS)


def test_every_file_is_one_sitting():
    lengths = {_name(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_module_names_say_what_they_hold():
    words = {_name(path): {*path.relative_to(ROOT).parts[:-1], path.stem} for path in SOURCES}
    assert [name for name in words if words[name] & FORBIDDEN_MODULES] == []


def test_public_names_have_docstrings():
    missing = [_name(path) for path in LIBRARY if not ast.get_docstring(_tree(path))]
    for path in LIBRARY:
        classes = _public(_tree(path).body, ast.ClassDef)
        named = [*_public_functions(path), *((f"{_name(path)}: {c.name}", c) for c in classes)]
        missing += [name for name, node in named if not ast.get_docstring(node)]
    assert not missing, _list(missing)


def test_public_functions_have_type_hints():
    missing = []
    for path in LIBRARY:
        for name, node in _public_functions(path):
            bare = [a.arg for a in _arguments(node) if a.annotation is None]
            bare = [argument for argument in bare if argument not in ("self", "cls")]
            if bare or node.returns is None:
                missing.append(f"{name}({', '.join(bare)}){'' if node.returns else ' -> ?'}")
    assert not missing, _list(missing)


def test_public_tensor_functions_document_shapes():
    missing = []
    for path in LIBRARY:
        for name, node in _public_functions(path):
            hints = [*(a.annotation for a in _arguments(node)), node.returns]
            text = " ".join(ast.unparse(hint) for hint in hints if hint is not None)
            if _TENSOR.search(text) and not _SHAPE.search(ast.get_docstring(node) or ""):
                missing.append(name)
    assert not missing, _list(missing)


def _names_used(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def test_no_private_interface_of_a_dependency():
    private = []
    for path in SOURCES:
        for name in _names_used(_tree(path)):
            root, *rest = name.split(".")
            is_foreign = root in ("keras", "tensorflow", "tf", "numpy", "np", "absl", "cv2")
            is_hidden = any(re.match(r"_[a-z]", part) or part == "src" for part in rest)
            if (is_foreign and is_hidden) or name.startswith("tensorflow.python"):
                private.append(f"{_name(path)}: {name}")
    assert not private, _list(private)


def test_rooms_say_what_belongs_in_them_and_what_does_not():
    silent = []
    for room in rooms(ROOT):
        path = ROOT / "keras_pose" / room / "__init__.py"
        docstring = ast.get_docstring(_tree(path)) or ""
        if len(docstring.splitlines()) < 2 or not re.search(r"\b[Nn]ot\b", docstring):
            silent.append(_name(path))
    assert not silent, _list(silent)


def test_package_names_its_rooms_from_the_bottom_up():
    assert set(keras_pose.ROOMS) == set(rooms(ROOT))
    for position, room in enumerate(keras_pose.ROOMS):
        assert not set(MAY_IMPORT[room]) & set(keras_pose.ROOMS[position:])


def test_no_path_of_one_machine():
    # Put together here, or this file would find itself.
    folders = "|".join(("work", "farm", "tmp", "root", "home"))
    machine_path = re.compile(rf"(^|[^a-zA-Z0-9_.])/({folders})/")
    # In a second working tree of one repository `.git` is a file that names the first one's folder.
    files = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    for folder in (*FOLDERS, "docs", "flags", "savedmodels", ".ci"):
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    found = []
    for path in files:
        if path.suffix in {"", ".py", ".md", ".toml", ".flags", ".json", ".bazel", ".bzl", ".sh"}:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            for number, line in enumerate(lines, 1):
                if machine_path.search(line):
                    found.append(f"{_name(path)}:{number}: {line.strip()}")
    assert not found, _list(found)


def test_recipes_open_with_the_header_a_reader_needs():
    # Files right below flags/ are overlays, which reproduce no experiment.
    recipes = sorted((ROOT / "flags").glob("*/*.flags"))
    assert recipes, "no recipe found"
    missing = []
    for path in recipes:
        lines = path.read_text(encoding="utf-8").splitlines()
        header = "\n".join(itertools.takewhile(lambda line: line.startswith("#"), lines))
        for word in ("Paper", "Command", "Hardware", "Expected", "Obtained"):
            if not re.search(rf"^# {word}\b[^:]*: \S", header, re.MULTILINE):
                missing.append(f"{_name(path)}: no line '# {word}: ...'")
    assert not missing, _list(missing)


def test_flags_is_no_python_package():
    assert [_name(path) for path in (ROOT / "flags").rglob("*.py")] == []


def test_commands_give_their_settings_to_run_binary():
    """A command that gives no class has no flags: it would start and fail on its first setting."""
    bare = []
    for path in SOURCES:
        if path.is_relative_to(ROOT / "tests"):
            continue
        for node in ast.walk(_tree(path)):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "id", getattr(called, "attr", ""))
            if name == "run_binary" and len(node.args) + len(node.keywords) < 2:
                bare.append(f"{_name(path)}:{node.lineno}")
    assert not bare, _list(bare)


def test_folders_and_methods_keep_their_measure():
    for folder in sorted({path.parent for path in LIBRARY}):
        assert len(list(folder.glob("*.py"))) <= 25, _name(folder)
    for method in METHODS:
        files = (ROOT / "keras_pose" / method).rglob("*.py")
        assert sum(len(path.read_text().splitlines()) for path in files) <= METHOD_BUDGET, method


def test_wings_of_data_have_few_ties():
    pairs = set()
    for path in (ROOT / "keras_pose" / "data").rglob("*.py"):
        here = path.parent.relative_to(ROOT).as_posix()
        pairs |= {(here, room) for room in imports_of(path, ROOT).rooms if "/data" in room}
    assert 0 < len({pair for pair in pairs if pair[0] != pair[1]}) <= 25


def _docstrings(path):
    """Public functions and classes of a file that have a docstring, with it."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            text = ast.get_docstring(node)
            if text:
                yield f"{_name(path)}: {node.name}", node, text


def test_raises_begin_with_if():
    faults = []
    for path in LIBRARY:
        for name, _, text in _docstrings(path):
            for section in re.findall(r"^Raises:\n((?:    .*\n?)+)", text, re.MULTILINE):
                entries = re.findall(r"^    [A-Z]\w+: (.*)", section, re.MULTILINE)
                faults += [f"{name}: {entry}" for entry in entries if not entry.startswith("if ")]
    assert not faults, _list(faults)


def test_shapes_stand_in_backticks():
    bare = re.compile(r"(?<![`\w\])])\[(?:\.\.\.|[A-Z])(?:, [^\]`]+)?\](?![`\w(])")
    faults = []
    for path in LIBRARY:
        for name, _, text in _docstrings(path):
            outside = "".join(re.split(r"`[^`]*`", text))
            faults += [f"{name}: {found}" for found in bare.findall(outside)]
    assert not faults, _list(faults)


def test_sources_are_papers_that_a_reader_can_open():
    told = [_name(path) for path in LIBRARY if re.search(r"\b[Ss]pecification", path.read_text())]
    assert not told, _list(told)
