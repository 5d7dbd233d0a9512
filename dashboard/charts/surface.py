"""Closer look: the losses of the landscape as surfaces, seen from above and aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line, points
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, is_chosen, looked
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.landscape import PANELS, LandscapeInfo, landscape_of, landscape_subtitle, log_losses, middles
from dashboard.charts.names import START
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, joined
from dashboard.charts.style import NOT_DATA, Looks
from dashboard.theme import Palette, with_opacity

_ACROSS, _DEPTH, _HEIGHT = 0.5, 0.24, 1.0
"""How a surface is seen: what a step along either side moves on the screen, sideways and up, and the height of the highest loss over the lowest."""
_APART = 2.25
"""Between the middles of two of them; each is 2 wide."""
_LINES = 21
"""Lines along either side, at most."""
_LEAST_DECADES = 1.0
"""A surface that spans less is not stretched to the full height."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceInfo:
    """The landscape's losses."""

    landscape: LandscapeInfo


def surface_info(of: Results) -> SurfaceInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    found = looked(of, "surface", "loss_plane")
    return None if found is None else SurfaceInfo(landscape=landscape_of(found.found))


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """A net of lines a panel, theta_0 on each, and the path on the first."""
    colors = {"support": palette.muted, "before": palette.theta_0, "after": palette.theta_N}
    nets = {
        name: line(label, with_opacity(colors[name], 0.75), 1, hoverinfo="skip", showlegend=False, meta=NOT_DATA)
        for name, label in PANELS.items()
    }
    return {
        **nets,
        "path": line("inner steps", palette.theta_N, 3, hoverinfo="skip"),
        "theta_0": points(START, palette.theta_0, 9, palette.page, "square", hovertemplate="%{text}<extra></extra>"),
    }


def _axes(palette: Palette, _looks: Looks) -> dict[str, Any]:
    bare = {"visible": False, "fixedrange": True}
    names = [
        {"text": label, "x": place, "y": 1.5, "yanchor": "bottom", "showarrow": False, "font": {"color": palette.muted}}
        for label, place in zip(PANELS.values(), middles(_APART), strict=True)
    ]
    return {
        "xaxis": {**bare, "range": [-3.3, 3.3]},
        "yaxis": {**bare, "range": [-0.6, 1.85], "scaleanchor": "x"},
        "annotations": names,
        "margin": {"l": 4, "r": 4, "t": 2, "b": 2},
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: SurfaceInfo) -> dict[str, Line]:
    axis, path = info.landscape.axis, info.landscape.path
    heights = _heights(info.landscape)
    places = dict(zip(PANELS, middles(_APART), strict=True))
    found: dict[str, Line] = {name: _net(axis, height, places[name]) for name, height in heights.items()}
    inside = path[np.abs(path).max(axis=1) <= 1.0]
    on = np.array([_height_at(axis, heights["support"], column, row) for column, row in inside])
    found["path"] = _seen(inside[:, 0], inside[:, 1], on, places["support"]) if len(inside) else ([], [])
    tops = [_seen(0.0, 0.0, _height_at(axis, heights[name], 0.0, 0.0), middle) for name, middle in places.items()]
    found["theta_0"] = ([x for x, _ in tops], [y for _, y in tops])
    return found


def _heights(landscape: LandscapeInfo) -> Mapping[str, Array]:
    """Logarithms of the losses, 0 for the lowest of all panels and 1 for the highest; NaN where a loss is not finite."""
    logs = {name: np.where(np.isfinite(found), found, np.nan) for name, found in log_losses(landscape).items()}
    known = np.concatenate([found[np.isfinite(found)] for found in logs.values()])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    return {name: (found - low) / max(high - low, _LEAST_DECADES) for name, found in logs.items()}


def _seen(column: Any, row: Any, height: Any, middle: float) -> tuple[Any, Any]:
    """Where a point of a surface is seen."""
    return middle + _ACROSS * (column - row), _DEPTH * (column + row) + _HEIGHT * height


def _net(axis: Array, heights: Array, middle: float) -> Line:
    every = max(1, (len(axis) - 1) // (_LINES - 1))
    rows = [_seen(axis, axis[at], heights[at], middle) for at in range(0, len(axis), every)]
    columns = [_seen(axis[at], axis, heights[:, at], middle) for at in range(0, len(axis), every)]
    return joined([x for x, _ in rows + columns], [y for _, y in rows + columns])


def _height_at(axis: Array, heights: Array, column: float, row: float) -> float:
    """Between the four points around it, in proportion."""
    last = len(axis) - 1
    places = [last * (at - axis[0]) / (axis[-1] - axis[0]) for at in (row, column)]
    (low_row, rows), (low_column, columns) = (
        (low, place - low) for place in places for low in [min(int(place), last - 1)]
    )
    around = heights[low_row : low_row + 2, low_column : low_column + 2]
    return float(np.array([1.0 - rows, rows]) @ around @ np.array([1.0 - columns, columns]))


def _ranges(_info: SurfaceInfo, _previous: Previous) -> Range:
    return {"xaxis": [-3.3, 3.3], "yaxis": [-0.6, 1.85]}


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "The landscape's three losses as surfaces over the plane of one held-out task's inner steps: the higher, the worse, on a logarithmic scale that all three "
    "share. On the first the inner steps go down; the last, after adaptation, is what meta-training lowers. The line above says what share of the path lies "
    "in the plane: where it is small, the picture says little.",
    {"path": "The inner steps of the first task, on its support loss.", "theta_0": TERMS["θ_0"]},
    ("support", "query", "adaptation"),
)


def _subtitle(info: SurfaceInfo) -> str:
    return landscape_subtitle(info.landscape)


def _summary(info: SurfaceInfo) -> str:
    return f"Losses as surfaces over a plane. {landscape_subtitle(info.landscape)}"


SURFACE = Chart(
    id="surface",
    title="The loss as a surface",
    hint=MEASURING,
    card=_CARD,
    info=SurfaceInfo,
    make=surface_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Landscape, 3-D",
    look="loss_plane",
    belongs=is_chosen("surface"),
)
