"""The folder of one run: what was asked for, with what, and what came out.

`run.json` holds config, versions, seed and results; `run.flags` repeats the run; `epochs.jsonl` has one
line per evaluation. Every file is written aside and renamed, so a reader never sees half of one.
"""

import json
import os
import platform
import subprocess
import sys
from typing import Any

from keras_pose.files import write_file
from keras_pose.train import config as configs
from keras_pose.train.lease import LEASE_FILE

RUN_FILE, FLAG_FILE, EPOCH_FILE = "run.json", "run.flags", "epochs.jsonl"


def read_run(model_dir: str) -> dict:
    """Read `run.json`.

    Args:
        model_dir: run folder.

    Returns:
        Its content.

    Raises:
        ValueError: if it is missing, no JSON or not the record of a run.
    """
    path = os.path.join(model_dir, RUN_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError as error:
        raise ValueError(
            f"{path}: there is no run here; train first or correct --model_dir."
        ) from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: this is not valid JSON ({error}); restore it or retrain."
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
        raise ValueError(f"{path}: this is not a record of a run; restore it or retrain.")
    return content


def update_run(model_dir: str, **entries) -> None:
    """Merge entries into `run.json`.

    Args:
        model_dir: run folder.
        **entries: JSON-ready values.
    """
    content = read_run(model_dir) | entries
    write_file(os.path.join(model_dir, RUN_FILE), json.dumps(content, indent=2) + "\n")


def add_skipped(model_dir: str, skipped: dict[str, str]) -> None:
    """Add records that were left out to the run's list, `skipped` of `run.json`; none is taken off it.

    Args:
        model_dir: run folder.
        skipped: id as text to reason.
    """
    listed = read_run(model_dir).get("skipped")
    if listed is None or skipped.keys() - listed.keys():
        update_run(model_dir, skipped=skipped | (listed or {}))


def check_run(model_dir: str, config: Any, is_kept: bool = True) -> bool:
    """Check that a run folder, if there is one, belongs to the same config; writes nothing.

    Args:
        model_dir: run folder.
        config: the method's frozen config.
        is_kept: False if a run that is there will be put aside, whatever it is.

    Returns:
        Whether there is a run.

    Raises:
        ValueError: if the folder holds a run of another method or with other settings; each is named.
    """
    if not model_dir:
        raise ValueError("--model_dir is empty; name a folder for the run.")
    if os.path.lexists(model_dir) and not os.path.isdir(model_dir):
        raise ValueError(
            f"--model_dir={model_dir} is not a folder; name one, or one that can be made."
        )
    path = os.path.join(model_dir, RUN_FILE)
    if os.path.exists(path) and not is_kept:
        return True
    if os.path.exists(path):
        method = read_run(model_dir).get("method") or config.method
        if method != config.method:
            raise ValueError(
                f"{path}: this is a run of keras_pose.{method}; give keras_pose.{config.method} another "
                "--model_dir, or --restart, which keeps that run aside."
            )
        earlier = configs.from_dict(type(config), read_run(model_dir)["config"], path)
        changed = configs.differences(config, earlier)
        if changed:
            listed = ", ".join(
                f"--{name}={now} (was {was})" for name, (now, was) in changed.items()
            )
            raise ValueError(
                f"{path}: this run was started with other settings: {listed}; use another --model_dir "
                "or repeat the run with its own run.flags."
            )
        return True
    return False


def put_aside(model_dir: str) -> str:
    """Move what lies in a run folder to a new folder beside it.

    Args:
        model_dir: run folder.

    Returns:
        The new folder, `<model_dir>-before-<n>`; empty if there was nothing to move.

    Raises:
        OSError: if it cannot be moved.
    """
    place = os.path.normpath(model_dir)
    names = sorted(os.listdir(place)) if os.path.isdir(place) else []
    # The lease stays with whoever trains here; the record goes last, for it says that there is a run.
    names = [name for name in names if not name.startswith(LEASE_FILE) and name != RUN_FILE]
    if os.path.exists(os.path.join(place, RUN_FILE)):
        names.append(RUN_FILE)
    if not names:
        return ""
    number = 1
    while os.path.lexists(f"{place}-before-{number}"):
        number += 1
    aside = f"{place}-before-{number}"
    os.makedirs(aside)
    for name in names:
        os.rename(os.path.join(place, name), os.path.join(aside, name))
    print(f"The run that was in {place} is kept in {aside}.", file=sys.stderr)
    return aside


def check_repeated(model_dir: str, config: Any, run_config: Any) -> None:
    """Check that method flags given beside a finished run, if any, are those of its training.

    Args:
        model_dir: run folder, for the sentence.
        config: config of the command line; one with all defaults asks for nothing.
        run_config: config of the run.

    Raises:
        ValueError: if a flag was given that differs from the run's.
    """
    changed = configs.differences(config, run_config)
    if changed and configs.differences(config, type(config)()):
        raise ValueError(
            f"{model_dir}: --{next(iter(changed))} differs from the run's setting; give "
            "--flagfile=run.flags from that folder, or no method flags at all."
        )


def open_run(model_dir: str, config: Any, command: list[str] | None = None) -> None:
    """Create the run folder, or check that the one there belongs to the same config.

    Args:
        model_dir: run folder.
        config: the method's frozen config.
        command: command line, for the record.

    Raises:
        ValueError: if the folder holds a run of another method or with other settings; each is named.
    """
    if check_run(model_dir, config):
        return
    path = os.path.join(model_dir, RUN_FILE)
    os.makedirs(model_dir, exist_ok=True)
    content = {
        "method": config.method,
        "config": configs.to_dict(config),
        "command": sys.argv if command is None else command,
        "environment": environment(),
    }
    header = "Repeats the run of this folder; give --model_dir, --data_dir and --mode as well."
    write_file(os.path.join(model_dir, FLAG_FILE), configs.flagfile_text(config, header=header))
    write_file(path, json.dumps(content, indent=2) + "\n")


def environment() -> dict:
    """Versions, processor count and git commit under which a run is made."""
    import keras
    import numpy
    import tensorflow

    import keras_pose

    return {
        "keras_pose": keras_pose.__version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "tensorflow": tensorflow.__version__,
        "keras": keras.__version__,
        "numpy": numpy.__version__,
        "gpus": len(tensorflow.config.list_physical_devices("GPU")),
        "processors": os.cpu_count(),
    }


def code_version() -> str:
    """Return what must agree where one run is spread over processes: this package and TensorFlow's."""
    facts = environment()
    return " ".join(
        str(facts[name]) for name in ("keras_pose", "git_commit", "tensorflow", "keras")
    )


def read_epochs(model_dir: str) -> list[dict]:
    """Rows of `epochs.jsonl`, oldest first; an empty list if there is none.

    Args:
        model_dir: run folder.

    Returns:
        JSON-ready dicts.

    Raises:
        ValueError: if a line is damaged.
    """
    path = os.path.join(model_dir, EPOCH_FILE)
    if not os.path.exists(path):
        return []
    rows = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                rows += [json.loads(line)] if line.strip() else []
            except json.JSONDecodeError as error:
                raise ValueError(
                    f"{path}: line {number} is not valid JSON ({error}); remove this line and those "
                    "after it."
                ) from error
    return rows


def write_epochs(model_dir: str, rows: list[dict]) -> None:
    """Replace `epochs.jsonl`.

    Args:
        model_dir: run folder.
        rows: JSON-ready dicts, oldest first.
    """
    text = "".join(json.dumps(row) + "\n" for row in rows)
    write_file(os.path.join(model_dir, EPOCH_FILE), text)


def _git_commit():
    folder = os.path.dirname(os.path.abspath(__file__))
    command = ["git", "-C", folder, "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
