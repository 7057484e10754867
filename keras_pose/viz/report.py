"""Reports as one HTML file that needs nothing else: pictures, charts and tables are inside it.

Light and dark follow the reader's setting. A content policy in the file forbids the browser to load
anything, and all text is escaped, so a report may be passed on as it is.
"""

import base64
import html
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

from keras_pose.files import write_file
from keras_pose.viz.viewer import VIEWER_SCRIPT, PoseViewer, viewer_html


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table; numbers are aligned to the right.

    Attributes:
            header: one word or phrase per column.
            rows: cells as text, as many per row as the header has.
            caption: a sentence below; may be empty.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
            image: uint8 `[H, W, 3]` RGB.
            caption: a sentence below, also read out to those who cannot see it.
    """

    image: np.ndarray
    caption: str


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
            svg: from `line_chart_svg`, put into the page as it is.
            caption: a sentence below; may be empty.
    """

    svg: str
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, in order."""

    heading: str
    items: Sequence[Paragraph | Table | Picture | Chart | PoseViewer]


def write_report(
    path: str | os.PathLike, title: str, sections: Sequence[Section], subtitle: str = ""
) -> Path:
    """Write a report in full or not at all, replacing an older one.

    Args:
            path: the HTML file; missing folders above it are created.
            title: of the page.
            sections: its content.
            subtitle: a line below the title, for example date, commit and command.

    Returns:
            The file written.

    Raises:
            ValueError: if a table's rows do not fit its header or a picture is no uint8 RGB.
            OSError: if the file cannot be written; an older one is then untouched.
    """
    return write_file(path, report_html(title, sections, subtitle))


def report_html(title: str, sections: Sequence[Section], subtitle: str = "") -> str:
    """Return a report as HTML text.

    Args:
            title: of the page.
            sections: its content.
            subtitle: a line below the title.

    Returns:
            A whole HTML document.

    Raises:
            ValueError: if a table's rows do not fit its header or a picture is no uint8 RGB.
    """
    body = [f"<h1>{html.escape(title)}</h1>"]
    if subtitle:
        body.append(f'<p class="subtitle">{html.escape(subtitle)}</p>')
    has_viewer = False
    for section in sections:
        body.append(f"<section><h2>{html.escape(section.heading)}</h2>")
        for item in section.items:
            body.append(_item(item))
            has_viewer |= isinstance(item, PoseViewer)
        body.append("</section>")
    script = f"<script>{VIEWER_SCRIPT}</script>" if has_viewer else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + f"\n</main>\n{script}</body>\n</html>\n"
    )


def _item(item: Paragraph | Table | Picture | Chart | PoseViewer) -> str:
    if isinstance(item, Paragraph):
        return f"<p>{html.escape(item.text)}</p>"
    if isinstance(item, Table):
        return _figure(_table(item), item.caption)
    if isinstance(item, Picture):
        data = base64.b64encode(_png(item.image)).decode()
        height, width = item.image.shape[:2]
        return _figure(
            f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" '
            f'alt="{html.escape(item.caption)}">',
            item.caption,
        )
    if isinstance(item, Chart):
        return _figure(item.svg, item.caption)
    return _figure(viewer_html(item), item.caption)


def _figure(content: str, caption: str) -> str:
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{content}{words}</figure>"


def _table(table: Table) -> str:
    lines = ["".join(f"<th>{html.escape(str(cell))}</th>" for cell in table.header)]
    for row in table.rows:
        if len(row) != len(table.header):
            raise ValueError(
                f"Table row {list(row)} has {len(row)} cells under {len(table.header)} headings: "
                "give one cell per heading."
            )
        lines.append("".join(_cell(str(cell)) for cell in row))
    head, *rows = (f"<tr>{line}</tr>" for line in lines)
    body = f"<thead>{head}</thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide"><table>{body}</table></div>'


def _cell(text: str) -> str:
    is_number = re.match(r"[-+\u2212]?[\d.,]+( ?[%a-zA-Z]{1,3})?( ?(\u00b1|\+-) ?[\d.,]+)?$", text)
    return f"<td{' class=number' if is_number else ''}>{html.escape(text)}</td>"


def _png(image: np.ndarray) -> bytes:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(
            f"A picture for a report is {image.dtype} {list(image.shape)}, but must be uint8 "
            "[H, W, 3]: convert it first."
        )
    # OpenCV counts colours from blue.
    is_done, data = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not is_done:
        raise ValueError(f"A picture of shape {list(image.shape)} cannot be stored as PNG.")
    return data.tobytes()


_STYLE = (resources.files(__package__) / "report.css").read_text("utf-8")
