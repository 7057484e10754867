"""Where the versions of an exported model lie: `<root>/<name>/<version>/`."""

import os
import re
from pathlib import Path


def next_version(root: str | os.PathLike, name: str) -> int:
    """Return one more than the highest version below `<root>/<name>`, or 1.

    Args:
        root: folder of all served models.
        name: model name.

    Returns:
        A free version number, at least 1.
    """
    folder = Path(root) / name
    taken = [int(entry.name) for entry in folder.glob("*") if re.fullmatch(r"\d+", entry.name)]
    return max(taken, default=0) + 1


def version_folder(path: str | os.PathLike) -> Path:
    """Find the version folder that a path means.

    Args:
        path: version folder, or the folder of a model, whose highest version counts.

    Returns:
        A folder with a SavedModel or `.tflite` files.

    Raises:
        ValueError: if there is none, naming the path.
    """
    folder = Path(path)
    if not folder.exists():
        raise ValueError(f"{folder}: there is no such folder; give the one of an exported model.")
    versions = [entry for entry in folder.glob("*") if re.fullmatch(r"\d+", entry.name)]
    for candidate in (folder, *sorted(versions, key=lambda entry: -int(entry.name))):
        if (candidate / "saved_model.pb").is_file() or list(candidate.glob("*.tflite")):
            return candidate
    raise ValueError(
        f"{folder} holds no exported model: give a version folder, or the folder above it."
    )
