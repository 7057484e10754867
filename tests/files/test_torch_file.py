"""Torch files without torch: real ones of both containers, and files that ask for more.

The fixtures `tests/golden/peclr/tiny_archive.pth` and `tiny_stream.pth` were written once by torch
2.13.0 with

    import torch
    from torch import nn

    state = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).state_dict()
    for number, value in enumerate(state.values()):
        value.copy_((torch.arange(value.numel()).reshape(value.shape) + 100 * number) / 4)
    state["transposed"] = torch.arange(6.0).reshape(2, 3).T
    state["tail"] = torch.arange(10.0)[7:]
    state["half"] = torch.tensor([0.5, -2.0], dtype=torch.float16)
    state["brain"] = torch.tensor([0.5, -3.0], dtype=torch.bfloat16)
    state["empty"] = torch.zeros(0, 4)
    state["parameter"] = nn.Parameter(torch.tensor([[7.0]]))
    torch.save({"state_dict": state, "epoch": 3}, "tiny_archive.pth")
    torch.save(state, "tiny_stream.pth", _use_new_zipfile_serialization=False)
"""

import io
import os
import pathlib
import pickle
import zipfile

import numpy as np
import pytest

from keras_pose.files.torch_file import read_torch_file

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "peclr"
FIXTURES = ("tiny_archive.pth", "tiny_stream.pth")


@pytest.mark.parametrize("name", FIXTURES)
def test_tensors_that_torch_wrote(name):
    state = read_torch_file(GOLDEN / name)
    expected = {
        "0.weight": np.arange(54).reshape(3, 2, 3, 3) / 4,
        "0.bias": (np.arange(3) + 100) / 4,
        "1.weight": (np.arange(3) + 200) / 4,
        "1.bias": (np.arange(3) + 300) / 4,
        "1.running_mean": (np.arange(3) + 400) / 4,
        "1.running_var": (np.arange(3) + 500) / 4,
        "1.num_batches_tracked": np.array(150),
        "transposed": np.array([[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]),
        "tail": np.array([7.0, 8.0, 9.0]),
        "half": np.array([0.5, -2.0]),
        "brain": np.array([0.5, -3.0]),
        "empty": np.zeros((0, 4)),
        "parameter": np.array([[7.0]]),
    }
    assert set(state) == set(expected)
    for key, value in expected.items():
        assert state[key].shape == value.shape
        np.testing.assert_array_equal(state[key], value)
    assert state["half"].dtype == np.float16
    assert state["brain"].dtype == np.float32
    assert state["1.num_batches_tracked"].dtype == np.int64


class _Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def _archive(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("tiny/data.pkl", content)
        archive.writestr("tiny/byteorder", b"little")
    return path


@pytest.mark.parametrize("in_archive", [True, False])
def test_a_file_that_wants_to_run_something_is_refused_and_runs_nothing(tmp_path, in_archive):
    victim = tmp_path / "victim.txt"
    victim.write_text("alive")
    content = pickle.dumps({"state_dict": _Call(os.remove, str(victim))}, protocol=2)
    path = tmp_path / "bad.pth"
    if in_archive:
        _archive(path, content)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.pth contains '\w+\.remove', and only a state dict"):
        read_torch_file(path)
    assert victim.read_text() == "alive"


@pytest.mark.parametrize("function", [eval, print, np.zeros, io.BytesIO])
def test_every_other_name_is_refused(tmp_path, function):
    path = _archive(tmp_path / "bad.pth", pickle.dumps([_Call(function, "1")], protocol=2))
    with pytest.raises(ValueError, match=f"contains '[a-z_.]*{function.__name__}'"):
        read_torch_file(path)


def test_only_torch_s_storages_are_taken_from_torch(tmp_path):
    path = _archive(tmp_path / "bad.pth", b"\x80\x02ctorch\nload\n.")
    with pytest.raises(ValueError, match=r"contains 'torch\.load'"):
        read_torch_file(path)


def _changed(tmp_path, old, new):
    """The archive with some bytes of its pickle replaced."""
    path = tmp_path / "changed.pth"
    with zipfile.ZipFile(GOLDEN / "tiny_archive.pth") as source:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
            for info in source.infolist():
                content = source.read(info)
                if info.filename.endswith("/data.pkl"):
                    assert content.count(old) >= 1
                    content = content.replace(old, new)
                target.writestr(info.filename, content)
    return path


def test_tensors_larger_than_their_numbers_are_refused(tmp_path):
    # The shape (3, 2, 3, 3) of the first kernel becomes (3, 2, 3, 250): BININT1 is `K`.
    path = _changed(tmp_path, b"(K\x03K\x02K\x03K\x03t", b"(K\x03K\x02K\x03K\xfat")
    with pytest.raises(ValueError, match="reaches past its numbers"):
        read_torch_file(path)


def test_missing_numbers_are_refused(tmp_path):
    path = tmp_path / "cut.pth"
    with zipfile.ZipFile(GOLDEN / "tiny_archive.pth") as source:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
            for info in source.infolist():
                if "/data/" not in info.filename:
                    target.writestr(info.filename, source.read(info))
    with pytest.raises(ValueError, match="whose numbers are missing"):
        read_torch_file(path)


def test_compressed_archives_are_refused(tmp_path):
    content = pickle.dumps({}, protocol=2)
    path = _archive(tmp_path / "bomb.pth", content, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="compressed"):
        read_torch_file(path)


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_cut_files_are_told_as_such(tmp_path, name, share):
    content = (GOLDEN / name).read_bytes()
    path = tmp_path / "cut.pth"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r"cut\.pth (is not a torch file or is damaged|contains)"):
        read_torch_file(path)


def test_files_without_tensors_are_refused(tmp_path):
    path = _archive(tmp_path / "empty.pth", pickle.dumps({"epoch": 3}, protocol=2))
    with pytest.raises(ValueError, match="holds no tensors"):
        read_torch_file(path)
    path = _archive(tmp_path / "list.pth", pickle.dumps([1, 2], protocol=2))
    with pytest.raises(ValueError, match="no dictionary of tensors"):
        read_torch_file(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="absent"):
        read_torch_file(tmp_path / "absent.pth")
