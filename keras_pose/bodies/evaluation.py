"""Measures of a body pose network on labelled crops, each under its protocol's id.

3D is measured where the labels have it, 2D wherever a joint is annotated: in units of the head where
its size is known, in units of the record's box everywhere. How equal left and right limbs come out
needs no label.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_pose.bodies import measures as body_measures
from keras_pose.bodies.measures import SCORED_2D_JOINTS, position_measures, symmetry_measures
from keras_pose.codecs.mirror import with_mirror
from keras_pose.data.pictures.boxes import joints_box
from keras_pose.layers.unit_range import unit_range
from keras_pose.metrics import ACCURACY_JOINTS, Protocol, head_relative_hits, joint_table

# Part of a report that averages the actions, each counted once however many pictures it has.
MEAN_OF_ACTIONS = "mean of actions"


def evaluate_bodies(
    model: keras.Model | tf.types.experimental.PolymorphicFunction,
    batches: tf.data.Dataset,
    *,
    bone_sum_mm: float,
    folder_names: Sequence[str] = (),
    flip: bool = False,
    action_names: Sequence[str] = (),
) -> dict[str, dict[str, float]]:
    """Measure a network on labelled crops.

    Args:
        model: of `keras_pose.bodies.pose.build_pose`, or its `pose_function`, of `[B, S, S, 3]`.
        batches: finite dataset of batches as `keras_pose.bodies.data` makes them.
        bone_sum_mm: bone sum that poses are scaled to, see `codecs.to_length`.
        folder_names: names of the record folders; with more than one, each is measured by itself too.
        flip: average poses over each picture and its mirror image; of a model alone.
        action_names: names of the classes; records whose class has a name are measured by class too.

    Returns:
        Part to protocol id to value: `"all"`, folders by name, classes as `"action <name>"`, and
        `MEAN_OF_ACTIONS`, the plain mean over classes. A measure without any label that it needs is
        left out.

    Raises:
        ValueError: if there is no picture or the bone sum is not above 0.

    Reference: Zhou et al. 2017, section 4, and their evaluation code.
    """
    if bone_sum_mm <= 0:
        raise ValueError(f"bone_sum_mm={bone_sum_mm} must be above 0; give a length in mm.")
    is_function = isinstance(model, tf.types.experimental.PolymorphicFunction)
    function = model if is_function else pose_function(model, flip)
    # Of free batch size, since the last batch of a pass is a smaller one.
    predict = function.get_concrete_function(batches.element_spec["image"])
    tables: list[dict] = []
    for batch in batches:
        outputs = predict(batch["image"])
        tables.append(
            _measure_batch(
                {name: np.asarray(value) for name, value in batch.items()},
                {name: np.asarray(value, np.float64) for name, value in outputs.items()},
                bone_sum_mm,
            )
        )
    if not tables:
        raise ValueError("There is no held-out picture to evaluate on.")
    table = {name: np.concatenate([rows[name] for rows in tables]) for name in tables[0]}

    def part(chosen):
        return _summary({name: value[chosen] for name, value in table.items()})

    parts = {"all": part(slice(None))}
    if len(folder_names) > 1:
        parts |= _parts(part, table["folder"], folder_names)
    actions = _parts(part, table["label"], [f"action {name}" for name in action_names])
    if actions:
        parts |= actions
        parts[MEAN_OF_ACTIONS] = _mean_of(list(actions.values()))
    return parts


def pose_function(
    model: keras.Model, flip: bool = False
) -> tf.types.experimental.PolymorphicFunction:
    """Make one graph of a model, for evaluating it again and again.

    Args:
        model: of `keras_pose.bodies.pose.build_pose`; its weights are read at every call.
        flip: average poses over each picture and its mirror image.

    Returns:
        Function of pictures `[B, S, S, 3]`, uint8 or float in [0, 1], to the model's outputs.
    """
    pose = with_mirror(model) if flip else lambda pictures: model(pictures, training=False)
    return tf.function(lambda pictures: dict(pose(unit_range(pictures))), autograph=False)


def overall(results: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the values over all folders under short names, for curves."""
    return {name: results["all"][id] for id, name in headline().items() if id in results["all"]}


def headline() -> dict[str, str]:
    """Return the measures that tell most: protocol id to short name."""
    short = {
        body_measures.MPJPE: "mpjpe_mm",
        body_measures.PA_MPJPE: "pa_mpjpe_mm",
        body_measures.PCK: "pck_3d",
        body_measures.PCKH: "pckh",
        body_measures.PCK_10: "pck_10",
        body_measures.ACCURACY: "accuracy",
    }
    return {protocol.id: name for protocol, name in short.items()}


def share_by_folder(
    results: dict[str, dict[str, float]], folder_names: Sequence[str]
) -> dict[str, float]:
    """Give the share of joints within a tenth of the box, folder by folder, for curves.

    Args:
        results: from `evaluate_bodies`.
        folder_names: names of the record folders.

    Returns:
        `pck_10/<folder>` to the share; empty for a single folder.
    """
    if len(folder_names) < 2:
        return {}
    return {
        f"pck_10/{name}": results[name][body_measures.PCK_10.id]
        for name in folder_names
        if body_measures.PCK_10.id in results.get(name, {})
    }


def _parts(part: Callable, numbers: np.ndarray, names: Sequence[str]) -> dict:
    chosen = {name: numbers == number for number, name in enumerate(names)}
    return {name: part(rows) for name, rows in chosen.items() if rows.any()}


def _mean_of(parts):
    shared = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: float(np.mean([part[name] for part in parts])) for name in shared}


def _measure_batch(batch, outputs, bone_sum_mm):
    """One row per picture; what has no label is told by masks, so that a NaN of the network shows."""
    count = len(batch["image"])
    labels = {name: batch.get(name, np.full(count, -1)) for name in ("folder", "label")}
    return (
        labels
        | {"has_depth": batch["has_depth"] > 0}
        | _measure_2d(batch, outputs["keypoints_2d"])
        | _measure_3d(batch, outputs["points"], bone_sum_mm)
        | symmetry_measures(outputs["points"], bone_sum_mm)
    )


def _measure_3d(batch, points, bone_sum_mm):
    rows = np.flatnonzero(batch["has_depth"] > 0)
    # Millimetres of a placeholder give the names where no row has labels.
    chosen = rows if len(rows) else [0]
    true_mm = 1000.0 * batch["keypoints_3d"].astype(np.float64)[chosen]
    columns = {}
    for protocol, values in position_measures(points[chosen], true_mm, bone_sum_mm).items():
        columns[protocol] = np.zeros(len(points))
        columns[protocol][rows] = values[: len(rows)]
    return columns


def _measure_2d(batch, points):
    # The record's own joints: labels of records with depth are moved to weak perspective.
    true = batch["projected_2d"].astype(np.float64)
    annotated = batch["visible"] > 0
    if "has_2d" in batch:
        annotated &= batch["has_2d"][:, None] > 0
    head_size = batch["head_size"].astype(np.float64)
    near, counts = head_relative_hits(points, true, annotated, head_size)
    distance = np.linalg.norm(points - np.where(annotated[..., None], true, 0.0), axis=-1)
    side = _box_sides(batch, true, annotated)
    return {
        "annotated": annotated,
        "near_head": np.asarray(near),
        "has_head": np.asarray(counts),
        "has_side": annotated & (side > 0)[:, None],
        "box_share": distance / np.where(side > 0, side, 1.0)[:, None],
        "crop_share": distance / batch["image"].shape[1],
    }


def _box_sides(batch, true, annotated):
    """Longer side of each record's box in crop pixels, of its joints where it has no box; 0 without."""
    matrix, box = (batch[name].astype(np.float64) for name in ("matrix", "box"))
    sides = box[:, 2:].max(axis=1) * np.sqrt(np.abs(np.linalg.det(matrix[:, :, :2])))
    has_box = batch.get("has_box", np.ones(len(box))) > 0
    for row in np.flatnonzero(~(has_box & (sides > 0))):
        around = joints_box(true[row], annotated[row])
        sides[row] = 0.0 if around is None else around[2:].max()
    return sides


def _summary(table):
    values: dict[str, float] = {}
    rows = joint_table(table["near_head"], table["has_head"])
    values |= {body_measures.PCKH_ROWS[row].id: value for row, value in rows.items()}
    scored = list(SCORED_2D_JOINTS)
    share = table["box_share"][:, scored][table["has_side"][:, scored]]
    if len(share):
        values[body_measures.KEYPOINT_ERROR.id] = float(share.mean())
        values[body_measures.PCK_5.id] = float((share <= 0.05).mean())
        values[body_measures.PCK_10.id] = float((share <= 0.1).mean())
    counts = table["annotated"][:, ACCURACY_JOINTS]
    near = counts & (table["crop_share"][:, ACCURACY_JOINTS] < 0.05)
    total = counts.sum(axis=0)
    if total.any():
        values[body_measures.ACCURACY.id] = float(
            np.mean(near.sum(0)[total > 0] / total[total > 0])
        )
    limbs = set(body_measures.SYMMETRY.values())
    for protocol, column in table.items():
        if isinstance(protocol, Protocol):
            known = column if protocol in limbs else column[table["has_depth"]]
            if len(known):
                values[protocol.id] = float(known.mean())
    return values
