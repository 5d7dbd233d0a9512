"""What the map of a sweep shows: of every place the best of the settings that share it, or their mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.charts.results import Array, Metric
from dashboard.charts.sweep_limit import limit_curve
from dashboard.charts.sweep_means import MeanInfo, means_of
from dashboard.charts.sweep_settings import STATUS, Colors, Kind, SettingInfo, View
from dashboard.setups.setting_names import symbol
from dashboard.setups.sweep_axes import AxisInfo, axis_info
from maml_core.sweeps.axes import Value
from maml_core.sweeps.comparing import task_axes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.place_means import MeanWidths
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.tables import Rank, best_at_each, rank


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
    """Number of the best finished setting shown; None where those that are shown are judged on different held-out tasks."""
    judged_by: tuple[str, ...] = ()
    """Axes in which what is compared differs and which change the held-out tasks: there is no best of all then."""
    over: tuple[str, ...] = ()
    """Axes over which the best setting is shown, or the mean."""
    means: tuple[MeanInfo, ...] | None = None
    """What is shown in the place of the best settings; None where these are."""
    inside: tuple[SettingInfo, ...] = ()
    """All settings of these places."""
    colors: Colors = "clipped"
    num_seeds: int = 1
    """Trainings of each setting."""

    @property
    def first(self) -> str:
        """What the setting that is shown of each place is called."""
        if not set(self.over) & set(self.judged_by):
            return "best"  # a place's settings are judged on the same tasks
        return "highest" if self.metric == "accuracy" else "lowest"

    @property
    def apart(self) -> str:
        """That results do not compare; empty where they do."""
        return f"Another {named(self.judged_by)}, other held-out tasks: these do not compare." if self.judged_by else ""


def map_info(
    settings: Sequence[SettingInfo],
    sweep: SweepConfig,
    view: View,
    results: Sequence[SettingResult],
    widths: MeanWidths | None = None,
) -> MapInfo:
    """The map of a view.

    Args:
        settings: All of them, in the view's metric.
        sweep: That they are of.
        view: What is looked at.
        results: What the settings were made of.
        widths: How far means of what the sweep optimises are known.
    """
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
    over = tuple(name for name in others if view.slices.get(name) is None)
    is_known = (view.metric == "accuracy") == sweep.maximises
    means = means_of(inside, view, widths if is_known else None) if is_grid and over and view.over == "mean" else None
    limit_x: Array
    limit_y: Array
    limit_x, limit_y = np.empty(0), np.empty(0)
    beside = view.y if view.x == "alpha" else view.x
    if beside is None or sweep.sampler == "grid" or axes[beside].values:
        # Of drawn rows each has one noisy point, which is no curve.
        limit_x, limit_y = limit_curve(shown, x, y, is_grid=is_grid)
    judged_by = _judged_by(inside, sweep, view, is_mean=means is not None)
    return MapInfo(
        x=x,
        y=y,
        metric=view.metric,
        is_grid=is_grid,
        shown=shown,
        limit_x=limit_x,
        limit_y=limit_y,
        best=None if judged_by else _best(shown, view.metric),
        judged_by=judged_by,
        over=over,
        means=means,
        inside=tuple(inside) if means is not None else (),
        colors=view.colors,
        num_seeds=sweep.num_seeds,
    )


def named(axes: Sequence[str]) -> str:
    """Axes in a sentence."""
    return " and ".join(symbol(name) for name in axes)


def _judged_by(inside: Sequence[SettingInfo], sweep: SweepConfig, view: View, *, is_mean: bool) -> tuple[str, ...]:
    """The axes by whose values the held-out tasks of what is compared differ. A place whose settings differ in one has no best, and neither has
    the map; means over the same values of it compare.
    """
    varied = tuple(name for name in task_axes(sweep) if len({s.values[name] for s in inside}) > 1)
    if not is_mean:
        return varied
    places: dict[tuple[Value, ...], list[SettingInfo]] = {}
    for s in inside:
        if s.kind == Kind.OK:
            places.setdefault(tuple(s.values[name] for name in (view.x, view.y) if name is not None), []).append(s)

    def differs(name: str) -> bool:
        return len({tuple(sorted(str(s.values[name]) for s in group)) for group in places.values()}) > 1

    return tuple(name for name in varied if differs(name))


def _topmost(settings: Sequence[SettingInfo], view: View) -> tuple[SettingInfo, ...]:
    """For each place the one setting to show: the best that is finished, or what comes nearest to that."""

    def place(s: SettingInfo) -> tuple[Value, Value]:
        return s.values[view.x], s.values[view.y] if view.y is not None else None

    top = best_at_each(settings, place, lambda s: _rank(s, view.metric))
    return tuple(sorted(top.values(), key=lambda s: s.number))


def _best(settings: Sequence[SettingInfo], metric: Metric) -> int | None:
    done = [s for s in settings if s.kind == Kind.OK and not math.isnan(s.value)]
    return min(done, key=lambda s: _rank(s, metric)).number if done else None


def _rank(s: SettingInfo, metric: Metric) -> Rank:
    """The engine's, of the metric that is looked at."""
    return rank(STATUS[s.kind], s.value, s.number, maximises=metric == "accuracy")
