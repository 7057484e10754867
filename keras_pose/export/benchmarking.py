"""Measures exported models: `python -m keras_pose.export.benchmark --models=savedmodels/my_hands`.

Prints size, accuracy and latency of every `.tflite` file as MoveNet's table does, and how many requests
per second the SavedModel answers. All files take turns within each round, and so do those of others that
`--peer` names.
"""

import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from keras_pose.export.benchmark_settings import BenchmarkConfig
from keras_pose.export.formats import FORMATS
from keras_pose.export.timing import litert_call, saved_model_call, time_in_turn
from keras_pose.export.versions import version_folder
from keras_pose.files import check_writable, write_file
from keras_pose.train.config import listed

ACCURACY_NAME = "accuracy.json"
_UNKNOWN = "-"


def read_accuracy(folder: Path) -> dict[str, Any]:
    """Read how accurate the artefacts of a version are.

    Args:
        folder: version folder; its `accuracy.json` holds `set`, `measure` and `values`, artefact to
            number.

    Returns:
        The content; without such a file a `set` and a `measure` of "-" and no `values`.

    Raises:
        ValueError: if the file holds something else, naming it.
    """
    path = folder / ACCURACY_NAME
    if not path.is_file():
        return {"set": _UNKNOWN, "measure": _UNKNOWN, "values": {}}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        values = {str(name): float(value) for name, value in content["values"].items()}
        return {"set": str(content["set"]), "measure": str(content["measure"]), "values": values}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} must hold set, measure and values (artefact to number): export the model again."
        ) from error


def measure(settings: BenchmarkConfig) -> dict[str, Any]:
    """Time all files and models.

    Args:
        settings: what to measure.

    Returns:
        JSON-ready: `machine`, `files` (per file `model`, `file`, `format`, `megabytes`, `accuracy`,
        `set`, `measure` and per number of threads `latency_ms` with `median` and `p90`) and `served`
        (per model and batch size `requests_per_second`, `pictures_per_second`).

    Raises:
        ValueError: if a path names no model or a file cannot be run.
    """
    folders = [version_folder(path) for path in listed(settings.models)]
    threads = [int(word) for word in listed(settings.threads)]
    files = [_describe(path, folder) for folder in folders for path in _tflite_files(folder)]
    files += [_describe(Path(path), None) for path in listed(settings.peer)]
    result: dict[str, Any] = {"machine": _machine(), "files": [], "served": []}
    calls = {
        f"{number}:{count}": litert_call(entry["path"], count)
        for number, entry in enumerate(files)
        for count in threads
    }
    seconds = time_in_turn(calls, settings.num_rounds, settings.seconds_per_turn, _show("files"))
    for number, entry in enumerate(files):
        entry["latency_ms"] = {
            str(count): _spread(1e3 * seconds[f"{number}:{count}"]) for count in threads
        }
        result["files"].append({**entry, "path": entry["path"].name})
    served = {
        (folder, int(word)): saved_model_call(folder, int(word))
        for folder in folders
        if (folder / "saved_model.pb").is_file()
        for word in listed(settings.batch_sizes)
    }
    named = {f"{folder}:{size}": call for (folder, size), call in served.items()}
    seconds = time_in_turn(named, settings.num_rounds, settings.seconds_per_turn, _show("requests"))
    for folder, size in served:
        rate = 1.0 / float(np.median(seconds[f"{folder}:{size}"]))
        result["served"].append(
            {
                "model": _model_name(folder),
                "batch_size": size,
                "requests_per_second": rate,
                "pictures_per_second": size * rate,
            }
        )
    return result


def tables(result: dict[str, Any]) -> str:
    """Word a result as Markdown.

    Args:
        result: of `measure`.

    Returns:
        The machine in a line, the table of files and that of requests.
    """
    machine = result["machine"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load']} at the start; "
        "LiteRT with XNNPACK, batch 1; no phone was measured",
    ]
    if result["files"]:
        counts = list(result["files"][0]["latency_ms"])
        header = ["Model", "Format", "Size (MB)", "Accuracy"]
        header += [f"{n} thread{'s' * (n != '1')}: median (ms), 90 %" for n in counts]
        rows = []
        for entry in result["files"]:
            latency = [entry["latency_ms"][n] for n in counts]
            accuracy = _UNKNOWN if entry["accuracy"] is None else f"{entry['accuracy']:.4g}"
            rows.append(
                [entry["model"], entry["format"], f"{entry['megabytes']:.2f}", accuracy]
                + [f"{value['median']:.2f}, {value['p90']:.2f}" for value in latency]
            )
        lines += ["", *_markdown(header, rows)]
        known = {
            f"{entry['model']}: {entry['measure']} on {entry['set']}"
            for entry in result["files"]
            if entry["accuracy"] is not None
        }
        lines += ["", *(f"Accuracy of {words}." for words in sorted(known))] if known else []
    if result["served"]:
        header = ["SavedModel", "Batch", "Requests per second", "Pictures per second"]
        rows = [
            [
                entry["model"],
                str(entry["batch_size"]),
                f"{entry['requests_per_second']:.2f}",
                f"{entry['pictures_per_second']:.1f}",
            ]
            for entry in result["served"]
        ]
        lines += ["", *_markdown(header, rows)]
    return "\n".join(lines) + "\n"


def run(settings: BenchmarkConfig) -> dict[str, Any]:
    """Measure, print the tables and write them.

    Args:
        settings: what to measure and where to write it.

    Returns:
        As `measure`.

    Raises:
        ValueError: if `measure` refuses the models.
        CannotWrite: if the output cannot be written.
    """
    if settings.output and not settings.output.endswith(".json"):
        raise ValueError(f"--output={settings.output} must end in .json; correct it.")
    if settings.output:
        check_writable(Path(settings.output).parent, "folder of --output")
    result = measure(settings)
    text = tables(result)
    print(text, end="")
    if settings.output:
        path = Path(settings.output)
        write_file(path, json.dumps(result, indent=1, allow_nan=False) + "\n")
        write_file(path.with_suffix(".txt"), text)
    return result


def _tflite_files(folder):
    """In the order of signature and format, not of the alphabet."""

    def key(path):
        form = _format(path)
        place = FORMATS.index(form) if form in FORMATS else len(FORMATS)
        return path.stem.removesuffix(form), place, path.name

    return sorted(folder.glob("*.tflite"), key=key)


def _format(path):
    matches = [kind for kind in FORMATS if path.stem.endswith(f"_{kind}")]
    return max(matches, key=len, default=_UNKNOWN)


def _model_name(folder):
    folder = folder.resolve()
    return f"{folder.parent.name}/{folder.name}"


def _describe(path, folder):
    if not path.is_file():
        raise ValueError(f"--peer={path}: there is no such file; correct the path.")
    known: dict[str, Any] = {"set": _UNKNOWN, "measure": _UNKNOWN, "values": {}}
    if folder is not None:
        known = read_accuracy(folder)
    form = _format(path)
    return {
        "path": path,
        "model": path.stem.removesuffix(f"_{form}"),
        "file": path.name,
        "format": form,
        "megabytes": path.stat().st_size / 1e6,
        "accuracy": known["values"].get(path.name),
        "set": known["set"],
        "measure": known["measure"],
    }


def _spread(values):
    return {"median": float(np.median(values)), "p90": float(np.quantile(values, 0.9))}


def _markdown(header, rows):
    return [
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _machine():
    path = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.*)", path.read_text()) if path.is_file() else []
    return {
        "processor": names[0] if names else platform.processor() or "unknown processor",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else _UNKNOWN,
        "system": platform.system(),
    }


def _show(what):
    """Return a counter on the error stream, for people alone."""

    def show(done, total):
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r{what}: {done} of {total} turns", end=end, file=sys.stderr, flush=True)

    return show


def main(settings: BenchmarkConfig) -> None:
    """Do what the settings ask for."""
    run(settings)
