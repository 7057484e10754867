import json
import os

import numpy as np
import pytest

from keras_pose import export
from keras_pose.export import Bound

INPUTS = {"x": np.array([1.0, 2.0])}
REFERENCE = {"y": np.array([3.0, 4.0]), "z": np.array([1, 0])}
BOUNDS = {"y": Bound(max_abs=0.5, relative_rms=0.1), "z": Bound(max_abs=0.0)}


def _compare(**outputs):
    return export.compare_artefact("a.tflite", lambda _: outputs, REFERENCE, INPUTS, BOUNDS)


def test_measures_by_hand():
    # Differences 0.3 and -0.4: rms sqrt(0.25 / 2); reference rms sqrt(25 / 2); ratio 0.5 / 5.
    report = _compare(y=np.array([3.3, 3.6]), z=np.array([1, 0]))
    entry = report["outputs"]["y"]
    assert entry["max_abs"] == pytest.approx(0.4, abs=1e-12)
    assert entry["relative_rms"] == pytest.approx(0.1, abs=1e-12)
    assert entry["bound"] == {"max_abs": 0.5, "relative_rms": 0.1}
    assert report["outputs"]["z"]["bound"] == {"max_abs": 0.0}


def test_close_artefact_passes_and_is_stored(tmp_path):
    report = _compare(y=np.array([3.2, 3.9]), z=np.array([1, 0]))
    assert report["passed"] and report["problem"] is None
    path = export.write_verification(tmp_path, [report])
    assert path == tmp_path / "parity.json"
    assert json.loads(path.read_text()) == {"artefacts": [report]}


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ({"y": [3.0, 4.6], "z": [1, 0]}, r"'y' \(max_abs 0.6, at most 0.5 allowed\)"),
        ({"y": [3.45, 4.45], "z": [1, 0]}, r"'y' \(relative_rms 0.127, at most 0.1 allowed\)"),
        ({"y": [3.0, np.nan], "z": [1, 0]}, r"'y' \(values that are not finite\)"),
        ({"y": [0.0, 0.0], "z": [1, 0]}, r"'y' \(max_abs 4, "),
        ({"y": [3.0, 4.0], "z": [1, 1]}, r"'z' \(max_abs 1, at most 0 allowed\)"),
        ({"y": [[3.0, 4.0]], "z": [1, 0]}, r"'y' \(shape \[1, 2\] instead of \[2\]\)"),
        ({"y": [3.0, 4.0]}, r"has outputs \['y'\] instead of \['y', 'z'\]"),
    ],
)
def test_wrong_artefact_is_refused(tmp_path, outputs, problem):
    report = _compare(**{name: np.array(value) for name, value in outputs.items()})
    assert not report["passed"]
    json.dumps(report, allow_nan=False)
    with pytest.raises(export.ExportMismatch, match=r"^a\.tflite .*" + problem):
        export.write_verification(tmp_path, [report])
    assert os.listdir(tmp_path) == []


def test_artefact_that_does_not_run_is_refused(tmp_path):
    def run(_):
        raise RuntimeError("variable != nullptr\nmore lines")

    report = export.compare_artefact("a.tflite", run, REFERENCE, INPUTS, BOUNDS)
    good = _compare(y=np.array([3.0, 4.0]), z=np.array([1, 0]))
    with pytest.raises(
        ValueError, match=r"a\.tflite does not run \(variable != nullptr\) on the golden inputs"
    ):
        export.write_verification(tmp_path, [good, report])
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_none_fails_under_both_kernels(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"nothing of the kind")
    asked = []

    def settle(runner, rows):
        asked.append(rows)
        return runner

    reports = export.compare_tflite(
        path, "serving_default", REFERENCE, INPUTS, BOUNDS, reference_rows=1, settle=settle
    )
    names = [report["artefact"] for report in reports]
    assert names == ["a.tflite", "a.tflite (reference kernels)"]
    assert asked == [slice(None), slice(1)]
    assert not any(report["passed"] for report in reports)


def test_check_that_proves_nothing_is_refused(tmp_path):
    def compare(reference, bounds):
        export.compare_artefact("a", lambda _: reference, reference, INPUTS, bounds)

    with pytest.raises(ValueError, match="one bound per output"):
        compare(REFERENCE, {"y": BOUNDS["y"]})
    with pytest.raises(ValueError, match="'y' is not finite"):
        compare({"y": np.array([np.inf])}, {"y": BOUNDS["y"]})
    with pytest.raises(ValueError, match="'y' is zero on all golden inputs"):
        compare({"y": np.zeros(3)}, {"y": BOUNDS["y"]})
    with pytest.raises(ValueError, match="without a limit"):
        Bound()
    with pytest.raises(ValueError, match="must prove itself"):
        export.write_verification(tmp_path, [])
