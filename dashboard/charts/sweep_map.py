"""The map of a sweep's two axes; a profile, of one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, points
from dashboard.charts.chart import assembled
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.results import Metric
from dashboard.charts.scales import Previous, Range, Update, decades, filled, float32, kept
from dashboard.charts.style import ONCE_THERE, SHARES
from dashboard.charts.sweep_basics import (
    SIDE,
    color_axis,
    color_range,
    cross,
    held_out,
    levels,
    limit_traces,
    named_axis,
    result,
    result_axis,
    ticks,
)
from dashboard.charts.sweep_chart import SweepChart
from dashboard.charts.sweep_means import MEANS, MeanInfo, best_mean, mean_updates
from dashboard.charts.sweep_places import MapInfo, named
from dashboard.charts.sweep_settings import Colors, Kind, SettingInfo
from dashboard.charts.symbols import kept as kept_together
from dashboard.setups.setting_names import symbol
from dashboard.theme import Palette, with_opacity
from maml_core.values import shown
from maml_core.wording import with_minus

VALUE, DIVERGED, PRUNED = "value", "diverged_cell", "pruned_cell"
"""Results, and the cells of two classes that have none."""
MARKED, TRAINING, REFUSED, CUT, WAITING = "diverged", "training", "refused", "pruned", "waiting"
"""Marks of what is no result."""
CASING, LIMIT, BEST = "casing", "limit", "best"
SETTINGS = "settings"
"""Under the pointer: carries the settings' numbers."""
SELECTED, PINNED = "selected", "pinned"
"""Filled by the page."""
MOST_MARKS = 1000
"""Cells of a map that have marks of their own."""

# --- The figure -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLooks:
    """What the looks of a map depend on."""

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
    colors: Colors = "clipped"
    has_means: bool = False
    is_compared: bool = True
    """Otherwise results are of different held-out tasks, and none is better."""
    is_dense: bool = False
    """There are so many cells that marks of their own would take a browser seconds: the pointer is answered by the page, and no cell is crossed."""

    @property
    def result(self) -> str:
        """What the map shows."""
        return held_out(self.metric, self.loss_name)


def _looks(info: MapInfo, loss_name: str) -> MapLooks:
    """The looks that fit a map."""
    return MapLooks(
        x=info.x.title,
        x_ticks=ticks(info.x),
        y=info.y.title if info.y is not None else "",
        y_ticks=ticks(info.y, upright=True) if info.y is not None else (),
        metric=info.metric,
        loss_name=loss_name,
        is_grid=info.is_grid,
        across=max(len(info.x.values), len(info.y.values) if info.y is not None else 1),
        colors=info.colors,
        has_means=info.means is not None,
        is_compared=not info.judged_by,
        is_dense=_is_dense(info),
    )


def _is_dense(info: MapInfo) -> bool:
    return info.is_grid and info.y is not None and len(info.shown) > MOST_MARKS


def _figure(palette: Palette, looks: MapLooks) -> go.Figure:
    """The map or the profile, with all its traces, empty."""
    marker = min(11.0, max(3.5, 0.5 * SIDE / looks.across)) if looks.is_grid else 11.0
    axes: dict[str, Any] = {"xaxis": named_axis(looks.x, looks.x_ticks)}
    if looks.y:
        axes["yaxis"] = named_axis(looks.y, looks.y_ticks)
        axes["coloraxis"] = color_axis(palette, looks.metric, looks.result, looks.colors, is_compared=looks.is_compared)
        axes["margin"] = {"l": 78, "r": 8, "t": 6, "b": 42}
    else:
        axes["yaxis"] = result_axis(looks.metric, looks.result)
        axes["margin"] = {"l": 60, "r": 14, "t": 6, "b": 42}
    axes |= {"dragmode": "select", "hovermode": "closest", "selectdirection": "any"}
    axes["uirevision"] = f"{UIREVISION} {looks.x} {looks.y} {looks.metric}"
    return assembled(_traces(palette, looks, marker), axes, palette, CARD, title="Map" if looks.y else "Profile")


def _traces(palette: Palette, looks: MapLooks, marker: float) -> dict[str, Any]:
    diverged = cross(palette, marker) if looks.y else {"symbol": "x", "size": 9, "color": palette.unstable}
    star = {"symbol": "star", "size": max(11.0, 1.25 * marker), "color": palette.text}
    stroke = {"symbol": "line-ne", "size": max(marker, 7.0), "line": {"color": palette.muted, "width": 2}}
    bar = {"symbol": "line-ew", "size": min(marker, 9.0), "line": {"color": palette.text, "width": 1.5}}
    open_circle = {"symbol": "circle-open", "size": max(3.5, 0.5 * marker), "color": palette.muted}
    ring = {"symbol": "square-open" if looks.is_grid and looks.y else "circle-open"}
    outline = max(2 * marker, 12.0)
    halo = {"size": 19, "color": palette.page, "line": {"color": palette.text, "width": 1.5}}
    faint = with_opacity(palette.text, 0.55)
    quiet = {"hoverinfo": "skip", "showlegend": False}
    return {
        VALUE: _values(palette, looks),
        DIVERGED: _class_cells("diverged, cell", palette.unstable, looks),
        PRUNED: _class_cells("pruned, cell", palette.ghost, looks),
        MARKED: _marks("diverged", diverged, fillcolor=palette.unstable),
        TRAINING: points("unfinished", faint, max(3.0, 0.35 * marker), palette.page, hoverinfo="skip", meta=ONCE_THERE),
        **limit_traces(palette, "solid" if looks.y else "dash"),
        BEST: _marks("best", {**star, "line": {"color": palette.page, "width": 1.2}}),
        # Under the pointer lies this one: it carries the settings' numbers and, put in by the page, what is said of them.
        SETTINGS: _under_the_pointer("settings", outline, looks, is_told=not looks.has_means),
        **({MEANS: _under_the_pointer("means", outline, looks, is_told=True)} if looks.has_means else {}),
        SELECTED: go.Scatter(
            x=[],
            y=[],
            name="selected",
            mode="markers",
            marker={**ring, "size": outline, "color": palette.selected, "line": {"width": 3}},
            **quiet,
        ),
        PINNED: go.Scatter(
            x=[],
            y=[],
            name="pinned",
            mode="markers+text",
            text=[],
            textfont={"color": palette.text, "size": 13, "weight": 700},
            marker=halo,
            **quiet,
        ),
        REFUSED: _marks("left out", stroke),
        CUT: _marks("pruned", bar, fillcolor=palette.ghost),
        WAITING: _marks("not begun", {**open_circle, "line": {"width": 1.2}}),
    }


def _under_the_pointer(name: str, size: float, looks: MapLooks, *, is_told: bool) -> go.Scatter:
    """Points that are not seen, with what is said of each."""
    marker = {"size": size, "color": "rgba(0, 0, 0, 0)"}
    said = ("none" if looks.is_dense else "text") if is_told else "skip"
    mode = "none" if looks.is_dense else "markers"
    return go.Scatter(x=[], y=[], name=name, mode=mode, marker=marker, hoverinfo=said, showlegend=False)


def _marks(name: str, marker: Mapping[str, Any], **more: Any) -> go.Scatter:
    """Marks of one class of settings, named in the legend while there are some."""
    return go.Scatter(x=[], y=[], name=name, mode="markers", marker=marker, hoverinfo="skip", meta=ONCE_THERE, **more)


def _values(palette: Palette, looks: MapLooks) -> Any:
    quiet = {"name": looks.result, "hoverinfo": "skip", "showlegend": False}
    if not looks.y:
        return go.Scatter(
            x=[],
            y=[],
            mode="markers",
            marker={"color": palette.theta_N, "size": 9},
            error_y={
                "type": "data",
                "array": [],
                "arrayminus": [],
                "color": palette.theta_N,
                "thickness": 1.5,
                "width": 3,
            },
            **quiet,
        )
    if looks.is_grid:
        return go.Heatmap(x=[], y=[], z=[], coloraxis="coloraxis", hoverongaps=False, **_cell_style(looks), **quiet)
    marker = {
        "symbol": "square",
        "size": 13,
        "color": [],
        "coloraxis": "coloraxis",
        "line": {"color": palette.muted, "width": 0.5},
    }
    return go.Scatter(x=[], y=[], mode="markers", marker=marker, **quiet)


def _cell_style(looks: MapLooks) -> dict[str, Any]:
    """Cells with a gap between them; so many that these would be most of the map are one picture, a pixel each, which a browser draws at once."""
    return {"zsmooth": "fast"} if looks.is_dense else {"xgap": 1, "ygap": 1}


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
            **_cell_style(looks),
            **quiet,
        )
    return go.Scatter(x=[], y=[], mode="markers", marker={"symbol": "square", "size": 13, "color": color}, **quiet)


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _update(info: MapInfo, span: Range) -> list[Update]:
    """The numbers of the map's traces but the page's own.

    Args:
        info: What to show.
        span: What the axes span; a profile puts what diverged, and what is left out, on its upper edge.
    """
    at = {s.number: _place(info, s) for s in info.shown}
    if info.means is not None:
        return _means_update(info, at, span)
    if info.y is None:
        return _profile_update(info, at, span)
    kinds: dict[Kind, list[SettingInfo]] = {kind: [s for s in info.shown if s.kind == kind] for kind in Kind}
    measured = [s for s in info.shown if s.kind in (Kind.OK, Kind.TRAINING) and not math.isnan(s.value)]
    found: list[Update] = []
    if info.is_grid:
        found += _cells(info, VALUE, _levels(info, measured))
        found += _cells(info, DIVERGED, {s.number: 1.0 for s in kinds[Kind.DIVERGED]})
        found += _cells(info, PRUNED, {s.number: 1.0 for s in kinds[Kind.PRUNED]})
    else:
        found += _points(VALUE, measured, at)
        found.append((VALUE, "marker.color", float32(list(_levels(info, measured).values()))))
        found += _points(DIVERGED, kinds[Kind.DIVERGED], at)
        found += _points(PRUNED, kinds[Kind.PRUNED], at)
    found += _points(MARKED, [] if _is_dense(info) else kinds[Kind.DIVERGED], at)
    found += _points(TRAINING, kinds[Kind.TRAINING], at)
    found += _limit(info)
    found += _points(BEST, [s for s in info.shown if s.number == info.best], at)
    found += _points(REFUSED, kinds[Kind.REFUSED], at)
    found += _points(CUT, kinds[Kind.PRUNED], at)
    found += _points(WAITING, kinds[Kind.WAITING], at)
    return found + _settings_at(info.shown, at)


def _levels(info: MapInfo, settings: Sequence[SettingInfo]) -> dict[int, float]:
    return levels({s.number: s.value for s in settings}, info.metric, info.colors)


def _limit(info: MapInfo) -> list[Update]:
    known = (np.isfinite(info.limit_x) & np.isfinite(info.limit_y)).any()
    x, y = (
        (info.limit_x, info.limit_y) if known else (np.empty(0), np.empty(0))
    )  # a line without a point would be named in the legend
    return filled({CASING: (x, y), LIMIT: (x, y)})


def _means_update(info: MapInfo, at: Mapping[int, tuple[float, float]], span: Range) -> list[Update]:
    """The numbers of means: marks are of places, and the settings of all of them lie under the pointer's."""
    means = info.means or ()
    best = None if info.judged_by else best_mean(means, info.metric)
    at = {s.number: _place(info, s) for s in info.inside}
    here = {(s.values[info.x.name], s.values[info.y.name] if info.y is not None else None): s for s in info.shown}
    known = {here[mean.x, mean.y].number: mean for mean in means}
    values = {number: mean.of.value for number, mean in known.items() if mean.of.num_ok}
    lost = [number for number, mean in known.items() if mean.of.num_diverged and not mean.of.num_ok]
    marked = [s for s in info.shown if known[s.number].of.num_diverged]
    starred = [s for s in info.shown if best is not None and known[s.number] is best]
    updates = mean_updates(means, info.x, info.y) + _settings_at(info.inside, at)
    if info.y is None:
        low, high = span["yaxis"]
        top = high - 0.04 * (high - low)
        top = 10.0**top if info.metric == "loss" else top
        heights = {number: (at[number][0], values.get(number, top)) for number in known}
        shown = [s for s in info.shown if s.number in values]
        gone = [s for s in info.shown if s.number in lost]
        edge = {s.number: (at[s.number][0], top) for s in gone}
        return [
            *updates,
            *_points(VALUE, shown, heights),
            (VALUE, "error_y.array", float32([_bar(known[s.number].interval.high, values[s.number]) for s in shown])),
            (
                VALUE,
                "error_y.arrayminus",
                float32([_bar(values[s.number], known[s.number].interval.low) for s in shown]),
            ),
            *_points(MARKED, gone, edge),
            *_points(BEST, starred, heights),
        ]
    return [
        *updates,
        *_cells(info, VALUE, levels(values, info.metric, info.colors)),
        *_cells(info, DIVERGED, dict.fromkeys(lost, 1.0)),
        *_points(MARKED, [] if _is_dense(info) else marked, at),
        *_limit(info),
        *_points(BEST, starred, at),
        *_points(WAITING, [s for s in info.shown if s.kind == Kind.WAITING], at),
    ]


def _bar(high: float, low: float) -> float:
    """The length of an interval's arm; none where it is not known."""
    return 0.0 if math.isnan(high - low) else high - low


def _profile_update(info: MapInfo, at: Mapping[int, tuple[float, float]], span: Range) -> list[Update]:
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
    refused = [s for s in info.shown if s.kind == Kind.REFUSED]
    limits = info.limit_x[np.isfinite(info.limit_x)]
    at_top = (Kind.DIVERGED, Kind.REFUSED)
    return [
        *_points(VALUE, done, at),
        (VALUE, "error_y.array", float32([s.ci95 for s in done])),
        (VALUE, "error_y.arrayminus", float32([s.ci95 for s in done])),
        *_points(PRUNED, kinds[Kind.PRUNED], at),
        *_points(CUT, kinds[Kind.PRUNED], at),
        (MARKED, "x", float32([at[s.number][0] for s in diverged])),
        (MARKED, "y", float32([top] * len(diverged))),
        *_points(TRAINING, kinds[Kind.TRAINING], at),
        (LIMIT, "x", float32(np.repeat(limits, 2))),
        (LIMIT, "y", float32([low, high] * len(limits))),
        *_points(BEST, [s for s in done if s.number == info.best], at),
        (SETTINGS, "x", float32([at[s.number][0] for s in info.shown])),
        (SETTINGS, "y", float32([top if s.kind in at_top else at[s.number][1] for s in info.shown])),
        (SETTINGS, "customdata", float32([s.number for s in info.shown])),
        (REFUSED, "x", float32([at[s.number][0] for s in refused])),
        (REFUSED, "y", float32([top] * len(refused))),
    ]


def _settings_at(settings: Sequence[SettingInfo], at: Mapping[int, tuple[float, float]]) -> list[Update]:
    return [*_points(SETTINGS, settings, at), (SETTINGS, "customdata", float32([s.number for s in settings]))]


def _place(info: MapInfo, s: SettingInfo) -> tuple[float, float]:
    x = info.x.place(s.values[info.x.name])
    return (x, s.value) if info.y is None else (x, info.y.place(s.values[info.y.name]))


def _points(trace: str, settings: Sequence[SettingInfo], at: Mapping[int, tuple[float, float]]) -> list[Update]:
    return [
        (trace, "x", float32([at[s.number][0] for s in settings])),
        (trace, "y", float32([at[s.number][1] for s in settings])),
    ]


def _cells(info: MapInfo, trace: str, values: Mapping[int, float]) -> list[Update]:
    """A matrix over the whole grid, NaN where there is no such cell."""
    assert info.y is not None
    z = np.full((len(info.y.values), len(info.x.values)), np.nan)
    column = {value: index for index, value in enumerate(info.x.values)}
    row = {value: index for index, value in enumerate(info.y.values)}
    for s in info.shown:
        if s.number in values:
            z[row[s.values[info.y.name]], column[s.values[info.x.name]]] = values[s.number]
    return [(trace, "x", float32(info.x.edges)), (trace, "y", float32(info.y.edges)), (trace, "z", float32(z.ravel()))]


def _ranges(info: MapInfo, previous: Previous) -> Range:
    """What the map's axes and its colours span; `previous` is kept while it still serves."""
    measured = [s.value for s in info.shown if s.kind in (Kind.OK, Kind.TRAINING)]
    if info.means is not None:
        measured = [mean.of.value for mean in info.means]
    values = np.array(measured or [np.nan])
    found = {"xaxis": list(info.x.span(is_grid=info.is_grid))}
    if info.y is None:
        spread = [s.value + s.ci95 for s in info.shown if s.kind == Kind.OK and math.isfinite(s.ci95)]
        if info.means is not None:
            spread = [end for mean in info.means for end in mean.interval[1:] if math.isfinite(end)]
        lines = [values, np.array(spread)]
        found["yaxis"] = (
            decades(lines, previous.get("yaxis") if previous else None) if info.metric == "loss" else list(SHARES)
        )
    else:
        found["yaxis"] = list(info.y.span(is_grid=info.is_grid))
        found["coloraxis"] = color_range(values, info.metric, kept(previous, "coloraxis"), info.colors)
    return found


# --- Words ------------------------------------------------------------------------------------------------------------

CARD = Card(
    "Every cell is one setting: the whole training done with these values, judged on held-out tasks at its end. The darker, the "
    "better, on a dark page too. Look how wide the good region is, and whether it ends where α passes 2/λ_max.",
    {
        MARKED: "Settings whose training or adaptation blew up.",
        TRAINING: "Settings that have begun and are not finished; the colour is their newest rung.",
        LIMIT: "Where α equals 2/λ_max, as measured at the end of each training. " + TERMS["2/λ_max"],
        BEST: "The best setting that is finished. Which others cannot be told apart from it stands in the table, and under the pointer.",
        REFUSED: "Settings that cannot be computed: their values do not go together, or their tasks cannot be drawn. The table says why.",
        CUT: "Settings that were stopped at a rung because others did better there. They have no colour: nothing is known of their end.",
        WAITING: "Settings that wait for their turn.",
    },
    ("setting", "held-out", "rung", "pruning"),
)


def _summary(info: MapInfo) -> str:
    """The map in a sentence, for its aria-label."""
    count = {kind: sum(s.kind == kind for s in info.shown) for kind in Kind}
    axes = info.x.title + (f" against {info.y.title}" if info.y is not None else "")
    parts = [f"{count[Kind.OK]} of {len(info.shown)} settings finished", f"{count[Kind.DIVERGED]} diverged"]
    if count[Kind.PRUNED]:
        parts.append(f"{count[Kind.PRUNED]} pruned")
    if count[Kind.REFUSED]:
        parts.append(f"{count[Kind.REFUSED]} left out")
    if info.means is not None:
        return f"Map of {axes}: {', '.join(parts)}. {_subtitle(info)}"
    return f"Map of {axes}: {', '.join(parts)}.{_best(info, ' Best so far')}"


def _subtitle(info: MapInfo) -> str:
    """Under the map's title: the best setting so far."""
    if info.means is not None:
        return _means_subtitle(info, info.means)
    over = f", {info.first} over {named(info.over)}" if info.over else ""
    what = f"Held-out {'accuracy' if info.metric == 'accuracy' else 'loss'} after N inner steps{over}."
    return f"{what} {info.apart or _best(info, 'Best') or 'Click a cell to look closer.'}"


def _best(info: MapInfo, called: str) -> str:
    best = next((s for s in info.shown if s.number == info.best), None)
    return f"{called}: {result(best.value, info.metric)} at {_where(best)}." if best is not None else ""


def _means_subtitle(info: MapInfo, means: Sequence[MeanInfo]) -> str:
    what = "accuracy" if info.metric == "accuracy" else "loss, by its logarithm"
    lost = sum(mean.of.num_diverged for mean in means)
    without = f", without the {lost:,} that diverged (marked)" if lost else ""
    best = best_mean(means, info.metric)
    if best is None or info.judged_by:
        return f"Mean held-out {what}, over {named(info.over)}{without}. {info.apart}".rstrip()
    at = {info.x.name: best.x, **({info.y.name: best.y} if info.y is not None else {})}
    where = ", ".join(f"{symbol(name)} {kept_together(with_minus(shown(value)))}" for name, value in at.items())
    return f"Mean held-out {what}, over {named(info.over)}{without}. Best: {_with_interval(info, best)} at {where}."


def _with_interval(info: MapInfo, mean: MeanInfo) -> str:
    """A mean with its 95% interval, and what that is over."""
    value, low, high = (result(number, info.metric) for number in mean.interval)
    if math.isnan(mean.interval.low):
        return value
    over = "the held-out tasks" if math.isnan(mean.over_seeds.low) else f"{info.num_seeds} seeds"
    return f"{value} ({low} to {high} over {over})"


def _where(s: SettingInfo) -> str:
    return ", ".join(f"{symbol(name)} {kept_together(with_minus(shown(value)))}" for name, value in s.values.items())


def _shape(info: MapInfo) -> tuple[int, int] | None:
    return (len(info.y.values), len(info.x.values)) if info.y is not None else None


MAP: SweepChart[MapInfo, MapLooks] = SweepChart(
    id="map",
    looks=_looks,
    figure=_figure,
    ranges=_ranges,
    update=_update,
    subtitle=_subtitle,
    summary=_summary,
    shape=_shape,
)
