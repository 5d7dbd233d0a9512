"""Numbers that fill traces, and where the axes around them end; axes move seldom."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from dashboard.charts.results import Array

Floats = npt.NDArray[np.float32]
Attribute = Literal[
    "x", "y", "z", "marker.color", "marker.size", "error_y.array", "error_y.arrayminus", "customdata", "text"
]
Update = tuple[str, Attribute, Floats]
"""A trace by its name, what of it, and the numbers; a matrix row by row."""
Line = tuple[npt.ArrayLike, npt.ArrayLike]
"""Values along x and along y."""
Range = dict[str, list[float]]
"""``{"xaxis": [low, high], "yaxis": [low, high]}`` as Plotly writes them: log10 of the value on a log axis."""
Previous = Mapping[str, Sequence[float]] | None
"""A chart's ranges until now, if it has any."""

OFF_THE_CHART = 1e9
"""Stands for infinity: Plotly leaves a gap for inf, but a diverging line should be seen to leave the chart."""
_LOSS_DECADES = (-9.0, 9.0)
"""A loss axis never reaches further."""
_EXPLODED = 10.0
"""What is so many times the usual size leaves its chart: a line that ran away does not flatten the others."""
_FACTORS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
"""Where a log axis may end, within a decade."""
_LEAST_SPAN, _LARGEST_IDLE_SPAN = 0.5, 0.7
"""Decades that a log axis has at least, and up to which it is kept however little of it is used."""
_LEAST_USE = 0.3
"""Share of a kept axis that the data fill at least."""
_ENDS = np.array([exponent + math.log10(factor) for exponent in range(-11, 11) for factor in _FACTORS])
"""Where a log axis may end, as exponents of 10."""

# --- Numbers of traces ------------------------------------------------------------------------------------------------


def filled(lines: Mapping[str, Line]) -> list[Update]:
    """Every array of some lines.

    Values are float32 and contiguous; NaN leaves a gap, +-inf becomes a number far off the chart.
    """
    updates: list[Update] = []
    for trace, (x, y) in lines.items():
        updates += [(trace, "x", float32(x)), (trace, "y", float32(y))]
    return updates


def over(x: npt.ArrayLike, y: npt.ArrayLike | None) -> Line:
    """A line over x; an empty one where there are no values."""
    return ([], []) if y is None else (x, y)


def float32(values: npt.ArrayLike) -> Floats:
    """What a frame carries; what is far off every chart is bounded, so that it stays a number."""
    array = np.asarray(values)
    bounded = np.minimum(np.maximum(array, -OFF_THE_CHART), OFF_THE_CHART)  # NaN stays NaN
    return np.ascontiguousarray(bounded, dtype=np.float32)


def clipped(value: float) -> float:
    """A positive number that a log axis can show the place of, though it be 0 or infinite."""
    return value if math.isnan(value) else min(max(value, 1 / OFF_THE_CHART), OFF_THE_CHART)


def joined(xs: Sequence[Array], ys: Sequence[Array]) -> Line:
    """Several lines as one, with NaN between: many thin traces cost Plotly far more than one long one."""
    if not xs:
        return [], []
    gap = np.array([np.nan])
    return (
        np.concatenate([part for x in xs for part in (x, gap)][:-1]),
        np.concatenate([part for y in ys for part in (y, gap)][:-1]),
    )


def arrows_joined(arrows: Sequence[Array]) -> Line:
    """Arrows [2, 2], from where to where each, as one line: to the tip, and from it to both barbs."""
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    found = []
    for start, tip in arrows:
        back = 0.2 * (start - tip)
        found.append(np.stack([start, tip, tip + turn @ back, tip, tip + turn.T @ back]))
    return joined([one[:, 0] for one in found], [one[:, 1] for one in found])


def within_columns(count: int, columns: int) -> Array:
    """Places of `count` points in each column, [count, columns]: column p of a chart reaches from p to p + 1."""
    return np.arange(columns) + np.arange(1, count + 1)[:, None] / (count + 1)


def bands(x: Array, low: Array, high: Array) -> Line:
    """Upright lines from low to high where they differ, column by column."""
    spread = np.argwhere(low.T < high.T)
    return joined([x[[s, s], p] for p, s in spread], [np.array([low[s, p], high[s, p]]) for p, s in spread])


def plain(values: Iterable[float]) -> list[float | None]:
    """Numbers as JSON has them: what is no number is null."""
    return [float(value) if math.isfinite(value) else None for value in values]


# --- Ranges of axes ---------------------------------------------------------------------------------------------------


def kept(previous: Previous, axis: str) -> Sequence[float] | None:
    """The range that an axis has until now, if any."""
    return previous.get(axis) if previous else None


def tamed(lines: Sequence[Array], usual: Iterable[float]) -> list[Array]:
    """The lines with what ran away bounded by ten times the largest usual value, so that an axis ends there and they leave the chart.

    >>> [line.tolist() for line in tamed([np.array([3.0, 4e5])], [3.0, 4.0])]
    [[3.0, 40.0]]
    """
    known = [value for value in usual if math.isfinite(value) and value > 0]
    bound = _EXPLODED * max(known) if known else math.inf
    return [np.minimum(np.asarray(line, dtype=np.float64), bound) for line in lines]


def decades(lines: Sequence[Array], previous: Sequence[float] | None) -> list[float]:
    """A log10 range around positive values that ends at round numbers (`_FACTORS`), kept while it holds them and they fill enough of it."""
    values = np.concatenate([np.asarray(line, dtype=np.float64).ravel() for line in lines] or [np.empty(0)])
    logs = np.log10(values[np.isfinite(values) & (values > 0)])
    logs = np.clip(logs, *_LOSS_DECADES)
    low, high = (float(logs.min()), float(logs.max())) if len(logs) else (-1.0, 1.0)
    if previous is not None:
        kept_low, kept_high = previous
        span = kept_high - kept_low
        if kept_low <= low and high <= kept_high and (span <= _LARGEST_IDLE_SPAN or high - low >= _LEAST_USE * span):
            return [kept_low, kept_high]
    # A little air, so that the next value does not touch the edge at once.
    first = int(np.searchsorted(_ENDS, low - 0.03 + 1e-9, side="right")) - 1
    last = int(np.searchsorted(_ENDS, high + 0.03 - 1e-9))
    while _ENDS[last] - _ENDS[first] < _LEAST_SPAN:
        if _ENDS[last] - high <= low - _ENDS[first]:
            last += 1
        else:
            first -= 1
    return [float(_ENDS[first]), float(_ENDS[last])]


def linear_span(low: float, high: float, previous: Sequence[float] | None) -> list[float]:
    """A linear range around low..high, kept while it holds them and is not twice as long as it need be."""
    length = max(high - low, 1e-6)
    if previous is not None:
        edge = 0.03 * length  # a marker on the very edge would be cut
        holds = previous[0] <= low - edge and high + edge <= previous[1]
        if holds and previous[1] - previous[0] <= 2.0 * length:
            return [float(previous[0]), float(previous[1])]
    return [low - (0.1 if low < 0 else 0.04) * length, high + 0.15 * length]
