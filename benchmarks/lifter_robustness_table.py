"""What `benchmarks.lifter_robustness` measured, as a table and as curves."""

import numpy as np

from benchmarks.table import text_table
from keras_pose.viz import Series, line_chart_svg

RIG_PITCH = 12.65
"""Pitch of the split's own cameras, degrees looking down."""


def table(places: tuple[str, ...], rows: list[dict]) -> str:
    """Set measured rows as one table, limbs and halves averaged over which one is missing.

    Args:
        places: the lifters.
        rows: of `run`.

    Returns:
        The table.
    """
    header = ("disturbance", "lifter", "PA there", "more", "PA missing", "N", "N camera", "sign %")
    cells = []
    for name in dict.fromkeys(row["disturbance"] for row in rows):
        mine = [row for row in rows if row["disturbance"] == name]
        grouped = name in ("limb missing", "half missing")
        for strength in [None] if grouped else dict.fromkeys(row["strength"] for row in mine):
            for place in places:
                few = [
                    row
                    for row in mine
                    if row["lifter"] == place and strength in (None, row["strength"])
                ]
                base = _base(rows, few, place)
                there = _mean(few, "present")
                words = name if strength is None or name == "exact" else f"{name} {strength:g}"
                cells.append(
                    (
                        words,
                        "/".join(place.rstrip("/").split("/")[-2:]),
                        f"{there:.1f}",
                        f"{100 * (there / base - 1):+.0f} %",
                        "-" if few[0]["missing"] is None else f"{_mean(few, 'missing'):.1f}",
                        f"{_mean(few, 'n_mpjpe'):.1f}",
                        f"{_mean(few, 'n_mpjpe_camera'):.1f}"
                        if "n_mpjpe_camera" in few[0]
                        else "-",
                        f"{100 * _mean(few, 'sign'):.1f}",
                    )
                )
    return text_table(header, cells)


def _base(rows, few, place):
    """Error that a disturbance is set against: undisturbed, same joints; for tilts, at 12.65 degrees."""
    if "present_whole" in few[0]:
        return _mean(few, "present_whole")
    tilts = few[0]["disturbance"] in ("pitch", "roll")
    name, strength = ("pitch", RIG_PITCH) if tilts else ("exact", 0.0)
    return next(
        row["present"]
        for row in rows
        if (row["lifter"], row["disturbance"], row["strength"]) == (place, name, strength)
    )


def _mean(rows, name):
    return float(np.mean([row[name] for row in rows]))


def curves(rows: list[dict]) -> dict[str, str]:
    """Draw error over strength.

    Args:
        rows: of `run`.

    Returns:
        End of a file's name to SVG: joints missing, noise, pitch.
    """
    charts = (
        ("missing", "joints missing", "joints missing of 17, at random"),
        ("noise", "normal noise", "standard deviation of the noise over the body's height"),
        ("pitch", "pitch", "pitch of the cameras, degrees looking down"),
    )
    drawn = {}
    for end, name, x_label in charts:
        series = []
        for place in dict.fromkeys(row["lifter"] for row in rows):
            points = [
                (row["strength"], row["present"])
                for row in rows
                if row["lifter"] == place
                and (
                    row["disturbance"] == name or (row["disturbance"] == "exact" and end != "pitch")
                )
            ]
            x, y = zip(*sorted(points), strict=True)
            label = "/".join(place.rstrip("/").split("/")[-2:])
            series.append(Series(label, np.array(x), np.array(y)))
        drawn[end] = line_chart_svg(
            series, f"Error of the joints that are there: {name}", x_label, "mm"
        )
    return drawn
