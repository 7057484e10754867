"""MATLAB files of data sets: up to version 7.2 by SciPy where it is installed, 7.3 (HDF5) by h5py.

Keras brings h5py; SciPy is no dependency of this package, so it is asked for where it is needed.
"""

import importlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_matlab(
    path: str | os.PathLike[str], names: Sequence[str], advice: str, *, as_objects: bool = False
) -> dict[str, Any]:
    """Read variables of a MATLAB file.

    Args:
        path: the file, of any version.
        names: variables wanted; those that the file lacks are left out.
        advice: end of a message, what to give instead.
        as_objects: give structs as objects with attributes and drop axes of length 1. Only for
            files before version 7.3.

    Returns:
        name -> array, with axes as in MATLAB; cells are arrays of objects.

    Raises:
        ValueError: if the file is missing, damaged or needs SciPy and there is none, in one sentence.
    """
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            head = file.read(520)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(f"{path} cannot be read ({reason}); {advice}.") from error
    # MATLAB puts 512 bytes of its own before HDF5's.
    if head.startswith(_HDF5) or head[512:].startswith(_HDF5):
        return _read_hdf5(path, names, advice)
    try:
        reader = importlib.import_module("scipy.io")
    except ImportError as error:
        raise ValueError(
            f"{path} is a MATLAB file, which needs SciPy: install scipy, or {advice}."
        ) from error
    options = {"struct_as_record": False, "squeeze_me": True} if as_objects else {}
    try:
        content = reader.loadmat(path, variable_names=list(names), **options)
    except Exception as error:  # the reader raises many kinds for a damaged file
        raise ValueError(
            f"{path} is not a complete MATLAB file ({str(error)[:80]}); {advice}."
        ) from error
    return {name: content[name] for name in names if name in content}


def read_hdf5(path: str | os.PathLike[str], names: Sequence[str], advice: str) -> dict[str, Any]:
    """Read arrays of an HDF5 file that MATLAB did not write.

    Args:
        path: the file.
        names: data sets wanted; those that the file lacks are left out.
        advice: end of a message, what to give instead.

    Returns:
        name -> array, axes as stored.

    Raises:
        ValueError: if the file is missing or damaged, in one sentence.
    """
    h5py = importlib.import_module("h5py")
    try:
        with h5py.File(path, "r") as file:
            return {name: file[name][()] for name in names if name in file}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)} is not a complete HDF5 file ({str(error)[:80]}); {advice}."
        ) from error


def _read_hdf5(path: str, names: Sequence[str], advice: str) -> dict[str, Any]:
    """Arrays of a file of version 7.3; MATLAB's axes are stored in reverse, cells as references."""
    h5py = importlib.import_module("h5py")

    def value(file, entry):
        content = entry[()]
        if entry.dtype == h5py.ref_dtype:
            cells = np.empty(content.shape, object)
            for place in np.ndindex(content.shape):
                cells[place] = value(file, file[content[place]])
            content = cells
        return content.T

    try:
        with h5py.File(path, "r") as file:
            return {name: value(file, file[name]) for name in names if name in file}
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a complete MATLAB file ({str(error)[:80]}); {advice}."
        ) from error
