"""Line charts as inline SVG text: readable on light and dark pages, without any library.

Text and axes take the colour of the page's text. Series take Okabe and Ito's colours, and a dash
pattern besides, so that a chart survives a grey printer.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A8F99")
_DASHES = ("", "8 3", "2 3", "9 3 2 3")
_WIDTH, _PLOT_WIDTH, _PLOT_HEIGHT = 720, 630, 250
_LEFT = 68
_LETTER = 6.8  # Mean width of a letter of 12 px type, to wrap the legend.


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
            name: in the legend.
            x: `[N]` positions.
            y: `[N]` values; the line breaks where one is not finite.
            low: `[N]` lower edge of a band around the line, for example over seeds; None for no band.
            high: `[N]` upper edge of that band.
            style: number of colour and dash pattern; None counts the series.
    """

    name: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    low: Sequence[float] | np.ndarray | None = None
    high: Sequence[float] | np.ndarray | None = None
    style: int | None = None


def line_chart_svg(
    series: Sequence[Series],
    title: str,
    x_label: str,
    y_label: str,
    marks: Sequence[tuple[float, str]] = (),
    y_range: tuple[float, float] | None = None,
    log_y: bool = False,
) -> str:
    """Draw a line chart.

    Args:
            series: lines, each with x `[N]` and y `[N]`.
            title: above the chart.
            x_label: quantity and unit of x.
            y_label: quantity and unit of y.
            marks: (x, text) of vertical lines, for example the step that a stop rule chose.
            y_range: (lowest, highest) y shown; None fits the data.
            log_y: whether y is logarithmic; values of 0 and below are then left out.

    Returns:
            One `<svg>` element, to be put into HTML as it is.

    Raises:
            ValueError: if there is nothing to draw or the lengths of a series differ.
    """
    lines = [_arrays(one, log_y) for one in series]
    y_all = np.concatenate([array for _, *arrays in lines for array in arrays] or [np.array([])])
    y_all = y_all[np.isfinite(y_all)]
    if not len(y_all):
        raise ValueError(f"Chart {title!r} has no finite value to draw: give it a series with one.")
    x_all = np.concatenate([x for x, *_ in lines] + [np.array([x for x, _ in marks])])
    styles = [index if one.style is None else one.style for index, one in enumerate(series)]
    legend, legend_height = _legend([one.name for one in series], styles)
    top = 44 + legend_height + 18 * min(len(marks), 2)
    x_span = _span(x_all.min(), x_all.max())
    if y_range is None:
        y_ticks = _ticks(*_span(y_all.min(), y_all.max()), log_y)
        plot = _Plot(top, x_span, (y_ticks[0], y_ticks[-1]))
    else:
        plot = _Plot(top, x_span, _span(*(np.log10(y_range) if log_y else y_range)))
        y_ticks = _inside(_ticks(*plot.y_span, log_y), plot.y_span)
    middle = top + _PLOT_HEIGHT / 2
    parts = [
        _text(_LEFT, 20, title, "start", 'font-size="15" font-weight="600"'),
        *legend,
        *_axes(plot, y_ticks, log_y),
        *_marks(plot, marks),
        *_curves(plot, lines, styles),
        _text(_LEFT + _PLOT_WIDTH / 2, plot.bottom + 42, x_label, "middle"),
        _text(16, middle, y_label, "middle", f'transform="rotate(-90 16 {middle:.1f})"'),
    ]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {plot.bottom + 50}" role="img" '
        f'aria-label="{html.escape(title)}" font-size="12" font-family="inherit" '
        f'fill="currentColor" style="max-width:{_WIDTH}px;width:100%;height:auto">'
        + "".join(parts)
        + "</svg>"
    )


@dataclass(frozen=True)
class _Plot:
    """The rectangle of the curves: where it lies and what it shows."""

    top: int
    x_span: tuple[float, float]
    y_span: tuple[float, float]

    @property
    def bottom(self) -> int:
        return self.top + _PLOT_HEIGHT

    def across(self, x: np.ndarray) -> np.ndarray:
        return (x - self.x_span[0]) / (self.x_span[1] - self.x_span[0]) * _PLOT_WIDTH

    def down(self, y: np.ndarray) -> np.ndarray:
        share = (y - self.y_span[0]) / (self.y_span[1] - self.y_span[0])
        return (1 - np.clip(share, -9, 9)) * _PLOT_HEIGHT


def _axes(plot: _Plot, y_ticks: list[float], log_y: bool) -> list[str]:
    x_ticks = _inside(_ticks(*plot.x_span), plot.x_span)
    parts = [_rule(_LEFT, plot.bottom, _LEFT + _PLOT_WIDTH, plot.bottom, 0.6)]
    for tick, y in zip(y_ticks, plot.top + plot.down(np.array(y_ticks)), strict=True):
        parts.append(_rule(_LEFT, y, _LEFT + _PLOT_WIDTH, y, 0.14))
        parts.append(_text(_LEFT - 8, y + 4, _number(10**tick if log_y else tick), "end"))
    for tick, x in zip(x_ticks, _LEFT + plot.across(np.array(x_ticks)), strict=True):
        parts.append(_rule(x, plot.bottom, x, plot.bottom + 5, 0.6))
        parts.append(_text(x, plot.bottom + 20, _number(tick), "middle"))
    return parts


def _marks(plot: _Plot, marks: Sequence[tuple[float, str]]) -> list[str]:
    parts = []
    for index, (mark, words) in enumerate(sorted(marks)):
        share = float(plot.across(np.array(mark))) / _PLOT_WIDTH
        x = _LEFT + share * _PLOT_WIDTH
        # Neighbours may stand close: every other one is written a line higher.
        high = plot.top - 9 - 16 * (index % 2)
        anchor = "start" if share < 0.15 else "end" if share > 0.85 else "middle"
        parts.append(_rule(x, high + 4, x, plot.bottom, 0.7, 'stroke-dasharray="4 4"'))
        parts.append(_text(x, high, words, anchor))
    return parts


def _curves(plot: _Plot, lines: list, styles: Sequence[int]) -> list[str]:
    # An inner <svg> clips by itself what lies outside of it.
    size = f'width="{_PLOT_WIDTH}" height="{_PLOT_HEIGHT}"'
    bands, paths = [], []
    for (x, y, low, high), style in zip(lines, styles, strict=True):
        there = plot.across(x)
        edge = np.concatenate([there, there[::-1]])
        outline = np.concatenate([plot.down(high), plot.down(low)[::-1]])
        keep = np.isfinite(outline)
        if keep.any():
            corners = zip(edge[keep], outline[keep], strict=True)
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
            bands.append(f'<polygon points="{points}" fill="{_colour(style)}" opacity="0.2"/>')
        drawn = np.pad(np.isfinite(y), 1)
        for index in np.flatnonzero(drawn[1:-1] & ~drawn[:-2] & ~drawn[2:]):
            # A path of one point would not be seen.
            place = f'cx="{there[index]:.1f}" cy="{plot.down(y[index]):.1f}"'
            paths.append(f'<circle {place} r="3.5" fill="{_colour(style)}"/>')
        path = _path(there, plot.down(y))
        paths.append(f'<path d="{path}" fill="none" {_stroke(style)}/>')
    return [f'<svg x="{_LEFT}" y="{plot.top}" {size}>', *bands, *paths, "</svg>"]


def _arrays(one: Series, log_y: bool) -> tuple[np.ndarray, ...]:
    """Return x, y, low, high as float64 `[N]`; a missing band is not a number."""
    x = np.asarray(one.x, np.float64)
    empty = np.full(x.shape, np.nan)
    rows = [empty if v is None else np.asarray(v, np.float64) for v in (one.y, one.low, one.high)]
    if x.ndim != 1 or not len(x) or any(row.shape != x.shape for row in rows):
        shapes = [list(row.shape) for row in (x, *rows)]
        raise ValueError(
            f"Series {one.name!r} has x, y, low and high of shapes {shapes}: give lists of the "
            "same length, at least 1."
        )
    if not np.all(np.isfinite(x)):
        raise ValueError(f"Series {one.name!r} has an x that is not finite: leave that point out.")
    usable = [np.isfinite(row) & (row > 0 if log_y else True) for row in rows]
    rows = [np.where(keep, row, np.nan) for keep, row in zip(usable, rows, strict=True)]
    return x, *(np.log10(row) if log_y else row for row in rows)


def _span(low: float, high: float) -> tuple[float, float]:
    low, high = float(low), float(high)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _ticks(low: float, high: float, decades: bool = False) -> list[float]:
    """Return about five round numbers that cover a range, and reach beyond it by under a step."""
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if (high - low) / (step * factor) <= 5.5)
    if decades:
        step = max(round(step), 1)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _inside(ticks: list[float], span: tuple[float, float]) -> list[float]:
    slack = (span[1] - span[0]) * 1e-9
    return [tick for tick in ticks if span[0] - slack <= tick <= span[1] + slack]


def _number(value: float) -> str:
    if value and (abs(value) >= 1e6 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:,.6g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _colour(style: int) -> str:
    return PALETTE[style % len(PALETTE)]


def _stroke(style: int) -> str:
    dash = _DASHES[style % len(_DASHES)]
    pattern = f' stroke-dasharray="{dash}"' if dash else ""
    ends = 'stroke-linejoin="round" stroke-linecap="round"'
    return f'stroke="{_colour(style)}" stroke-width="2" {ends}{pattern}'


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """Return SVG path data that lifts the pen over values that are not finite."""
    words, pen_up = [], True
    for a, b in zip(x, y, strict=True):
        if np.isfinite(b):
            words.append(f"{'M' if pen_up else 'L'}{a:.1f} {b:.1f}")
        pen_up = not np.isfinite(b)
    return "".join(words)


def _legend(names: Sequence[str], styles: Sequence[int]) -> tuple[list[str], int]:
    """Return the legend's elements, wrapped into rows, and its height."""
    parts, x, y = [], float(_LEFT), 42
    for name, style in zip(names, styles, strict=True):
        width = 34 + len(name) * _LETTER + 18
        if x > _LEFT and x + width > _LEFT + _PLOT_WIDTH:
            x, y = float(_LEFT), y + 18
        parts.append(f'<path d="M{x:.0f} {y - 4}h26" fill="none" {_stroke(style)}/>')
        parts.append(_text(x + 33, y, name, "start"))
        x += width
    return parts, y - 42 + 12


def _text(x: float, y: float, words: str, anchor: str, more: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{html.escape(words)}</text>'
    )


def _rule(x1: float, y1: float, x2: float, y2: float, opacity: float, more: str = "") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" '
        f'opacity="{opacity}" {more}/>'
    )
