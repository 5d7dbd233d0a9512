"""What the charts of a sweep show, as plain frozen records: results in, `dashboard.charts.maps` and its neighbours out.

Nothing here draws and nothing here knows streamlit, plotly or torch.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from dashboard.info import Array, Ints, Metric
from dashboard.sweeps.axes import AxisInfo, axis_info, words
from maml_core.records import Curvature
from maml_core.sweeps.frozen import FrozenMap
from maml_core.sweeps.paired import PairedDifference
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.space import SweepConfig, Value

if TYPE_CHECKING:
    from dashboard.live.comparison import Comparison

BINS = 7
"""Colours for the values of an axis, where there are more of them."""


class Kind(IntEnum):
    """What is known of a setting; classes of their own, never a number on the colour scale."""

    WAITING = 0
    TRAINING = 1
    """Its value is not final: of the last rung, or the training loss before the first one."""
    OK = 2
    DIVERGED = 3
    PRUNED = 4


_KINDS = {
    "waiting": Kind.WAITING,
    "running": Kind.TRAINING,
    "ok": Kind.OK,
    "diverged": Kind.DIVERGED,
    "pruned": Kind.PRUNED,
}


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
    """Of the held-out tasks, 0..1; NaN where an earlier version measured it by another rule."""
    worse_share: float
    """Of the held-out tasks: their loss is higher than before adaptation."""
    limit: float
    """2 / lambda_max at its theta_0; NaN where that was not measured."""
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
        limit=_limit([lane.lambda_max for lane in lanes]),
        step=min((lane.step for lane in lanes), default=0),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _over_seeds(values: Sequence[float], ci95: Sequence[float]) -> tuple[float, float]:
    """Mean over seeds; the interval is that over tasks where there is one seed, else unknown in this metric."""
    return _mean(values), ci95[0] if len(ci95) == 1 else math.nan


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
    """Of the other axes a value each; the best setting over all values where it is None or missing."""
    metric: Metric = "loss"
    color: str = ""
    """The axis that colours the curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapInfo:
    """The map of two axes, or of one: of every place the setting that is shown there."""

    x: AxisInfo
    y: AxisInfo | None
    metric: Metric
    is_grid: bool
    """Every place is a cell; otherwise settings lie where they were drawn."""
    shown: tuple[SettingInfo, ...]
    limit_x: Array
    limit_y: Array
    """alpha = 2 / lambda_max, a point for each value of the other axis, NaN where it is not on the map; empty without alpha."""
    best: int | None
    """Number of the best finished setting shown."""
    over: tuple[str, ...] = ()
    """Axes over which the best setting is shown."""


def better(metric: Metric) -> float:
    """What turns a value of the metric into a cost."""
    return -1.0 if metric == "accuracy" else 1.0


def map_info(
    settings: Sequence[SettingInfo], sweep: SweepConfig, view: View, results: Sequence[SettingResult]
) -> MapInfo:
    """The map of a view."""
    axes = {axis.name: axis for axis in sweep.axes}
    x = axis_info(axes[view.x], results)
    y = axis_info(axes[view.y], results) if view.y is not None else None
    others = [name for name in axes if name not in (view.x, view.y)]
    is_grid = sweep.sampler == "grid" or all(axes[name].values for name in (view.x, view.y) if name is not None)
    inside = [
        s
        for s in settings
        if all(view.slices.get(name) is None or s.values[name] == view.slices[name] for name in others)
    ]
    shown = _topmost(inside, view) if is_grid else tuple(inside)
    limit_x, limit_y = np.empty(0), np.empty(0)
    beside = view.y if view.x == "alpha" else view.x
    if beside is None or sweep.sampler == "grid" or axes[beside].values:
        limit_x, limit_y = _limit_curve(shown, x, y)  # of drawn rows each has one noisy point, which is no curve
    return MapInfo(
        x=x,
        y=y,
        metric=view.metric,
        is_grid=is_grid,
        shown=shown,
        limit_x=limit_x,
        limit_y=limit_y,
        best=_best(shown, view.metric),
        over=tuple(name for name in others if view.slices.get(name) is None),
    )


def _topmost(settings: Sequence[SettingInfo], view: View) -> tuple[SettingInfo, ...]:
    """Of the settings at one place the one to show: the best that is finished, or what comes nearest to that."""
    order = {Kind.OK: 0, Kind.TRAINING: 1, Kind.PRUNED: 2, Kind.DIVERGED: 3, Kind.WAITING: 4}

    def rank(s: SettingInfo) -> tuple[int, float, int]:
        value = better(view.metric) * s.value
        return order[s.kind], math.inf if math.isnan(value) else value, s.number

    top: dict[tuple[Value, Value], SettingInfo] = {}
    for s in settings:
        place = (s.values[view.x], s.values[view.y] if view.y is not None else None)
        if place not in top or rank(s) < rank(top[place]):
            top[place] = s
    return tuple(sorted(top.values(), key=lambda s: s.number))


def _best(settings: Sequence[SettingInfo], metric: Metric) -> int | None:
    done = [s for s in settings if s.kind == Kind.OK and not math.isnan(s.value)]
    return min(done, key=lambda s: better(metric) * s.value).number if done else None


def _limit_curve(settings: Sequence[SettingInfo], x: AxisInfo, y: AxisInfo | None) -> tuple[Array, Array]:
    """Where alpha is 2 / lambda_max, a point for each value of the other axis."""
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
    low, high = alpha.edges[0], alpha.edges[-1]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesInfo:
    """The curves of all settings at the rungs, one behind the other with a NaN between them, by colour."""

    color: AxisInfo
    names: tuple[str, ...]
    """Of the B colours: a value of the axis, or a range of values."""
    steps: tuple[Array, ...]
    values: tuple[Array, ...]
    numbers: tuple[Ints, ...]
    """The setting that a point is of, by colour."""
    metric: Metric


def lanes_info(results: Sequence[SettingResult], sweep: SweepConfig, view: View) -> LanesInfo:
    """The curves of a view. They are of what the sweep optimises: the study keeps no other."""
    axes = {axis.name: axis for axis in sweep.axes}
    color = axis_info(axes[view.color or view.x], results)
    groups = _groups(color)
    bin_of = {value: index for index, group in enumerate(groups) for value in group}
    parts: list[list[tuple[Array, Array, int]]] = [[] for _ in groups]
    for result in results:
        if result.steps is None or result.curve is None or not len(result.steps):
            continue
        curve = np.where(np.isfinite(result.curve), result.curve, np.nan)
        parts[bin_of[result.values[color.name]]].append((np.asarray(result.steps, float), curve, result.number))
    gap = np.array([np.nan])
    return LanesInfo(
        color=color,
        names=tuple(_group_name(group) for group in groups),
        steps=tuple(
            np.concatenate([a for s, _, _ in part for a in (s, gap)]) if part else np.empty(0) for part in parts
        ),
        values=tuple(
            np.concatenate([a for _, v, _ in part for a in (v, gap)]) if part else np.empty(0) for part in parts
        ),
        numbers=tuple(
            np.concatenate([np.full(len(s) + 1, n) for s, _, n in part]) if part else np.empty(0, dtype=np.int64)
            for part in parts
        ),
        metric="accuracy" if sweep.base.classifies else "loss",
    )


def _groups(axis: AxisInfo) -> list[tuple[Value, ...]]:
    """The axis's values in at most `BINS` groups of neighbours."""
    count = min(BINS, max(1, len(axis.values)))
    return [
        tuple(part)
        for part in (
            axis.values[i * len(axis.values) // count : (i + 1) * len(axis.values) // count] for i in range(count)
        )
    ]


def _group_name(group: Sequence[Value]) -> str:
    if not group:
        return ""
    return words(group[0]) if len(group) == 1 else f"{words(group[0])} – {words(group[-1])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenInfo:
    """alpha x N_eval of one theta_0."""

    alphas: Array
    """[A]"""
    values: Array
    """Held-out loss or accuracy, [K + 1, A]; NaN where it is diverged."""
    ci95: Array
    diverged: Array
    """Whether a tenth of the tasks or more has diverged, or the mean is not finite, [K + 1, A]."""
    diverged_share: Array
    worse_share: Array
    limit: float
    """2 / lambda_max; NaN where it is not known."""
    metric: Metric
    of: str
    """Whose theta_0, in words."""


DIVERGED_SHARE = 0.1
"""From this share of diverged tasks on, a mean says nothing: the cell counts as diverged."""


def frozen_info(found: FrozenMap, metric: Metric, of: str) -> FrozenInfo:
    """A frozen map as the page shows it."""
    values, ci95 = (found.mean, found.ci95) if metric == "loss" else (found.accuracy, found.accuracy_ci95)
    assert values is not None, "accuracy is asked for of tasks with classes only"
    assert ci95 is not None
    diverged = ~np.isfinite(found.mean) | (found.diverged_share >= DIVERGED_SHARE)
    return FrozenInfo(
        alphas=found.alphas,
        values=np.where(diverged, np.nan, values).T,
        ci95=np.where(diverged, np.nan, ci95).T,
        diverged=diverged.T,
        diverged_share=found.diverged_share.T,
        worse_share=found.worse_share.T,
        limit=Curvature.stability_limit(found.curvature.median) if math.isfinite(found.curvature.median) else math.nan,
        metric=metric,
        of=of,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PinsInfo:
    """Pinned settings side by side."""

    numbers: tuple[int, ...]
    steps: tuple[Array, ...]
    """Outer steps at which each was judged."""
    losses: tuple[Array, ...]
    """Held-out loss there, mean over the common tasks; NaN where a task's is not finite."""
    stopped: tuple[bool, ...]
    """Whether it diverged."""
    differences: tuple[PairedDifference | None, ...]
    """Of each but the first against the first."""
    num_steps: int


def pins_info(comparison: Comparison) -> PinsInfo:
    """A comparison as the page shows it."""
    curves = comparison.curves()
    return PinsInfo(
        numbers=comparison.numbers,
        steps=tuple(np.array(steps, dtype=float) for steps, _ in curves),
        losses=tuple(np.where(np.isfinite(losses), losses, np.nan) for _, losses in curves),
        stopped=tuple(comparison.stopped()),
        differences=tuple(comparison.differences()),
        num_steps=comparison.num_steps,
    )
