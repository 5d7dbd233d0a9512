"""The line of a map on which alpha equals 2 / lambda_max, found between settings on both sides of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from dashboard.charts.results import Array
from dashboard.charts.sweep_settings import SettingInfo
from dashboard.setups.sweep_axes import AxisInfo
from maml_core.sweeps.axes import Value


def limit_curve(
    settings: Sequence[SettingInfo], x: AxisInfo, y: AxisInfo | None, *, is_grid: bool
) -> tuple[Array, Array]:
    """Where alpha is 2 / lambda_max: places along x and y, a point for each value of the other axis, NaN where it is not on the map; empty
    without alpha.
    """
    nothing = np.empty(0)
    if "alpha" not in (x.name, y.name if y is not None else ""):
        return nothing, nothing
    alpha, other = (x, y) if x.name == "alpha" else (y, x)
    assert alpha is not None
    rows: dict[Value, list[tuple[float, float]]] = {
        value: [] for value in (other.values if other is not None else (None,))
    }
    for s in settings:
        size = s.values["alpha"]
        if math.isfinite(s.limit) and isinstance(size, int | float):
            rows[s.values[other.name] if other is not None else None].append((float(size), s.limit))
    low, high = alpha.span(is_grid=is_grid)
    places = [_within(alpha.place_of(_crossing(sorted(row))), low, high) for row in rows.values()]
    at = np.array(places)
    beside = other.places if other is not None else np.zeros(1)
    return (at, beside) if alpha is x else (beside, at)


def _within(place: float, low: float, high: float) -> float:
    return place if low <= place <= high else math.nan


def _crossing(row: Sequence[tuple[float, float]]) -> float:
    """The alpha that equals its own limit, from measured pairs (alpha, limit) by rising alpha.

    Between two neighbours of which only the second is beyond its limit it is interpolated on logarithms. Where all that were measured lie on
    one side (those beyond it diverged, and have no lambda_max), it is the limit of the nearest one.
    """
    pairs = [(alpha, limit) for alpha, limit in row if alpha > 0.0 and limit > 0.0]
    if not pairs:
        return math.nan
    for (left, left_limit), (right, right_limit) in itertools.pairwise(pairs):
        below, above = math.log(left / left_limit), math.log(right / right_limit)
        if below < 0.0 <= above:
            return math.exp(math.log(left) - below * math.log(right / left) / (above - below))
    first, last = pairs[0], pairs[-1]
    return last[1] if last[0] < last[1] else first[1]
