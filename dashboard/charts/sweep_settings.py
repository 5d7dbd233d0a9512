"""The settings of a sweep as its charts and its table show them, and what a page looks at; plain frozen records.

Nothing here draws and nothing here knows streamlit, plotly or torch.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np

from dashboard.charts.results import Metric
from maml_core.intervals import half_width
from maml_core.records import Curvature
from maml_core.sweeps.axes import Value, steps_by_alpha
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult

Over = Literal["best", "mean"]
"""Over the axes that have no value of their own: the best setting, or the mean of all that were trained to the end."""

Colors = Literal["clipped", "whole", "quantiles"]
"""The scale reaches from the best to what nine tenths are better than; to the worst; or a colour is the share of results that are better."""


class Kind(IntEnum):
    """What is known of a setting; classes of their own, never a number on the colour scale."""

    WAITING = 0
    TRAINING = 1
    """Its value is not final: of the last rung, or the training loss before the first one."""
    OK = 2
    DIVERGED = 3
    PRUNED = 4
    REFUSED = 5
    """Left out: its values do not go together, or its tasks cannot be drawn."""


_KINDS = {
    "waiting": Kind.WAITING,
    "running": Kind.TRAINING,
    "ok": Kind.OK,
    "diverged": Kind.DIVERGED,
    "pruned": Kind.PRUNED,
    "refused": Kind.REFUSED,
}
STATUS = {kind: status for status, kind in _KINDS.items()}
"""What results call each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInfo:
    """One setting in one metric."""

    number: int
    values: Mapping[str, Value]
    kind: Kind
    value: float
    """Held-out, after N inner steps; while it trains perhaps the training loss; NaN where there is none to show."""
    ci95: float
    before: float
    """Held-out loss before adaptation."""
    diverged_share: float
    """Share of the held-out tasks, 0..1; NaN where an earlier version measured it by another rule."""
    worse_share: float
    """Share of the held-out tasks whose loss is higher than before adaptation."""
    limit: float
    """2 / lambda_max at its theta_0; NaN where that was not measured, or alpha is not the size of its inner steps."""
    step: int
    """Outer steps of its shortest lane."""


def setting_info(result: SettingResult, sweep: SweepConfig, metric: Metric, training: float = math.nan) -> SettingInfo:
    """A setting as the page shows it.

    Args:
        result: From the driver or the study.
        sweep: That it is of.
        metric: What to show; accuracy only where tasks are of classes.
        training: Newest training loss of its lanes, which stands in for a held-out loss that was not measured yet.
    """
    kind, lanes = _KINDS[result.status], result.lanes
    objective: Metric = "accuracy" if sweep.base.classifies else "loss"
    if metric == objective:
        value, ci95 = result.value, result.ci95
    elif lanes:
        value, ci95 = _over_seeds([lane.loss for lane in lanes], [lane.ci95 for lane in lanes])
    else:
        value, ci95 = math.nan, math.nan
    if kind == Kind.TRAINING and math.isnan(value) and metric == "loss":
        value = training
    if kind in (
        Kind.WAITING,
        Kind.DIVERGED,
    ):  # what stands in the study for a diverged setting is a cap, not a measurement
        value, ci95 = math.nan, math.nan
    return SettingInfo(
        number=result.number,
        values=result.values,
        kind=kind,
        value=value if math.isfinite(value) else math.nan,
        ci95=ci95,
        before=_mean([lane.before for lane in lanes]),
        diverged_share=_mean([lane.diverged_share for lane in lanes]),
        worse_share=_mean([lane.worse_share for lane in lanes]),
        limit=_limit([lane.lambda_max for lane in lanes]) if steps_by_alpha(sweep.base, result.values) else math.nan,
        step=min((lane.step for lane in lanes), default=0),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _over_seeds(values: Sequence[float], ci95: Sequence[float]) -> tuple[float, float]:
    """Mean over seeds; the interval is that over tasks where there is one seed, else over the seeds."""
    return _mean(values), ci95[0] if len(ci95) == 1 else float(half_width(np.array(values)))


def _limit(lambdas: Sequence[float]) -> float:
    known = [value for value in lambdas if math.isfinite(value)]
    return Curvature.stability_limit(_mean(known)) if known else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a page looks at."""

    x: str
    y: str | None
    """None where the sweep has one axis, or one is looked at alone."""
    slices: Mapping[str, Value | None] = dataclasses.field(default_factory=dict)
    """A value for each of the other axes; the best setting over all values where it is None or missing."""
    metric: Metric = "loss"
    color: str = ""
    """The axis that colours the curves."""
    over: Over = "best"
    """What a place of the map shows of the settings that share it."""
    colors: Colors = "clipped"
    """How results have their colours on the map."""
