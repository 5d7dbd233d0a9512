"""Each setting's alpha beside its stability limit 2 / lambda_max over the outer steps, by the axis that colours the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import log_axis
from dashboard.charts.chart import assembled
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.phrases import number
from dashboard.charts.results import Array
from dashboard.charts.scales import Previous, Range, Update, decades, filled, kept
from dashboard.charts.sweep_basics import limit_traces
from dashboard.charts.sweep_chart import SweepChart
from dashboard.charts.sweep_curves import Curves, curve_axes, curve_traces, curves_of
from dashboard.charts.sweep_settings import View
from dashboard.theme import Palette
from maml_core.sweeps.axes import Value, steps_by_alpha
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEdgeInfo:
    """alpha / (2 / lambda_max) of all settings at the rungs."""

    curves: Curves
    """NaN where there is none to show: not measured, alpha not above 0, nothing that curves upwards, or learned step sizes."""
    num_steps: int
    """Outer steps of a whole training."""
    has_results: bool
    """Whether any setting has reached a rung."""


def sweep_edge_info(results: Sequence[SettingResult], sweep: SweepConfig, view: View) -> SweepEdgeInfo:
    """The curves of a view."""

    def alpha(values: Mapping[str, Value]) -> float:
        size = values.get("alpha", sweep.base.alpha)
        is_size = isinstance(size, int | float) and steps_by_alpha(sweep.base, values)
        return float(size) if is_size else np.nan  # type: ignore[arg-type]

    def ratios(result: SettingResult) -> Array | None:
        if result.curvatures is None:
            return None
        ratio = 0.5 * alpha(result.values) * result.curvatures
        return np.where(np.isfinite(ratio) & (ratio > 0.0), ratio, np.nan)

    return SweepEdgeInfo(
        curves=curves_of(results, sweep, view, ratios),
        num_steps=sweep.num_steps,
        has_results=any(result.steps is not None and len(result.steps) for result in results),
    )


# --- The figure -------------------------------------------------------------------------------------------------------

LIMIT = "limit"
"""The trace of the line on which alpha is the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEdgeLooks:
    """What the looks of the curves depend on."""

    color: str
    """Title of the axis that colours them."""
    color_names: tuple[str, ...]
    is_dense: bool = False


def _looks(info: SweepEdgeInfo, _loss_name: str) -> SweepEdgeLooks:
    of = info.curves
    return SweepEdgeLooks(color=of.color.title, color_names=of.names, is_dense=of.is_dense)


def _figure(palette: Palette, looks: SweepEdgeLooks) -> go.Figure:
    """The curves of all settings around the limit."""
    traces = curve_traces(palette, looks.color_names, is_dense=looks.is_dense) | {
        LIMIT: limit_traces(palette, "dash")[LIMIT]
    }
    axes = curve_axes(log_axis("α ÷ (2/λ<sub>max</sub>)", [-1.0, 1.0]), "edge")
    return assembled(traces, axes, palette, CARD, title=f"Edge, by {looks.color}")


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _update(info: SweepEdgeInfo, span: Range) -> list[Update]:
    return [*info.curves.updates(), *filled({LIMIT: (span["xaxis"], [1.0, 1.0])})]


def _ranges(info: SweepEdgeInfo, previous: Previous) -> Range:
    """What the curves span, and the limit with them."""
    ratios = [*info.curves.values, np.ones(1)]
    return {"xaxis": [0.0, 1.03 * info.num_steps], "yaxis": decades(ratios, kept(previous, "yaxis"))}


# --- Words ------------------------------------------------------------------------------------------------------------

CARD = Card(
    "Every setting's α as a multiple of its own limit 2/λ_max at each rung, a line for each, coloured and marked by one axis. Look whether "
    "the lines walk onto the dashed one: meta-training bends the loss until a step of α solves its steepest direction.",
    {LIMIT: TERMS["2/λ_max"]},
    terms=("λ_max", "rung", "outer step", "seed"),
    each="Settings with this value; the others of the same mark differ in the other axes.",
)


def _subtitle(info: SweepEdgeInfo) -> str:
    """Where the settings stand, and how many of them came nearer: of those alone that are measured at both ends."""
    first, last = _ends(info.curves)
    if not last:
        kept_none = "λ_max is not known of these settings, or their step sizes are learned."
        return kept_none if info.has_results else "λ_max is measured at the rungs."
    both = sorted(first.keys() & last.keys())
    step = max(at for at, _ in last.values())
    if not both:
        return f"α is {_between([ratio for _, ratio in last.values()])} the limit, by outer step {step:,.0f}."
    before, after = (np.array([end[number][1] for number in both]) for end in (first, last))
    nearer = int(np.count_nonzero(np.abs(np.log(after)) < np.abs(np.log(before))))
    begin = min(first[number][0] for number in both)
    settings = "settings" if len(both) > 1 else "setting"
    return (
        f"{nearer} of {len(both)} {settings} came nearer to the limit: α was {_between(before)} it at outer step {begin:,.0f} and is "
        f"{_between(after)} it by step {step:,.0f}."
    )


def _summary(info: SweepEdgeInfo) -> str:
    """The chart in a sentence, for its aria-label."""
    return f"α of every setting as a multiple of its limit 2/λ_max over the outer steps. {_subtitle(info)}"


def _between(ratios: Sequence[float] | Array) -> str:
    low, high = number(float(np.min(ratios))), number(float(np.max(ratios)))
    return f"{low} ×" if low == high else f"{low} to {high} ×"


_Ends = dict[int, tuple[float, float]]
"""Outer step and ratio, by the numbers of the settings."""


def _ends(curves: Curves) -> tuple[_Ends, _Ends]:
    """The first rung of each setting that was measured twice or more, and the last one of all."""
    first: _Ends = {}
    last: _Ends = {}
    for steps, values, numbers in zip(curves.steps, curves.values, curves.numbers, strict=True):
        for step, ratio, setting in zip(steps.tolist(), values.tolist(), numbers.tolist(), strict=True):
            if np.isfinite(ratio):
                first.setdefault(setting, (step, ratio))
                last[setting] = (step, ratio)
    return {setting: end for setting, end in first.items() if end != last[setting]}, last


SWEEP_EDGE: SweepChart[SweepEdgeInfo, SweepEdgeLooks] = SweepChart(
    id="sweep_edge", looks=_looks, figure=_figure, ranges=_ranges, update=_update, subtitle=_subtitle, summary=_summary
)
