"""Proof that the artefacts of an export compute what the Keras model computes.

Rounding moves values a little, but an arg-max by a whole picture where two pixels of a map are all but
equal. So a joint that is answered elsewhere passes where the Keras model's own map is as high there, to
the error that the maps of that format were measured to have; nothing else is excused.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_pose import export
from keras_pose.codecs import total_bone_length
from keras_pose.data.augment_host import warp
from keras_pose.data.generated_bodies import generate_body
from keras_pose.geometry import affine2d
from keras_pose.wild3d import serving
from keras_pose.wild3d.metric_pose import BONE_SUM_PER_HEIGHT
from keras_pose.wild3d.picture_crops import crop_matrices, cut_crops, usable_boxes

PHONE_SIGNATURES = ("decoded", "heatmaps")
# Of float32 through a network.
_ROUNDING = 1e-5
# Largest difference allowed, relative to the size of the output (root mean square). Float formats
# round; 8 bits cost accuracy, and more than this would be a fault of the conversion.
BOUNDS = {"saved_model": 1e-4, "float32": 1e-4, "float16": 1e-2, "int8": 1e-1, "int8_static": 2e-1}
_STYLES = ("lab", "wild")


def golden_inputs(image_size: int, count: int = 4) -> dict[str, dict[str, np.ndarray]]:
    """Rendered bodies with their boxes, cameras and sizes; rows that servers must refuse at the end.

    Args:
        image_size: side S of the crop in px.
        count: number of bodies C.

    Returns:
        Signature to its inputs, with R = C + 8 rows, for phones R = C: `image` `[R, H, W, 3]`, uint8 or
        for phones float32; where the signature takes them `box` `[R, 4]`, `intrinsics` `[R, 3, 3]`,
        `bone_sum` and `body_height` `[R]`.
    """
    side = round(1.5 * image_size)
    bodies = [generate_body(n, 7, size=side, style=_STYLES[n % 2]) for n in range(count)]
    sums = np.array([total_bone_length(body.keypoints_3d) for body in bodies], np.float32)
    by_height = np.arange(count) % 2 > 0
    hostile = serving.hostile_inputs(side, side)
    picture = {
        "image": np.stack([body.image for body in bodies]),
        "box": np.array([body.box for body in bodies], np.float32),
        "intrinsics": np.array([body.intrinsics for body in bodies], np.float32),
        "bone_sum": np.where(by_height, 0.0, sums).astype(np.float32),
        "body_height": np.where(by_height, sums / BONE_SUM_PER_HEIGHT, 0.0).astype(np.float32),
    }
    matrices = np.asarray(crop_matrices(tf.constant(picture["box"]), image_size), np.float64)
    crops = [
        warp(image, matrix, image_size)
        for image, matrix in zip(picture["image"], matrices, strict=True)
    ]
    crop = {name: value for name, value in picture.items() if name != "box"} | {
        "image": np.stack(crops),
        "intrinsics": np.asarray(
            affine2d.transform_intrinsics(picture["intrinsics"].astype(np.float64), matrices),
            np.float32,
        ),
    }
    bad_crop = {name: hostile[name] for name in crop} | {
        "image": hostile["image"][:, :image_size, :image_size]
    }
    whole_crop = {name: np.concatenate([crop[name], bad_crop[name]]) for name in crop}
    unit = {"image": crop["image"].astype(np.float32) / np.float32(255.0)}
    return {
        "serve_image": {name: np.concatenate([picture[name], hostile[name]]) for name in picture},
        "serve_crop": whole_crop,
        "keypoints": {"image": whole_crop["image"]},
        "decoded": unit,
        "heatmaps": unit,
    }


def verify(
    folder: str | os.PathLike,
    name: str,
    signatures: Mapping[str, export.Signature],
    pose: keras.Model,
    formats: tuple[str, ...],
) -> list[dict]:
    """Compare SavedModel and TFLite files with the Keras model, hostile inputs included.

    Args:
        folder: version folder.
        name: model name, which the TFLite files carry.
        signatures: the Keras side, of `serving.signatures`.
        pose: the pose model.
        formats: of the TFLite files, among `export.FORMATS`.

    Returns:
        Reports of `keras_pose.export.compare_artefact`, one per artefact and signature.
    """
    folder = Path(folder)
    size = pose.input_shape[1]
    golden = golden_inputs(size)
    errors: dict[str, float] = {}
    reports = []
    # Maps first: their error says how far an arg-max may be led astray.
    for signature in sorted(golden, key=lambda name: name != "heatmaps"):
        given = golden[signature]
        tensors = {key: tf.constant(value) for key, value in given.items()}
        reference = {
            key: np.asarray(value)
            for key, value in signatures[signature].function(**tensors).items()
        }
        maps, depth_is_read = _maps(pose, given)
        runners = {"saved_model": export.saved_model_runner(folder, signature)}
        if signature in PHONE_SIGNATURES:
            for kind in formats:
                path = folder / f"{name}_{signature}_{kind}.tflite"
                runners[kind] = export.tflite_runner(path, signature)
        for kind, runner in runners.items():
            artefact = (
                f"saved_model.pb:{signature}"
                if kind == "saved_model"
                else f"{name}_{signature}_{kind}.tflite"
            )
            bounds = {
                key: export.Bound(max_abs=0.0)
                if key.startswith("valid")
                else export.Bound(relative_rms=BOUNDS[kind])
                for key in reference
            }
            # Two values that are both wrong by as much.
            slack = 2.0 * errors.get(kind, 0.0) + _ROUNDING * float(np.abs(maps).max())
            settled = _settled_runner(runner, reference, maps, size, slack, depth_is_read)
            report = export.compare_artefact(artefact, settled, reference, given, bounds)
            if signature == "heatmaps":
                errors[kind] = report["outputs"].get("heatmaps", {}).get("max_abs") or 0.0
            reports.append(report)
    return reports


def _maps(pose, given):
    """The Keras model's own heat maps, float [N, H, W, 16], and whether depth is read at the joints."""
    size = pose.input_shape[1]
    image = tf.constant(given["image"])
    if "box" in given:
        box = tf.constant(given["box"])
        height, width = image.shape[1:3]
        whole = tf.constant([[0.0, 0.0, width, height]])
        box = tf.where(usable_boxes(box, height, width)[:, None], box, whole)
        image = cut_crops(image, crop_matrices(box, size), size)
    unit = image if image.dtype == tf.float32 else serving.unit_range(image)
    outputs = serving.network_of(pose)(unit, training=False)
    return np.asarray(outputs["heatmaps"][-1]), "depth_maps" in outputs


def _settled_runner(
    runner: Callable,
    reference: dict,
    maps: np.ndarray,
    size: int,
    slack: float,
    depth_is_read: bool,
) -> Callable:
    """The runner, with the reference's own numbers for joints that rounding explains."""

    def run(inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        outputs = dict(runner(inputs))
        if set(outputs) != set(reference):
            return outputs
        answered, true = (_cells(values, maps.shape[2], size) for values in (outputs, reference))
        if answered is None or answered.shape != true.shape:
            return outputs
        joints = explained_joints(answered, true, maps, slack)
        # The size, and with it the place, is the whole pose's.
        rows = np.asarray(joints.any(axis=1))
        excused = {"x": joints, "y": joints, "keypoints_2d": joints[..., None]}
        excused |= {"keypoints_3d": rows[:, None, None], "position": rows[:, None]}
        excused["points"] = joints[..., None] & np.array([True, True, depth_is_read])
        if depth_is_read:
            excused |= {"z": joints, "depth": joints}
        return outputs | {
            key: np.where(mask, reference[key], outputs[key])
            for key, mask in excused.items()
            if key in outputs
        }

    return run


def _cells(outputs, cells, size):
    """2D joints in px of the maps [N, 16, 2]; None where a signature has none."""
    if "points" in outputs:
        return (outputs["points"][..., :2].astype(np.float64) + 1.0) * (cells / 2.0)
    if "x" in outputs:
        return np.stack([outputs["x"], outputs["y"]], axis=-1).astype(np.float64) * (cells / size)
    return None


def explained_joints(
    answered: np.ndarray, true: np.ndarray, maps: np.ndarray, slack: float
) -> np.ndarray:
    """Tells joints whose other place follows from values of the map that are equal to rounding.

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
