"""Proof that an exported artefact computes what the Keras model computes, on given inputs.

An export is not finished before this passes: converters fail silently (a file without weights, a
kernel that answers zeros, an 8-bit scale that swallows the signal), and each of them still loads.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_pose.export.litert import KERNELS, tflite_runner
from keras_pose.files import write_file

REPORT_NAME = "parity.json"


class ExportMismatch(ValueError):
    """An artefact does not compute what the model computes; the message is one sentence."""


@dataclass(frozen=True)
class Bound:
    """How far one output may be from the reference; at least one of the two must be given.

    Attributes:
        max_abs: largest absolute difference of any element, in the unit of the output.
        relative_rms: root mean square of the difference over that of the reference; 1e-3 is 0.1 %.
    """

    max_abs: float | None = None
    relative_rms: float | None = None

    def __post_init__(self) -> None:
        if self.max_abs is None and self.relative_rms is None:
            raise ValueError("A Bound without a limit proves nothing: give max_abs, relative_rms.")


def compare_artefact(
    artefact: str,
    run_artefact: Callable[[Mapping[str, Any]], Mapping[str, np.ndarray]],
    reference_outputs: Mapping[str, Any],
    inputs: Mapping[str, Any],
    bounds: Mapping[str, Bound],
) -> dict[str, Any]:
    """Run an artefact on the golden inputs and measure how far it is from the reference.

    Args:
        artefact: its name in the report, for example the file name.
        run_artefact: function from input name -> array to output name -> array, for example from
            `saved_model_runner` or `tflite_runner`.
        reference_outputs: output name -> array `[B, ...]` that the Keras model gives.
        inputs: input name -> array `[B, ...]`, the golden inputs.
        bounds: output name -> bound, for every output.

    Returns:
        A report that JSON can hold: `artefact`, `passed`, `problem` (None or a clause) and, per
        output, `max_abs`, `relative_rms` (None where not finite), `bound`, `passed`. It does not
        raise for a mismatch; `write_verification` does.

    Raises:
        ValueError: if the check could prove nothing: an output without a bound, or a reference that
            is not finite or zero all over.
    """
    references = {name: np.asarray(value) for name, value in reference_outputs.items()}
    _check_references(references, bounds)
    report: dict[str, Any] = {"artefact": artefact, "passed": False, "problem": None, "outputs": {}}
    try:
        outputs = run_artefact(inputs)
    except (ValueError, RuntimeError) as error:
        report["problem"] = f"does not run ({str(error).splitlines()[0]})"
        return report
    if set(outputs) != set(references):
        report["problem"] = f"has outputs {sorted(outputs)} instead of {sorted(references)}"
        return report
    for name, reference in sorted(references.items()):
        entry = _compare_output(np.asarray(outputs[name]), reference, bounds[name])
        report["outputs"][name] = entry
        if not entry["passed"] and report["problem"] is None:
            report["problem"] = f"differs in output {name!r} ({entry['reason']})"
    report["passed"] = report["problem"] is None
    return report


def compare_tflite(
    path: str | os.PathLike,
    signature: str,
    reference_outputs: Mapping[str, Any],
    inputs: Mapping[str, Any],
    bounds: Mapping[str, Bound],
    reference_rows: int = 2,
    settle: Callable[[Callable, slice], Callable] | None = None,
) -> list[dict[str, Any]]:
    """Compare a `.tflite` file with the reference through both sets of kernels.

    A fast kernel may be at fault where the plain one is not (XNNPACK answered zeros for some strides),
    and a phone may use either.

    Args:
        path: the file.
        signature: its signature.
        reference_outputs: output name -> array `[B, ...]` that the Keras model gives.
        inputs: input name -> array `[B, ...]`, the golden inputs.
        bounds: output name -> bound, for every output.
        reference_rows: rows that go through the reference kernels, which are slow.
        settle: function of a runner and the rows that it will be asked to the runner that counts; None
            takes runners as they are.

    Returns:
        Two reports as of `compare_artefact`.

    Raises:
        ValueError: if `compare_artefact` refuses the bounds.
    """
    reports = []
    for kernels in KERNELS:
        rows = slice(None) if kernels == "default" else slice(reference_rows)
        try:
            runner = tflite_runner(path, signature, kernels=kernels)
        except ValueError as error:
            sentence = str(error)

            def runner(inputs, sentence=sentence):
                raise ValueError(sentence)

        runner = settle(runner, rows) if settle else runner
        report = compare_artefact(
            Path(path).name if kernels == "default" else f"{Path(path).name} ({kernels} kernels)",
            runner,
            {name: np.asarray(value)[rows] for name, value in reference_outputs.items()},
            {name: np.asarray(value)[rows] for name, value in inputs.items()},
            bounds,
        )
        reports.append(report)
    return reports


def write_verification(folder: str | os.PathLike, reports: Sequence[Mapping[str, Any]]) -> Path:
    """Store the reports as `parity.json` beside the artefacts, or refuse the export.

    Args:
        folder: folder of the artefacts, usually still hidden.
        reports: from `compare_artefact`, one per artefact.

    Returns:
        The file written.

    Raises:
        ExportMismatch: if an artefact failed, naming the first; nothing is written then.
        ValueError: if there is no report.
        CannotWrite: if the file cannot be written.
    """
    if not reports:
        raise ValueError("No artefact was compared with the model: an export must prove itself.")
    for report in reports:
        if not report["passed"]:
            raise ExportMismatch(
                f"{report['artefact']} {report['problem']} on the golden inputs, so nothing was "
                "exported: find the cause, or widen the bound if the loss is intended."
            )
    text = json.dumps({"artefacts": list(reports)}, indent=2, allow_nan=False)
    return write_file(Path(folder) / REPORT_NAME, text + "\n")


def _check_references(references: Mapping[str, np.ndarray], bounds: Mapping[str, Bound]) -> None:
    if set(bounds) != set(references):
        raise ValueError(
            f"Bounds are given for {sorted(bounds)}, but the outputs are {sorted(references)}: "
            "give one bound per output."
        )
    for name, reference in references.items():
        if not np.all(np.isfinite(reference)):
            raise ValueError(
                f"The model's own output {name!r} is not finite on the golden inputs: a signature "
                "must return finite numbers."
            )
        if not np.any(reference):
            raise ValueError(
                f"The model's own output {name!r} is zero on all golden inputs, which a broken "
                "artefact would match: choose other inputs."
            )


def _compare_output(output: np.ndarray, reference: np.ndarray, bound: Bound) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "max_abs": None,
        "relative_rms": None,
        "bound": {key: value for key, value in asdict(bound).items() if value is not None},
        "passed": False,
        "reason": None,
    }
    if output.shape != reference.shape:
        entry["reason"] = f"shape {list(output.shape)} instead of {list(reference.shape)}"
        return entry
    if not np.all(np.isfinite(output)):
        entry["reason"] = "values that are not finite"
        return entry
    difference = output.astype(np.float64) - reference.astype(np.float64)
    entry["max_abs"] = float(np.max(np.abs(difference)))
    entry["relative_rms"] = float(
        np.sqrt(np.mean(difference**2) / np.mean(reference.astype(np.float64) ** 2))
    )
    for key, limit in entry["bound"].items():
        if not entry[key] <= limit:
            entry["reason"] = f"{key} {entry[key]:.3g}, at most {limit:.3g} allowed"
            return entry
    entry["passed"] = True
    return entry
