"""What every file of an export is worth on pictures that its network never saw: `accuracy.json`.

Parity says that a file computes what the model computes to some rounding; this says what that costs.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose import export
from keras_pose.codecs import decode_heatmaps
from keras_pose.data.views.graph_crops import crop_matrices, cut_crops
from keras_pose.files import write_file
from keras_pose.geometry import affine2d
from keras_pose.metrics import box_relative_pck
from keras_pose.serving.contract import PoseNetwork

ACCURACY_NAME = "accuracy.json"
MEASURE = "pck@0.1[share of joints within a tenth of the box's longer side]"
DEPTH_MEASURE = "depth-error[mean |z - z*| over mean |z*|, both less their mean over the joints]"
_FRACTION = 0.1
# What a file of fewer bits may lose of the float model's accuracy before its card must say so.
ALLOWED_LOSS = {"float16": 0.005, "int8": 0.05, "int8_static": 0.05, "int8_full": 0.05}
_REFERENCE, _MAPS_REFERENCE = "saved_model.pb", "saved_model.pb:heatmaps"


@dataclass(frozen=True)
class HeldOut:
    """Crops with true joints that no training saw.

    Attributes:
        name: what they are, for people.
        crops: uint8 `[R, S, S, 3]`, RGB.
        keypoints_2d: float64 `[R, J, 2]`, px of the crops.
        visible: `[R, J]`, 0 or 1: what counts.
        sides: float64 `[R]`, longer side of the box in px of the crop.
        depth: float64 `[R, J]`, in the unit of the network's depth in crops, from any origin; None where
            it is not known.
    """

    name: str
    crops: np.ndarray
    keypoints_2d: np.ndarray
    visible: np.ndarray
    sides: np.ndarray
    depth: np.ndarray | None = None


def held_out_crops(
    network: PoseNetwork,
    name: str,
    images: Sequence[np.ndarray],
    boxes: np.ndarray,
    keypoints_2d: np.ndarray,
    visible: np.ndarray,
    depth: np.ndarray | None = None,
) -> HeldOut:
    """Cut crops as a server does.

    Args:
        network: whose crops they are to be.
        name: what they are, for people.
        images: R pictures uint8 `[H, W, 3]` of one size.
        boxes: `[R, 4]`, (x, y, width, height) px.
        keypoints_2d: `[R, J, 2]`, px of the pictures.
        visible: `[R, J]`, 0 or 1.
        depth: `[R, J]`, px of the pictures if `network.depth_is_in_px`, else in the network's own unit.

    Returns:
        The crops and their joints.
    """
    boxes = np.asarray(boxes, np.float32)
    matrices = crop_matrices(tf.constant(boxes), network.image_size, network.crop_scale)
    # One graph: eagerly, a loop over rows takes many times as long.
    cut = tf.function(cut_crops, autograph=False)
    crops = cut(tf.constant(np.stack(images)), matrices, network.image_size)
    matrices = matrices.numpy().astype(np.float64)
    points = affine2d.apply(np.asarray(keypoints_2d, np.float64), matrices)
    if depth is not None and network.depth_is_in_px:
        depth = depth * matrices[:, 1, 1, None]
    return HeldOut(
        name,
        np.asarray(crops),
        np.asarray(points),
        visible,
        boxes[:, 2:].max(1) * matrices[:, 1, 1],
        depth,
    )


def share_of_joints(outputs: Mapping[str, np.ndarray], truth: HeldOut) -> float:
    """Return the share of joints that are near enough, whatever form they are answered in.

    Args:
        outputs: `keypoints_2d` `[R, J, 2]` px of the crop, or `x` and `y`, or `heatmaps` `[R, H, W, J]`.
        truth: the crops' joints.

    Returns:
        `MEASURE`, 0 to 1.
    """
    if "keypoints_2d" in outputs:
        points = outputs["keypoints_2d"]
    elif "x" in outputs:
        points = np.stack([outputs["x"], outputs["y"]], axis=-1)
    else:
        maps = np.asarray(outputs["heatmaps"], np.float32)
        points = np.asarray(decode_heatmaps(maps)[0]) * (truth.crops.shape[1] / maps.shape[2])
    share = box_relative_pck(
        np.asarray(points, np.float64), truth.keypoints_2d, truth.visible, truth.sides, (_FRACTION,)
    )
    return float(np.average(np.asarray(share)[:, 0], weights=np.sum(truth.visible, axis=1)))


def depth_error(outputs: Mapping[str, np.ndarray], truth: HeldOut) -> float | None:
    """Return the error of depth over what there is of it.

    Args:
        outputs: `depth` or `z` `[R, J]`, in the unit of `truth.depth`, from any origin.
        truth: the crops' joints.

    Returns:
        `DEPTH_MEASURE`: 0 for true depths, 1 for those of a flat figure; None where one of them is not
        there.
    """
    found = outputs.get("z", outputs.get("depth"))
    # What belongs to maps is in the network's own scale.
    if truth.depth is None or found is None or "heatmaps" in outputs:
        return None
    weights = np.asarray(truth.visible, np.float64)
    centred = [
        depth - np.sum(weights * depth, 1, keepdims=True) / np.sum(weights, 1, keepdims=True)
        for depth in (np.asarray(found, np.float64), truth.depth)
    ]
    missed = np.sum(weights * np.abs(centred[0] - centred[1]))
    return float(missed / np.sum(weights * np.abs(centred[1])))


def measure_accuracy(
    folder: str | os.PathLike,
    model: export.LoadedModel,
    truth: HeldOut,
    files: Mapping[str, str],
    answers: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure SavedModel and files, and write `accuracy.json`.

    Args:
        folder: version folder.
        model: the same, loaded.
        truth: crops that no training saw.
        files: name of a `.tflite` file to its signature.
        answers: of `keras_pose.serving.answers.measure_answers`, to be kept beside.

    Returns:
        The file's content: `set`, `measure` and `values`, artefact to share; where depth is known also
        `depth_measure` and `depth_values`; `answers` if they were given.

    Raises:
        CannotWrite: if it cannot be written.
    """
    find = model.runner("serve_crop")
    count, size = len(truth.crops), truth.crops.shape[1]
    camera = np.array([[size, 0, size / 2], [0, size, size / 2], [0, 0, 1]], np.float32)
    known = {"K": np.repeat(camera[None], count, 0), "bone_length_m": np.ones((count, 1), "f")}
    given: dict[str, Callable[[], dict]] = {
        "serve_crop": lambda: {"image": truth.crops, **known},
        "phone": lambda: {"image": truth.crops.astype(np.float32) / np.float32(255.0)},
    }
    outputs = {_REFERENCE: find(given["serve_crop"]())}
    if "heatmaps" in model.signatures:
        # Maps are read by arg-max here, which costs some networks more than fewer bits do.
        outputs[_MAPS_REFERENCE] = model.runner("heatmaps")(given["phone"]())
    for file, signature in files.items():
        runner = export.tflite_runner(Path(folder) / file, signature)
        outputs[file] = runner(given.get(signature, given["phone"])())
    shares = {name: share_of_joints(answer, truth) for name, answer in outputs.items()}
    content: dict[str, Any] = {"set": truth.name, "measure": MEASURE, "values": shares}
    errors = {name: depth_error(answer, truth) for name, answer in outputs.items()}
    known_errors = {name: error for name, error in errors.items() if error is not None}
    if known_errors:
        content |= {"depth_measure": DEPTH_MEASURE, "depth_values": known_errors}
    if answers:
        content |= {"answers": dict(answers)}
    write_file(Path(folder) / ACCURACY_NAME, json.dumps(content, indent=1, allow_nan=False) + "\n")
    return content


def metric_facts(content: Mapping[str, Any]) -> tuple[export.MetricFact, ...]:
    """Return the rows of a card about what each artefact is worth.

    Args:
        content: of `accuracy.json`.
    """
    return tuple(
        export.MetricFact(measure, f"{content['set']}; {artefact}", f"{value:.4f}")
        for measure, values in (
            (content["measure"], content["values"]),
            (content.get("depth_measure", ""), content.get("depth_values", {})),
        )
        for artefact, value in values.items()
    )


def losses(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sentences on the files that lose more than is usual of the float model's accuracy.

    Args:
        content: of `accuracy.json`.

    Returns:
        One sentence per such file and measure.
    """
    values, depths = content["values"], content.get("depth_values", {})
    sentences = []
    for file, value in values.items():
        kinds = [kind for kind in ALLOWED_LOSS if file.endswith(f"_{kind}.tflite")]
        if not kinds:
            continue
        allowed = ALLOWED_LOSS[kinds[0]]
        usual = f"more than the {100 * allowed:g} % usual for {kinds[0]}"
        # A file is compared with what the float model says in the same form.
        is_maps = "_heatmaps_" in file and _MAPS_REFERENCE in values
        best = values[_MAPS_REFERENCE if is_maps else _REFERENCE]
        loss = (best - value) / best if best > 0 else 0.0
        if loss > allowed:
            sentences.append(
                f"{file} loses {100 * loss:.1f} % of the float model's accuracy on the held-out pictures "
                f"({value:.3f} for {best:.3f}), {usual}."
            )
        if file in depths and depths[file] > (1.0 + allowed) * depths[_REFERENCE]:
            growth = depths[file] / depths[_REFERENCE] - 1.0
            sentences.append(
                f"{file} misses {100 * growth:.1f} % more of the depth than the float model on the "
                f"held-out pictures ({depths[file]:.3f} for {depths[_REFERENCE]:.3f}), {usual}, "
                "since one scale of 8 bits spans the largest and the smallest value of a map: use "
                "float16 or int8 if depth matters."
            )
    return tuple(sentences)
