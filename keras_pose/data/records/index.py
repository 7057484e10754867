"""The files of a record folder: names, the JSON index, and the table of byte offsets per shard.

records-00000.tfrecord   the records, readable by any TFRecord reader
records-00000.npy        a row per record: id, byte offset, length, CRC-32, group, label
records-00000.json       what the shard holds and how far in the source it goes
index.json               the whole set; written last, so a folder without it is not finished
"""

import os
import pathlib
from typing import Any

import numpy as np

from keras_pose.files import read_json

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
    """Return the name of a shard without ending.

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
            "it is unfinished: run the same prepare command again to resume it"
            if started
            else "write it with python -m keras_pose.data.prepare"
        )
        raise ValueError(
            f"{path.parent} is not a folder of records (it has no {INDEX_FILE}); {advice}."
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
