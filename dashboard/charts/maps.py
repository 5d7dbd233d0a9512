"""The map of a sweep's two axes; a profile, of one.

As with the live charts, a figure is made once per looks and palette, without data; `map_update` gives the numbers of its traces, by their
order, and `map_ranges` what its axes span.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, layout, line, points
from dashboard.charts.numbers import Range, decades, float32
from dashboard.charts.sweep_basics import (
    LIMIT_NAME,
    SIDE,
    MapLooks,
    MapUpdate,
    color_axis,
    color_range,
    cross,
    in_palettes,
    level,
    named_axis,
    result_axis,
)
from dashboard.charts.sweep_curves import lanes_figure
from dashboard.sweeps.axes import AxisInfo, words
from dashboard.sweeps.info import Kind, MapInfo, SettingInfo
from dashboard.theme import Palette, with_opacity

VALUE, DIVERGED, PRUNED, MARKED, TRAINING, LIMIT, BEST, SETTINGS, SELECTED, PINNED = range(10)
"""The traces of the map and of the profile. The last two are filled by the page."""


# --- Figures ----------------------------------------------------------------------------------------------------------


def map_figure(palette: Palette, looks: MapLooks) -> go.Figure:
    """The map or the profile, with all its traces, empty."""
    marker = min(11.0, max(3.5, 0.5 * SIDE / looks.across)) if looks.is_grid else 11.0
    drawn = go.Figure(data=_map_traces(palette, looks, marker), layout=layout(palette))
    axes: dict[str, Any] = {"xaxis": named_axis(looks.x, looks.x_ticks)}
    if looks.y:
        axes["yaxis"] = named_axis(looks.y, looks.y_ticks)
        axes["coloraxis"] = color_axis(palette, looks.metric, looks.result)
        margin = {"l": 78, "r": 8, "t": 6, "b": 42}
    else:
        axes["yaxis"] = result_axis(looks.metric, looks.result)
        margin = {"l": 60, "r": 14, "t": 6, "b": 42}
    drawn.update_layout(**axes, margin=margin, dragmode="select", hovermode="closest", selectdirection="any")
    return drawn.update_layout(
        uirevision=f"{UIREVISION} {looks.x} {looks.y} {looks.metric}",
        meta={"title": "Map" if looks.y else "Profile", "hint": "", "palette": dataclasses.asdict(palette)},
    )


def _map_traces(palette: Palette, looks: MapLooks, marker: float) -> list[Any]:
    mark = cross(palette, marker) if looks.y else {"symbol": "x", "size": 9, "color": palette.unstable}
    ring = {"symbol": "square-open" if looks.is_grid and looks.y else "circle-open"}
    outline = max(2 * marker, 12.0)
    quiet = {"hoverinfo": "skip", "showlegend": False}
    return [
        _values(palette, looks),
        _class_cells("diverged, cell", palette.unstable, looks),
        _class_cells("pruned, cell", palette.ghost, looks),
        go.Scatter(
            x=[], y=[], name="diverged", mode="markers", marker=mark, fillcolor=palette.unstable, hoverinfo="skip"
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


def sweep_figures(looks: MapLooks) -> dict[str, dict[str, Any]]:
    """The map and the curves as plain JSON values, for both palettes."""
    return in_palettes(
        map=lambda palette: map_figure(palette, looks), lanes=lambda palette: lanes_figure(palette, looks)
    )


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
        found += _cells(info, VALUE, {s.number: level(s.value, info.metric) for s in measured if s.kind != Kind.PRUNED})
        found += _cells(info, DIVERGED, {s.number: 1.0 for s in kinds[Kind.DIVERGED]})
        found += _cells(info, PRUNED, {s.number: 1.0 for s in kinds[Kind.PRUNED]})
    else:
        values = [s for s in measured if s.kind != Kind.PRUNED]
        found += _points(VALUE, values, at)
        found.append((VALUE, "marker.color", float32([level(s.value, info.metric) for s in values])))
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
