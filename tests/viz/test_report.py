import base64
import errno
import html.parser
import json
import os
import re

import cv2
import numpy as np
import pytest

from keras_pose.skeletons import H36M_17
from keras_pose.viz import (
    Chart,
    Paragraph,
    Picture,
    PoseViewer,
    Section,
    Series,
    Table,
    line_chart_svg,
    report_html,
    viewer,
    write_report,
)

EVIL = "<script>alert('&\")</script>"
PICTURE = np.random.default_rng(0).integers(0, 256, [20, 30, 3]).astype(np.uint8)
POSES = np.random.default_rng(1).normal(size=[3, 17, 3])
VOID = {"meta", "img"}
# Attributes through which a page can reach out.
LINKS = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "background"}


class Page(html.parser.HTMLParser):
    """Reads a page, and complains where an element is closed that was not open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data.strip())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def _full(words):
    chart = line_chart_svg([Series(words, [0, 1], [0, 1])], words, words, words, [(0.5, words)])
    return report_html(
        words,
        [
            Section(
                words,
                [
                    Paragraph(words),
                    Table([words, words], [[words, "1.5"]], words),
                    Picture(PICTURE, words),
                    Chart(chart, words),
                    PoseViewer(POSES, H36M_17, words),
                ],
            )
        ],
        words,
    )


def test_everything_is_there_and_nothing_runs():
    page = Page(_full(EVIL))
    # Title twice, subtitle, heading, paragraph, three cells, four captions; five in the chart.
    assert page.words.count(EVIL) == 2 + 1 + 1 + 1 + 3 + 4 + 5
    # The one script is the viewer's own.
    assert len(page.all("script")) == 1
    assert page.all("img")[0]["alt"] == EVIL
    assert page.all("canvas")[0]["aria-label"] == EVIL


def test_page_needs_nothing_from_elsewhere():
    text = _full("words")
    page = Page(text)
    for _, attributes in page.elements:
        for name in LINKS & set(attributes):
            assert attributes[name].startswith("data:image/png;base64,")
    assert not re.search(r"https?:|url\(|@import|//\w+\.\w", re.sub(r"base64,[^\"]*", "", text))
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none';") and "http" not in policy
    assert "prefers-color-scheme: dark" in text


def test_page_without_viewer_has_no_script():
    assert Page(report_html("t", [Section("s", [Paragraph("p")])])).all("script") == []


def test_picture_survives():
    (image,) = Page(_full("words")).all("img")
    data = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decoded, PICTURE)
    assert (image["width"], image["height"]) == ("30", "20")


@pytest.mark.parametrize(
    ("cell", "is_number"),
    [
        ("65.1", True), ("-3", True), ("1,234", True), ("63.6 \u00b1 0.4", True), ("17 %", True),
        ("1.6 MB", True), ("solo", False), ("pa_mpjpe/mm", False), ("2D input", False),
        ("", False), ("3 seeds each", False),
    ],
)  # fmt: skip
def test_numbers_are_aligned_to_the_right(cell, is_number):
    page = Page(report_html("t", [Section("s", [Table(["h"], [[cell]])])]))
    assert [attributes.get("class") == "number" for attributes in page.all("td")] == [is_number]


def test_viewer_holds_the_poses():
    points = np.zeros([1, 17, 3])
    points[0, H36M_17.index("left_wrist")] = [4.0, 0.0, 0.0]
    points[0, H36M_17.index("right_wrist")] = [0.0, 2.0, 0.0]
    page = Page(report_html("t", [Section("s", [PoseViewer(points, H36M_17, truth=points)])]))
    scene = json.loads(page.all("canvas")[0]["data-scene"])
    # The middle is (2, 1, 0), and sqrt(5) from it to the farthest joints.
    length = 5**0.5
    expected = np.round(np.array([2, -1, 0]) / length, 3)
    assert scene["poses"][0][H36M_17.index("left_wrist")] == pytest.approx(expected)
    assert scene["truth"] == scene["poses"] and scene["floor"] == round(1 / length, 3)
    assert scene["bones"][0] == [0, 1] and len(scene["colours"]) == 17


def test_viewer_refuses_what_it_cannot_show():
    with pytest.raises(ValueError, match=r"shape \[1, 16, 3\] do not fit skeleton 'h36m_17'"):
        viewer.viewer_html(PoseViewer(POSES[0, :16], H36M_17))
    with pytest.raises(ValueError, match=r"shape \[2, 17, 3\] do not fit"):
        viewer.viewer_html(PoseViewer(POSES, H36M_17, truth=POSES[:2]))
    with pytest.raises(ValueError, match="not finite"):
        viewer.viewer_html(PoseViewer(POSES * np.nan, H36M_17))


def test_wrong_content_is_told_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        write_report(tmp_path / "r.html", "t", [Section("s", [Table(["a", "b"], [["c"]])])])
    with pytest.raises(ValueError, match=r"float64 \[2, 2, 3\], but must be uint8"):
        write_report(tmp_path / "r.html", "t", [Section("s", [Picture(np.zeros([2, 2, 3]), "")])])
    assert os.listdir(tmp_path) == []


def test_report_is_replaced_in_full_or_not_at_all(tmp_path, monkeypatch):
    path = write_report(tmp_path / "demo" / "report.html", "first", [])
    assert "<title>first</title>" in path.read_text(encoding="utf-8")
    write_report(path, "second", [])
    before = path.read_bytes()
    assert b"<title>second</title>" in before

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"Cannot write .*report\.html: no space left on device"):
        write_report(path, "third", [])
    assert path.read_bytes() == before and os.listdir(path.parent) == ["report.html"]
