"""The demo's report: what was trained, how it went, what comes out, in pictures."""

import json
import os
import re
from typing import Any

import numpy as np

from keras_pose.lifting.pictures import scaled_to
from keras_pose.skeletons import H36M_17
from keras_pose.train.run_folder import read_epochs
from keras_pose.viz import (
    Chart,
    Paragraph,
    Picture,
    PoseViewer,
    Section,
    Series,
    Table,
    line_chart_svg,
    pose_panel,
    tile,
    write_report,
)

_TITLES = {
    "shipped": "shipped",
    "demo": "student",
    "tflite": "student, TFLite",
}


def write(
    path: str,
    settings: Any,
    runs: dict,
    folder: str,
    shipped: str,
    people: dict,
    minutes: float,
) -> None:
    """Write the report.

    Args:
        path: destination, one HTML file.
        settings: `keras_pose.demo.DemoConfig`.
        runs: title to content of `run.json`.
        folder: version folder of the exported student.
        shipped: version folder of the shipped model.
        people: what `keras_pose.demo.lift_people` returns.
        minutes: time taken so far.
    """
    rows = {
        title: read_epochs(os.path.join(settings.output_dir, "runs", title.replace(" ", "_")))
        for title in runs
    }
    write_report(
        path,
        "3D poses without 3D labels",
        [
            _intro(settings, minutes),
            _results(runs, people),
            _curves(runs, rows),
            _pictures(people),
            _proof(folder, shipped),
        ],
        subtitle="keras_pose demo: TIPS on generated people",
    )


def _intro(settings, minutes):
    text = (
        f"Two generators, one for the legs and one for the torso, learn depth from 2D poses alone: "
        f"{settings.num_generated_frames} frames of generated motion seen by four virtual cameras, "
        f"{settings.num_steps} steps, width {settings.width}. A turned and projected pose must look "
        "like a real one, and must come back when it is lifted again. The 3D truth of the generated "
        "people is used to measure, never to train or to choose."
    )
    note = (
        f"All of it took {minutes:.1f} minutes. The networks are small and the runs short: the numbers "
        "show that everything works, not what the method reaches; for that see docs/tips.md."
    )
    return Section("What was done", [Paragraph(text), Paragraph(note)])


def _results(runs, people):
    titles = list(runs)
    protocols = list(runs[titles[0]]["results"])
    table = [
        [protocol, *(f"{runs[title]['results'][protocol]:.1f}" for title in titles)]
        for protocol in protocols
    ]
    names = list(people["results"])
    walk = [
        [protocol, *(f"{people['results'][name][protocol]:.1f}" for name in names)]
        for protocol in protocols
    ]
    return Section(
        "Results",
        [
            Table(
                ["protocol", *titles],
                table,
                "Validation: generated people who were not trained on. Errors in mm: lower is better; "
                "3dpck and 3dauc in per cent: higher is better.",
            ),
            Table(
                ["protocol", *(_TITLES[name] for name in names)],
                walk,
                "The people below. The shipped model was trained on recorded motion, the student on "
                "generated motion of the same kind as this.",
            ),
        ],
    )


def _curves(runs, rows):
    error = [
        Series(title, _column(rows[title], "step"), _column(rows[title], "pa_mpjpe"))
        for title in rows
    ]
    adversarial = {title: rows[title] for title in rows if "discriminator_gap" in rows[title][0]}
    health = [
        Series(f"{title}: {kind}", _column(part, "step"), _column(part, f"discriminator_{kind}"))
        for title, part in adversarial.items()
        for kind in ("real", "fake")
    ]
    plausible = [
        Series(title, _column(part, "step"), _column(part, "bone_symmetry"))
        for title, part in rows.items()
    ]
    marks = []
    for title in adversarial:
        epoch = runs[title]["stop_rule"]["picked_epoch"]
        marks.append((rows[title][epoch - 1]["step"], f"pick: {title}"))
    charts = [
        Chart(line_chart_svg(error, "Error on validation poses", "step", "PA-MPJPE, mm", marks)),
        Chart(line_chart_svg(health, "Discriminator", "step", "mean score")),
        Chart(line_chart_svg(plausible, "Left and right bones", "step", "relative difference")),
    ]
    text = (
        "The stop rule sees only 2D: it asks how equal left and right bones and how constant proportions "
        "are in lifted poses that were held out, and refuses epochs whose discriminator or 2D cycle is "
        "broken. Its pick is marked."
    )
    return Section("Curves", [Paragraph(text), *charts])


def _pictures(people):
    chosen = np.linspace(0, len(people["points_px"]) - 1, 4).astype(int)
    panels, truths = [], []
    for row in range(len(people["points_px"])):
        truths.append(scaled_to(people["points_3d"][row], people["shipped"][row]))
    for row in chosen:
        panels.append(
            [
                pose_panel(
                    people["points_px"][row], people["shipped"][row], H36M_17,
                    truth=truths[row], height=260,
                )
            ]
        )  # fmt: skip
    size = np.abs(people["shipped"]).max()
    return Section(
        "People seen by a camera, lifted by the shipped model",
        [
            Picture(
                tile(panels),
                "2D input in pixels, 3D output from the camera's side and from the right; thin grey: "
                "truth, scaled to the output.",
            ),
            PoseViewer(
                people["shipped"] / size,
                H36M_17,
                "Drag to turn. Thin lines: truth.",
                truth=np.stack(truths) / size,
            ),
        ],
    )


def _proof(folder, shipped):
    table = []
    for title, place in (("demo", folder), ("shipped", shipped)):
        with open(os.path.join(place, "parity.json"), encoding="utf-8") as file:
            reports = json.load(file)["artefacts"]
        for report in reports:
            # A file is compared more than once: "<file> (reference kernels)", "<file>:<signature>".
            file_name = re.split(r" \(|:", report["artefact"])[0]
            size = os.path.getsize(os.path.join(place, file_name)) / 1e6
            error = report["outputs"]["keypoints_3d"]["relative_rms"]
            table.append([title, report["artefact"], f"{size:.2f}", f"{error:.1e}"])
    caption = (
        "Every artefact was loaded again and compared with the Keras model on generated people of four "
        "sizes and on input that is not finite or pointlike; an export that differs is refused. Size "
        "in MB without the weights folder of a SavedModel; error: relative root mean square."
    )
    return Section("Exports", [Table(["model", "artefact", "MB", "error"], table, caption)])


def _column(rows, name):
    return np.array([row.get(name, np.nan) for row in rows], dtype=float)
