import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from keras_pose.viz import PALETTE, Series, line_chart_svg


def _chart(*series, **options):
    return line_chart_svg(series, "title", "x", "y", **options)


def _elements(svg, tag):
    return list(ElementTree.fromstring(svg).iter(tag))


def _lines(svg):
    """Path data of the series, which stand inside the inner <svg>."""
    (plot,) = ElementTree.fromstring(svg).findall("svg")
    return [path.get("d") for path in plot.findall("path")]


def test_line_runs_from_corner_to_corner():
    # The plot is 630 by 250; 0 to 10 is shown without a margin, as 0 and 10 are round.
    (path,) = _lines(_chart(Series("a", [0, 5, 10], [0, 2.5, 10])))
    assert path == "M0.0 250.0L315.0 187.5L630.0 0.0"


def test_logarithm_is_even_in_decades():
    (path,) = _lines(_chart(Series("a", [0, 1, 2, 3], [1, 10, 0, 1000]), log_y=True))
    # The third value has no logarithm: the pen is lifted.
    assert path == "M0.0 250.0L210.0 166.7M630.0 0.0"


def test_ticks_are_round_and_inside():
    svg = _chart(Series("a", [0, 7000], [37.5, 122]))
    texts = [text.text for text in _elements(svg, "text")]
    assert {"0", "2,000", "4,000", "6,000"} <= set(texts) and "8,000" not in texts
    assert {"20", "40", "60", "80", "100", "120", "140"} <= set(texts)
    height = float(ElementTree.fromstring(svg).get("viewBox").split()[-1])
    for text in _elements(svg, "text"):
        assert 0 <= float(text.get("x")) <= 720 and 0 <= float(text.get("y")) <= height


def test_line_breaks_at_what_is_not_finite():
    (path,) = _lines(_chart(Series("a", range(5), [1, 2, np.nan, np.inf, 1])))
    assert re.sub(r"[\d. ]", "", path) == "MLM"


def test_value_that_stands_alone_is_a_dot():
    svg = _chart(Series("a", [0, 1, 2, 3, 4], [0, 5, np.nan, 10, np.nan]))
    (dot,) = _elements(svg, "circle")
    assert (dot.get("cx"), dot.get("cy")) == ("472.5", "0.0")
    assert len(_elements(_chart(Series("a", [3], [5])), "circle")) == 1


def test_band_goes_there_and_back():
    svg = _chart(Series("a", [0, 10], [5, 5], [0, 0], [10, 10]))
    (band,) = _elements(svg, "polygon")
    assert band.get("points") == "0.0,0.0 630.0,0.0 630.0,250.0 0.0,250.0"


def test_given_range_is_kept():
    (path,) = _lines(_chart(Series("a", [0, 10], [0, 100]), y_range=(0, 50)))
    assert path == "M0.0 250.0L630.0 -250.0"


def test_styles_tell_series_apart():
    svg = _chart(Series("a", [0], [0]), Series("b", [0], [1]), Series("c", [0], [1], style=0))
    (plot,) = ElementTree.fromstring(svg).findall("svg")
    first, second, third = (
        (path.get("stroke"), path.get("stroke-dasharray")) for path in plot.findall("path")
    )
    assert first == third and first[0] != second[0] and first[1] != second[1]


def test_colours_are_chosen_for_colour_blind_readers_of_light_and_dark_pages():
    # Okabe and Ito, "Color Universal Design"; black and yellow would vanish on one of the pages.
    okabe_ito = {"#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"}
    assert set(PALETTE[:6]) == okabe_ito and len(set(PALETTE)) == len(PALETTE)
    for colour in PALETTE:
        parts = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
        # Relative luminance and contrast of WCAG 2.
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        luminance = linear @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) > 2 and (luminance + 0.05) / 0.05 > 2


def test_series_take_the_colours_in_turn():
    count = len(PALETTE)
    svg = _chart(*(Series(str(number), [0], [number]) for number in range(count + 1)))
    (plot,) = ElementTree.fromstring(svg).findall("svg")
    strokes = [path.get("stroke") for path in plot.findall("path")]
    assert strokes == [*PALETTE, PALETTE[0]]


def test_all_words_are_there_and_escaped():
    svg = line_chart_svg(
        [Series("<b>a</b>", [0, 1], [0, 1])], "A & B", "<x>", '"y"', marks=[(0.5, "stop & go")]
    )
    texts = [text.text for text in _elements(svg, "text")]
    assert {"<b>a</b>", "A & B", "<x>", '"y"', "stop & go"} <= set(texts)
    assert ElementTree.fromstring(svg).get("aria-label") == "A & B"


def test_many_names_wrap():
    names = [f"a rather long name of a run {number}" for number in range(8)]
    svg = _chart(*(Series(name, [0, 1], [0, 1]) for name in names))
    places = {t.text: (float(t.get("x")), float(t.get("y"))) for t in _elements(svg, "text")}
    assert len({places[name][1] for name in names}) > 1
    assert max(places[name][0] + 6.8 * len(name) for name in names) < 720


def test_wrong_series_are_told_in_a_sentence():
    with pytest.raises(ValueError, match="'title' has no finite value"):
        _chart(Series("a", [0, 1], [np.nan, np.nan]))
    with pytest.raises(ValueError, match="'title' has no finite value"):
        _chart()
    with pytest.raises(ValueError, match=r"'a' has x, y, low and high of shapes \[\[2\], \[3\]"):
        _chart(Series("a", [0, 1], [0, 1, 2]))
    with pytest.raises(ValueError, match="'a' has an x that is not finite"):
        _chart(Series("a", [0, np.nan], [0, 1]))
