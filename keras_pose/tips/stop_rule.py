"""When to stop without 3D labels: pick the epoch that looks most plausible from 2D alone.

A lifter that is right about depth makes bones of left and right equally long and bone proportions the
same from pose to pose, on poses it was not trained on, and survives the cycle. All three can be seen
without labels; the discriminator's gap tells whether there is an adversary to speak of.
"""

# A gap near 1 means that the discriminator has won and teaches nothing; near 0 it has lost.
_HEALTHY_GAP = (0.0, 0.8)


def implausibility(row: dict) -> float:
    """One number to minimise over epochs, from label-free quantities of one row.

    The three quantities are ratios already, so they are multiplied: a factor counts the same wherever
    it is gained.

    Args:
        row: row of `epochs.jsonl` with `bone_symmetry`, `bone_spread` and, for adversarial runs,
            `heldout_reprojection` and `heldout_discriminator_gap`.

    Returns:
        Value >= 0; infinite when the discriminator's gap on held-out poses is not healthy.
    """
    gap = row.get("heldout_discriminator_gap")
    if gap is not None and not _HEALTHY_GAP[0] <= gap <= _HEALTHY_GAP[1]:
        return float("inf")
    score = row["bone_symmetry"] * row["bone_spread"]
    if "heldout_reprojection" in row:
        score *= row["heldout_reprojection"] ** 0.5
    return score


def pick_epoch(rows: list[dict]) -> int:
    """Epoch with the least implausibility.

    Args:
        rows: rows of `epochs.jsonl`, not empty.

    Returns:
        Index into `rows`; the last one if no epoch is healthy.
    """
    scores = [implausibility(row) for row in rows]
    best = min(range(len(rows)), key=scores.__getitem__)
    return best if scores[best] < float("inf") else len(rows) - 1


def judge_pick(rows: list[dict], measure: str) -> dict | None:
    """How far the pick was from the best epoch, where 3D labels are there to judge it.

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
