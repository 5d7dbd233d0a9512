"""The stability gauge: alpha on a scale of powers of ten, against 2 / lambda_max."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.basics import line, log_axis
from dashboard.charts.chart import Chart
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.phrases import number
from dashboard.charts.results import Results
from dashboard.charts.scales import OFF_THE_CHART, Line, Previous, Range, clipped
from dashboard.charts.step_sizes import (
    Limits,
    current_descent,
    descent,
    descent_summary,
    limits,
    stand_in,
    stand_in_summary,
    zone_lines,
    zones,
)
from dashboard.charts.style import NOT_DATA, Looks
from dashboard.theme import Palette
from maml_core import wording
from maml_core.config import PythonConfig, RunConfig, learns_rates
from maml_core.records import InnerDescent
from maml_core.traits import TRAITS

AT_IDENTITY = "at M = I"
"""Said of a stability limit that does not count in the learned matrices, which start as I."""
OF_PLAIN = "of plain steps"
"""Said of a stability limit where an inner optimizer of one's own takes others."""
_DECADES = (-4.0, 1.0)
_ROOM = (0.2, 0.15)
"""Shares of the gauge's height in which the names of its zones stand: no limit may lie there."""
_ROOM_OF_ALPHA = (0.2, 0.2)
"""The same for alpha, whose marker is higher than a line."""
_NAMED = 0.4
"""Below this share of the height the marker's letter and the name of the lower zone have no room one under the other, in the smallest window."""
_BOTTOM = 1 / OFF_THE_CHART
"""Where the zones begin, far below the axis."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeInfo:
    """The stability gauge: alpha against 2 / lambda_max of the support Hessian at theta_0."""

    alpha: float
    limit: float
    """2 / the median of lambda_max over held-out tasks; inf where no direction curves upwards, NaN while none was measured."""
    limit_low: float
    limit_high: float
    """2 / lambda_max at its 90% and its 10% quantile over tasks: beyond `limit_low` a tenth of the tasks overshoot."""
    descent: InnerDescent | None = None
    """What the inner steps do to the support loss; None while that is not measured with this alpha and N."""
    of: str = ""
    """Which part is meant, where the inner loop does not descend the plain support loss in all parameters: ``of the head``."""
    measured_at: int | None = None
    """Outer step whose limit stands in for the one that is being computed."""


def gauge_info(of: Results) -> GaugeInfo | None:
    """The record of a run, without a limit until one was measured; None where the rates are learned, and while the limit of an earlier outer
    step is being measured: what was shown before stays."""
    if learns_rates(of.config) or (of.then is not None and of.curvature is None):
        return None
    return GaugeInfo(
        alpha=of.shown.alpha,
        **limits(of.curvature)._asdict(),
        descent=current_descent(of),
        of=_limit_of(of.config),
        measured_at=of.curvature_at,
    )


def _limit_of(config: RunConfig) -> str:
    """What the stability limit is of, where that is not plain steps down the support loss over all parameters."""
    traits = TRAITS[config.algorithm]
    if isinstance(config.tasks, PythonConfig) and config.tasks.inner_optimizer:
        return OF_PLAIN
    if traits.learns == "matrices":
        return AT_IDENTITY
    if traits.is_proximal:
        return "of the proximal loss"
    return "of the head" if traits.adapts_head_alone else ""


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """The zones of stability, and alpha in them."""
    outline = {"color": palette.page, "width": 1.5}
    return {
        **zones(palette),
        "alpha_line": line("α", palette.text, 2, hoverinfo="skip", showlegend=False, meta=NOT_DATA),
        "alpha": go.Scatter(
            x=[],
            y=[],
            name="α",
            mode="markers",
            marker={"color": palette.text, "size": 13, "symbol": "diamond", "line": outline},
            hovertemplate="α = %{y:.3g}<extra></extra>",
            showlegend=False,
        ),
        "alpha_name": go.Scatter(
            x=[],
            y=[],
            name="α, letter",
            mode="markers+text",
            marker={"size": 13, "color": "rgba(0, 0, 0, 0)"},  # the letter keeps off one of this size
            text=["<b>α</b>", "<b>α</b>"],
            textposition=["bottom center", "top center"],
            textfont={"color": palette.text},
            hoverinfo="skip",
            showlegend=False,
            meta=NOT_DATA,
        ),
    }


def _axes(palette: Palette, _looks: Looks) -> dict[str, Any]:
    """One column of step sizes, on a log scale."""
    zone = {"name": "zone", "xref": "paper", "x": 0.5, "xanchor": "center", "yref": "paper", "showarrow": False}
    axis = log_axis("", [-4.0, 1.0])
    decades = slice(None, None, 6)  # no 0.3, 3, ...: the scale is long and the chart slim
    return {
        "xaxis": {"visible": False, "range": [0, 1], "fixedrange": True},
        "yaxis": {**axis, "tickvals": axis["tickvals"][decades], "ticktext": axis["ticktext"][decades]},
        "annotations": [
            {**zone, "text": "beyond the limit", "y": 0.99, "yanchor": "top", "font": {"color": palette.text}},
            {**zone, "text": "within the limit", "y": 0.01, "yanchor": "bottom", "font": {"color": palette.text}},
        ],
        "margin": {"l": 46, "r": 6, "t": 8, "b": 10},
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: GaugeInfo) -> dict[str, Line]:
    alpha = clipped(info.alpha) if info.alpha >= 0.0 else math.nan  # a scale of powers has no place for it
    low, high = _decades(info)
    # Under the marker, or above it where the zone's name is under the marker.
    is_low = alpha > 0.0 and math.log10(alpha) < low + _NAMED * (high - low)
    return {
        **zone_lines(Limits(info.limit, info.limit_low, info.limit_high), 1, _BOTTOM),
        "alpha_line": ([0, 1], [alpha, alpha]),
        "alpha": ([0.5], [alpha]),
        "alpha_name": ([0.5, 0.5], [math.nan, alpha] if is_low else [alpha, math.nan]),
    }


def _ranges(info: GaugeInfo, _previous: Previous) -> Range:
    return {"xaxis": [0.0, 1.0], "yaxis": _decades(info)}


def _decades(info: GaugeInfo) -> list[float]:
    """Whole decades, the same for all usual step sizes: the marker should move, not the scale."""
    each = ((info.alpha, _ROOM_OF_ALPHA), (info.limit_low, _ROOM), (info.limit_high, _ROOM))
    logs = [(math.log10(value), room) for value, room in each if 1e-8 < value < 1e8]
    low, high = _DECADES

    def too_low() -> bool:
        return any(value < low + under * (high - low) for value, (under, _) in logs)

    def too_high() -> bool:
        return any(value > high - over * (high - low) for value, (_, over) in logs)

    while too_low() or too_high():
        low, high = low - too_low(), high + too_high()
    return [low, high]


# --- Words ------------------------------------------------------------------------------------------------------------

_HINT = "Above the line a quadratic overshoots."

_CARD = Card(
    "The inner step size α on a scale of powers of ten, against 2/λ_max. Within the limit, steps on a quadratic go downhill; beyond it they "
    "climb. What counts is measured, and stands under the title: on how many held-out tasks the support loss falls within the "
    "N steps, or on how many some step overshoots and raises it.",
    {
        "spread": "Tasks differ in their curvature: below the band α is within the limit on nine tenths of them, above it on a tenth.",
        "limit": TERMS["2/λ_max"],
    },
    ("λ_max", "support", "held-out"),
)


_CLIMBS = "α is below 0: the inner steps climb"
"""Said where the stability of a descent is no question."""


def _summary(info: GaugeInfo) -> str:
    if info.alpha < 0.0:
        return f"{_CLIMBS}, {number(info.alpha)} times the gradient, and no limit of a descent holds.{descent_summary(info.descent)}"
    return f"α is {number(info.alpha)}; {_judged(info)}"


def _judged(info: GaugeInfo) -> str:
    if math.isnan(info.limit):
        return "its stability limit is being measured."
    if math.isinf(info.limit):
        return "no direction curves upwards, so there is no limit."
    verdict = "α is within it for nearly all tasks"
    if info.alpha >= info.limit_high:
        verdict = "α is beyond it on nearly all tasks"
    elif info.alpha >= info.limit:
        verdict = "α is beyond it on most tasks"
    elif info.alpha >= info.limit_low:
        verdict = "α is beyond it on some tasks"
    of = f" {info.of}" if info.of else ""
    at = stand_in_summary(info.measured_at)
    return f"the stability limit 2/λ_max{of}{at} is {number(info.limit)}: {verdict}.{descent_summary(info.descent)}"


def _subtitle(info: GaugeInfo) -> str:
    if info.alpha < 0.0:
        return f"{_CLIMBS}."
    if math.isnan(info.limit):
        return _HINT
    ratio = info.alpha / info.limit if info.limit > 0 else math.inf
    limit = f"limit {AT_IDENTITY}" if info.of == AT_IDENTITY else "the limit" if info.descent is None else "limit"
    limit = "plain limit" if info.of == OF_PLAIN else limit
    stands = "No limit found" if math.isinf(info.limit) else f"{wording.ratio(ratio, digits=3)} × {limit}"
    if info.measured_at is not None:
        return f"{stands}{stand_in(info.measured_at)}"
    if info.descent is not None:
        return f"{stands}; {descent(info.descent)}"
    return stands if math.isinf(info.limit) else f"α is {stands}"


GAUGE = Chart(
    id="gauge",
    title="Steps too large?",
    hint=_HINT,
    card=_CARD,
    info=GaugeInfo,
    make=gauge_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    belongs=lambda config, _: not learns_rates(config),
)
