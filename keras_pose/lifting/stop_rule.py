"""When to stop without 3D labels: pick the epoch that looks most plausible from 2D alone.

A lifter that is right about depth makes left and right bones equally long and bone proportions the same
from pose to pose, on poses it was not trained on. The 2D cycle and the discriminator's gap do not tell
better epochs from good ones (`docs/tips.md`), so they only rule out broken ones.
"""

# Gap near 1: the discriminator has won and teaches nothing; below 0: it takes generated for real.
_HEALTHY_GAP = (0.0, 0.8)
# Mean squared 2D error of the cycle in units of the pose's scale: 0.01 is a tenth of the pose.
_LARGEST_REPROJECTION = 0.01


def implausibility(row: dict[str, float]) -> float:
    """Return one number to minimise over epochs, from label-free quantities of one row.

    The two quantities are ratios already, so they are multiplied: a factor counts the same wherever it
    is gained.

    Args:
        row: row of `epochs.jsonl` with `bone_symmetry`, `bone_spread` and, for adversarial runs,
            `heldout_reprojection` and `heldout_discriminator_gap`.

    Returns:
        Value >= 0; infinite when the discriminator's gap or the 2D cycle error on held-out poses is not
        healthy.
    """
    gap = row.get("heldout_discriminator_gap", 0.0)
    if not _HEALTHY_GAP[0] <= gap <= _HEALTHY_GAP[1]:
        return float("inf")
    if row.get("heldout_reprojection", 0.0) > _LARGEST_REPROJECTION:
        return float("inf")
    return row["bone_symmetry"] * row["bone_spread"]


def pick_epoch(rows: list[dict]) -> int:
    """Return the epoch with the least implausibility.

    Args:
        rows: rows of `epochs.jsonl`, not empty.

    Returns:
        Index into `rows`; the last one if no epoch is healthy.
    """
    scores = [implausibility(row) for row in rows]
    best = min(range(len(rows)), key=scores.__getitem__)
    return best if scores[best] < float("inf") else len(rows) - 1


def judge_pick(rows: list[dict], measure: str) -> dict | None:
    """Return how far the pick was from the best epoch, where 3D labels are there to judge it.

    Args:
        rows: rows of `epochs.jsonl`.
        measure: name of an error in the rows, lower is better.

    Returns:
        dict with the error of the picked, the best and the last epoch and `regret`, picked minus best;
        None when the rows have no such error.
    """
    if not rows or measure not in rows[0]:
        return None
    errors = [row[measure] for row in rows]
    best = min(range(len(rows)), key=errors.__getitem__)
    picked = pick_epoch(rows)
    return {
        "measure": measure,
        "picked_epoch": rows[picked]["epoch"],
        "best_epoch": rows[best]["epoch"],
        "picked": errors[picked],
        "best": errors[best],
        "last": errors[-1],
        "regret": errors[picked] - errors[best],
    }
