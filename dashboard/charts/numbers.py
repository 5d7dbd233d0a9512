"""What a live frame carries: float32 arrays for the traces, and axis ranges that move seldom.

`update` and `ranges` are one small function per record; the arrays come in the order in which `looks` adds the traces.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from dashboard.charts.looks import LEARNERS, SHARES, ChartId
from dashboard.info import (
    AdaptationInfo,
    Array,
    FitInfo,
    GaugeInfo,
    ImagesInfo,
    LayersInfo,
    LossInfo,
    PathInfo,
    RatesInfo,
)

AnyInfo = LossInfo | FitInfo | ImagesInfo | AdaptationInfo | PathInfo | LayersInfo | GaugeInfo | RatesInfo
Floats = npt.NDArray[np.float32]
Update = tuple[int, Literal["x", "y"], Floats]
Line = tuple[npt.ArrayLike, npt.ArrayLike]
Range = dict[str, list[float]]
"""``{"xaxis": [low, high], "yaxis": [low, high]}`` as Plotly writes them: log10 of the value on a log axis."""

_OFF_THE_CHART = 1e9
"""Stands for infinity: Plotly leaves a gap for inf, but a diverging line should be seen to leave the chart."""
_LOSS_DECADES = (-9.0, 4.0)
"""A loss axis never reaches further, so that one diverged run does not flatten everything else."""
_MAX_BETWEEN = 8
"""Faint curves between theta_0 and theta_N."""
_GAUGE_DECADES = (-4.0, 1.0)


def chart_id(info: AnyInfo) -> ChartId:
    """The chart that shows this record."""
    match info:
        case LossInfo():
            return "loss"
        case FitInfo():
            return "fit"
        case ImagesInfo():
            return "images"
        case AdaptationInfo():
            return "adaptation"
        case PathInfo():
            return "path"
        case LayersInfo():
            return "layers"
        case GaugeInfo():
            return "gauge"
        case RatesInfo():
            return "rates"


# --- Arrays -----------------------------------------------------------------------------------------------------------


def update(info: AnyInfo) -> list[Update]:
    """Every array of the record's chart as ``(trace index, "x" or "y", values)``.

    The fit chart's theta_k is left out: only the page knows which k is looked at. Images have no traces. Values are float32 and contiguous; NaN
    leaves a gap, +-inf becomes a number far off the chart.
    """
    lines: Sequence[Line | None]
    match info:
        case LossInfo():
            lines = _loss_lines(info)
        case FitInfo():
            lines = _fit_lines(info)
        case ImagesInfo():
            lines = []
        case AdaptationInfo():
            lines = _adaptation_lines(info)
        case PathInfo():
            lines = _path_lines(info)
        case LayersInfo():
            lines = _layers_lines(info)
        case GaugeInfo():
            lines = _gauge_lines(info)
        case RatesInfo():
            lines = _rates_lines(info)
    updates: list[Update] = []
    for index, line in enumerate(lines):
        if line is None:
            continue
        x, y = line
        updates += [(index, "x", float32(x)), (index, "y", float32(y))]
    return updates


def _loss_lines(info: LossInfo) -> list[Line]:
    run, ghost = info.curves, info.ghost
    heads = [
        _head(run.smoothed_steps, run.smoothed),
        _head(run.held_out_steps, run.before),
        _head(run.held_out_steps, run.after),
    ]
    return [
        (ghost.smoothed_steps, ghost.smoothed),
        (ghost.held_out_steps, ghost.before),
        (ghost.held_out_steps, ghost.after),
        (run.steps, run.raw),
        (run.smoothed_steps, run.smoothed),
        (run.held_out_steps, run.before),
        (run.held_out_steps, run.after),
        ([x for x, _ in heads], [y for _, y in heads]),
    ]


def _head(steps: Array, values: Array) -> tuple[float, float]:
    return (float(steps[-1]), float(values[-1])) if len(steps) else (math.nan, math.nan)


def _fit_lines(info: FitInfo) -> list[Line | None]:
    last = info.num_inner_steps
    picked = np.unique(np.linspace(1, last - 1, min(last - 1, _MAX_BETWEEN)).round().astype(int)) if last > 1 else []
    between = info.curves[picked] if last > 1 else []
    return [
        (info.query_x, info.query_y),
        (info.grid, info.truth),
        _joined([info.grid] * len(between), list(between)),
        (info.grid, info.curves[0]),
        (info.grid, info.curves[last]),
        None,  # theta_k
        (info.support_x, info.support_y),
    ]


def _adaptation_lines(info: AdaptationInfo) -> list[Line]:
    bands: list[Line] = []
    means: list[Line] = []
    for learner in LEARNERS:
        if learner not in info.trajectories:
            bands.append(([], []))
            means.append(([], []))
            continue
        trajectory = info.trajectories[learner]
        steps = np.arange(len(trajectory.mean))
        # A filled outline has no gaps: leave the band out wherever it is not a number.
        drawn = np.isfinite(trajectory.low) & np.isfinite(trajectory.high)
        inside, low, high = steps[drawn], trajectory.low[drawn], trajectory.high[drawn]
        bands.append((np.concatenate([inside, inside[::-1]]), np.concatenate([low, high[::-1]])))
        means.append((steps, trajectory.mean))
    at_n = ([info.num_inner_steps] * 2, [1 / _OFF_THE_CHART, _OFF_THE_CHART])
    return [at_n, *bands, *means]


def _path_lines(info: PathInfo) -> list[Line]:
    paths = np.where(np.isfinite(info.paths), info.paths, np.nan)
    ends = paths[:, -1]
    return [
        (info.trail[:, 0], info.trail[:, 1]),
        _joined(list(paths[:, :, 0]), list(paths[:, :, 1])),
        (ends[:, 0], ends[:, 1]),
        (info.trail[-1:, 0], info.trail[-1:, 1]),
    ]


def _layers_lines(info: LayersInfo) -> list[Line]:
    """Column p of the chart reaches from p to p + 1; theta_0..theta_N stand in it from left to right."""
    x = _within_columns(*info.median.shape)
    return [
        _bands(x, info.low, info.high),
        _joined(list(x.T), list(info.median.T)),
        (x[-1], info.median[-1]),
        (x[0], info.median[0]),
    ]


def _within_columns(count: int, columns: int) -> Array:
    """Places of `count` points in each column, [count, columns]."""
    return np.arange(columns) + np.arange(1, count + 1)[:, None] / (count + 1)


def _bands(x: Array, low: Array, high: Array) -> Line:
    """Upright lines from low to high where they differ, column by column."""
    spread = np.argwhere(low.T < high.T)
    return _joined([x[[s, s], p] for p, s in spread], [np.array([low[s, p], high[s, p]]) for p, s in spread])


def _gauge_lines(info: GaugeInfo) -> list[Line]:
    bottom, top = 1 / _OFF_THE_CHART, _OFF_THE_CHART
    low, limit, high = (_clip(value) for value in (info.limit_low, info.limit, info.limit_high))
    alpha = _clip(info.alpha)
    return [
        ([0, 1, 1, 0], [bottom, bottom, low, low]),
        ([0, 1, 1, 0], [low, low, high, high]),
        ([0, 1, 1, 0], [high, high, top, top]),
        ([0, 1], [limit, limit]),
        ([0, 1], [alpha, alpha]),
        ([0.5], [alpha]),
    ]


def _rates_lines(info: RatesInfo) -> list[Line]:
    """Column p of the chart reaches from p to p + 1; its steps stand in it from left to right."""
    num_steps, count = info.median.shape
    x = _within_columns(num_steps, count)
    low, limit, high = (_clip(value) for value in (info.limit_low, info.limit, info.limit_high))
    across = [0, count, count, 0]
    return [
        (across, [0, 0, low, low]),
        (across, [low, low, high, high]),
        (across, [high, high, _OFF_THE_CHART, _OFF_THE_CHART]),
        ([0, count], [limit, limit]),
        ([0, count], [info.start, info.start]),
        _bands(x, info.low, info.high),
        _joined(list(x.T), list(info.median.T)) if num_steps > 1 else ([], []),
        (x.T.ravel(), info.median.T.ravel()),
    ]


def _clip(value: float) -> float:
    return value if math.isnan(value) else min(max(value, 1 / _OFF_THE_CHART), _OFF_THE_CHART)


def _joined(xs: Sequence[Array], ys: Sequence[Array]) -> Line:
    """Several lines as one, with NaN between: many thin traces cost Plotly far more than one long one."""
    if not xs:
        return [], []
    gap = np.array([np.nan])
    return (
        np.concatenate([part for x in xs for part in (x, gap)][:-1]),
        np.concatenate([part for y in ys for part in (y, gap)][:-1]),
    )


def float32(values: npt.ArrayLike) -> Floats:
    """What a frame carries; what is far off every chart is bounded, so that it stays a number."""
    array = np.asarray(values, dtype=np.float64)
    bounded = np.clip(array, -_OFF_THE_CHART, _OFF_THE_CHART)  # NaN stays NaN
    return np.ascontiguousarray(bounded, dtype=np.float32)


# --- Ranges -----------------------------------------------------------------------------------------------------------


def ranges(info: AnyInfo, previous: Mapping[str, Sequence[float]] | None = None) -> Range:
    """Axis ranges for a record; `previous` is what the last call for this chart gave, kept while it still serves.

    The fit chart's axes belong to the task family and stay as the figure has them: its ranges are empty.
    """
    match info:
        case LossInfo():
            if info.metric == "accuracy":
                return {"xaxis": _loss_steps(info), "yaxis": list(SHARES)}
            return {"xaxis": _loss_steps(info), "yaxis": decades(_loss_values(info), _axis(previous, "yaxis"))}
        case AdaptationInfo():
            values = [np.asarray(line.mean) for line in info.trajectories.values()]
            last = max((len(value) - 1 for value in values), default=info.num_inner_steps)
            margin = 0.02 * max(last, 1)
            steps = [-margin, last + margin]
            if info.metric == "accuracy":
                return {"xaxis": steps, "yaxis": list(SHARES)}
            return {"xaxis": steps, "yaxis": decades(values, _axis(previous, "yaxis"))}
        case PathInfo():
            return _plane(info, previous)
        case LayersInfo():
            return {"xaxis": [0.0, float(len(info.names))], "yaxis": _moved(info, _axis(previous, "yaxis"))}
        case GaugeInfo():
            return {"xaxis": [0.0, 1.0], "yaxis": _gauge_decades(info)}
        case RatesInfo():
            return {"xaxis": [0.0, float(len(info.names))], "yaxis": _rates_span(info, _axis(previous, "yaxis"))}
        case FitInfo() | ImagesInfo():
            return {}


def _axis(previous: Mapping[str, Sequence[float]] | None, axis: str) -> Sequence[float] | None:
    return previous.get(axis) if previous else None


def nice_steps(count: float) -> float:
    """The least of 50, 100, 200, 500, 1000, ... that holds `count` outer steps.

    >>> [nice_steps(count) for count in (0, 51, 200, 70_000)]
    [50.0, 100.0, 200.0, 100000.0]
    """
    if count <= 50:
        return 50.0
    decade = 10.0 ** math.floor(math.log10(count))
    return next(factor * decade for factor in (1.0, 2.0, 5.0, 10.0) if factor * decade >= count)


def _loss_steps(info: LossInfo) -> list[float]:
    """From 0 to a round number. A ghost is shown whole unless that would squeeze this run into a tenth of the chart."""
    now, before = (_last(curves.steps, curves.held_out_steps) for curves in (info.curves, info.ghost))
    return [0.0, nice_steps(max(now, min(before, 10 * max(now, 50.0))))]


def _last(*steps: Array) -> float:
    return max((float(array[-1]) for array in steps if len(array)), default=0.0)


def _loss_values(info: LossInfo) -> list[Array]:
    levels = [level.value for level in info.levels]
    run, ghost = info.curves, info.ghost
    lines = (run.smoothed, run.before, run.after, ghost.smoothed, ghost.before, ghost.after)
    return [
        np.asarray(levels, dtype=np.float64),
        *(_bulk(line, 0.01, 0.99) for line in lines),
        _bulk(run.raw, 0.02, 0.98),
    ]


def _bulk(values: Array, low: float, high: float) -> Array:
    """The values' range without their extremes; empty where nothing can be drawn on a log axis."""
    drawn = np.asarray(values, dtype=np.float64)
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    if not len(drawn):
        return drawn
    # Rounded outwards: of a few points none is an extreme.
    return np.array([np.quantile(drawn, low, method="lower"), np.quantile(drawn, high, method="higher")])


def decades(lines: Sequence[Array], previous: Sequence[float] | None) -> list[float]:
    """A log10 range around positive values: half decades, kept while it holds them and wastes no more than a decade."""
    values = np.concatenate([np.asarray(line, dtype=np.float64).ravel() for line in lines] or [np.empty(0)])
    logs = np.log10(values[np.isfinite(values) & (values > 0)])
    logs = np.clip(logs, *_LOSS_DECADES)
    low, high = (float(logs.min()), float(logs.max())) if len(logs) else (-1.0, 1.0)
    if previous is not None:
        kept_low, kept_high = previous
        if kept_low <= low and high <= kept_high and low - kept_low <= 1.1 and kept_high - high <= 1.1:
            return [kept_low, kept_high]
    # A little air, so that the next value does not touch the edge at once.
    low, high = math.floor(2 * (low - 0.08)) / 2, math.ceil(2 * (high + 0.08)) / 2
    return [low, max(high, low + 1.0)]


def _gauge_decades(info: GaugeInfo) -> list[float]:
    """Whole decades, the same for all usual step sizes: the marker should move, not the scale."""
    values = [value for value in (info.alpha, info.limit_low, info.limit_high) if 1e-8 < value < 1e8]
    low = min([_GAUGE_DECADES[0], *(math.floor(math.log10(value)) for value in values)])
    high = max([_GAUGE_DECADES[1], *(math.ceil(math.log10(value)) for value in values)])
    return [float(low), float(high)]


def _rates_span(info: RatesInfo, previous: Sequence[float] | None) -> list[float]:
    """Around the rates, their start and zero; with the stability limit where it is not far from them."""
    values = np.concatenate([info.low.ravel(), info.high.ravel(), [info.start, 0.0]])
    low, high = float(values.min()), float(values.max())
    if high < info.limit <= 1.5 * high:
        high = info.limit
    return _span(low, high, previous)


def _moved(info: LayersInfo, previous: Sequence[float] | None) -> list[float]:
    """From zero to the furthest layer. Where a few tasks diverge, their quantile does not squeeze all the others."""
    medians, highs = info.median[np.isfinite(info.median)], info.high[np.isfinite(info.high)]
    furthest = float(medians.max(initial=0.0))
    return _span(0.0, min(float(highs.max(initial=furthest)), 4.0 * furthest) or 0.1, previous)


def _span(low: float, high: float, previous: Sequence[float] | None) -> list[float]:
    """A linear range around low..high, kept while it holds them and is not twice as long as it need be."""
    length = max(high - low, 1e-6)
    if previous is not None:
        edge = 0.03 * length  # a marker on the very edge would be cut
        holds = previous[0] <= low - edge and high + edge <= previous[1]
        if holds and previous[1] - previous[0] <= 2.0 * length:
            return [float(previous[0]), float(previous[1])]
    return [low - (0.1 if low < 0 else 0.04) * length, high + 0.15 * length]


def _plane(info: PathInfo, previous: Mapping[str, Sequence[float]] | None) -> Range:
    """A square around the paths and the trail, kept while they lie in it and fill a third of it.

    A diverging path may leave it: points further from theta_0 than ten times the usual distance of an inner step do not count.
    """
    points = np.concatenate([info.paths.reshape(-1, 2), info.trail]).astype(np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return {"xaxis": [-1.0, 1.0], "yaxis": [-1.0, 1.0]}
    distance = np.abs(points - points[-1]).max(axis=1)
    # Of the inner steps alone: a short trail of many points would make them look far away.
    stepped = np.abs(info.paths[:, 1:].reshape(-1, 2).astype(np.float64) - points[-1]).max(axis=1)
    stepped = stepped[np.isfinite(stepped)] if np.isfinite(stepped).any() else distance
    points = points[distance <= 10 * max(float(np.median(stepped)), 1e-9)]
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-6)
    if previous is not None:
        kept_low = np.array([previous["xaxis"][0], previous["yaxis"][0]])
        kept_high = np.array([previous["xaxis"][1], previous["yaxis"][1]])
        span = float((kept_high - kept_low).max())
        edge = 0.04 * span  # a marker on the very edge would be cut
        if (kept_low + edge <= low).all() and (high <= kept_high - edge).all() and span <= 6 * half:
            return {axis: [float(v) for v in previous[axis]] for axis in ("xaxis", "yaxis")}
    center = (low + high) / 2
    return {
        axis: [float(middle - 1.35 * half), float(middle + 1.35 * half)]
        for axis, middle in zip(("xaxis", "yaxis"), center, strict=True)
    }
