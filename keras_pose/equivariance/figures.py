"""What `equivariance` measured as pictures for TensorBoard and as a section of the HTML report."""

import os
import re
from collections.abc import Mapping

import cv2
import numpy as np
import tensorflow as tf

from keras_pose.equivariance.measure import KINDS, MEASURES, Equivariance, Probe
from keras_pose.geometry import affine2d
from keras_pose.viz import Chart, Paragraph, Picture, Section, Series, Table
from keras_pose.viz.brush import Brush
from keras_pose.viz.figures import line_chart_svg
from keras_pose.viz.panels import label, tile

_AXES = {
    "rotation": "rotation (degrees, counter-clockwise)",
    "translation": "shift (share of the crop's side)",
    "scale": "zoom",
    "flip": "mirrored",
    "colour": "change of colour (strength)",
}
# Value of no change at all.
_UNCHANGED = {"rotation": 0.0, "translation": 0.0, "scale": 1.0, "flip": 0.0, "colour": 0.0}
_TITLES = {
    "keypoints": "joints",
    "projections": "points, view undone",
    "projections_not_undone": "points, not undone",
    "features": "features, linear map",
    "features_invariance": "features, change",
}
_SHOWN = (
    (-45.0, "rotation"),
    (90.0, "rotation"),
    (0.2, "translation"),
    (1.4, "scale"),
    (1.0, "flip"),
    (1.0, "colour"),
)


def equivariance_section(
    result: Equivariance,
    heading: str = "Equivariance",
    inverse: str = "",
    trained: Mapping[str, tuple[float, float]] | None = None,
) -> Section:
    """Write the section of a report: definitions, number, charts and one example.

    Args:
        result: what was measured.
        heading: of the section.
        inverse: name of the inverse that projections were undone with; empty leaves it out.
        trained: kind of change to its lowest and highest value in training, marked in the charts.

    Returns:
        The section; where a function answered the same for every picture it says so.
    """
    measures = list(result.errors)
    kinds = [kind for kind in KINDS if any(probe.kind == kind for probe in result.probes)]
    rows = []
    for measure in measures:
        apart = result.numbers.get(f"{measure}/different_pictures")
        numbers = [_number(result.numbers[f"{measure}/{kind}"]) for kind in kinds]
        rows.append([_TITLES[measure], *numbers, "1" if apart is None else _number(apart)])
    words = [[_TITLES[measure], _definition(measure)] for measure in measures]
    undone = f" Projections are undone by the inverse '{inverse}'." if inverse else ""
    items: list = [
        Paragraph(
            f"{result.num_pictures} pictures were seen plainly and through {len(result.probes)} known "
            f"changes. 0 is perfectly equivariant.{undone}"
        ),
        Table(
            ["measure", *kinds, "different pictures"],
            rows,
            "Means over the changes of each kind; the last column is the length between different "
            "pictures in the measure's own unit.",
        ),
        Table(["measure", "what it is"], words),
    ]
    for kind in kinds:
        curves = {measure: _from_plain(result, measure, kind) for measure in measures}
        series = [
            Series(_TITLES[measure], *curve, style=list(MEASURES).index(measure))
            for measure, curve in curves.items()
        ]
        finite = np.concatenate([errors[np.isfinite(errors)] for _, errors in curves.values()])
        if any(len(axis) > 2 for axis, _ in curves.values()) and (finite > 0).any():
            axis = next(iter(curves.values()))[0]
            ends = (trained or {}).get(kind, ())
            marks = [(end, "trained") for end in ends if axis[0] < end < axis[-1] and end != 0]
            items.append(
                Chart(
                    line_chart_svg(
                        series,
                        f"Error under {kind}",
                        _AXES[kind],
                        "error",
                        marks,
                        y_range=(0.0, 1.08 * float(finite.max())),
                    )
                )
            )
    joints = (
        " Dots are predicted joints; small dots in the first are those of all changes, mapped back: they "
        "lie together where the network is equivariant."
        if result.points is not None
        else ""
    )
    items.append(
        Picture(
            draw_example(result),
            f"One picture plain and through some changes.{joints}",
        )
    )
    return Section(heading, items)


def write_summaries(result: Equivariance, folder: str | os.PathLike, step: int) -> None:
    """Write numbers and the example to TensorBoard; the curves are in the report.

    Args:
        result: what was measured.
        folder: TensorBoard's log folder.
        step: of the run.
    """
    writer = tf.summary.create_file_writer(str(folder), filename_suffix=".equivariance")
    with writer.as_default():
        for name, value in result.numbers.items():
            if np.isfinite(value):
                tf.summary.scalar(f"equivariance/{name}", value, step=step)
        tf.summary.image("equivariance/example", draw_example(result)[None], step=step)
    writer.close()


def draw_example(result: Equivariance, side: int = 192) -> np.ndarray:
    """Draw the first picture plain and through some probes, with predicted joints if there are any.

    Args:
        result: what was measured.
        side: of each cell in pixels.

    Returns:
        uint8 `[H, W, 3]` RGB.
    """
    factor = side / result.views.shape[1]
    chosen = [0]
    for value, kind in _SHOWN:
        rows = [n for n, probe in enumerate(result.probes) if probe.kind == kind]
        if rows:
            nearest = min(rows, key=lambda n: abs(result.probes[n].value - value))
            chosen += [nearest + 1] if nearest + 1 not in chosen else []
    cells = []
    for number in chosen:
        brush = Brush(cv2.resize(result.views[number], (side, side)))
        if result.points is not None:
            count = result.points.shape[1]
            if number == 0:
                back = affine2d.apply(result.points, affine2d.invert(result.matrices))
                for points in back[1:]:
                    for joint, point in enumerate(points):
                        brush.dot(point * factor, side / 64, _colour(joint, count))
            for joint, point in enumerate(result.points[number]):
                brush.dot(point * factor, side / 32, (255, 255, 255))
                brush.dot(point * factor, side / 44, _colour(joint, count))
        name = "plain" if number == 0 else _short(result.probes[number - 1])
        cells.append(label(brush.picture(), name))
    return tile([cells[:4], cells[4:]] if len(cells) > 4 else [cells])


def _from_plain(result: Equivariance, measure: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve with the plain view on it, whose error is 0 by definition."""
    axis, errors = result.curve(measure, kind)
    place = int(np.searchsorted(axis, _UNCHANGED[kind]))
    known = np.isfinite(errors).any()
    return (
        np.insert(axis, place, _UNCHANGED[kind]),
        np.insert(errors, place, 0.0 if known else np.nan),
    )


def _definition(measure: str) -> str:
    words = re.sub(r"^(predicted joints|projected points|features): ", "", MEASURES[measure])
    return f"{words[0].upper()}{words[1:]}."


def _short(probe: Probe) -> str:
    return probe.kind if probe.kind == "flip" else f"{probe.kind} {probe.value:g}"


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "collapsed"


def _colour(joint: int, count: int) -> tuple[int, ...]:
    hue = np.array([[[int(179 * joint / max(count, 1)), 220, 230]]], np.uint8)
    return tuple(int(part) for part in cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0])
