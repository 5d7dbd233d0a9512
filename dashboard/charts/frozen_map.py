"""The map of a frozen theta_0: what it makes of alpha and of the number of inner steps at test."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, layout, line, tick
from dashboard.charts.numbers import Range, float32
from dashboard.charts.sweep_basics import (
    LIMIT_NAME,
    SIDE,
    MapUpdate,
    color_axis,
    color_range,
    cross,
    held_out,
    in_palettes,
    named_axis,
)
from dashboard.info import Array, Metric
from dashboard.sweeps.info import FrozenInfo
from dashboard.theme import Palette


def frozen_figure(palette: Palette, metric: Metric, loss_name: str, across: int) -> go.Figure:
    """alpha x N_eval, empty."""
    marker = min(10.0, max(3.0, 0.5 * SIDE / across))
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
            marker=cross(palette, marker),
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
        xaxis=named_axis("α (inner step size)", [(math.log10(mark), tick(mark)) for mark in marks]),
        yaxis={
            "title": {"text": "N_eval (inner steps at test)"},
            "showgrid": False,
            "range": [-0.5, 10.5],
            "nticks": 8,
            "tickformat": "d",
        },
        coloraxis=color_axis(palette, metric, held_out(metric, loss_name)),
        margin={"l": 54, "r": 8, "t": 6, "b": 42},
        dragmode=False,
        uirevision=f"{UIREVISION} {metric}",
        meta={"title": "Frozen θ_0", "hint": "", "palette": dataclasses.asdict(palette)},
    )


def frozen_figures(metric: Metric, loss_name: str, across: int) -> dict[str, dict[str, Any]]:
    """The frozen map as plain JSON values, for both palettes."""
    return in_palettes(frozen=lambda palette: frozen_figure(palette, metric, loss_name, across))


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
    beside = (info.values, info.ci95, info.diverged_share, info.worse_share)
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
            float32(np.stack([part.ravel() for part in beside], axis=1).ravel()),
        ),
    ]


def frozen_ranges(info: FrozenInfo) -> Range:
    """What the frozen map spans."""
    x, y = _edges(np.log10(info.alphas)), _edges(np.arange(info.values.shape[0], dtype=float))
    return {
        "xaxis": [float(x[0]), float(x[-1])],
        "yaxis": [float(y[0]), float(y[-1])],
        "coloraxis": color_range(info.values.ravel(), info.metric, None),
    }


def _edges(places: Array) -> Array:
    if len(places) == 1:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    between = (places[1:] + places[:-1]) / 2.0
    return np.concatenate([[2 * places[0] - between[0]], between, [2 * places[-1] - between[-1]]])
