"""What the charts of closer looks have in common: where their record comes from, and what is said until it is there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dashboard.charts.results import Array, Looked, Results
from dashboard.charts.scales import Previous
from maml_core.config import RunConfig
from maml_core.wording import with_minus

MEASURING = "Measuring…"
"""Said while a first look is taken."""

WAITING = "Waiting for a worker to measure it…"
"""Said before it is begun, where the workers have other looks to end first."""


def looked(of: Results, chart: str, look: str) -> Looked | None:
    """What a look has found, for the chart that shows it; None while that is not open, or not measured."""
    return of.looked if of.weights_chart == chart and of.looked is not None and of.looked.name == look else None


def is_chosen(chart: str) -> Callable[[RunConfig, str], bool]:
    """Whether this chart is the one that is shown of those that share its place."""
    return lambda _, weights_chart: weights_chart == chart


def cosine(value: float) -> str:
    """A cosine, an R² or another number between -1 and 1.

    >>> cosine(0.8349), cosine(-0.02), cosine(float("nan"))
    ('0.83', '−0.02', 'not defined')
    """
    return "not defined" if np.isnan(value) else with_minus(f"{value:.2f}")


def around(points: Array, previous: Previous, *, far: float = 0.98) -> dict[str, list[float]]:
    """A square around the origin that holds nearly all points [n, 2], kept while it serves.

    Args:
        points: Of the picture; those that are not finite do not count.
        previous: What the axes spanned before.
        far: Share of the points, along each axis, that must lie inside.
    """
    known = np.abs(points[np.isfinite(points).all(axis=1)].astype(np.float64))
    reach = float(np.quantile(known, far, axis=0).max()) if len(known) else 0.0
    reach = reach if reach > 0.0 else 1.0
    if previous is not None and 1.02 * reach <= previous["xaxis"][1] <= 2.5 * reach:
        return {axis: [float(end) for end in previous[axis]] for axis in ("xaxis", "yaxis")}
    return {axis: [-1.3 * reach, 1.3 * reach] for axis in ("xaxis", "yaxis")}
