"""What a sweep's charts have in common: their axes, the colours of results, and how these are said."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from dashboard.charts.basics import line, log_axis, tick, verbatim
from dashboard.charts.results import Metric
from dashboard.charts.style import NOT_DATA, ONCE_THERE, SHARES
from dashboard.charts.sweep_settings import Colors
from dashboard.setups.sweep_axes import AxisInfo
from dashboard.theme import Palette
from maml_core.sweeps.axes import Value
from maml_core.sweeps.result_colors import ends_of, ends_words
from maml_core.values import written
from maml_core.wording import with_minus

LIMIT_NAME = "α = 2/λ<sub>max</sub>"
MAX_TICKS = 12
SIDE = 320.0
"""Pixels of a map's shorter side at least, for the size of markers in cells and for what its ticks have room for."""
LETTER, LINE = 7.0, 16.0
"""Pixels of a letter of a tick's name, and of a line of them."""
_NAMES_KEPT = 4096
"""Names of values at ticks that are kept: a map asks for those of its axes many times a second."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
"""Dashes of curves side by side: who sees no colours tells them apart by these."""


def held_out(metric: Metric, loss_name: str) -> str:
    """The name of a result."""
    return "held-out accuracy" if metric == "accuracy" else f"held-out loss ({loss_name})"


def result(value: float, metric: str) -> str:
    """A loss, or an accuracy in per cent.

    >>> result(0.51234, "loss"), result(-1.5, "loss"), result(0.51234, "accuracy")
    ('0.512', '−1.5', '51.2%')
    """
    if not math.isfinite(value):
        return "–"
    return f"{100 * value:.1f}%" if metric == "accuracy" else with_minus(f"{value:.3g}")


def ticks(axis: AxisInfo, *, upright: bool = False) -> tuple[tuple[float, str], ...]:
    """Places and names of an axis's ticks, as many as can be read: its values, or round numbers where these are many or lie unevenly.

    Args:
        axis: What is swept.
        upright: Whether it goes up: names then stand above each other, not side by side.
    """
    gaps = np.diff(axis.places)
    even = len(gaps) < 2 or float(gaps.max()) <= 1.5 * float(gaps.min())
    found = [(float(place), _short(value)) for place, value in zip(axis.places, axis.values, strict=True)]
    if axis.scale != "names" and not (even and len(found) <= MAX_TICKS):
        found = _round_marks(axis)
    elif len(found) > MAX_TICKS:
        found = found[:: math.ceil(len(found) / MAX_TICKS)]
    return tuple(_apart(found, float(axis.edges[-1] - axis.edges[0]), upright=upright))


def _round_marks(axis: AxisInfo) -> list[tuple[float, str]]:
    """Round numbers along an axis of numbers."""
    low, high = float(axis.edges[0]), float(axis.edges[-1])
    if axis.scale == "linear":
        step = 10.0 ** math.floor(math.log10((high - low) / 2))
        step *= next(factor for factor in (5, 2, 1) if factor * step <= (high - low) / 2)
        return [
            (step * at, with_minus(f"{step * at:.4g}"))
            for at in range(math.ceil(low / step), math.floor(high / step) + 1)
        ]
    for factors in ((1, 3), (1, 1.5, 2, 3, 5, 7), tuple(np.arange(1.0, 10.0, 0.1))):
        marks = [factor * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for factor in factors]
        inside = [(math.log10(mark), tick(mark)) for mark in marks if low <= math.log10(mark) <= high]
        if len(inside) >= 2:
            return inside
    return [(float(axis.places[len(axis.places) // 2]), _short(axis.values[len(axis.values) // 2]))]


def _apart(found: list[tuple[float, str]], span: float, *, upright: bool) -> list[tuple[float, str]]:
    """The names that do not run into the one before."""
    kept: list[tuple[float, str]] = []
    for place, name in found:
        if kept:
            letters = (_letters(kept[-1][1]) + _letters(name)) / 2 + 1
            least = LINE if upright else LETTER * letters
            if (place - kept[-1][0]) / span * SIDE < least - 1e-9:
                continue
        kept.append((place, name))
    return kept


@lru_cache(maxsize=_NAMES_KEPT)
def _letters(name: str) -> int:
    return len(html.unescape(re.sub(r"<.*?>", "", name)))


@lru_cache(maxsize=_NAMES_KEPT, typed=True)
def _short(value: Value) -> str:
    """A value at a tick, where three digits have room; Plotly reads HTML, which the name of a folder may look like."""
    text = with_minus(written(value, digits=3))
    if len(text) > 11:
        text = f"…{text[-10:]}" if "/" in text or "\\" in text else f"{text[:10]}…"  # of folders the last part differs
    return verbatim(text)


def named_axis(title: str, names: Sequence[tuple[float, str]]) -> dict[str, Any]:
    """An axis with names at places, as `ticks` gives them."""
    return {
        "title": {"text": title},
        "tickmode": "array",
        "tickvals": [place for place, _ in names],
        "ticktext": [name for _, name in names],
        "showgrid": False,
        "range": [0, 1],
    }


def result_axis(metric: Metric, title: str) -> dict[str, Any]:
    """An axis of results: losses by their logarithm."""
    if metric == "loss":
        return log_axis(title, [-1.0, 1.0])
    return {"title": {"text": title}, "range": list(SHARES), "tick0": 0, "dtick": 0.2, "tickformat": ".0%"}


_QUARTERS = ("best", "a quarter", "half", "three quarters", "worst")
"""Names of the shares of results that are better, on a scale of quantiles."""
_APART = ("lowest", *_QUARTERS[1:-1], "highest")
"""The names where results are of different held-out tasks: none is better."""


def color_axis(
    palette: Palette, metric: Metric, title: str, colors: Colors = "clipped", *, is_compared: bool = True
) -> dict[str, Any]:
    """Losses by their logarithm. The bar says which end is better: the dark one, of losses and accuracies, on a light page and on a dark one; or
    lower, of results that do not compare."""
    scale = palette.best_to_worst if metric == "loss" else palette.best_to_worst[::-1]
    last = len(scale) - 1
    # Read from the top down: the arrows point along the bar.
    if colors == "quantiles":
        title = f"share that is {'better' if is_compared else 'lower'}, by {title}"
    ends = ends_words(title, better_first=metric != "loss", ends=ends_of(metric, is_compared=is_compared))
    bar: dict[str, Any] = {
        "title": {"text": ends, "side": "right", "font": {"color": palette.muted, "size": 13}},
        "thickness": 12,
        "outlinewidth": 0,
        "x": 1.0,
        "xpad": 6,
        "tickfont": {"color": palette.muted},
        "ticklabeloverflow": "allow",  # as of axes: else each label is measured at every redraw
    }
    if colors == "quantiles":
        names = _APART if not is_compared else _QUARTERS if metric == "loss" else _QUARTERS[::-1]
        bar |= {"tickmode": "array", "tickvals": [0.0, 0.25, 0.5, 0.75, 1.0], "ticktext": list(names)}
    elif metric == "loss":
        marks = [factor * 10.0**e for e in range(-9, 6) for factor in (1, 1.5, 2, 3, 5, 7)]
        bar |= {"tickmode": "array", "tickvals": [math.log10(m) for m in marks], "ticktext": [tick(m) for m in marks]}
    else:
        bar |= {"tickformat": ".0%"}
    return {"colorscale": [[i / last, color] for i, color in enumerate(scale)], "cmin": -1, "cmax": 1, "colorbar": bar}


def color_range(
    values: npt.ArrayLike, metric: Metric, previous: Sequence[float] | None, colors: Colors = "clipped"
) -> list[float]:
    """Ends of the colour scale: the best result, and what nine tenths are better than, or the worst one; steadied, so that colours do not jump.
    Of quantiles 0 and 1.

    >>> color_range([0.5, 2.0, 3.9], "loss", None)
    [-0.4, 0.6]
    >>> color_range([0.31, 0.88], "accuracy", [0.2, 1.0])
    [0.2, 1.0]
    >>> color_range([0.5, 2.0, 3.9, 40.0], "loss", None, "whole")
    [-0.4, 1.8]
    """
    if colors == "quantiles":
        return [0.0, 1.0]
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    step = 0.2 if metric == "loss" else 0.1
    if metric == "loss":
        numbers = np.log10(np.maximum(numbers, 1e-9))
    if not len(numbers):
        return list(previous) if previous else ([-1.0, 1.0] if metric == "loss" else [0.0, 1.0])
    cut = 0.1 if colors == "clipped" else 0.0
    ends = (0.0, 1.0 - cut) if metric == "loss" else (cut, 1.0)
    low, high = (float(np.quantile(numbers, q, method="nearest")) for q in ends)
    if (
        previous is not None
        and previous[0] <= low
        and high <= previous[1]
        and low - previous[0] + previous[1] - high <= 3 * step
    ):
        return list(previous)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return [round(low, 6), round(max(high, low + 2 * step), 6)]


def levels(values: Mapping[int, float], metric: Metric, colors: Colors = "clipped") -> dict[int, float]:
    """Where results lie on the colour scale, by their keys: of quantiles at the share of the others that are less, where equal ones count half.

    >>> levels({3: 10.0, 4: 0.1}, "loss"), levels({3: 0.5, 4: 0.25, 5: 0.5}, "loss", "quantiles")
    ({3: 1.0, 4: -1.0}, {3: 0.75, 4: 0.0, 5: 0.75})
    """
    if colors != "quantiles":
        return {key: math.log10(max(value, 1e-9)) if metric == "loss" else value for key, value in values.items()}
    numbers = np.fromiter(values.values(), dtype=float)
    ordered = np.sort(numbers)
    less, up_to = (np.searchsorted(ordered, numbers, side=side) for side in ("left", "right"))
    shares = (less + up_to - 1) / 2.0 / max(1, len(ordered) - 1)
    return dict(zip(values, shares.tolist(), strict=True))


def limit_traces(palette: Palette, dash: str = "solid") -> dict[str, go.Scatter]:
    """The line of the limit, empty, and under it a casing that sets it off from cells of any colour."""
    return {
        "casing": line(
            f"{LIMIT_NAME}, casing", palette.page, 6, dash, hoverinfo="skip", showlegend=False, meta=NOT_DATA
        ),
        "limit": line(LIMIT_NAME, palette.text, 3, dash, hoverinfo="skip", meta=ONCE_THERE),
    }


def cross(palette: Palette, size: float) -> dict[str, Any]:
    """What marks a diverged cell for those who do not tell its colour; the trace's fill is the cell's, for the legend."""
    return {"symbol": "x-thin", "size": size, "color": palette.page, "line": {"color": palette.page, "width": 1.5}}
