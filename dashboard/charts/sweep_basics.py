"""What a sweep's charts have in common: what their looks depend on, their axes, the colours of results, and what an update is."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from dashboard.charts.basics import log_axis, tick
from dashboard.charts.numbers import Floats
from dashboard.info import Metric
from dashboard.sweeps.axes import AxisInfo, words
from dashboard.sweeps.info import LanesInfo, MapInfo
from dashboard.theme import PALETTES, Palette
from maml_core.sweeps.space import Value

Attribute = Literal["x", "y", "z", "marker.color", "error_y.array", "customdata"]
MapUpdate = tuple[int, Attribute, Floats]
"""Trace, what of it, and the numbers; a matrix row by row."""

LIMIT_NAME = "α = 2/λ<sub>max</sub>"
MAX_TICKS = 12
SIDE = 320.0
"""Pixels of a map's shorter side at least, for the size of markers in cells."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MapLooks:
    """What the looks of a sweep's charts depend on."""

    x: str
    x_ticks: tuple[tuple[float, str], ...]
    y: str
    """Title of the second axis; empty for a profile."""
    y_ticks: tuple[tuple[float, str], ...]
    metric: Metric
    loss_name: str
    is_grid: bool
    across: int
    """Cells along the longer axis."""
    color: str
    """Title of the axis that colours the curves."""
    color_names: tuple[str, ...]
    lanes_metric: Metric

    @property
    def result(self) -> str:
        """What the map shows."""
        return held_out(self.metric, self.loss_name)


def map_looks(info: MapInfo, lanes: LanesInfo, loss_name: str) -> MapLooks:
    """The looks that fit a map and its curves."""
    return MapLooks(
        x=info.x.title,
        x_ticks=ticks(info.x),
        y=info.y.title if info.y is not None else "",
        y_ticks=ticks(info.y) if info.y is not None else (),
        metric=info.metric,
        loss_name=loss_name,
        is_grid=info.is_grid,
        across=max(len(info.x.values), len(info.y.values) if info.y is not None else 1),
        color=lanes.color.title,
        color_names=lanes.names,
        lanes_metric=lanes.metric,
    )


def held_out(metric: Metric, loss_name: str) -> str:
    """The name of a result."""
    return "held-out accuracy" if metric == "accuracy" else f"held-out loss ({loss_name})"


def ticks(axis: AxisInfo) -> tuple[tuple[float, str], ...]:
    """Places and names of an axis's ticks: its values, or of many as many as can be read; decades where they were drawn from a range."""
    count = len(axis.values)
    if axis.scale == "log" and count > MAX_TICKS:
        low, high = axis.edges[0], axis.edges[-1]
        marks = [factor * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for factor in (1, 3)]
        return tuple((math.log10(mark), tick(mark)) for mark in marks if low <= math.log10(mark) <= high)
    if axis.scale == "linear" and count > MAX_TICKS:
        low, high = float(axis.places[0]), float(axis.places[-1])
        return tuple((place, f"{place:.3g}") for place in np.linspace(low, high, 6))
    stride = max(1, math.ceil(count / MAX_TICKS))
    return tuple((float(axis.places[i]), _short(axis.values[i])) for i in range(0, count, stride))


def _short(value: Value) -> str:
    """A value at a tick, where three digits have room."""
    if isinstance(value, float):
        return f"{value:.3g}"
    text = words(value)
    return text if len(text) <= 11 else f"{text[:10]}…"


def in_palettes(**drawn: Callable[[Palette], go.Figure]) -> dict[str, dict[str, Any]]:
    """Figures as plain JSON values, for both palettes."""
    return {
        name: {chart: json.loads(draw(palette).to_json()) for chart, draw in drawn.items()}
        for name, palette in PALETTES.items()
    }


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
    return {"title": {"text": title}, "range": [-0.03, 1.03], "tick0": 0, "dtick": 0.2, "tickformat": ".0%"}


def color_axis(palette: Palette, metric: Metric, title: str) -> dict[str, Any]:
    """Losses by their logarithm; the legend says what they are."""
    scale = palette.best_to_worst if metric == "loss" else palette.best_to_worst[::-1]
    last = len(scale) - 1
    bar: dict[str, Any] = {
        "title": {"text": title, "side": "right", "font": {"color": palette.muted, "size": 13}},
        "thickness": 12,
        "outlinewidth": 0,
        "x": 1.0,
        "xpad": 6,
        "tickfont": {"color": palette.muted},
    }
    if metric == "loss":
        marks = [factor * 10.0**e for e in range(-9, 6) for factor in (1, 1.5, 2, 3, 5, 7)]
        bar |= {"tickmode": "array", "tickvals": [math.log10(m) for m in marks], "ticktext": [tick(m) for m in marks]}
    else:
        bar |= {"tickformat": ".0%"}
    return {"colorscale": [[i / last, color] for i, color in enumerate(scale)], "cmin": -1, "cmax": 1, "colorbar": bar}


def color_range(values: npt.ArrayLike, metric: Metric, previous: Sequence[float] | None) -> list[float]:
    """Ends of the colour scale: the best result, and what nine tenths are better than; steadied, so that colours do not jump.

    >>> color_range([0.5, 2.0, 3.9], "loss", None)
    [-0.4, 0.6]
    >>> color_range([0.31, 0.88], "accuracy", [0.2, 1.0])
    [0.2, 1.0]
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    step = 0.2 if metric == "loss" else 0.1
    if metric == "loss":
        numbers = np.log10(np.maximum(numbers, 1e-9))
    if not len(numbers):
        return list(previous) if previous else ([-1.0, 1.0] if metric == "loss" else [0.0, 1.0])
    best, worst = (0.0, 0.9) if metric == "loss" else (0.1, 1.0)
    low, high = (float(np.quantile(numbers, q, method="nearest")) for q in (best, worst))
    if (
        previous is not None
        and previous[0] <= low
        and high <= previous[1]
        and low - previous[0] + previous[1] - high <= 3 * step
    ):
        return list(previous)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return [round(low, 6), round(max(high, low + 2 * step), 6)]


def level(value: float, metric: Metric) -> float:
    """Where a result lies on the colour scale."""
    return math.log10(max(value, 1e-9)) if metric == "loss" else value


def cross(palette: Palette, size: float) -> dict[str, Any]:
    """What marks a diverged cell for those who do not tell its colour; the trace's fill is the cell's, for the legend."""
    return {"symbol": "x-thin", "size": size, "color": palette.page, "line": {"color": palette.page, "width": 1.5}}
