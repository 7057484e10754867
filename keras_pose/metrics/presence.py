"""Scores of pictures with and without a person: where to draw the line, and what it is worth."""

import numpy as np


def presence_threshold(present: np.ndarray, absent: np.ndarray) -> tuple[float, float, float]:
    """Choose the score from which somebody counts as found.

    Args:
        present: `[N]`, scores of pictures with somebody in them.
        absent: `[M]`, scores of pictures with nobody in them.

    Returns:
        `(threshold, kept, refused)`: the middle of the gap between two neighbouring scores where the
        share of `present` at or above it and the share of `absent` below it have the largest sum, of
        several the lowest; and these two shares.

    Raises:
        ValueError: if one of them is empty or not finite.

    Reference: Youden 1950, "Index for rating diagnostic tests", Cancer 3(1).
    """
    present, absent = np.asarray(present, np.float64), np.asarray(absent, np.float64)
    if not (len(present) and len(absent)):
        raise ValueError("Scores with and without a person are needed: give at least one of each.")
    if not (np.isfinite(present).all() and np.isfinite(absent).all()):
        raise ValueError("A score is not finite: train the network anew.")
    scores = np.unique(np.concatenate([present, absent]))
    if len(scores) == 1:
        return float(scores[0]), 1.0, 0.0
    candidates = (scores[:-1] + scores[1:]) / 2.0
    kept = (present[:, None] >= candidates).mean(axis=0)
    refused = (absent[:, None] < candidates).mean(axis=0)
    best = int(np.argmax(np.round(kept + refused, 9)))
    return float(candidates[best]), float(kept[best]), float(refused[best])
