"""Closer look: how steep the support loss is, by the largest eigenvalues of its Hessian at theta_0 and at theta_N."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import area, line, log_axis
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, is_chosen, looked
from dashboard.charts.glossary import Card
from dashboard.charts.names import ADAPTED, BOUND, START
from dashboard.charts.phrases import number
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, decades, kept
from dashboard.charts.style import NOT_DATA, Looks
from dashboard.theme import Palette
from maml_core.analysis_records import Spectrum, middle
from maml_core.config import learns_rates

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumInfo:
    """The largest E eigenvalues of the support Hessian, in falling order; 10%, 50% and 90% quantiles over tasks, [3, E] each."""

    at_theta_0: Array
    at_theta_n: Array
    bound: float
    """2 / alpha: along what is steeper, steps on a quadratic climb. NaN where the steps have no common size above 0."""
    num_tasks: int


def spectrum_info(of: Results) -> SpectrumInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    found = looked(of, "spectrum", "spectrum")
    if found is None:
        return None
    spectrum: Spectrum = found.found
    alpha = found.config.alpha_at_test
    return SpectrumInfo(
        at_theta_0=middle(spectrum.at_theta_0),
        at_theta_n=middle(spectrum.at_theta_n),
        bound=2.0 / alpha if alpha > 0.0 and not learns_rates(found.config) else np.nan,
        num_tasks=len(spectrum.at_theta_0),
    )


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """Medians and bands over tasks, before and after adaptation, and the bound that alpha sets."""
    found: dict[str, go.Scatter] = {}
    ends = (
        ("theta_0", START, palette.theta_0, "square", "dot"),
        ("theta_N", ADAPTED, palette.theta_N, "circle", "solid"),
    )
    for name, label, color, _, _ in ends:
        found[f"{name}_spread"] = area(f"{label}, 10–90% of tasks", color, 0.2, legendgroup=label, showlegend=False)
    found["bound"] = line(BOUND, palette.unstable, 2, "dash", hovertemplate="2/α = %{y:.3g}", meta=NOT_DATA)
    for name, label, color, symbol, dash in ends:
        marks = line(label, color, 2.5, dash, hovertemplate="%{y:.3g}")
        found[name] = marks.update(mode="lines+markers", marker={"symbol": symbol, "size": 7, "color": color})
    return found


def _axes(_palette: Palette, _looks: Looks) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": "eigenvalue, the largest first"}, "range": [0.5, 10.5], "dtick": 1},
        "yaxis": log_axis("curvature", [-1.0, 2.0]),
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: SpectrumInfo) -> dict[str, Line]:
    rank = np.arange(1.0, info.at_theta_0.shape[1] + 1.0)
    around = np.concatenate([rank, rank[::-1]])
    found: dict[str, Line] = {"bound": ([0.5, len(rank) + 0.5], [info.bound, info.bound])}
    for name, quantiles in (("theta_0", info.at_theta_0), ("theta_N", info.at_theta_n)):
        low, median, high = np.where(
            quantiles > 0.0, quantiles, np.nan
        )  # a scale of powers has no place for the others
        bounds = np.concatenate([low, high[::-1]])
        found[f"{name}_spread"] = ([], [])
        if np.isfinite(bounds).all():
            found[f"{name}_spread"] = (around, bounds)
        found[name] = (rank, median)
    return found


def _ranges(info: SpectrumInfo, previous: Previous) -> Range:
    drawn = [info.at_theta_0.ravel(), info.at_theta_n.ravel(), np.array([info.bound])]
    return {
        "xaxis": [0.5, info.at_theta_0.shape[1] + 0.5],
        "yaxis": decades([np.where(np.isfinite(values), values, np.nan) for values in drawn], kept(previous, "yaxis")),
    }


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "The ten largest curvatures of the support loss: eigenvalues of its Hessian at θ_0 and at θ_N, the median over held-out tasks with the band "
    "from 10% to 90%. Few large ones and a long tail mean that the inner steps act along few directions. "
    "Above the dashed line, 2/α, steps of this size on a quadratic would climb.",
    {
        "theta_0": "At the start that all tasks share, θ_0.",
        "theta_N": "Adapted: at each task's own θ_N.",
        "bound": "Along a direction of more curvature, gradient steps of size α overshoot on a quadratic.",
    },
    ("λ_max", "support"),
)


def _summary(info: SpectrumInfo) -> str:
    low, median, high = info.at_theta_0[:, 0].tolist()
    bound = "" if np.isnan(info.bound) else f" 2/α is {number(info.bound)}."
    return (
        f"Largest curvature of the support loss, median over {info.num_tasks} held-out tasks: {number(median)} at θ_0 (10–90% {number(low)} to "
        f"{number(high)}), {number(float(info.at_theta_n[1, 0]))} at θ_N; the tenth largest at θ_0 {number(float(info.at_theta_0[1, -1]))}.{bound}"
    )


def _subtitle(info: SpectrumInfo) -> str:
    low, median, high = info.at_theta_0[:, 0].tolist()
    bound = "" if np.isnan(info.bound) else f"; 2/α is {number(info.bound)}"
    return (
        f"Largest at the start (θ_0) {number(median)}, adapted (θ_N) {number(float(info.at_theta_n[1, 0]))}{bound}. "
        f"Tasks differ: {number(low)} to {number(high)}."
    )


SPECTRUM = Chart(
    id="spectrum",
    title="How steep is the loss?",
    hint=MEASURING,
    card=_CARD,
    info=SpectrumInfo,
    make=spectrum_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Spectrum",
    look="spectrum",
    belongs=is_chosen("spectrum"),
)
