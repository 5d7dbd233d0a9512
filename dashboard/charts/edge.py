"""Closer look: alpha against the stability limit over the outer steps, which is the gauge's history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import area, line, log_axis
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, is_chosen
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.names import LIMIT
from dashboard.charts.phrases import number
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, decades, float32, kept, linear_span
from dashboard.charts.step_sizes import limits
from dashboard.charts.style import Looks
from dashboard.theme import Palette
from maml_core import wording
from maml_core.config import RunConfig, learns_rates

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeInfo:
    """alpha and 2 / lambda_max at M outer steps, [M] each; inf where nothing curves upwards."""

    steps: Array
    alpha: Array
    limit: Array
    """At the median of lambda_max over held-out tasks."""
    low: Array
    high: Array
    """At its 90% and its 10% quantile."""


def edge_info(of: Results) -> EdgeInfo | None:
    """The record of a run; None while it is not open, or nothing was measured."""
    if of.weights_chart != "edge" or not of.edge:
        return None
    measured = [limits(point.curvature) for point in of.edge]
    return EdgeInfo(
        steps=np.array([float(point.step) for point in of.edge]),
        alpha=np.array([point.alpha for point in of.edge]),
        limit=np.array([found.limit for found in measured]),
        low=np.array([found.limit_low for found in measured]),
        high=np.array([found.limit_high for found in measured]),
    )


def _why_empty(config: RunConfig) -> str:
    return "The inner step sizes are learned: there is no one α to compare." if learns_rates(config) else ""


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """The limit with its band over tasks, and alpha."""
    return {
        "spread": area("10–90% of tasks", palette.caution, 0.38),
        "limit": line(LIMIT, palette.unstable, 3, hovertemplate=f"{LIMIT} = %{{y:.3g}}"),
        "alpha": line("α", palette.text, 2, "dash", hovertemplate="α = %{y:.3g}"),
    }


def _axes(_palette: Palette, _looks: Looks) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": "outer step"}, "range": [0, 100], "nticks": 7},
        "yaxis": log_axis("inner step size", [-3.0, 0.0]),
        "hovermode": "x unified",
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: EdgeInfo) -> dict[str, Line]:
    alpha = np.where(info.alpha > 0.0, info.alpha, np.nan)  # a scale of powers has no place for the others
    outline = float32(np.concatenate([info.low, info.high[::-1]]))
    return {
        "spread": (np.concatenate([info.steps, info.steps[::-1]]), outline),
        "limit": (info.steps, float32(info.limit)),
        "alpha": (info.steps, alpha),
    }


def _ranges(info: EdgeInfo, previous: Previous) -> Range:
    last = max(float(info.steps[-1]), 50.0)
    return {
        "xaxis": linear_span(0.0, last, kept(previous, "xaxis")),
        "yaxis": decades([info.alpha, info.limit, info.low], kept(previous, "yaxis")),
    }


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "The gauge's history: α beside the step size from which a quadratic overshoots, at every look since this run was opened here. "
    "Look whether the limit comes down, or up, to α: meta-training bends the loss until a step of α solves its steepest direction.",
    {
        "spread": "Tasks differ in their curvature: below the band α is within the limit on nine tenths of them.",
        "limit": TERMS["2/λ_max"],
        "alpha": "The inner step size that was set.",
    },
    ("λ_max", "held-out", "outer step"),
)


def _ratio(info: EdgeInfo, at: int) -> float:
    return float(info.alpha[at] / info.limit[at]) if info.limit[at] > 0.0 else np.inf


def _summary(info: EdgeInfo) -> str:
    return (
        f"α against the stability limit 2/λ_max from outer step {info.steps[0]:,.0f} to {info.steps[-1]:,.0f}: α was {number(float(info.alpha[0]))} and is "
        f"{number(float(info.alpha[-1]))}, the limit was {number(float(info.limit[0]))} and is {number(float(info.limit[-1]))}."
    )


def _subtitle(info: EdgeInfo) -> str:
    if info.alpha[-1] <= 0.0:
        return "α is not above 0: there is no limit to a descent."
    now, before = (wording.ratio(_ratio(info, at), digits=3) for at in (-1, 0))
    low, high = (number(float(end)) for end in (info.low[-1], info.high[-1]))
    was = f"; at step {info.steps[0]:,.0f} it was {before} ×" if len(info.steps) > 1 else ""
    return f"α is {now} × the limit{was}. Tasks differ: limits from {low} to {high}."


EDGE = Chart(
    id="edge",
    title="α and the edge",
    hint=MEASURING,
    card=_CARD,
    info=EdgeInfo,
    make=edge_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    is_of_a_moment=False,
    tab="Edge",
    belongs=is_chosen("edge"),
    why_empty=_why_empty,
)
