"""The text of every BUILD file, from the folders as they are and the imports as they are.

The text is what buildifier would make of it, so that formatting never counts as a change.
"""

from pathlib import Path

from tools.imports import PACKAGE, imports_of, is_binary

_HEADER = """\
# Written by `python -m tools.build_law --write` from the real imports; tests/house compares both.
"""
_PUBLIC = """
package(default_visibility = ["//visibility:public"])
"""
_RULES = "@rules_python//python:defs.bzl"
_FILES = """
filegroup(
    name = "files",
    srcs = glob(
        ["**"],
        exclude = ["**/__pycache__/**"],
    ),
)
"""
# What a room reads beside its code; setup.py packs the same.
_DATA = ("py.typed", "*.css", "*.html", "*.js")
_EXPORTED = ("pyproject.toml", "setup.py")
# Folders without code that targets read at run time, and the words by which a test shows that.
_DATA_FOLDERS = ("flags", "savedmodels")


def build_files(root: Path) -> dict[str, str]:
    """Write down every BUILD file of the project.

    Args:
        root: the checkout.

    Returns:
        Path below `root` -> text.
    """
    folders = [PACKAGE, *_rooms(root)]
    texts = {f"{folder}/BUILD": _library_folder(root / folder, root) for folder in folders}
    for folder in ("benchmarks", "tools"):
        if any((root / folder).glob("*.py")):
            texts[f"{folder}/BUILD"] = _library_folder(root / folder, root)
    if (root / "tests").exists():
        texts["tests/BUILD"] = _tests_root(root)
        for folder in _test_folders(root):
            texts[f"{folder}/BUILD"] = _test_folder(root / folder, root)
    texts["BUILD"] = _root(root, sorted(texts))
    return texts


def _rooms(root: Path) -> list[str]:
    paths = sorted((root / PACKAGE).rglob("*/__init__.py"))
    return [path.parent.relative_to(root).as_posix() for path in paths]


def _test_folders(root: Path) -> list[str]:
    paths = sorted({path.parent for path in (root / "tests").rglob("*/*.py")})
    folders = [path.relative_to(root) for path in paths]
    return [folder.as_posix() for folder in folders if "golden" not in folder.parts]


def _library_folder(folder: Path, root: Path) -> str:
    """Return a room, the package itself, or a top-level folder of scripts: one library, its binaries."""
    name = folder.relative_to(root).as_posix()
    files = sorted(folder.glob("*.py"))
    deps = set().union(*(imports_of(file, root).rooms for file in files)) - {name}
    if name.startswith(f"{PACKAGE}/"):
        deps.add(PACKAGE)
    data = [file.name for ending in _DATA for file in sorted(folder.glob(ending))]
    rules = [
        _rule(
            "py_library",
            name=folder.name,
            srcs=[file.name for file in files],
            data=data,
            deps=[_label(dep) for dep in deps],
        )
    ]
    for file in files:
        if is_binary(file):
            # A binary may bear the name of its room, which the library already has.
            binary = file.stem if file.stem != folder.name else f"{file.stem}_main"
            main = {} if binary == file.stem else {"main": file.name}
            rules.append(
                _rule("py_binary", name=binary, srcs=[file.name], **main, deps=[f":{folder.name}"])
            )
    return _file(rules, _PUBLIC) + _FILES


def _tests_root(root: Path) -> str:
    golden = ""
    if (root / "tests/golden").exists():
        golden = '\nfilegroup(\n    name = "golden",\n    srcs = glob(["golden/**"]),\n)\n'
    loads = f'load("{_RULES}", "py_library")\n'
    exports = '\nexports_files(["run_pytest.py"])\n'
    rule = _rule("py_library", name="conftest", srcs=["conftest.py"], data=["//:pyproject.toml"])
    return f"{_HEADER}{loads}{_PUBLIC}{exports}\n{rule}{golden}{_FILES}"


def _test_folder(folder: Path, root: Path) -> str:
    files = sorted(folder.glob("*.py"))
    support = [file for file in files if not file.name.startswith("test_")]
    rules = []
    if support:
        deps = set().union(*(imports_of(file, root).rooms for file in support))
        rules.append(
            _rule(
                "py_library",
                name="support",
                srcs=[file.name for file in support],
                deps=[_label(dep) for dep in deps if dep != folder.relative_to(root).as_posix()],
            )
        )
    for file in files:
        if file not in support:
            rules.append(_test(file, root, bool(support)))
    return _file(rules, _PUBLIC) + _FILES


def _test(file: Path, root: Path, has_support: bool) -> str:
    text = file.read_text(encoding="utf-8")
    here = file.parent.relative_to(root).as_posix()
    deps = {_label(dep) for dep in imports_of(file, root).rooms if dep != here}
    data = {f"//:{word}" for word in _DATA_FOLDERS if f"{word}/" in text or f'"{word}"' in text}
    if "golden" in text:
        data.add("//tests:golden")
    if here == "tests/house":
        # These read the whole tree, import every room by name, and speak of rooms in strings.
        data = {"//:tree"}
        deps = {_label(folder) for folder in [*_rooms(root), PACKAGE, "tools"]}
    slow = {"size": "large", "tags": ["slow"]} if "pytest.mark.slow" in text else {}
    return _rule(
        "py_test",
        name=file.stem,
        srcs=[file.name, "//tests:run_pytest.py"],
        main="//tests:run_pytest.py",
        args=[f"$(location {file.name})"],
        # Bazel would otherwise make folders of tests into packages, which pytest then imports.
        legacy_create_init="0",
        data=sorted(data),
        deps=[*deps, "//tests:conftest", *([":support"] if has_support else [])],
        **slow,
    )


def _root(root: Path, build_paths: list[str]) -> str:
    folders = [
        name
        for name in ("docs", *_DATA_FOLDERS)
        if any(path.is_file() for path in (root / name).rglob("*"))
    ]
    groups = "".join(
        f'\nfilegroup(\n    name = "{name}",\n    srcs = glob(["{name}/**"]),\n)\n'
        for name in folders
    )
    labels = [f":{name}" for name in folders]
    labels += [f"//{Path(path).parent.as_posix()}:files" for path in build_paths]
    listed = "".join(f'        "{label}",\n' for label in labels)
    own_files = 'glob([\n        "*",\n        ".ci/*",\n    ])'
    tree = f'\nfilegroup(\n    name = "tree",\n    srcs = {own_files} + [\n{listed}    ],\n)\n'
    exported = "".join(f'    "{name}",\n' for name in _EXPORTED)
    return f"{_HEADER}{_PUBLIC.lstrip()}\nexports_files([\n{exported}])\n{groups}{tree}"


def _file(rules: list[str], package: str) -> str:
    kinds = sorted({rule.split("(")[0] for rule in rules})
    loads = f'load("{_RULES}", ' + ", ".join(f'"{kind}"' for kind in kinds) + ")\n"
    return _HEADER + loads + package + "\n" + "\n".join(rules)


def _label(folder: str) -> str:
    # A folder of tests has no library of its own name, only what its tests share.
    return f"//{folder}:support" if folder.startswith("tests/") else f"//{folder}"


# The order buildifier keeps within a rule.
_ORDER = ("name", "size", "srcs", "args", "data", "legacy_create_init", "main", "tags", "deps")


def _rule(kind: str, **attributes: str | list[str]) -> str:
    lines = [f"{kind}("]
    for key in _ORDER:
        value = attributes.get(key)
        if not value:
            continue
        if key == "legacy_create_init":
            lines.append(f"    {key} = {value},")
        elif isinstance(value, str):
            lines.append(f'    {key} = "{value}",')
        elif len(value) == 1:
            lines.append(f'    {key} = ["{value[0]}"],')
        else:
            order = sorted(value, key=lambda label: (label.startswith("//"), label))
            lines.append(f"    {key} = [")
            lines.extend(f'        "{label}",' for label in order)
            lines.append("    ],")
    return "\n".join([*lines, ")", ""])
