"""The scores of the FreiHAND competition, and the different ones of PeCLR's own validation.

NumPy in float64, since both are tools of record whose constants matter in the ninth digit. Every score
has a protocol id in `FREIHAND_PROTOCOLS` or `PECLR_PROTOCOLS`; the two sets must never be compared.
Reference: Zimmermann et al. 2019 (FreiHAND, arXiv 1909.04349) and their evaluation code.
"""

from dataclasses import dataclass

import numpy as np

from keras_pose.geometry.shapes import require_choice
from keras_pose.metrics.protocol import Protocol

THRESHOLDS_M: np.ndarray = np.linspace(0.0, 0.05, 100)
PECLR_THRESHOLDS_M: np.ndarray = np.arange(0.0, 0.5, 0.005)
F_THRESHOLDS_M: tuple[float, ...] = (0.005, 0.015)
NUM_VERTICES = 778
# FreiHAND's tool adds it to both norms before dividing.
_NORM_EPSILON = 1e-8
_JOINTS = "hand_21_freihand"


def _protocols(prefix: str, curve: str, reflection: str, joints: str) -> dict[str, Protocol]:
    similar = {"alignment": "similarity", "reflection": reflection, "scale_rule": "per-pose"}
    return {
        f"{prefix}_mean3d": Protocol("epe", unit="cm", joint_set=joints),
        f"{prefix}_auc3d": Protocol(f"3dauc@{curve}", unit="share", joint_set=joints),
        f"{prefix}_al_mean3d": Protocol("pa-epe", unit="cm", joint_set=joints, **similar),
        f"{prefix}_al_auc3d": Protocol(f"3dauc@{curve}", unit="share", joint_set=joints, **similar),
    }


def _f_protocols() -> dict[str, Protocol]:
    plain = {"unit": "share", "joint_set": "mano_778"}
    similar = {"alignment": "similarity", "reflection": "best", "scale_rule": "per-pose"}
    table = {}
    for threshold in F_THRESHOLDS_M:
        millimetres = round(1000 * threshold)
        measure = f"f-score@{millimetres}mm/lt"
        table[f"f_score_{millimetres}"] = Protocol(measure, **plain)
        table[f"f_al_score_{millimetres}"] = Protocol(measure, **plain, **similar)
    return table


# Under the keys of the competition's scores.txt; lengths there are in centimetres.
FREIHAND_PROTOCOLS: dict[str, Protocol] = {
    **_protocols("xyz", "0-50mm/100/le", "best", _JOINTS),
    **_protocols("mesh", "0-50mm/100/le", "best", "mano_778"),
    **_f_protocols(),
}
PECLR_PROTOCOLS: dict[str, Protocol] = _protocols("peclr_xyz", "0-495mm/100/lt", "forbid", _JOINTS)


@dataclass(frozen=True)
class Measures:
    """What the competition's tool says about a set of errors.

    Args:
        mean: mean over keypoints of each keypoint's mean error, in the unit of the errors.
        median: mean over keypoints of each keypoint's median error.
        auc: area under the curve over its range of thresholds, 0 to 1.
        curve: NumPy `[T]`, share of errors within each threshold.
    """

    mean: float
    median: float
    auc: float
    curve: np.ndarray


def _pair(predicted: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    if predicted.shape != true.shape or predicted.ndim != 3 or predicted.shape[-1] != 3:
        raise ValueError(
            f"Predictions {list(predicted.shape)} and labels {list(true.shape)} must have the same "
            "shape [samples, points, 3]; give one prediction per label."
        )
    broken = ~np.isfinite(predicted).all(axis=(1, 2))
    if broken.any():
        raise ValueError(
            f"Prediction {int(np.argmax(broken))} is not finite ({int(broken.sum())} in total); "
            "replace missing predictions, for example by the mean pose."
        )
    broken = ~np.isfinite(true).all(axis=(1, 2))
    if broken.any():
        raise ValueError(
            f"Label {int(np.argmax(broken))} is not finite ({int(broken.sum())} in total); leave "
            "those samples out of predictions and labels."
        )
    return predicted, true


def align_similarity(
    predicted: np.ndarray, true: np.ndarray, reflection: str = "best"
) -> np.ndarray:
    """Move predictions onto labels by the similarity of FreiHAND's tool.

    Both are centred and divided by their norm plus 1e-8; rotation and scale come from the singular
    value decomposition. A prediction without extent lands on the label's mean.

    Args:
        predicted: NumPy `[N, P, 3]`, any unit.
        true: NumPy `[N, P, 3]`.
        reflection: `best` (FreiHAND allows mirroring) or `forbid` (PeCLR's own validation).

    Returns:
        float64 `[N, P, 3]` in the unit of `true`.

    Raises:
        ValueError: if the shapes differ, a prediction or a label is not finite, or `reflection` is
            another word.
    """
    require_choice("reflection", reflection, ("best", "forbid"))
    predicted, true = _pair(predicted, true)
    true_mean = true.mean(axis=1, keepdims=True)
    target = true - true_mean
    source = predicted - predicted.mean(axis=1, keepdims=True)
    target_norm = np.linalg.norm(target, axis=(1, 2), keepdims=True) + _NORM_EPSILON
    source_norm = np.linalg.norm(source, axis=(1, 2), keepdims=True) + _NORM_EPSILON
    source = source / source_norm
    left, singular, right = np.linalg.svd(source.transpose(0, 2, 1) @ (target / target_norm))
    if reflection == "forbid":
        mirrored = np.linalg.det(left @ right) < 0
        left[mirrored, :, -1] *= -1
        singular[mirrored, -1] *= -1
    scale = singular.sum(axis=-1)[:, None, None]
    return source @ (left @ right) * scale * target_norm + true_mean


def keypoint_measures(
    errors: np.ndarray, thresholds: np.ndarray = THRESHOLDS_M, strict: bool = False
) -> Measures:
    """Average errors keypoint by keypoint.

    Args:
        errors: NumPy `[N, P]` >= 0, any unit.
        thresholds: NumPy `[T]`, rising, in that unit.
        strict: whether an error at the threshold is outside (PeCLR) or inside (FreiHAND).

    Returns:
        The measures; the curve's area by the trapezoid rule over the range of thresholds.

    Raises:
        ValueError: if there is no sample, or fewer than two thresholds.
    """
    errors, thresholds = np.asarray(errors, np.float64), np.asarray(thresholds, np.float64)
    if errors.ndim != 2 or not errors.size or len(thresholds) < 2:
        raise ValueError(
            f"Errors {list(errors.shape)} must be [samples, points] with at least one of each, and "
            f"thresholds at least two, not {len(thresholds)}."
        )
    compare = np.less if strict else np.less_equal
    curve = np.array([compare(errors, threshold).mean() for threshold in thresholds])
    return Measures(
        mean=float(errors.mean(axis=0).mean()),
        median=float(np.median(errors, axis=0).mean()),
        auc=float(np.trapezoid(curve, thresholds) / (thresholds[-1] - thresholds[0])),
        curve=curve,
    )


def _nearest(points: np.ndarray, others: np.ndarray, block: int = 256) -> np.ndarray:
    """Distance `[P]` of each point to the nearest of the others, in blocks to bound the memory."""
    nearest = np.empty(len(points))
    for start in range(0, len(points), block):
        step = points[start : start + block, None] - others[None]
        nearest[start : start + block] = np.sqrt(np.einsum("abc,abc->ab", step, step).min(axis=1))
    return nearest


def f_score(
    predicted: np.ndarray, true: np.ndarray, thresholds: tuple[float, ...] = F_THRESHOLDS_M
) -> np.ndarray:
    """Compute F-scores of point sets: harmonic mean of the shares with a near neighbour.

    Args:
        predicted: NumPy `[P, 3]`.
        true: NumPy `[Q, 3]`, same unit.
        thresholds: T limits in that unit, strict.

    Returns:
        float64 `[T]`, 0 to 1; 0 where neither share is positive.

    Raises:
        ValueError: if a shape is wrong.

    Reference: Knapitsch et al. 2017, as FreiHAND's tool uses it.
    """
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    if predicted.ndim != 2 or true.ndim != 2 or predicted.shape[1:] != true.shape[1:]:
        raise ValueError(
            f"Point sets must be [points, 3], but they are {list(predicted.shape)} and "
            f"{list(true.shape)}."
        )
    limits = np.asarray(thresholds)
    covered = (_nearest(true, predicted)[:, None] < limits).mean(axis=0)
    right = (_nearest(predicted, true)[:, None] < limits).mean(axis=0)
    total = covered + right
    return np.where(total > 0, 2 * covered * right / np.where(total > 0, total, 1.0), 0.0)


def _set_scores(prefix: str, predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    scores = {}
    for infix, points in (("", predicted), ("al_", align_similarity(predicted, true))):
        measures = keypoint_measures(np.linalg.norm(points - true, axis=-1))
        scores[f"{prefix}_{infix}mean3d"] = 100.0 * measures.mean
        scores[f"{prefix}_{infix}auc3d"] = measures.auc
    return scores


def freihand_scores(
    predicted: np.ndarray,
    true: np.ndarray,
    predicted_vertices: np.ndarray | None = None,
    true_vertices: np.ndarray | None = None,
) -> dict[str, float]:
    """Score predictions as the competition does.

    Args:
        predicted: NumPy `[N, 21, 3]`, metres, camera frame, FreiHAND's joint order.
        true: NumPy `[N, 21, 3]`.
        predicted_vertices: NumPy `[N, 778, 3]`, or None.
        true_vertices: NumPy `[N, 778, 3]`, or None; meshes are scored if both are given.

    Returns:
        Numbers under the keys of `FREIHAND_PROTOCOLS`, means in centimetres.

    Raises:
        ValueError: if shapes differ, or a prediction or a label is not finite.
    """
    predicted, true = _pair(predicted, true)
    scores = _set_scores("xyz", predicted, true)
    if predicted_vertices is None or true_vertices is None:
        return scores
    meshes, true_meshes = _pair(predicted_vertices, true_vertices)
    scores |= _set_scores("mesh", meshes, true_meshes)
    for infix, points in (("", meshes), ("al_", align_similarity(meshes, true_meshes))):
        values = np.mean([f_score(a, b) for a, b in zip(points, true_meshes, strict=True)], axis=0)
        for threshold, value in zip(F_THRESHOLDS_M, values, strict=True):
            scores[f"f_{infix}score_{round(1000 * threshold)}"] = float(value)
    return scores


def scores_text(scores: dict[str, float]) -> str:
    """Write scores as the competition's scores.txt: a key and six decimals per line.

    Args:
        scores: what `freihand_scores` returned.

    Returns:
        The text, keys in the competition's order.
    """
    order = [
        *(f"{kind}_{rest}" for kind in ("xyz", "mesh") for rest in _SCORE_ORDER),
        *(f"f_{infix}score_{t}" for t in (5, 15) for infix in ("", "al_")),
    ]
    return "".join(f"{key}: {scores[key]:f}\n" for key in order if key in scores)


_SCORE_ORDER = ("mean3d", "auc3d", "al_mean3d", "al_auc3d")


def peclr_scores(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Score predictions as PeCLR's own validation does; not comparable with FreiHAND's scores.

    Its curve runs to half a metre with a strict limit, so it flatters; its alignment forbids mirroring.

    Args:
        predicted: NumPy `[N, 21, 3]`, metres, camera frame.
        true: NumPy `[N, 21, 3]`.

    Returns:
        Numbers under the keys of `PECLR_PROTOCOLS`, means in centimetres.

    Raises:
        ValueError: if shapes differ, or a prediction or a label is not finite.
    """
    predicted, true = _pair(predicted, true)
    scores = {}
    aligned = align_similarity(predicted, true, "forbid")
    for infix, points in (("", predicted), ("al_", aligned)):
        errors = np.linalg.norm(points - true, axis=-1)
        measures = keypoint_measures(errors, PECLR_THRESHOLDS_M, strict=True)
        scores[f"peclr_xyz_{infix}mean3d"] = 100.0 * measures.mean
        scores[f"peclr_xyz_{infix}auc3d"] = measures.auc
    return scores
