"""Open `.npz` archives at the door: every defect becomes one sentence that names the file.

Nothing is unpickled here; `restricted_pickle` is the only place that may.
"""

import os
from collections.abc import Sequence

import numpy as np


def check_is_file(path: str | os.PathLike[str], advice: str) -> str:
    """Return `path` as a string, or say that it is missing, a folder or empty.

    Args:
        path: the file.
        advice: half a sentence on what to give instead.

    Raises:
        ValueError: if the path is not a file with at least one byte.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder, not a file; {advice}.")
    if not os.path.isfile(path):
        raise ValueError(f"{path} does not exist; {advice}.")
    if os.path.getsize(path) == 0:
        raise ValueError(f"{path} is empty (0 bytes); {advice}.")
    return path


def read_arrays(
    path: str | os.PathLike[str],
    names: Sequence[str],
    advice: str,
    optional: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Read named arrays of an `.npz` archive without unpickling anything.

    Args:
        path: the archive.
        names: arrays that must be there; others are not read.
        advice: half a sentence on what the archive should be.
        optional: arrays that are read where they are there.

    Returns:
        The arrays by name, of any shape.

    Raises:
        ValueError: if the file is missing, damaged, not an archive, lacks an array or holds Python
            objects.
    """
    path = check_is_file(path, advice)
    try:
        # Opened here because NumPy leaves the file open when the archive turns out to be damaged.
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError(f"{path} is a single array, not an .npz archive; {advice}.")
            wanted = [*names, *(name for name in optional if name in archive.files)]
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise ValueError(
                    f"{path} lacks the array '{missing[0]}' (it has {sorted(archive.files)}); "
                    f"{advice}."
                )
            return {name: _member(archive, name, path, advice) for name in wanted}
    except Exception as error:  # NumPy and zipfile raise nearly every kind for a damaged file
        if isinstance(error, ValueError) and str(error).startswith(path):
            raise
        raise ValueError(
            f"{path} is damaged or not an .npz archive of plain arrays ({str(error)[:80]}); "
            f"{advice}."
        ) from error


def _member(archive: np.lib.npyio.NpzFile, name: str, path: str, advice: str) -> np.ndarray:
    try:
        return archive[name]
    except Exception as error:
        raise ValueError(
            f"{path}: array '{name}' is damaged or holds Python objects ({str(error)[:80]}); {advice}."
        ) from error
