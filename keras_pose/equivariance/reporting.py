"""Reports how equivariant a network is: `python -m keras_pose.equivariance.report ...`.

    --model_dir=<run of hands> or --saved_model=<exported version folder>,
    --data_dir=<record folders>, --output=report.html [--num_pictures=64] [--tensorboard_dir=...]

Writes one HTML file, the same numbers as JSON beside it, and prints them. `report_equivariance` is the
library form. Pictures are ones that the run did not train on, by its own split.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keras_pose.equivariance.figures import equivariance_section, write_summaries
from keras_pose.equivariance.measure import KINDS, MEASURES, Equivariance, measure_equivariance
from keras_pose.equivariance.settings import ReportConfig
from keras_pose.equivariance.subject import choose_pictures, load_subject, open_pictures
from keras_pose.files import write_file
from keras_pose.hands.options import HandOptions
from keras_pose.viz import Paragraph, Section, write_report

# Features of this many pictures at least settle a linear map.
_FEW_PICTURES = 32


def report_equivariance(report: ReportConfig) -> tuple[Equivariance, dict]:
    """Measure, write the report and its JSON.

    Args:
        report: what to measure and where to write.

    Returns:
        What was measured, and the content of the JSON.

    Raises:
        ValueError: if run or records are missing or there are fewer than 4 readable pictures.
        OSError: if something cannot be written.
    """
    assumed = HandOptions(
        dataset="records" if report.data_dir else "generated",
        val_share=report.val_share,
        split_seed=report.split_seed,
    )
    subject = load_subject(report.model_dir, report.saved_model, assumed)
    record_set, places, part = open_pictures(subject.config, report.data_dir)
    pictures, boxes, unread = choose_pictures(
        record_set, places, subject.config, report.num_pictures
    )
    if len(pictures) < 4:
        raise ValueError(
            f"--data_dir={report.data_dir} has {len(pictures)} readable {part} pictures; give at "
            "least 4, or a run that held out more."
        )
    result = measure_equivariance(
        pictures,
        boxes,
        subject.config.image_size,
        **subject.functions,
        inverse=subject.inverse,
        undo_options=subject.undo_options,
        crop_scale=subject.crop_scale,
        batch_size=report.batch_size,
    )
    content = _content(report, subject, result, part, record_set, unread)
    write_report(report.output, *_page(content, subject, result, unread))
    write_file(
        Path(report.output).with_suffix(".json"),
        json.dumps(content, indent=1, allow_nan=False) + "\n",
    )
    if report.tensorboard_dir:
        write_summaries(result, report.tensorboard_dir, subject.step)
    return result, content


def _content(report, subject, result, part, record_set, unread):
    probes = [
        {"kind": probe.kind, "value": probe.value}
        | {name: _finite(errors[number]) for name, errors in result.errors.items()}
        for number, probe in enumerate(result.probes)
    ]
    return {
        "measured": report.model_dir or report.saved_model,
        "what": subject.what,
        "note": subject.note,
        "step": subject.step,
        "pictures": {
            "part": part,
            "count": result.num_pictures,
            "folders": list(record_set.counts),
            "unread": unread,
        },
        "inverse": subject.inverse if "projections" in result.errors else None,
        "crop_scale": subject.crop_scale,
        "measures": {name: MEASURES[name] for name in result.errors},
        "numbers": {name: _finite(value) for name, value in result.numbers.items()},
        "probes": probes,
    }


def _finite(value):
    return float(value) if np.isfinite(value) else None


def _page(content, subject, result, unread):
    """Title, sections and subtitle of the report."""
    config, pictures = subject.config, content["pictures"]
    crops = {
        "picture": "cropped about the middle",
        "box": "cropped about the hand's box",
        "joints": "cropped about the joints",
    }[config.crop_source]
    words = (
        f"A {subject.what} ({config.image_size} px) was shown {pictures['count']} {pictures['part']} "
        f"pictures of {', '.join(pictures['folders'])}, {crops} with "
        f"{subject.crop_scale:.2f} times its side."
    )
    items = [Paragraph(words)]
    if subject.note:
        items.append(Paragraph(subject.note))
    if pictures["part"] == "training":
        items.append(
            Paragraph("The run held nothing out, so it has trained on these very pictures.")
        )
    if pictures["count"] < _FEW_PICTURES and "features" in result.errors:
        items.append(
            Paragraph(
                f"Fewer than {_FEW_PICTURES} pictures hardly settle a linear map between features; take "
                "their first row as an upper bound."
            )
        )
    if unread:
        items.append(Paragraph(f"{len(unread)} pictures could not be read: {'; '.join(unread)}"))
    items.extend(Paragraph(sentence) for sentence in _findings(result))
    section = equivariance_section(
        result, "Numbers", content["inverse"] or "", subject.trained_ranges
    )
    return "Equivariance", [Section("What was measured", items), section], content["measured"]


def _findings(result):
    """Return what the numbers say, in words."""
    numbers = result.numbers
    undone, plain = (
        numbers.get("projections/rotation"),
        numbers.get("projections_not_undone/rotation"),
    )
    if undone is not None and np.isfinite([undone, plain]).all():
        yield (
            f"Under rotation, the projected points of a view and of the plain view are {plain:.2f} apart "
            f"as they come and {undone:.2f} with the view undone, where different pictures are 1 apart: "
            + ("they follow the hand." if undone < 0.8 * plain else "they hardly follow the hand.")
        )
    if not np.isfinite(list(numbers.values())).all():
        yield "A function answers (almost) the same for every picture: it has collapsed."
    moved, apart = numbers.get("keypoints/rotation"), numbers.get("keypoints/different_pictures")
    if moved is not None and apart:
        yield (
            f"Under rotation, predicted joints move by {100 * moved:.1f} % of the box's side against the "
            f"hand; between different pictures they differ by {100 * apart:.1f} %."
        )


def number_lines(result: Equivariance) -> Iterator[str]:
    """Yield the numbers as lines of text, one per measure and kind of change.

    Args:
        result: what was measured.
    """
    for measure in result.errors:
        for kind in (*KINDS, "different_pictures"):
            value = result.numbers.get(f"{measure}/{kind}")
            if value is not None:
                shown = f"{value:10.4f}" if np.isfinite(value) else " collapsed"
                yield f"{shown}  {measure}  {kind.replace('_', ' ')}"


def main(report: ReportConfig) -> None:
    """Turn settings into files and a table."""
    result, content = report_equivariance(report)
    for line in number_lines(result):
        print(line)
    if content["note"]:
        print(content["note"])
    print(f"{content['pictures']['count']} {content['pictures']['part']} pictures, 0 is perfect.")
    print(f"Written to {report.output} and {Path(report.output).with_suffix('.json')}.")
