"""Whether two machines see the same data set, without reading all of it."""

import hashlib
import os
import pathlib

# Written last into a record folder, with the checksum of every shard.
_INDEX = "index.json"


def fingerprint(data_dir: str) -> str:
    """Return a text that differs where data sets do.

    Args:
        data_dir: folders, commas between; of records by their index, which has the checksums of all
            shards, of others by the names and sizes of their files. Their place does not matter, their
            order does.

    Returns:
        Hexadecimal digits.
    """
    digest = hashlib.sha256()
    folders = [data_dir] if os.path.exists(data_dir) else data_dir.split(",")
    for folder in (pathlib.Path(word.strip()).expanduser() for word in folders if word.strip()):
        if (folder / _INDEX).is_file():
            digest.update((folder / _INDEX).read_bytes())
            continue
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                digest.update(f"{name} {path.stat().st_size}\n".encode())
        digest.update(b"\0")
    return digest.hexdigest()
