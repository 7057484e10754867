"""BUILD is the law: declared deps are the real imports, and imports only go down.

The first test judges this checkout; the others break a small copy on purpose, so that a law that
stopped looking would be noticed.
"""

from pathlib import Path

import pytest

from tools import build_law
from tools.build_files import build_files
from tools.imports import imports_of

ROOT = Path(__file__).parents[2]


def test_build_files_imports_and_levels_agree():
    faults = _faults(ROOT)
    assert not faults, "\n".join(["", *faults])


def test_every_room_is_seen_by_the_law():
    package = ROOT / "keras_pose"
    folders = {path.parent.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert set(build_law.rooms(ROOT)) == folders - {"."}


@pytest.fixture
def project(tmp_path):
    """A project of three rooms that keeps the law, with BUILD files written."""
    files = {
        "keras_pose/__init__.py": "",
        "keras_pose/skeletons/__init__.py": "import numpy\n",
        "keras_pose/geometry/__init__.py": "from keras_pose.geometry.camera import project\n",
        "keras_pose/geometry/camera.py": "import keras\nfrom keras_pose import skeletons\n",
        "keras_pose/losses/__init__.py": "from keras import ops\n",
        "keras_pose/tips/__init__.py": "from keras_pose.geometry import project\n",
        "keras_pose/tips/train.py": '"""."""\nif __name__ == "__main__":\n    import absl\n',
        "keras_pose/peclr/__init__.py": "import tensorflow\n",
        "tests/losses/test_losses.py": "from keras_pose import losses\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    _write_build_files(tmp_path)
    assert _faults(tmp_path) == []
    return tmp_path


def _write_build_files(project):
    for name, text in build_files(project).items():
        (project / name).write_text(text)


def _faults(project):
    return [*build_law.import_faults(project), *build_law.build_faults(project)]


def _append(path, line):
    path.write_text(path.read_text() + line + "\n")


def test_undeclared_import_is_a_fault(project):
    _append(project / "keras_pose/tips/train.py", "    from keras_pose.losses import ops")
    assert "keras_pose/tips/BUILD: keras_pose/losses is imported but not in deps" in _faults(
        project
    )


def test_needless_dependency_is_a_fault(project):
    (project / "keras_pose/tips/__init__.py").write_text("")
    assert "keras_pose/tips/BUILD: keras_pose/geometry is in deps but not imported" in _faults(
        project
    )


@pytest.mark.parametrize(
    ("file", "line", "fault"),
    [
        ("geometry/camera.py", "import keras_pose.losses", "geometry may not import losses"),
        ("losses/__init__.py", "def f():\n    from .. import tips", "losses may not import tips"),
        ("tips/__init__.py", "from keras_pose.peclr import x", "tips may not import peclr"),
        ("tips/__init__.py", "import_module('keras_pose.peclr.a')", "tips may not import peclr"),
        ("skeletons/__init__.py", "import keras", "skeletons may not use keras"),
        ("losses/__init__.py", "import tensorflow.math", "losses may not use tensorflow"),
        ("tips/train.py", "import scipy.spatial", "tips may not use scipy"),
        ("peclr/__init__.py", "from absl import flags", "absl belongs to"),
    ],
)
def test_forbidden_import_is_a_fault_even_when_declared(project, file, line, fault):
    _append(project / "keras_pose" / file, line)
    _write_build_files(project)
    faults = _faults(project)
    assert len(faults) == 1
    assert faults[0].startswith(f"keras_pose/{file}: {fault}")


def test_room_without_a_level_is_a_fault(project):
    (project / "keras_pose/helpers").mkdir()
    (project / "keras_pose/helpers/__init__.py").write_text("")
    _write_build_files(project)
    assert [fault.split(":")[0] for fault in _faults(project)] == ["keras_pose/helpers"]


def test_stale_and_missing_and_stray_build_files_are_faults(project):
    _append(project / "keras_pose/losses/BUILD", "# edited by hand")
    (project / "tests/losses/BUILD").unlink()
    (project / "tests/viz").mkdir()
    (project / "tests/viz/BUILD").write_text("")
    assert [fault.split(":")[0] for fault in _faults(project)] == [
        "keras_pose/losses/BUILD",
        "tests/losses/BUILD",
        "tests/viz/BUILD",
    ]


def test_new_module_must_be_listed(project):
    (project / "keras_pose/losses/bones.py").write_text("import numpy\n")
    assert _faults(project) == [
        "keras_pose/losses/BUILD: out of date; run python -m tools.build_law --write"
    ]


def test_child_processes_of_a_test_count_as_imports(tmp_path):
    path = tmp_path / "tests" / "tips" / "test_train.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        '"""Runs keras_pose.viz, says this line."""\nARGV = ["-m", "keras_pose.tips.a"]\n'
    )
    assert imports_of(path, tmp_path).rooms == {"keras_pose/tips"}


def test_binary_becomes_a_py_binary(project):
    calls = build_law.parse_build(project / "keras_pose/tips/BUILD")
    assert [(call["rule"], call.get("name")) for call in calls if call["rule"] != "package"] == [
        ("load", None),
        ("py_library", "tips"),
        ("py_binary", "train"),
        ("filegroup", "files"),
    ]
    assert calls[3]["deps"] == [":tips"]
