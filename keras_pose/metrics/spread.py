"""Whether joints come out as far apart as they are, and whether answers depend on what is shown."""

from collections.abc import Sequence

import numpy as np


def spread_ratios(
    predicted: np.ndarray,
    true: np.ndarray,
    visible: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    min_count: int = 8,
    min_distance: float = 0.0,
) -> np.ndarray:
    """Compare how far apart two joints are predicted with how far apart they are.

    A network that puts left upon right has a ratio near 0 there, however small its error is. Sums over
    pictures are compared, so that a limb that points at the camera in one of them weighs nothing.

    Args:
        predicted: `[N, J, D]`, px.
        true: `[N, J, D]`, px.
        visible: `[N, J]`, 0 or 1; a picture counts for a pair if both of its joints are visible.
        pairs: P pairs of rows.
        min_count: pictures below which a ratio says nothing.
        min_distance: mean true distance, px, below which it says nothing either: of joints that lie
            beside each other every network makes the distance larger, by its error.

    Returns:
        float64 `[P]`, predicted over true distance; NaN where fewer than `min_count` pictures count or
        the joints are nearer to each other than `min_distance`, or one point in all of them.
    """
    ratios = np.full(len(pairs), np.nan)
    for number, (first, second) in enumerate(pairs):
        counts = (visible[:, first] > 0) & (visible[:, second] > 0)
        if counts.sum() < min_count:
            continue
        found, known = (
            np.linalg.norm(points[counts, first] - points[counts, second], axis=-1).sum()
            for points in (np.asarray(predicted, np.float64), np.asarray(true, np.float64))
        )
        if known > 0 and known >= min_distance * counts.sum():
            ratios[number] = found / known
    return ratios


def share_alike(
    predicted: np.ndarray, true: np.ndarray, visible: np.ndarray, fraction: float = 0.5
) -> float:
    """Return the share of pictures that are answered alike, whatever they show.

    Args:
        predicted: `[N, J, D]`, px of the crop.
        true: `[N, J, D]`, px of the crop.
        visible: `[N, J]`, 0 or 1.
        fraction: a picture is answered alike if its answer is less than this times as far from the usual
            answer (the median over pictures, joint by joint) as its truth is from the usual truth. So
            somebody who really stands as most do is no fault.

    Returns:
        0 to 1; about 0 for a network that answers what it sees, 1 for one that always says the same.

    Raises:
        ValueError: if no picture has a visible joint.
    """
    shown = np.asarray(visible) > 0
    rows = shown.any(axis=1)
    if not rows.any():
        raise ValueError("No picture has a visible joint: give labelled pictures.")
    known = np.where(shown[..., None], np.asarray(true, np.float64), np.nan)[rows]
    found = np.where(shown[..., None], np.asarray(predicted, np.float64), np.nan)[rows]
    seen = shown[rows].any(axis=0)
    usual_truth, usual = (np.nanmedian(points[:, seen], axis=0) for points in (known, found))
    apart = _mean_distance(known[:, seen], usual_truth)
    return float(np.mean(_mean_distance(found[:, seen], usual) < fraction * apart))


def mean_move(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return how far joints move from one answer to another.

    Args:
        before: `[N, J, D]`, px.
        after: `[N, J, D]`, px.

    Returns:
        float64 `[N]`, mean over the joints, px.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    return np.linalg.norm(after - before, axis=-1).mean(axis=-1)


def _mean_distance(points, middle):
    return np.nanmean(np.linalg.norm(points - middle, axis=-1), axis=1)
