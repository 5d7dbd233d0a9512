"""How each chart looks: its traces, axes and reference lines, without any data.

Titles of traces use Plotly's ``<sub>``; the page reads the same text for its own legends. What stands in
``layout.meta`` is for the page: the card's title, a first subtitle and the palette.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.basics import layout
from dashboard.charts.curves import adaptation_axes, adaptation_traces, loss_axes, loss_traces
from dashboard.charts.looks import CHARTS, HINTS, TITLES, ChartId, Looks
from dashboard.charts.movements import fit_axes, fit_traces, layers_axes, layers_traces, path_axes, path_traces
from dashboard.charts.step_sizes import gauge_axes, gauge_traces, rates_axes, rates_traces
from dashboard.theme import PALETTES, Palette


def figure(chart_id: ChartId, palette: Palette, looks: Looks) -> go.Figure:
    """The chart with all its traces, empty.

    Args:
        chart_id: One of `CHARTS`.
        palette: `theme.LIGHT` or `theme.DARK`.
        looks: Reference levels and axes of the task family in the metric shown.
    """
    match chart_id:
        case "loss":
            traces, axes = loss_traces(palette, looks), loss_axes(palette, looks)
        case "fit":
            traces, axes = fit_traces(palette), fit_axes(looks)
        case "images":  # the page draws it itself, on a canvas
            traces, axes = [], {}
        case "adaptation":
            traces, axes = adaptation_traces(palette, looks), adaptation_axes(looks)
        case "path":
            traces, axes = path_traces(palette), path_axes()
        case "layers":
            traces, axes = layers_traces(palette), layers_axes(palette)
        case "gauge":
            traces, axes = gauge_traces(palette), gauge_axes(palette)
        case "rates":
            traces, axes = rates_traces(palette), rates_axes(palette)
        case _:
            raise ValueError(f"chart_id is {chart_id!r}; expected one of {', '.join(CHARTS)}")
    drawn = go.Figure(data=traces, layout=layout(palette))
    title = TITLES[chart_id]
    if chart_id == "loss" and looks.metric == "accuracy":
        title = "Accuracy while meta-training"
    drawn.update_layout(meta={"title": title, "hint": HINTS[chart_id], "palette": dataclasses.asdict(palette)})
    return drawn.update_layout(**axes)


def figures_json(looks: Looks) -> dict[str, dict[str, Any]]:
    """Every figure as plain JSON values: ``{"light": {chart_id: figure}, "dark": {...}}``."""
    return {
        name: {chart_id: json.loads(figure(chart_id, palette, looks).to_json()) for chart_id in CHARTS}
        for name, palette in PALETTES.items()
    }
