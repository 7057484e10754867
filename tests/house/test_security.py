"""Nothing that reads a foreign file runs what the file says, leaves its folder or fills the memory.

The source is searched for what is forbidden; the tests of the readers show that they refuse it.
"""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("keras_pose", "benchmarks", "tools")
    for path in (ROOT / folder).rglob("*.py")
)
# The one place that unpickles files, and a pipe between a process and its own child.
UNPICKLING = {"keras_pose/files/restricted_pickle.py", "keras_pose/export/child.py"}
# Each looks at the size that the header names, or reads what `decode_picture` let through.
DECODING = {
    "keras_pose/data/pictures/picture.py",
    "keras_pose/data/views/decoding.py",
    "keras_pose/serving/picture_bytes.py",
    "benchmarks/augment.py",  # its own pictures
    "benchmarks/serving.py",  # its own picture
    "benchmarks/mediapipe_reference.py",  # runs without this package's libraries
}
_DECODERS = (
    "imread",
    "imdecode",
    "decode_jpeg",
    "decode_png",
    "decode_image",
    "decode_and_crop_jpeg",
)


@functools.cache
def _calls(path):
    """Every call of a file: full name, its last word, keyword arguments as text, line."""
    calls = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            named = {word.arg: ast.unparse(word.value) for word in node.keywords if word.arg}
            calls.append((name, name.rpartition(".")[2], named, node.lineno))
    return calls


def _faults(is_fault, allowed=()):
    return [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in SOURCES
        if path.relative_to(ROOT).as_posix() not in allowed
        for name, last, named, line in _calls(path)
        if is_fault(name, last, named)
    ]


def test_the_search_finds_what_is_there():
    found = _faults(lambda name, last, named: name in ("pickle.load", "pickle.loads"))
    assert len(found) >= 2 and all(fault.split(":")[0] in UNPICKLING for fault in found)


@pytest.mark.fault(
    fault="a pickle that runs a program",
    happened="only the restricted reader unpickles; it refuses by name and calls nothing",
)
def test_no_pickle_without_the_restricted_reader():
    def is_fault(name, last, named):
        root = name.partition(".")[0]
        if root in ("pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"):
            return last not in ("UnpicklingError", "PicklingError")
        if last == "load" and root in ("np", "numpy"):
            # NumPy's own default.
            return named.get("allow_pickle", "False") != "False"
        return name == "torch.load" or named.get("allow_pickle") == "True"

    assert _faults(is_fault, UNPICKLING) == []


@pytest.mark.fault(
    fault="a Keras file that holds Python",
    happened="models are built from settings and only weights are read; safe mode is never left",
)
def test_keras_files_are_read_in_safe_mode():
    unsafe = ("enable_unsafe_deserialization", "Lambda", "model_from_json")
    assert _faults(lambda name, last, named: last in unsafe or "safe_mode" in named) == []
    whole = ("keras.models.load_model", "keras.saving.load_model")
    assert _faults(lambda name, last, named: name in whole) == []


@pytest.mark.fault(
    fault="an archive whose members lead out of its folder",
    happened="members are read by name into memory; what is unpacked goes through tarfile's data filter",
)
def test_archives_are_not_unpacked_unchecked():
    def is_fault(name, last, named):
        unpacks = last in ("extractall", "unpack_archive") or name.endswith("archive.extract")
        return unpacks and named.get("filter") not in ("'data'", '"data"')

    assert _faults(is_fault) == []


@pytest.mark.fault(
    fault="a picture that says it is larger than the memory",
    happened="refused from its header, before it is decoded",
)
def test_pictures_are_decoded_where_their_size_is_bounded():
    def is_fault(name, last, named):
        return last in _DECODERS or name == "Image.open"

    assert _faults(is_fault, DECODING) == []


def test_nothing_is_evaluated_or_given_to_a_shell():
    def is_fault(name, last, named):
        return name in ("eval", "exec", "os.system", "yaml.load") or named.get("shell") == "True"

    assert _faults(is_fault) == []
