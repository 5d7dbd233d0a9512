"""The sweeps' charts: the map of two axes (a profile, of one), the curves of all settings, and the map of a frozen theta_0.

As with the live charts, a figure is made once per looks and palette, without data; `update` gives the numbers of its traces, by their order,
and `ranges` what its axes span.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, layout, line, log_axis, points, tick
from dashboard.charts.numbers import Floats, Range, decades, float32
from dashboard.info import Array, Metric
from dashboard.sweeps.axes import AxisInfo, words
from dashboard.sweeps.info import FrozenInfo, Kind, LanesInfo, MapInfo, PinsInfo, SettingInfo
from dashboard.theme import PALETTES, Palette, with_opacity
from maml_core.sweeps.space import Value

MapChartId = Literal["map", "lanes", "frozen", "pins"]
Attribute = Literal["x", "y", "z", "marker.color", "error_y.array", "customdata"]
MapUpdate = tuple[int, Attribute, Floats]
"""Trace, what of it, and the numbers; a matrix row by row."""
AnyMapInfo = MapInfo | LanesInfo | FrozenInfo

VALUE, DIVERGED, PRUNED, MARKED, TRAINING, LIMIT, BEST, SETTINGS, SELECTED, PINNED = range(10)
"""The traces of the map and of the profile. The last two are filled by the page."""

LIMIT_NAME = "α = 2/λ<sub>max</sub>"
MAX_TICKS = 12
_SIDE = 320.0
"""Pixels of the map's shorter side at least, for the size of markers in cells."""
_OTHER = -1.0
"""The place on the other axis of a map that has one axis."""


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
    stride = math.ceil(count / MAX_TICKS)
    return tuple((float(axis.places[i]), _short(axis.values[i])) for i in range(0, count, stride))


def _short(value: Value) -> str:
    """A value at a tick, where three digits have room."""
    if isinstance(value, float):
        return f"{value:.3g}"
    text = words(value)
    return text if len(text) <= 11 else f"{text[:10]}…"


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


# --- Figures ----------------------------------------------------------------------------------------------------------


def map_figure(palette: Palette, looks: MapLooks) -> go.Figure:
    """The map or the profile, with all its traces, empty."""
    marker = min(11.0, max(3.5, 0.5 * _SIDE / looks.across)) if looks.is_grid else 11.0
    drawn = go.Figure(data=_map_traces(palette, looks, marker), layout=layout(palette))
    axes: dict[str, Any] = {"xaxis": _axis(looks.x, looks.x_ticks)}
    if looks.y:
        axes["yaxis"] = _axis(looks.y, looks.y_ticks)
        axes["coloraxis"] = _color_axis(palette, looks.metric, looks.result)
        margin = {"l": 78, "r": 8, "t": 6, "b": 42}
    else:
        axes["yaxis"] = _result_axis(looks.metric, looks.result)
        margin = {"l": 60, "r": 14, "t": 6, "b": 42}
    drawn.update_layout(**axes, margin=margin, dragmode="select", hovermode="closest", selectdirection="any")
    return drawn.update_layout(
        uirevision=f"{UIREVISION} {looks.x} {looks.y} {looks.metric}",
        meta={"title": "Map" if looks.y else "Profile", "hint": "", "palette": dataclasses.asdict(palette)},
    )


def _map_traces(palette: Palette, looks: MapLooks, marker: float) -> list[Any]:
    cross = _cross(palette, marker) if looks.y else {"symbol": "x", "size": 9, "color": palette.unstable}
    ring = {"symbol": "square-open" if looks.is_grid and looks.y else "circle-open"}
    outline = max(2 * marker, 12.0)
    quiet = {"hoverinfo": "skip", "showlegend": False}
    return [
        _values(palette, looks),
        _class_cells("diverged, cell", palette.unstable, looks),
        _class_cells("pruned, cell", palette.ghost, looks),
        go.Scatter(
            x=[], y=[], name="diverged", mode="markers", marker=cross, fillcolor=palette.unstable, hoverinfo="skip"
        ),
        points(
            "still training", with_opacity(palette.text, 0.55), max(3.0, 0.35 * marker), palette.page, hoverinfo="skip"
        ),
        line(LIMIT_NAME, palette.text, 3, "solid" if looks.y else "dash", hoverinfo="skip", connectgaps=False),
        go.Scatter(
            x=[],
            y=[],
            name="best",
            mode="markers",
            marker={
                "symbol": "star",
                "size": max(11.0, 1.25 * marker),
                "color": palette.text,
                "line": {"color": palette.page, "width": 1.2},
            },
            hoverinfo="skip",
        ),
        # Under the pointer lies this one: it carries the settings' numbers and, put in by the page, what is said of them.
        go.Scatter(
            x=[],
            y=[],
            name="settings",
            mode="markers",
            marker={"size": outline, "color": "rgba(0, 0, 0, 0)"},
            hoverinfo="text",
            showlegend=False,
        ),
        go.Scatter(
            x=[],
            y=[],
            name="selected",
            mode="markers",
            marker={**ring, "size": outline, "color": palette.selected, "line": {"width": 3}},
            **quiet,
        ),
        go.Scatter(
            x=[],
            y=[],
            name="pinned",
            mode="markers+text",
            text=[],
            textfont={"color": palette.text, "size": 13, "weight": 700},
            marker={"size": 19, "color": palette.page, "line": {"color": palette.text, "width": 1.5}},
            **quiet,
        ),
    ]


def _cross(palette: Palette, size: float) -> dict[str, Any]:
    """What marks a diverged cell for those who do not tell its colour; the trace's fill is the cell's, for the legend."""
    return {"symbol": "x-thin", "size": size, "color": palette.page, "line": {"color": palette.page, "width": 1.5}}


def _values(palette: Palette, looks: MapLooks) -> Any:
    quiet = {"name": looks.result, "hoverinfo": "skip", "showlegend": False}
    if not looks.y:
        return go.Scatter(
            x=[],
            y=[],
            mode="markers",
            marker={"color": palette.theta_N, "size": 9},
            error_y={"type": "data", "array": [], "color": palette.theta_N, "thickness": 1.5, "width": 3},
            **quiet,
        )
    if looks.is_grid:
        return go.Heatmap(x=[], y=[], z=[], coloraxis="coloraxis", xgap=1, ygap=1, hoverongaps=False, **quiet)
    marker = {
        "symbol": "square",
        "size": 13,
        "color": [],
        "coloraxis": "coloraxis",
        "line": {"color": palette.muted, "width": 0.5},
    }
    return go.Scatter(x=[], y=[], mode="markers", marker=marker, **quiet)


def _class_cells(name: str, color: str, looks: MapLooks) -> Any:
    quiet = {"name": name, "hoverinfo": "skip", "showlegend": False}
    if looks.is_grid and looks.y:
        return go.Heatmap(
            x=[],
            y=[],
            z=[],
            colorscale=[[0, color], [1, color]],
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=1,
            ygap=1,
            **quiet,
        )
    return go.Scatter(x=[], y=[], mode="markers", marker={"symbol": "square", "size": 13, "color": color}, **quiet)


def _axis(title: str, names: Sequence[tuple[float, str]]) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "tickmode": "array",
        "tickvals": [place for place, _ in names],
        "ticktext": [name for _, name in names],
        "showgrid": False,
        "range": [0, 1],
    }


def _result_axis(metric: Metric, title: str) -> dict[str, Any]:
    if metric == "loss":
        return log_axis(title, [-1.0, 1.0])
    return {"title": {"text": title}, "range": [-0.03, 1.03], "tick0": 0, "dtick": 0.2, "tickformat": ".0%"}


def _color_axis(palette: Palette, metric: Metric, title: str) -> dict[str, Any]:
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


def lanes_figure(palette: Palette, looks: MapLooks) -> go.Figure:
    """The curves of all settings, with a trace for each colour, empty; the last one is of what is selected."""
    colors = along(palette, len(looks.color_names))
    title = held_out(looks.lanes_metric, looks.loss_name)
    traces = [
        go.Scatter(
            x=[],
            y=[],
            name=name,
            mode="lines+markers",
            line={"color": color, "width": 1.3},
            marker={"color": color, "size": 4},
            hoverinfo="text",
            legendgroup=name,
        )
        for name, color in zip(looks.color_names, colors, strict=True)
    ]
    selected = line("selected", palette.selected, 2.5, hoverinfo="skip", showlegend=False)
    drawn = go.Figure(data=[*traces, selected], layout=layout(palette))
    steps = {"title": {"text": "outer step"}, "range": [0, 100], "tickformat": "~s", "nticks": 7}
    return drawn.update_layout(
        xaxis=steps,
        yaxis=_result_axis(looks.lanes_metric, title),
        margin={"l": 58, "r": 12, "t": 6, "b": 42},
        dragmode="select",
        selectdirection="any",
        uirevision=f"{UIREVISION} {looks.lanes_metric}",
        meta={"title": f"Curves, by {looks.color}", "hint": "", "palette": dataclasses.asdict(palette)},
    )


def along(palette: Palette, count: int) -> list[str]:
    """Colours for the values of an axis, from one end of the scale to the other."""
    scale = palette.along
    return [scale[round(i * (len(scale) - 1) / max(1, count - 1))] for i in range(count)]


def frozen_figure(palette: Palette, metric: Metric, loss_name: str, across: int) -> go.Figure:
    """alpha x N_eval, empty."""
    marker = min(10.0, max(3.0, 0.5 * _SIDE / across))
    cells = {"hoverinfo": "skip", "showlegend": False, "xgap": 1, "ygap": 1}
    traces = [
        go.Heatmap(x=[], y=[], z=[], name=held_out(metric, loss_name), coloraxis="coloraxis", **cells),
        go.Heatmap(
            x=[],
            y=[],
            z=[],
            name="diverged, cell",
            colorscale=[[0, palette.unstable], [1, palette.unstable]],
            zmin=0,
            zmax=1,
            showscale=False,
            **cells,
        ),
        go.Scatter(
            x=[],
            y=[],
            name="diverged",
            mode="markers",
            marker=_cross(palette, marker),
            fillcolor=palette.unstable,
            hoverinfo="skip",
        ),
        line(LIMIT_NAME, palette.text, 3, hoverinfo="skip"),
        go.Scatter(
            x=[],
            y=[],
            name="cells",
            mode="markers",
            marker={"size": 2 * marker, "color": "rgba(0, 0, 0, 0)"},
            hoverinfo="text",
            showlegend=False,
        ),
    ]
    drawn = go.Figure(data=traces, layout=layout(palette))
    marks = [factor * 10.0**e for e in range(-6, 3) for factor in (1, 3)]
    return drawn.update_layout(
        xaxis=_axis("α (inner step size)", [(math.log10(mark), tick(mark)) for mark in marks]),
        yaxis={
            "title": {"text": "N_eval (inner steps at test)"},
            "showgrid": False,
            "range": [-0.5, 10.5],
            "nticks": 8,
            "tickformat": "d",
        },
        coloraxis=_color_axis(palette, metric, held_out(metric, loss_name)),
        margin={"l": 54, "r": 8, "t": 6, "b": 42},
        dragmode=False,
        uirevision=f"{UIREVISION} {metric}",
        meta={"title": "Frozen θ_0", "hint": "", "palette": dataclasses.asdict(palette)},
    )


LETTERS = "ABCDEF"
"""Of the pinned settings."""


def pins_figure(palette: Palette, loss_name: str, count: int) -> go.Figure:
    """Pinned settings side by side, empty: a line for each."""
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    traces = [
        line(letter, color, 2.5, dash, hovertemplate=f"{letter}: %{{y:.4g}}<extra></extra>")
        for letter, color, dash in zip(LETTERS, palette.classes, dashes, strict=False)
    ]
    drawn = go.Figure(data=traces[:count], layout=layout(palette))
    return drawn.update_layout(
        xaxis={"title": {"text": "outer step"}, "range": [0, 100], "tickformat": "~s", "nticks": 7},
        yaxis=_result_axis("loss", held_out("loss", loss_name)),
        margin={"l": 58, "r": 12, "t": 6, "b": 42},
        hovermode="x unified",
        dragmode=False,
        meta={"title": "Side by side", "hint": "", "palette": dataclasses.asdict(palette)},
    )


def pins_figures(loss_name: str, count: int) -> dict[str, dict[str, Any]]:
    """The pinned settings as plain JSON values, for both palettes."""
    return {
        name: {"pins": json.loads(pins_figure(palette, loss_name, count).to_json())}
        for name, palette in PALETTES.items()
    }


def pins_update(info: PinsInfo) -> list[MapUpdate]:
    """The numbers of the pinned settings."""
    found: list[MapUpdate] = []
    for trace, (steps, losses) in enumerate(zip(info.steps, info.losses, strict=True)):
        found += [(trace, "x", float32(steps)), (trace, "y", float32(losses))]
    return found


def pins_ranges(info: PinsInfo, previous: Mapping[str, Sequence[float]] | None = None) -> Range:
    """What their chart spans."""
    return {
        "xaxis": [0.0, 1.03 * info.num_steps],
        "yaxis": decades(info.losses, previous.get("yaxis") if previous else None),
    }


def sweep_figures(looks: MapLooks) -> dict[str, dict[str, Any]]:
    """The map and the curves as plain JSON values, for both palettes."""
    return {
        name: {
            "map": json.loads(map_figure(palette, looks).to_json()),
            "lanes": json.loads(lanes_figure(palette, looks).to_json()),
        }
        for name, palette in PALETTES.items()
    }


def frozen_figures(metric: Metric, loss_name: str, across: int) -> dict[str, dict[str, Any]]:
    """The frozen map as plain JSON values, for both palettes."""
    return {
        name: {"frozen": json.loads(frozen_figure(palette, metric, loss_name, across).to_json())}
        for name, palette in PALETTES.items()
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def map_update(info: MapInfo, span: Range) -> list[MapUpdate]:
    """The numbers of the map's traces but the page's own.

    Args:
        info: What to show.
        span: Its `map_ranges`; a profile puts what diverged on its upper edge.
    """
    at = {s.number: _place(info, s) for s in info.shown}
    if info.y is None:
        return _profile_update(info, at, span)
    kinds: dict[Kind, list[SettingInfo]] = {kind: [s for s in info.shown if s.kind == kind] for kind in Kind}
    measured = [s for s in info.shown if s.kind in (Kind.OK, Kind.TRAINING, Kind.PRUNED) and not math.isnan(s.value)]
    found: list[MapUpdate] = []
    if info.is_grid:
        found += _cells(
            info, VALUE, {s.number: _level(s.value, info.metric) for s in measured if s.kind != Kind.PRUNED}
        )
        found += _cells(info, DIVERGED, {s.number: 1.0 for s in kinds[Kind.DIVERGED]})
        found += _cells(info, PRUNED, {s.number: 1.0 for s in kinds[Kind.PRUNED]})
    else:
        values = [s for s in measured if s.kind != Kind.PRUNED]
        found += _points(VALUE, values, at)
        found.append((VALUE, "marker.color", float32([_level(s.value, info.metric) for s in values])))
        found += _points(DIVERGED, kinds[Kind.DIVERGED], at)
        found += _points(PRUNED, kinds[Kind.PRUNED], at)
    found += _points(MARKED, kinds[Kind.DIVERGED], at)
    found += _points(TRAINING, [s for s in kinds[Kind.TRAINING] if not math.isnan(s.value)], at)
    found += [(LIMIT, "x", float32(info.limit_x)), (LIMIT, "y", float32(info.limit_y))]
    found += _points(BEST, [s for s in info.shown if s.number == info.best], at)
    return found + _settings(info, at)


def _profile_update(info: MapInfo, at: Mapping[int, tuple[float, float]], span: Range) -> list[MapUpdate]:
    low, high = span["yaxis"]
    top = high - 0.04 * (high - low)
    if info.metric == "loss":
        low, high, top = 10.0**low, 10.0**high, 10.0**top
    done = [s for s in info.shown if s.kind == Kind.OK and not math.isnan(s.value)]
    kinds = {
        kind: [s for s in info.shown if s.kind == kind and not math.isnan(s.value)]
        for kind in (Kind.TRAINING, Kind.PRUNED)
    }
    diverged = [s for s in info.shown if s.kind == Kind.DIVERGED]
    limits = info.limit_x[np.isfinite(info.limit_x)]
    return [
        *_points(VALUE, done, at),
        (VALUE, "error_y.array", float32([s.ci95 for s in done])),
        *_points(PRUNED, kinds[Kind.PRUNED], at),
        (MARKED, "x", float32([at[s.number][0] for s in diverged])),
        (MARKED, "y", float32([top] * len(diverged))),
        *_points(TRAINING, kinds[Kind.TRAINING], at),
        (LIMIT, "x", float32(np.repeat(limits, 2))),
        (LIMIT, "y", float32([low, high] * len(limits))),
        *_points(BEST, [s for s in done if s.number == info.best], at),
        (SETTINGS, "x", float32([at[s.number][0] for s in info.shown])),
        (SETTINGS, "y", float32([top if s.kind == Kind.DIVERGED else at[s.number][1] for s in info.shown])),
        (SETTINGS, "customdata", float32([s.number for s in info.shown])),
    ]


def _settings(info: MapInfo, at: Mapping[int, tuple[float, float]]) -> list[MapUpdate]:
    return [*_points(SETTINGS, info.shown, at), (SETTINGS, "customdata", float32([s.number for s in info.shown]))]


def _place(info: MapInfo, s: SettingInfo) -> tuple[float, float]:
    x = info.x.place(s.values[info.x.name])
    return (x, s.value) if info.y is None else (x, info.y.place(s.values[info.y.name]))


def _points(trace: int, settings: Sequence[SettingInfo], at: Mapping[int, tuple[float, float]]) -> list[MapUpdate]:
    return [
        (trace, "x", float32([at[s.number][0] for s in settings])),
        (trace, "y", float32([at[s.number][1] for s in settings])),
    ]


def _cells(info: MapInfo, trace: int, values: Mapping[int, float]) -> list[MapUpdate]:
    """A matrix over the whole grid, NaN where there is no such cell."""
    assert info.y is not None
    z = np.full((len(info.y.values), len(info.x.values)), np.nan)
    column = {value: index for index, value in enumerate(info.x.values)}
    row = {value: index for index, value in enumerate(info.y.values)}
    for s in info.shown:
        if s.number in values:
            z[row[s.values[info.y.name]], column[s.values[info.x.name]]] = values[s.number]
    return [(trace, "x", float32(info.x.edges)), (trace, "y", float32(info.y.edges)), (trace, "z", float32(z.ravel()))]


def _level(value: float, metric: Metric) -> float:
    """Where a result lies on the colour scale."""
    return math.log10(max(value, 1e-9)) if metric == "loss" else value


def lanes_update(info: LanesInfo) -> list[MapUpdate]:
    """The numbers of the curves."""
    found: list[MapUpdate] = []
    for trace, (steps, values, numbers) in enumerate(zip(info.steps, info.values, info.numbers, strict=True)):
        found += [(trace, "x", float32(steps)), (trace, "y", float32(values)), (trace, "customdata", float32(numbers))]
    return found


def frozen_update(info: FrozenInfo) -> list[MapUpdate]:
    """The numbers of the frozen map."""
    places = np.log10(info.alphas)
    steps = np.arange(info.values.shape[0], dtype=float)
    x, y = _edges(places), _edges(steps)
    levels = np.log10(np.maximum(info.values, 1e-9)) if info.metric == "loss" else info.values
    rows, columns = np.nonzero(info.diverged)
    across, up = np.meshgrid(places, steps)
    has_limit = math.isfinite(info.limit) and x[0] <= math.log10(info.limit) <= x[-1]
    limit = [math.log10(info.limit)] * 2 if has_limit else []
    return [
        (0, "x", float32(x)),
        (0, "y", float32(y)),
        (0, "z", float32(np.where(info.diverged, np.nan, levels).ravel())),
        (1, "x", float32(x)),
        (1, "y", float32(y)),
        (1, "z", float32(np.where(info.diverged, 1.0, np.nan).ravel())),
        (2, "x", float32(places[columns])),
        (2, "y", float32(steps[rows])),
        (3, "x", float32(limit)),
        (3, "y", float32([y[0], y[-1]] if limit else [])),
        (4, "x", float32(across.ravel())),
        (4, "y", float32(up.ravel())),
        (
            4,
            "customdata",
            float32(np.stack([info.values.ravel(), info.ci95.ravel(), info.diverged_share.ravel()], axis=1).ravel()),
        ),
    ]


def _edges(places: Array) -> Array:
    if len(places) == 1:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    between = (places[1:] + places[:-1]) / 2.0
    return np.concatenate([[2 * places[0] - between[0]], between, [2 * places[-1] - between[-1]]])


# --- Ranges -----------------------------------------------------------------------------------------------------------


def map_ranges(info: MapInfo, previous: Mapping[str, Sequence[float]] | None = None) -> Range:
    """What the map's axes and its colours span; `previous` is kept while it still serves."""
    values = np.array([s.value for s in info.shown if s.kind in (Kind.OK, Kind.TRAINING)] or [np.nan])
    found = {"xaxis": _span(info.x)}
    if info.y is None:
        spread = [s.value + s.ci95 for s in info.shown if s.kind == Kind.OK and math.isfinite(s.ci95)]
        lines = [values, np.array(spread)]
        found["yaxis"] = (
            decades(lines, previous.get("yaxis") if previous else None) if info.metric == "loss" else [-0.03, 1.03]
        )
    else:
        found["yaxis"] = _span(info.y)
        found["coloraxis"] = color_range(values, info.metric, previous.get("coloraxis") if previous else None)
    return found


def _span(axis: AxisInfo) -> list[float]:
    edges = axis.edges
    return [float(edges[0]), float(edges[-1])]


def lanes_ranges(info: LanesInfo, num_steps: int, previous: Mapping[str, Sequence[float]] | None = None) -> Range:
    """What the curves span. A few that ran away do not squeeze all the others."""
    steps = [0.0, 1.03 * num_steps]
    if info.metric == "accuracy":
        return {"xaxis": steps, "yaxis": [-0.03, 1.03]}
    values = np.concatenate(info.values) if info.values else np.empty(0)
    values = values[np.isfinite(values) & (values > 0)]
    if len(values):
        values = np.minimum(values, max(10.0 * float(np.median(values)), float(np.quantile(values, 0.9))))
    return {"xaxis": steps, "yaxis": decades([values], previous.get("yaxis") if previous else None)}


def frozen_ranges(info: FrozenInfo) -> Range:
    """What the frozen map spans."""
    x, y = _edges(np.log10(info.alphas)), _edges(np.arange(info.values.shape[0], dtype=float))
    return {
        "xaxis": [float(x[0]), float(x[-1])],
        "yaxis": [float(y[0]), float(y[-1])],
        "coloraxis": color_range(info.values.ravel(), info.metric, None),
    }


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


# --- Words ------------------------------------------------------------------------------------------------------------


def map_summary(info: MapInfo) -> str:
    """The map in a sentence, for its aria-label."""
    count = {kind: sum(s.kind == kind for s in info.shown) for kind in Kind}
    axes = info.x.title + (f" against {info.y.title}" if info.y is not None else "")
    parts = [f"{count[Kind.OK]} of {len(info.shown)} settings finished", f"{count[Kind.DIVERGED]} diverged"]
    if count[Kind.PRUNED]:
        parts.append(f"{count[Kind.PRUNED]} pruned")
    best = next((s for s in info.shown if s.number == info.best), None)
    said = ""
    if best is not None:
        at = ", ".join(f"{name} {words(value)}" for name, value in best.values.items())
        said = f" Best so far: {'%.1f%%' % (100 * best.value) if info.metric == 'accuracy' else f'{best.value:.3g}'} at {at}."
    return f"Map of {axes}: {', '.join(parts)}.{said}"
