"""Pickled archives: read only with the flag, and then by the restricted unpickler."""

import struct
import zipfile

import numpy as np
import pytest

from keras_pose.files.restricted_pickle import read_pickled_arrays

TABLE = {"Walking 1": [np.arange(6.0).reshape(2, 3), "text", 3]}


def test_archives_are_read_only_with_the_flag(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, positions=TABLE, plain=np.arange(3.0))
    with pytest.raises(
        ValueError, match="data.npz: array 'positions' is pickled, .*--allow_pickle"
    ):
        read_pickled_arrays(path, ["positions"], False, "give another")
    values = read_pickled_arrays(path, ["positions", "plain"], True, "give another")
    assert values["positions"]["Walking 1"][1:] == ["text", 3]
    np.testing.assert_array_equal(values["positions"]["Walking 1"][0], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(values["plain"], [0, 1, 2])
    np.testing.assert_array_equal(
        read_pickled_arrays(path, ["plain"], False, "")["plain"], [0, 1, 2]
    )
    with pytest.raises(ValueError, match=r"lacks the array 'nothing' \(it has \['plain', 'posi"):
        read_pickled_arrays(path, ["nothing"], True, "give another")


def test_damaged_archives_give_one_sentence(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, positions=TABLE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(ValueError, match="data.npz is damaged or not an .npz archive"):
        read_pickled_arrays(path, ["positions"], True, "give another")
    for member in (
        b"",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 4) + b"{}  ",
    ):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("positions.npy", member)
        with pytest.raises(ValueError, match="data.npz: array 'positions' is damaged"):
            read_pickled_arrays(path, ["positions"], True, "give another")
