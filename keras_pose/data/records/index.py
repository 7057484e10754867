"""The files of a record folder: names, the JSON index, and the table of byte offsets per shard.

records-00000.tfrecord   the records, readable by any TFRecord reader
records-00000.npy        a row per record: id, byte offset, length, CRC-32, group, label
records-00000.json       what the shard holds and how far in the source it goes
index.json               the whole set; written last, so a folder without it is not finished
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

SCHEMA_VERSION = 1
INDEX_FILE = "index.json"
TABLE_DTYPE = np.dtype(
    [
        ("id", "<i8"),
        ("offset", "<i8"),  # of the record's bytes, behind the 12 bytes of TFRecord's own header
        ("length", "<i4"),
        ("checksum", "<u4"),  # zlib.crc32 of the record's bytes
        ("group", "<i4"),  # position in the shard's list of groups
        ("label", "<i4"),
        ("side", "<i1"),
        ("labels", "<u1"),  # bits, see LABEL_BITS
    ]
)
LABEL_BITS = {
    **{"2d": 1, "depth": 2, "3d": 4, "intrinsics": 8, "box": 16, "label": 32},
    "head_size": 64,
}


def shard_name(number: int) -> str:
    """Name of a shard without ending.

    Args:
        number: counted from 0.
    """
    return f"records-{number:05d}"


def read_index(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the index of a finished record folder.

    Args:
        folder: as given to `write_records`.

    Returns:
        `schema_version`, `name`, `source`, `licence`, `skeleton`, `num_records`, `counts`,
        `num_bad`, `bad`, `notes`, `settings`, `shards`, a list of `{file, records, bytes, sha256,
        table_sha256}`, and where classes have names `label_names`.

    Raises:
        ValueError: if there is no index, it is not valid, or has a schema this version cannot read.
    """
    path = pathlib.Path(folder) / INDEX_FILE
    if not path.is_file():
        started = path.parent.is_dir() and any(path.parent.glob("records-*"))
        advice = (
            "it was not finished: run the same prepare command again and it goes on"
            if started
            else "write it with python -m keras_pose.data.prepare"
        )
        raise ValueError(
            f"{path.parent} is no folder of records (it has no {INDEX_FILE}); {advice}."
        )
    index = read_json(path)
    if index.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path} has schema version {index.get('schema_version')}, this program reads "
            f"{SCHEMA_VERSION}; prepare the set again."
        )
    kinds = {"num_records": int, "shards": list, "skeleton": str, "name": str}
    for key, kind in kinds.items():
        if not isinstance(index.get(key), kind):
            raise ValueError(f"{path} lacks {key!r}; prepare the set again.")
    return index


def read_json(
    path: str | os.PathLike[str], object_hook: Callable[[dict], Any] | None = None
) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: the file.
        object_hook: as `json.load` takes it, called with each object as soon as it is read.

    Returns:
        Its content.

    Raises:
        ValueError: if it is missing, no JSON or no object.
    """
    try:
        # Windows tools put a byte order mark in front.
        with open(path, encoding="utf-8-sig") as file:
            content = json.load(file, object_hook=object_hook)
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist; give an existing JSON file.") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); give a JSON file.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is not valid JSON ({str(error)[:80]}); it may be cut off, get it again."
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not an object; correct it.")
    return content


def json_bytes(content: dict[str, Any]) -> bytes:
    """Set a dict as JSON; the same dict always gives the same bytes.

    Args:
        content: JSON-ready.
    """
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Hash a file without holding it in memory.

    Args:
        path: the file.

    Returns:
        SHA-256 in hexadecimal.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give a hidden name to write under, flush it to disk and rename it to `path` at the end.

    Args:
        path: destination.

    Yields:
        The hidden name. The file disappears if the body raises.

    Raises:
        OSError: if it cannot be written, in one sentence naming the destination.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield str(partial)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(
            f"Cannot write {path}: {(error.strerror or str(error)).lower()}; make room or choose "
            "another folder, then run the same command again: it goes on."
        ) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
