"""The map of a frozen theta_0: what it makes of alpha and of the number of inner steps at test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, tick
from dashboard.charts.chart import assembled
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.names import THETA_0
from dashboard.charts.phrases import steps
from dashboard.charts.results import Array, Flags, Metric
from dashboard.charts.scales import Previous, Range, Update, float32
from dashboard.charts.style import ONCE_THERE
from dashboard.charts.sweep_basics import (
    SIDE,
    color_axis,
    color_range,
    cross,
    held_out,
    limit_traces,
    named_axis,
    result,
)
from dashboard.charts.sweep_chart import SweepChart
from dashboard.setups.setting_names import title
from dashboard.theme import Palette
from maml_core.records import Curvature
from maml_core.sweeps.frozen import FrozenMap

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenInfo:
    """alpha x N_eval of one theta_0."""

    alphas: Array
    """[A]"""
    values: Array
    """Held-out loss or accuracy, [K + 1, A]; NaN where it is diverged."""
    ci95: Array
    diverged: Flags
    """Whether a tenth of the tasks or more has diverged, or the mean is not finite, [K + 1, A]."""
    diverged_share: Array
    worse_share: Array
    limit: float
    """2 / lambda_max; NaN where it is not known."""
    metric: Metric
    of: str
    """Whose theta_0, in words."""


DIVERGED_SHARE = 0.1
"""From this share of diverged tasks on, a mean says nothing: the cell counts as diverged."""


def frozen_info(found: FrozenMap, metric: Metric, of: str) -> FrozenInfo:
    """A frozen map as the page shows it."""
    values, ci95 = (found.mean, found.ci95) if metric == "loss" else (found.accuracy, found.accuracy_ci95)
    assert values is not None, "accuracy is asked for of tasks with classes only"
    assert ci95 is not None
    diverged = ~np.isfinite(found.mean) | (found.diverged_share >= DIVERGED_SHARE)
    return FrozenInfo(
        alphas=found.alphas,
        values=np.where(diverged, np.nan, values).T,
        ci95=np.where(diverged, np.nan, ci95).T,
        diverged=diverged.T,
        diverged_share=found.diverged_share.T,
        worse_share=found.worse_share.T,
        limit=Curvature.stability_limit(found.curvature.median) if math.isfinite(found.curvature.median) else math.nan,
        metric=metric,
        of=of,
    )


# --- The figure -------------------------------------------------------------------------------------------------------


class FrozenLooks(NamedTuple):
    """What the looks of a frozen map depend on."""

    metric: Metric
    loss_name: str
    across: int
    """Cells along the longer axis."""


def _looks(info: FrozenInfo, loss_name: str) -> FrozenLooks:
    """The looks that fit a frozen map."""
    return FrozenLooks(info.metric, loss_name, max(info.values.shape))


def _figure(palette: Palette, looks: FrozenLooks) -> go.Figure:
    """alpha x N_eval, empty."""
    marker = min(10.0, max(3.0, 0.5 * SIDE / looks.across))
    cells = {"hoverinfo": "skip", "showlegend": False, "xgap": 1, "ygap": 1}
    traces: dict[str, Any] = {
        "value": go.Heatmap(
            x=[], y=[], z=[], name=held_out(looks.metric, looks.loss_name), coloraxis="coloraxis", **cells
        ),
        "diverged_cell": go.Heatmap(
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
        "diverged": go.Scatter(
            x=[],
            y=[],
            name="diverged",
            mode="markers",
            marker=cross(palette, marker),
            fillcolor=palette.unstable,
            hoverinfo="skip",
            meta=ONCE_THERE,
        ),
        **limit_traces(palette),
        # Under the pointer lies this one.
        "cells": go.Scatter(
            x=[],
            y=[],
            name="cells",
            mode="markers",
            marker={"size": 2 * marker, "color": "rgba(0, 0, 0, 0)"},
            hoverinfo="text",
            showlegend=False,
        ),
    }
    marks = [factor * 10.0**e for e in range(-6, 3) for factor in (1, 3)]
    axes = {
        "xaxis": named_axis(title("alpha"), [(math.log10(mark), tick(mark)) for mark in marks]),
        "yaxis": {
            "title": {"text": "N<sub>eval</sub> (inner steps at test)"},
            "showgrid": False,
            "range": [-0.5, 10.5],
            "nticks": 8,
            "tickformat": "d",
        },
        "coloraxis": color_axis(palette, looks.metric, held_out(looks.metric, looks.loss_name)),
        "margin": {"l": 54, "r": 8, "t": 6, "b": 42},
        "dragmode": False,
        "uirevision": f"{UIREVISION} {looks.metric}",
    }
    return assembled(traces, axes, palette, CARD, title=f"Frozen {THETA_0}")


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _update(info: FrozenInfo, _: Range) -> list[Update]:
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
        ("value", "x", float32(x)),
        ("value", "y", float32(y)),
        ("value", "z", float32(np.where(info.diverged, np.nan, levels).ravel())),
        ("diverged_cell", "x", float32(x)),
        ("diverged_cell", "y", float32(y)),
        ("diverged_cell", "z", float32(np.where(info.diverged, 1.0, np.nan).ravel())),
        ("diverged", "x", float32(places[columns])),
        ("diverged", "y", float32(steps[rows])),
        *((trace, "x", float32(limit)) for trace in ("casing", "limit")),
        *((trace, "y", float32([y[0], y[-1]] if limit else [])) for trace in ("casing", "limit")),
        ("cells", "x", float32(across.ravel())),
        ("cells", "y", float32(up.ravel())),
        ("cells", "customdata", float32(np.stack([part.ravel() for part in beside], axis=1).ravel())),
    ]


def _ranges(info: FrozenInfo, _: Previous) -> Range:
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


# --- Words ------------------------------------------------------------------------------------------------------------

CARD = Card(
    "One θ_0 as it is now, not trained further: adapted with every α, for 0, 1, 2, ... inner steps. Look how far α and the number of steps "
    "can leave what was trained for before adaptation fails.",
    {
        "diverged": "Cells in which adaptation blows up.",
        "limit": TERMS["2/λ_max"],
    },
    ("θ_0", "inner step", "held-out"),
)


def _subtitle(info: FrozenInfo) -> str:
    """Under the frozen map's title."""
    if info.metric == "loss":
        masked = np.where(np.isnan(info.values), np.inf, info.values)
        row, column = np.unravel_index(int(np.argmin(masked)), masked.shape)
    else:
        masked = np.where(np.isnan(info.values), -np.inf, info.values)
        row, column = np.unravel_index(int(np.argmax(masked)), masked.shape)
    best = result(float(info.values[row, column]), info.metric)
    return f"{info.of}, adapted with every α, not trained further. Best: {best} at α {info.alphas[column]:.3g} after {steps(int(row))}."


def _summary(info: FrozenInfo) -> str:
    """The frozen map in a sentence, for its aria-label."""
    share = float(info.diverged.mean())
    limit = f" The stability limit 2/λ_max is {info.limit:.3g}." if math.isfinite(info.limit) else ""
    return f"Map of α against inner steps at test. {_subtitle(info)} {share:.0%} of the cells diverge.{limit}"


def _shape(info: FrozenInfo) -> tuple[int, int]:
    rows, columns = info.values.shape
    return rows, columns


FROZEN: SweepChart[FrozenInfo, FrozenLooks] = SweepChart(
    id="frozen",
    looks=_looks,
    figure=_figure,
    ranges=_ranges,
    update=_update,
    subtitle=_subtitle,
    summary=_summary,
    shape=_shape,
)
