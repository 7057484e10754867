"""Where a benchmark leaves what it printed: JSON for programs, the same name with .txt for people."""

import json
from pathlib import Path


def write_result(path: str, result: dict, text: str) -> None:
    """Write a result and its table.

    Args:
        path: file ending in `.json`; its folder is made if needed.
        result: JSON-ready.
        text: what was printed.

    Raises:
        ValueError: if the path does not end in `.json`.
    """
    target = Path(path)
    if target.suffix != ".json":
        raise ValueError(f"--output={path} must end in .json; the table goes next to it as .txt.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    target.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")
