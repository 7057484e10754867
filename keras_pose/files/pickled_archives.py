"""Read `.npz` archives whose members are pickled dictionaries, if the user allows it.

`allow_pickle` says that pickled members may be read at all; the reading is then done by
`restricted_pickle`, never by NumPy.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pose.files.arrays import check_is_file
from keras_pose.files.restricted_pickle import loads_plain


def read_pickled_arrays(
    path: str | os.PathLike[str], names: Sequence[str], allow_pickle: bool, advice: str
) -> dict[str, Any]:
    """Read named members of an `.npz` archive that hold pickled dictionaries.

    Args:
        path: the archive.
        names: members that must be there.
        allow_pickle: if False, a pickled member is refused; if True, it is read by
            `restricted_pickle`.
        advice: half a sentence on what the archive should be.

    Returns:
        Value by name; a 0-dimensional object array gives what it holds.

    Raises:
        ValueError: if the file is missing or damaged, lacks a member, or a member is pickled and
            `allow_pickle` is False or it holds something that is not admitted.
    """
    path = check_is_file(path, advice)
    values: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            for name in names:
                if f"{name}.npy" not in members:
                    found = sorted(member.removesuffix(".npy") for member in members)
                    raise ValueError(f"{path} lacks the array '{name}' (it has {found}); {advice}.")
                values[name] = _read_member(archive, path, name, allow_pickle)
    except ValueError:
        raise
    except Exception as error:  # zipfile passes on errors of zlib, lzma, struct and more
        raise ValueError(
            f"{path} is damaged or not an .npz archive ({error}); {advice}."
        ) from error
    return values


def _read_member(archive: zipfile.ZipFile, path: str, name: str, allow_pickle: bool) -> object:
    data = archive.read(f"{name}.npy")
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(stream)
        if not dtype.hasobject:
            return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as error:
        raise ValueError(
            f"{path}: array '{name}' is damaged ({error}); fetch the file again."
        ) from error
    if not allow_pickle:
        raise ValueError(
            f"{path}: array '{name}' is pickled, which is read only with allow_pickle=True "
            "(--allow_pickle), and then by an unpickler that admits arrays, dicts, lists, strings "
            "and numbers alone."
        )
    value = loads_plain(data[stream.tell() :], f"{path}: array '{name}'")
    return value.item() if isinstance(value, np.ndarray) and shape == () else value
