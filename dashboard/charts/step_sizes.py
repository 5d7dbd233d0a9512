"""What the gauge and the learned rates have in common: inner step sizes against the limit of stability."""

from __future__ import annotations

import math
from typing import NamedTuple

import plotly.graph_objects as go

from dashboard.charts.basics import area, line
from dashboard.charts.names import LIMIT
from dashboard.charts.phrases import percent, steps
from dashboard.charts.results import Results
from dashboard.charts.scales import OFF_THE_CHART, Line, clipped
from dashboard.theme import Palette
from maml_core.records import Curvature, InnerDescent


class Limits(NamedTuple):
    """2 / lambda_max of the support Hessian at theta_0; inf where no direction curves upwards, NaN while none was measured."""

    limit: float
    """At the median of lambda_max over held-out tasks."""
    limit_low: float
    limit_high: float
    """At its 90% and its 10% quantile over tasks: beyond `limit_low` a tenth of the tasks overshoot."""


def limits(curvature: Curvature | None) -> Limits:
    """Limits of one step size common to all parameters."""
    found = curvature or Curvature(math.nan, math.nan, math.nan)
    return Limits(*(Curvature.stability_limit(value) for value in (found.median, found.high, found.low)))


def current_descent(of: Results) -> InnerDescent | None:
    """What was measured of the inner steps, if they are still these."""
    found, shown = of.descent, (of.shown.alpha, of.shown.num_inner_steps)
    return found if found is not None and (found.alpha, found.num_steps) == shown else None


def stand_in(measured_at: int | None) -> str:
    """Which outer step a limit is of that stands in for one that is being computed; empty where it does not."""
    return "" if measured_at is None else f" of step {measured_at:,}; computing…"


def stand_in_summary(measured_at: int | None) -> str:
    """The same within a sentence."""
    return "" if measured_at is None else f" (of step {measured_at:,} until its own is computed)"


def zones(palette: Palette) -> dict[str, go.Scatter]:
    """Step sizes within the limit of a quadratic, beyond it on some tasks, and on nearly all; and the limit on the median task."""
    return {
        "within": area("within the limit", palette.stable, 0.22, showlegend=False),
        "spread": area("10–90% of tasks", palette.caution, 0.38),
        "beyond": area("beyond the limit", palette.unstable, 0.3, showlegend=False),
        "limit": line(LIMIT, palette.unstable, 3, hovertemplate=f"{LIMIT} = %{{y:.3g}}<extra></extra>"),
    }


def zone_lines(found: Limits, width: float, bottom: float) -> dict[str, Line]:
    """Outlines of the zones, from the bottom of the axis to beyond its top, and the limit across."""
    limit, low, high = (clipped(value) for value in found)
    across = [0, width, width, 0]
    return {
        "within": (across, [bottom, bottom, low, low]),
        "spread": (across, [low, low, high, high]),
        "beyond": (across, [high, high, OFF_THE_CHART, OFF_THE_CHART]),
        "limit": ([0, width], [limit, limit]),
    }


def descent(found: InnerDescent) -> str:
    """What the inner steps do to the support loss, in the few words that the gauge's card has room for."""
    if found.overshoots and found.num_steps > 1:
        return f"overshoots on {percent(found.raised_share)}"
    if found.lower_share >= found.higher_share and found.lower_share > 0:
        return f"loss falls on {percent(found.lower_share)}"
    return f"loss rises on {percent(found.higher_share)}" if found.higher_share > 0 else "loss stays as it is"


def descent_summary(found: InnerDescent | None) -> str:
    """The same in a sentence of its own, with a space before it; nothing where it was not measured."""
    if found is None:
        return ""
    return (
        f" Measured: the support loss is lower after {steps(found.num_steps)} on {percent(found.lower_share)} of {found.num_tasks} "
        f"held-out tasks, and higher on {percent(found.higher_share)}; on {percent(found.raised_share)} some step raises it."
    )
