"""Whether MPII's centres and scales have been adjusted already, told from the numbers themselves.

Before cropping, everybody moves a person's centre down by 15 * scale and enlarges the scale by 1.25.
Some annotation files have that done, some have not, and doing it twice is the classic error: boxes
come out a quarter too large and too low, and nothing fails.
"""

import numpy as np

# MPII's scale is 0.6 times the diagonal of the head box over 25 px, to 1e-14 in the 2,958 validation
# persons of the hourglass files; after the adjustment over 20 px.
HEAD_PER_SCALE = 25.0
HEAD_PER_ADJUSTED_SCALE = 20.0
_ENLARGE, _DOWN = 1.25, 15.0
# Side of the box over the joints' extent, median of persons with at least 14 joints: 1.47 adjusted,
# 1.18 not. Blocks of 400 persons of the validation set stay within 1.33 to 1.60 and 1.06 to 1.28.
_ADJUSTED_FROM, _RAW_TO = 1.325, 1.28
# The whole file must be clearer than its blocks: a shuffled mixture of halves lies at 1.32.
_ALL_ADJUSTED_FROM, _ALL_RAW_TO = 1.38, 1.265
_BLOCK = _LEAST = 400


def is_adjusted(
    center: np.ndarray,
    scale: np.ndarray,
    points: np.ndarray,
    labelled: np.ndarray,
    head_size: np.ndarray | None,
    name: str,
) -> bool:
    """Tell from the numbers which kind of centre and scale a file has.

    Exact signs first: head size over scale is 25 or 20, and MPII's own centres are whole numbers,
    so that either y or y - 12 * scale is one. Where most persons show none, the median side of the
    boxes over the extent of the joints decides, block by block.

    Args:
        center: float `[N, 2]`, px.
        scale: float `[N]`, over 200 px.
        points: float `[N, 16, 2]`, px.
        labelled: bool `[N, 16]`.
        head_size: float `[N]`, px, 0 where unknown; or None.
        name: file name for messages.

    Returns:
        True where the adjustment has been done.

    Raises:
        ValueError: if the file mixes both kinds, or it cannot be told, in one sentence.
    """
    votes = exact_votes(center, scale, head_size)
    if np.mean(votes != 0) >= 0.5:
        counts = int((votes > 0).sum()), int((votes < 0).sum())
        # One person in a hundred may carry a corrected centre; more is a mixture.
        if min(counts) > max(0.01 * sum(counts), 0):
            raise ValueError(_mixed(name, *counts, "persons"))
        return counts[0] > counts[1]
    ratios = box_ratios(scale, points, labelled)
    known = ratios[np.isfinite(ratios)]
    advice = "say which with --adjusted=yes or --adjusted=no"
    if len(known) < _LEAST:
        raise ValueError(
            f"{name}: {len(known)} persons with 14 joints are too few to tell whether centre and "
            f"scale have been adjusted (scale * 1.25); {advice}."
        )
    blocks = np.array_split(known, max(len(known) // _BLOCK, 1))
    middles = np.array([np.median(block) for block in blocks])
    adjusted, raw = int((middles >= _ADJUSTED_FROM).sum()), int((middles <= _RAW_TO).sum())
    if adjusted and raw:
        raise ValueError(_mixed(name, adjusted, raw, f"blocks of {_BLOCK} persons"))
    middle = float(np.median(known))
    if not (adjusted or raw) or _ALL_RAW_TO < middle < _ALL_ADJUSTED_FROM:
        raise ValueError(
            f"{name}: boxes are {middle:.2f} times the extent of the joints, between 1.18 of raw "
            f"and 1.47 of adjusted scales; {advice}."
        )
    return adjusted > 0


def exact_votes(
    center: np.ndarray, scale: np.ndarray, head_size: np.ndarray | None = None
) -> np.ndarray:
    """Tell person by person by signs that leave no doubt.

    Args:
        center: float `[N, 2]`, px.
        scale: float `[N]`, over 200 px.
        head_size: float `[N]`, px, 0 where unknown; or None.

    Returns:
        int `[N]`: 1 adjusted, -1 not adjusted, 0 no sign.
    """
    center, scale = np.asarray(center, np.float64), np.asarray(scale, np.float64)
    votes = np.zeros(len(scale), np.int64)
    whole_x, whole_y = (np.abs(center - np.round(center)) < 1e-3).T
    before = center[:, 1] - _DOWN / _ENLARGE * scale
    # Scales are written with six digits at least, twelve times of which is well within this.
    whole_before = np.abs(before - np.round(before)) < 0.02
    votes[whole_x & whole_y & ~whole_before] = -1
    votes[whole_x & ~whole_y & whole_before] = 1
    if head_size is not None:
        ratio = np.asarray(head_size, np.float64) / np.maximum(scale, 1e-9)
        votes[np.abs(ratio - HEAD_PER_SCALE) < 0.05] = -1
        votes[np.abs(ratio - HEAD_PER_ADJUSTED_SCALE) < 0.05] = 1
    return votes


def box_ratios(scale: np.ndarray, points: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return the side of each box over the longer side of the joints' extent.

    Args:
        scale: float `[N]`, over 200 px.
        points: float `[N, 16, 2]`, px.
        labelled: bool `[N, 16]`.

    Returns:
        float64 `[N]`; NaN where fewer than 14 joints are labelled.
    """
    low = np.where(labelled[..., None], points, np.inf).min(1)
    high = np.where(labelled[..., None], points, -np.inf).max(1)
    enough = labelled.sum(1) >= 14
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = 200.0 * np.asarray(scale, np.float64) / (high - low).max(1)
    return np.where(enough & np.isfinite(ratios), ratios, np.nan)


def square_of(center: np.ndarray, scale: np.ndarray, adjusted: bool) -> np.ndarray:
    """Return the square boxes as everybody crops MPII.

    Args:
        center: float `[N, 2]`, px.
        scale: float `[N]`, over 200 px.
        adjusted: whether both have been adjusted already.

    Returns:
        float64 `[N, 4]`, x y width height in px: 200 * adjusted scale about the adjusted centre.
    """
    center, scale = np.asarray(center, np.float64), np.asarray(scale, np.float64)
    if not adjusted:
        center = center + np.stack([np.zeros_like(scale), _DOWN * scale], -1)
        scale = _ENLARGE * scale
    side = 200.0 * scale[:, None]
    return np.concatenate([center - side / 2, side, side], -1)


def _mixed(name, adjusted, raw, what):
    return (
        f"{name} mixes two kinds of annotation: {adjusted} {what} have the adjusted centre and "
        f"scale and {raw} do not; take all persons from one file, or say which with --adjusted=yes "
        "or no."
    )
