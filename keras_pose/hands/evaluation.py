"""Measures of a hand pose network on labelled crops, each under its protocol's id.

2D errors are shares of the side of the record's box, in the source picture, so that they do not depend
on how the crop was made. 3D is measured where the labels have it: aligned by similarity for depths that
are known up to the root, in the camera's frame too where the place of the hand is known.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_pose.data.pictures.boxes import joints_box, square_box
from keras_pose.layers.unit_range import unit_range
from keras_pose.metrics import FREIHAND_PROTOCOLS, Protocol, align_similarity, keypoint_measures
from keras_pose.skeletons import HAND_21_FREIHAND

_HAND = HAND_21_FREIHAND.name
_WRIST = HAND_21_FREIHAND.index("wrist")

KEYPOINT_ERROR = Protocol("keypoint-error", joint_set=_HAND, unit="box-side").id
PCK_5 = Protocol("pck@0.05", joint_set=_HAND, unit="share").id
PCK_10 = Protocol("pck@0.1", joint_set=_HAND, unit="share").id
ROOT_EPE = Protocol("epe", "root", root="wrist", joint_set=_HAND, unit="cm").id
PA_EPE, PA_AUC = (FREIHAND_PROTOCOLS[f"xyz_al_{name}"].id for name in ("mean3d", "auc3d"))
EPE, AUC = (FREIHAND_PROTOCOLS[f"xyz_{name}"].id for name in ("mean3d", "auc3d"))


def model_inputs(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return what `build_hand_pose` takes: `image` float32 `[B, S, S, 3]` in [0, 1], `intrinsics`."""
    return {"image": unit_range(batch["image"]), "intrinsics": batch["intrinsics"]}


def pose_function(model: keras.Model) -> Callable[[dict], dict]:
    """Make one graph of a model, for evaluating it again and again.

    Args:
        model: `keras_pose.hand_pose.network` model; its weights are read at every call.

    Returns:
        Function of `model_inputs` of any batch size to the model's outputs.
    """
    # Of free batch size, since the last batch of a pass is a smaller one.
    spec = {name: tf.TensorSpec(value.shape, value.dtype) for name, value in model.input.items()}
    return tf.function(
        lambda inputs: model(inputs, training=False), input_signature=[spec], autograph=False
    )


def evaluate_hands(
    model: keras.Model | Callable[[dict], dict],
    batches: tf.data.Dataset,
    folder_names: Sequence[str] = (),
) -> dict[str, dict[str, float]]:
    """Measure a network on labelled crops.

    Args:
        model: `keras_pose.hand_pose.network` model, or its `pose_function`.
        batches: finite dataset of batches as `keras_pose.hands.data` makes them.
        folder_names: names of the record folders; with more than one, each is measured by itself too.

    Returns:
        Part (`"all"` or a folder's name) to protocol id to value. A measure without any label that it
        needs is left out.

    Raises:
        ValueError: if there is no batch.
    """
    predict = pose_function(model) if isinstance(model, keras.Model) else model
    columns: dict[str, list[np.ndarray]] = {}
    for batch in batches:
        outputs = predict(model_inputs(batch))
        rows = _measure_batch(
            {name: np.asarray(value) for name, value in batch.items()},
            {name: np.asarray(value, np.float64) for name, value in outputs.items()},
        )
        for name, value in rows.items():
            columns.setdefault(name, []).append(value)
    if not columns:
        raise ValueError("There is no held-out hand with 2D joints to evaluate on.")
    table = {name: np.concatenate(values) for name, values in columns.items()}
    parts = {"all": _summary(table)}
    if len(folder_names) > 1:
        for number, name in enumerate(folder_names):
            chosen = table["folder"] == number
            if chosen.any():
                parts[name] = _summary({key: value[chosen] for key, value in table.items()})
    return parts


def overall(results: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the values over all folders under short names, for curves."""
    short = {
        KEYPOINT_ERROR: "keypoint_error",
        PCK_10: "pck_10",
        PA_EPE: "pa_epe_cm",
        PA_AUC: "pa_auc",
        EPE: "epe_cm",
    }
    return {name: results["all"][key] for key, name in short.items() if key in results["all"]}


def _measure_batch(batch, outputs):
    """2D errors `[B, J]` over the box's side, NaN where hidden, and joints `[B, J, 3]` in metres."""
    matrix = batch["matrix"].astype(np.float64)
    # Pixels of the crop per pixel of the source.
    zoom = np.sqrt(np.abs(np.linalg.det(matrix[:, :, :2])))
    distance = np.linalg.norm(outputs["keypoints_2d"] - batch["keypoints_2d"], axis=-1)
    counts = (batch["visible"] > 0) & (batch["has_2d"][:, None] > 0)
    share = distance / (zoom * _box_sides(batch, zoom))[:, None]
    return {
        "folder": batch["folder"],
        "share": np.where(counts, share, np.nan),
        "predicted": batch["scale"].astype(np.float64)[:, None, None] * outputs["keypoints_3d"],
        "true": batch["keypoints_3d"].astype(np.float64),
        "has_depth": batch["has_depth"] > 0,
        "is_placed": (batch["has_3d"] > 0) & (batch["has_intrinsics"] > 0),
    }


def _box_sides(batch, zoom):
    """Longer side of each record's box in source pixels, of its joints where it has no box."""
    sides = square_box(batch["box"])[:, 2]
    for row in np.flatnonzero(batch["has_box"] <= 0):
        around = joints_box(batch["keypoints_2d"][row], batch["visible"][row])
        sides[row] = np.nan if around is None else around[2] / zoom[row]
    return sides


def _summary(table):
    values = {}
    share = table["share"][np.isfinite(table["share"])]
    if len(share):
        values[KEYPOINT_ERROR] = float(np.mean(share))
        values[PCK_5] = float(np.mean(share <= 0.05))
        values[PCK_10] = float(np.mean(share <= 0.1))

    def add(rows, move, mean_id, auc_id):
        if rows.any():
            predicted, true = move(table["predicted"][rows], table["true"][rows])
            measures = keypoint_measures(np.linalg.norm(predicted - true, axis=-1))
            values[mean_id] = 100.0 * measures.mean
            if auc_id:
                values[auc_id] = measures.auc

    def to_root(points):
        return points - points[:, _WRIST : _WRIST + 1]

    depth, placed = table["has_depth"], table["is_placed"]
    add(depth, lambda p, t: (align_similarity(p, t), t), PA_EPE, PA_AUC)
    add(placed, lambda p, t: (to_root(p), to_root(t)), ROOT_EPE, None)
    add(placed, lambda p, t: (p, t), EPE, AUC)
    return values
