"""JSON files and the hash of a file."""

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any


def read_json(
    path: str | os.PathLike[str],
    advice: str = "",
    *,
    kind: type = dict,
    object_hook: Callable[[dict], Any] | None = None,
) -> Any:
    """Read a JSON file.

    Args:
        path: the file, UTF-8.
        advice: half a sentence on what the file should be; empty gives a general one.
        kind: what it must hold; `object` admits everything.
        object_hook: as `json.load` takes it, called with each object as soon as it is read.

    Returns:
        Its content, of the type `kind`.

    Raises:
        ValueError: if it is missing, no JSON or of another kind.
    """
    try:
        # Windows tools put a byte order mark in front.
        with open(path, encoding="utf-8-sig") as file:
            content = json.load(file, object_hook=object_hook)
    except FileNotFoundError as error:
        raise ValueError(
            f"{path} does not exist; {advice or 'give an existing JSON file'}."
        ) from error
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}); {advice or 'give a JSON file'}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not valid JSON ({str(error)[:80]}); "
            f"{advice or 'it may be cut off, get it again'}."
        ) from error
    if not isinstance(content, kind):
        wanted = "an object" if kind is dict else f"a {kind.__name__}"
        raise ValueError(
            f"{path} holds a {type(content).__name__}, not {wanted}; {advice or 'correct it'}."
        )
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
