"""Small line charts as SVG, which need no library where they are read. Nothing here imports torch.

Lines differ in dashes as well as in colour, so that a copy in grey can be read.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from maml_core.wording import with_minus

WIDTH, HEIGHT = 400, 240
"""Units of the viewBox; with letters of 13 in it they are read on a phone too."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 10, 10, 40
_MOST_POINTS = 160
_TEXT, _GRID = "#1f2430", "#d9dde3"

Numbers = Sequence[float] | np.ndarray


class Line(NamedTuple):
    """A series of a chart."""

    name: str
    """What the legend calls it, as HTML."""
    x: Numbers
    y: Numbers
    color: str
    dash: str = ""
    """A dash pattern as SVG has it; empty for a whole line."""
    width: float = 2.2
    marker: str = ""
    """``circle`` or ``diamond`` for points without a line."""


class Axis(NamedTuple):
    """An axis of a chart; what lies beyond is cut off."""

    label: str
    low: float
    high: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """From 0 at the low end to 1 at the high one; NaN where there is no such place."""
        low, high = self.low, self.high
        if self.logarithmic:
            if not value > 0.0:
                return math.nan
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round numbers on it; none on an axis without a name."""
        if not self.label:
            return []
        if self.logarithmic:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            marks = [factor * 10.0**power for power in decades for factor in (1.0, 2.0, 5.0)]
            inside = [mark for mark in marks if self.low <= mark <= self.high]
            return inside if len(inside) <= 7 else [mark for mark in inside if math.log10(mark).is_integer()]
        least = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(least))
        step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= 0.999 * least)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def chart(lines: Sequence[Line], x: Axis, y: Axis, alt: str) -> str:
    """A chart as an SVG element that is read out as `alt`."""
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(alt)}" font-size="13" fill="{_TEXT}" '
        'font-family="Helvetica, Arial, sans-serif">'
    ]
    for tick in x.ticks():
        at = _across(x, tick)
        parts.append(
            f'<path d="M{at} {_TOP}V{bottom}" stroke="{_GRID}"/><text x="{at}" y="{bottom + 15}" text-anchor="middle">{_said(tick)}</text>'
        )
    for tick in y.ticks():
        height = _down(y, tick)
        parts.append(
            f'<path d="M{_LEFT} {height}H{right}" stroke="{_GRID}"/><text x="{_LEFT - 5}" y="{height + 4}" text-anchor="end">{_said(tick)}</text>'
        )
    parts.append(
        f'<text x="{(_LEFT + right) // 2}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(x.label)}</text>'
    )
    middle = (_TOP + bottom) // 2
    parts.append(
        f'<text transform="translate(13 {middle}) rotate(-90)" text-anchor="middle">{html.escape(y.label)}</text>'
    )
    parts += [_drawn(line, x, y) for line in lines]
    return "\n".join([*parts, "</svg>"])


def legend(lines: Sequence[Line]) -> str:
    """The names of a chart's lines, each behind a piece of it."""
    return "\n".join(
        f'<span class="key"><svg viewBox="0 0 26 10" aria-hidden="true">{_piece(line)}</svg><span>{line.name}</span></span>'
        for line in lines
    )


def _piece(line: Line) -> str:
    return _mark(line, 13, 5) if line.marker else f'<path d="M0 5H26" {_stroke(line)}/>'


def _drawn(line: Line, x: Axis, y: Axis) -> str:
    """A line, in pieces where it has no place on the axes; ends of what goes beyond them lie on the edge."""
    places = [(x.place(float(a)), y.place(float(b))) for a, b in zip(*_thinned(line), strict=True)]
    if line.marker:
        seen = [(a, b) for a, b in places if 0 <= a <= 1 and 0 <= b <= 1]
        return "".join(
            _mark(line, _LEFT + a * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - b * (HEIGHT - _TOP - _BOTTOM))
            for a, b in seen
        )
    path, pen = "", "M"
    for a, b in places:
        if math.isnan(a) or math.isnan(b):
            pen = "M"
            continue
        b = min(max(b, 0.0), 1.0)
        path += (
            f"{pen}{_LEFT + a * (WIDTH - _LEFT - _RIGHT):.1f} {HEIGHT - _BOTTOM - b * (HEIGHT - _TOP - _BOTTOM):.1f}"
        )
        pen = "L"
    return f'<path d="{path}" fill="none" stroke-linejoin="round" {_stroke(line)}/>'


def _thinned(line: Line) -> tuple[np.ndarray, np.ndarray]:
    """As many points as can be seen, the last one among them."""
    x, y = (np.asarray(values, dtype=np.float64) for values in (line.x, line.y))
    kept = (
        np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(int))
        if len(x)
        else np.array([], dtype=int)
    )
    return x[kept], y[kept]


def _stroke(line: Line) -> str:
    dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
    return f'stroke="{line.color}" stroke-width="{line.width}"{dash}'


def _mark(line: Line, x: float, y: float) -> str:
    look = f'fill="{line.color}" stroke="{_TEXT}" stroke-width="0.8"'
    if line.marker == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" {look}/>'
    return f'<path d="M{x:.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z" {look}/>'


def _across(axis: Axis, value: float) -> str:
    return f"{_LEFT + axis.place(value) * (WIDTH - _LEFT - _RIGHT):.1f}"


def _down(axis: Axis, value: float) -> float:
    return round(HEIGHT - _BOTTOM - axis.place(value) * (HEIGHT - _TOP - _BOTTOM), 1)


def _said(value: float) -> str:
    return with_minus(f"{round(value, 10):g}")
