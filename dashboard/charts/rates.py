"""Inner step sizes that are learned along with theta_0, in the gauge's place, since there is no one alpha to be stable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import column_names, columns, line, points
from dashboard.charts.chart import Chart
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.phrases import number, steps
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, bands, joined, kept, linear_span, within_columns
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
from dashboard.charts.style import ONCE_THERE, Looks
from dashboard.theme import Palette, with_opacity
from maml_core.config import learns_rates
from maml_core.records import InnerDescent

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesInfo:
    """The learned inner step sizes, in place of the gauge: a column for each parameter tensor, in it the inner steps."""

    names: tuple[str, ...]
    """Names of the P tensors."""
    low: Array
    median: Array
    high: Array
    """10%, 50% and 90% quantiles over the rates of a tensor at a step, shape [steps, P]; equal where there is one rate."""
    overall: float
    """Median of all rates."""
    start: float
    """alpha, where all of them began."""
    limit: float
    limit_low: float
    limit_high: float
    """Upper limit of one step size common to all parameters, as in `step_sizes.Limits`."""
    descent: InnerDescent | None = None
    """What the inner steps do to the support loss; None while that is not measured with this alpha and N."""
    measured_at: int | None = None
    """Outer step whose limit stands in for the one that is being computed."""


def rates_info(of: Results) -> RatesInfo | None:
    """The record of a run; None where no rates are learned, or nothing was measured of them yet."""
    rates = of.rates
    if rates is None or of.curvature is None:
        return None
    return RatesInfo(
        names=rates.names,
        low=rates.low,
        median=rates.median,
        high=rates.high,
        overall=rates.overall,
        start=of.shown.alpha,
        **limits(of.curvature)._asdict(),
        descent=current_descent(of),
        measured_at=of.curvature_at,
    )


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """The zones of stability behind the learned rates."""
    hover = "%{y:.3g}<extra></extra>"
    behind = zones(palette)
    limit = behind.pop("limit")
    spread = with_opacity(palette.text, 0.35)
    return {
        **{name: zone.update(showlegend=False) for name, zone in behind.items()},
        "limit": limit.update(meta=ONCE_THERE),
        "start": line("α at the start", palette.muted, 2, "dash", hovertemplate=f"start: {hover}"),
        "rate_spread": line("10–90% of a tensor", spread, 5, hoverinfo="skip", showlegend=False),
        "inner_steps": line(
            "step to step", palette.text, 1.5, hoverinfo="skip", showlegend=False, legendgroup="learned rate"
        ),
        "rate": points("learned rate", palette.text, 7, palette.page, hovertemplate=f"rate: {hover}"),
    }


def _axes(palette: Palette, _looks: Looks) -> dict[str, Any]:
    """Parameter tensors against their step sizes."""
    return {
        "xaxis": columns("parameter tensor"),
        "yaxis": {
            "title": {"text": "inner step size"},
            "range": [0, 0.1],
            "nticks": 6,
            "zeroline": True,
            "zerolinecolor": palette.muted,
            "zerolinewidth": 1,
        },
        "margin": {"l": 62, "r": 8, "t": 8, "b": 44},
    }


def rates_layout(names: Sequence[str], palette: Palette) -> dict[str, Any]:
    """The tensors' names, each under its column, as a layout patch; of many, the weights' only."""
    shown = {at: name for at, name in enumerate(names) if len(names) <= 10 or name.startswith("w")}
    return column_names(shown, palette)


def _patch(of: Results, palette: Palette) -> dict[str, Any] | None:
    return rates_layout(of.rates.names, palette) if of.rates is not None else None


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: RatesInfo) -> dict[str, Line]:
    """The inner steps stand in each column from left to right."""
    num_steps, count = info.median.shape
    x = within_columns(num_steps, count)
    behind = zone_lines(Limits(info.limit, info.limit_low, info.limit_high), count, 0.0)
    return {
        **behind,
        "limit": behind["limit"] if _limit_is_near(info) else ([], []),
        "start": ([0, count], [info.start, info.start]),
        "rate_spread": bands(x, info.low, info.high),
        "inner_steps": joined(list(x.T), list(info.median.T)) if num_steps > 1 else ([], []),
        "rate": (x.T.ravel(), info.median.T.ravel()),
    }


def _ranges(info: RatesInfo, previous: Previous) -> Range:
    return {"xaxis": [0.0, float(len(info.names))], "yaxis": _span(info, kept(previous, "yaxis"))}


def _span(info: RatesInfo, previous: Sequence[float] | None) -> list[float]:
    """Around the rates, their start and zero; with the stability limit where it is not far from them."""
    values = np.concatenate([info.low.ravel(), info.high.ravel(), [info.start, 0.0]])
    low, high = float(values.min()), float(values.max())
    return linear_span(low, max(high, info.limit) if _limit_is_near(info) else high, previous)


def _limit_is_near(info: RatesInfo) -> bool:
    """Whether the limit has a place on the axis of the rates; further off it would squeeze them."""
    return 0.0 < info.limit <= 1.5 * max(float(info.high.max()), info.start)


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "The inner step sizes that are learned along with θ_0: a column for each parameter tensor, in it the inner steps from left to right. "
    "The dashed line is α, where all of them began. A rate below 0 steps uphill in that tensor on the support: meta-training found that "
    "the query loss gains from it.",
    {
        "limit": f"{TERMS['2/λ_max']} Here for one step size common to all tensors.",
        "start": "The step size that all rates had before meta-training.",
        "rate": "The step size of one tensor at one inner step; the bar behind it holds 80% of a tensor's rates.",
    },
    ("λ_max", "inner step"),
)


def _summary(info: RatesInfo) -> str:
    count, tensors = info.median.shape
    per_step = f" at each of {steps(count)}" if count > 1 else ""
    medians = ", ".join(
        f"{name} {' '.join(number(float(rate)) for rate in column)}"
        for name, column in zip(info.names, info.median.T, strict=True)
    )
    return (
        f"Learned inner step sizes of {tensors} parameter tensors{per_step}, all started at {number(info.start)}: {medians}. "
        f"For one common step size 2/λ_max{stand_in_summary(info.measured_at)} is {number(info.limit)}.{descent_summary(info.descent)}"
    )


def _subtitle(info: RatesInfo) -> str:
    negative = int((info.median < 0).sum())
    signs = f", {negative} below 0" if negative else ""
    found = f" {descent(info.descent).capitalize()}." if info.descent is not None else ""
    return f"Median {number(info.overall)}{signs}.{found} Limit: for one common α{stand_in(info.measured_at)}."


RATES = Chart(
    id="rates",
    title="Learned rates α",
    hint="One column a parameter tensor, in it the inner steps from left to right.",
    card=_CARD,
    info=RatesInfo,
    make=rates_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    belongs=lambda config, _: learns_rates(config),
    patch=_patch,
)
