"""Proof that the files for phones compute what the Keras model computes, through both sets of kernels.

Rounding moves values a little, but an arg-max by a whole picture where two pixels of a map are all but
equal. So a joint that is answered elsewhere passes where the Keras model's own map is as high there, to
the error that the maps of that format were measured to have; nothing else is excused.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose import export
from keras_pose.serving.export_settings import PHONE_SIGNATURES
from keras_pose.serving.phone import phone_file

# Of float32 through a network.
_ROUNDING = 1e-5
# Largest difference allowed, relative to the size of the output (root mean square). Float formats
# round. Activations of 8 bits on fixed scales move a trained hourglass's maps by a quarter, which costs
# 2 % in its joints, and its depths by up to half on a few bodies; what is dead, or on a scale of
# another output, differs by 1. So these bounds find faults of a conversion; what its accuracy is
# worth is for a held-out set to say.
BOUNDS = {"float32": 1e-4, "float16": 1e-2, "int8": 1e-1, "int8_static": 3e-1, "int8_full": 3e-1}
# Fixed scales follow the largest value ever seen, and depth suffers most: of trained networks it moved by
# up to two thirds of its size. This bound only tells it from noise; docs/mobile.md says what to expect.
DEPTH_BOUNDS = {"int8_static": 7e-1, "int8_full": 7e-1}
_DEPTHS = ("depth", "depth_maps", "z")


def compare_phone_files(
    folder: str | os.PathLike,
    name: str,
    signatures: Mapping[str, export.Signature],
    formats: Sequence[str],
    crops: np.ndarray,
    reference_rows: int = 2,
) -> list[dict]:
    """Compare the files of `write_phone_files` with the Keras model.

    Args:
        folder: version folder.
        name: model name, which the files carry.
        signatures: the Keras side, `PHONE_SIGNATURES` among them.
        formats: of the files.
        crops: float32 `[R, S, S, 3]`, RGB in [0, 1].
        reference_rows: how many of them go through the reference kernels, which are slow.

    Returns:
        Reports of `keras_pose.export.compare_tflite`, two per file.
    """
    reports: list[dict] = []
    given = {"image": crops}
    references = {
        signature: {
            key: np.asarray(value)
            for key, value in signatures[signature].function(image=tf.constant(crops)).items()
        }
        for signature in PHONE_SIGNATURES
    }
    maps = references["heatmaps"]["heatmaps"]
    depth_is_read = "depth_maps" in references["heatmaps"]
    errors: dict[str, float] = {}
    # Maps first: their error says how far an arg-max may be led astray.
    for signature in sorted(PHONE_SIGNATURES, key=lambda name: name != "heatmaps"):
        reference = references[signature]
        for kind in formats:
            # Two values that are both wrong by as much.
            slack = 2.0 * errors.get(kind, 0.0) + _ROUNDING * float(np.abs(maps).max())

            def settle(runner, rows, reference=reference, slack=slack):
                true = {key: value[rows] for key, value in reference.items()}
                return _settled_runner(
                    runner, true, maps[rows], crops.shape[2], slack, depth_is_read
                )

            path = Path(folder) / phone_file(name, signature, kind)
            limits = {key: BOUNDS[kind] for key in reference}
            limits |= {key: DEPTH_BOUNDS.get(kind, limits[key]) for key in _DEPTHS if key in limits}
            bounds = {key: export.Bound(relative_rms=limit) for key, limit in limits.items()}
            compared = export.compare_tflite(
                path, signature, reference, given, bounds, reference_rows, settle
            )
            if signature == "heatmaps":
                seen = [report["outputs"].get("heatmaps", {}) for report in compared]
                errors[kind] = max(entry.get("max_abs") or 0.0 for entry in seen)
            reports += compared
    return reports


def _settled_runner(
    runner: Callable,
    reference: dict,
    maps: np.ndarray,
    size: int,
    slack: float,
    depth_is_read: bool,
) -> Callable:
    """Return the runner, with the reference's own numbers for joints that rounding explains."""

    def run(inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        outputs = dict(runner(inputs))
        if set(outputs) != set(reference):
            return outputs
        answered, true = (_cells(values, maps.shape[2], size) for values in (outputs, reference))
        if answered is None or answered.shape != true.shape:
            return outputs
        joints = explained_joints(answered, true, maps, slack)
        excused = ("x", "y", "z") if depth_is_read else ("x", "y")
        return outputs | {key: np.where(joints, reference[key], outputs[key]) for key in excused}

    return run


def _cells(outputs, cells, size):
    """2D joints in px of the maps `[N, J, 2]`; None where a signature has none."""
    if "x" not in outputs:
        return None
    return np.stack([outputs["x"], outputs["y"]], axis=-1).astype(np.float64) * (cells / size)


def explained_joints(
    answered: np.ndarray, true: np.ndarray, maps: np.ndarray, slack: float
) -> np.ndarray:
    """Tell joints whose other place follows from values of the map that are equal to rounding.

    Args:
        answered: `[N, J, 2]`, px of the maps.
        true: `[N, J, 2]`, what the maps really give.
        maps: `[N, H, W, J]`, the true maps.
        slack: what rounding may do to a value.

    Returns:
        bool `[N, J]`: the place differs, and the true map is as high at the answered pixel, less
        `slack`; or the pixel is the same and its neighbours along each axis that differs are equal to
        `slack`.
    """
    differs = np.abs(answered - true) > 1e-3
    explained = np.zeros(true.shape[:2], bool)
    for row, joint in zip(*np.nonzero(differs.any(axis=-1)), strict=True):
        field = maps[row, :, :, joint]
        places = np.stack([answered[row, joint], true[row, joint]])
        if not np.isfinite(places).all():
            continue
        pixels = np.clip(np.floor(places), 0, np.array(field.shape[::-1]) - 1).astype(int)
        (x, y), (true_x, true_y) = pixels
        if (x, y) != (true_x, true_y):
            explained[row, joint] = field[y, x] >= field[true_y, true_x] - slack
            continue
        around = np.pad(field, 1, mode="edge")[y : y + 3, x : x + 3]
        steps = np.abs([around[1, 2] - around[1, 0], around[2, 1] - around[0, 1]])
        explained[row, joint] = bool(np.all(steps[differs[row, joint]] <= slack))
    return explained
