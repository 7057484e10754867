"""Run-time dependencies are few, bounded from below, explained, and really imported."""

import ast
import re
from pathlib import Path

from tools.imports import imports_of

ROOT = Path(__file__).parents[2]
# Distribution -> the name it is imported by.
IMPORT_NAMES = {
    "tensorflow": "tensorflow",
    "keras": "keras",
    "numpy": "numpy",
    "h5py": "h5py",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "protobuf": "google",
    "absl-py": "absl",
    "tensorboard": "tensorboard",
    "ai-edge-litert": "ai_edge_litert",
    "flatbuffers": "flatbuffers",
}
# Behind an extra, and imported only inside the function that needs it.
OPTIONAL = {"cdflib", "scipy"}
# Of the extra `[dev]`. grpc comes with tensorflow_serving's messages.
TEST_TOOLS = {"grpc", "hypothesis", "pytest", "tensorflow_serving", "yaml"}


def _declared():
    """`install_requires` as written in setup.py: distribution -> lower bound."""
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())):
        if isinstance(node, ast.keyword) and node.arg == "install_requires":
            lines = ast.literal_eval(node.value)
    return dict(re.fullmatch(r"([a-z0-9-]+)>=([\d.]+)", line).groups() for line in lines)


def test_exactly_the_agreed_dependencies():
    assert set(_declared()) == set(IMPORT_NAMES)


def test_every_dependency_is_explained_with_its_bound():
    text = (ROOT / "docs" / "dependencies.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([\d.]+) \| .{20,} \|$", text, re.MULTILINE)
    assert dict(rows) == _declared()


def test_library_imports_only_dependencies():
    used = set()
    for path in (ROOT / "keras_pose").rglob("*.py"):
        used |= imports_of(path, ROOT).third_party
    assert used - OPTIONAL <= set(IMPORT_NAMES.values())
    assert set(IMPORT_NAMES.values()) <= used


def test_tests_import_only_dependencies_and_test_tools():
    used = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        used |= imports_of(path, ROOT).third_party
    assert used <= {*IMPORT_NAMES.values(), *OPTIONAL, *TEST_TOOLS}


def test_no_module_needs_an_optional_dependency_to_be_imported():
    for path in (ROOT / "keras_pose").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.split(".")[0] for alias in node.names}
                names.add((getattr(node, "module", None) or "").split(".")[0])
                assert not names & OPTIONAL, path
