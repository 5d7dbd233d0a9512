"""What the settings that share a place of a sweep's map come to together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.charts.results import Metric
from dashboard.charts.scales import Update, float32
from dashboard.charts.sweep_settings import STATUS, Kind, SettingInfo, View
from dashboard.setups.sweep_axes import AxisInfo
from maml_core.intervals import Interval
from maml_core.sweeps.axes import Value
from maml_core.sweeps.place_means import UNKNOWN, MeanWidths, around
from maml_core.sweeps.tables import PlaceMean, mean_of

MEANS = "means"
"""The trace of the means, under the pointer in the place of single settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanInfo:
    """One place of a map."""

    x: Value
    y: Value
    """None where there is no second axis."""
    first: int
    """The least number of its settings."""
    of: PlaceMean
    over_tasks: Interval
    """The mean's 95% interval over held-out tasks; its ends are NaN where it is not known."""
    over_seeds: Interval

    @property
    def interval(self) -> Interval:
        """What stands for how far it is known: the seeds, or of one seed the tasks."""
        return self.over_tasks if math.isnan(self.over_seeds.low) else self.over_seeds


def means_of(settings: Sequence[SettingInfo], view: View, widths: MeanWidths | None = None) -> tuple[MeanInfo, ...]:
    """The means of a view, by the first of their settings.

    Args:
        settings: All that are looked at.
        view: Names the axes and the metric.
        widths: How far means of this metric are known; None where that is not measured.
    """
    places: dict[tuple[Value, Value], list[SettingInfo]] = {}
    for s in settings:
        places.setdefault((s.values[view.x], s.values[view.y] if view.y is not None else None), []).append(s)
    return tuple(_info(x, y, group, view.metric, widths) for (x, y), group in places.items())


def _info(x: Value, y: Value, group: Sequence[SettingInfo], metric: Metric, widths: MeanWidths | None) -> MeanInfo:
    found, geometric = _mean(group, metric), metric == "loss"
    finished = [s.number for s in group if s.kind == Kind.OK and math.isfinite(s.value)]
    width = UNKNOWN if widths is None else widths.of(finished)
    over_tasks, over_seeds = (around(found.value, each, geometric=geometric) for each in width)
    return MeanInfo(
        x=x, y=y, first=min(s.number for s in group), of=found, over_tasks=over_tasks, over_seeds=over_seeds
    )


def _mean(group: Sequence[SettingInfo], metric: Metric) -> PlaceMean:
    return mean_of([(STATUS[s.kind], s.value) for s in group], geometric=metric == "loss")


def best_mean(means: Sequence[MeanInfo], metric: Metric) -> MeanInfo | None:
    """The best place; None while no setting is finished."""
    known = [mean for mean in means if mean.of.num_ok]
    sign = 1.0 if metric == "loss" else -1.0
    return min(known, key=lambda mean: sign * mean.of.value) if known else None


def mean_updates(means: Sequence[MeanInfo], x: AxisInfo, y: AxisInfo | None) -> list[Update]:
    """What the trace of the means is filled with: a place, and the six numbers of its `PlaceMean` with the ends of both intervals, each."""
    numbers = [number for mean in means for number in (*mean.of, *mean.over_tasks[1:], *mean.over_seeds[1:])]
    heights = [mean.of.value if y is None else y.place(mean.y) for mean in means]
    return [
        (MEANS, "x", float32([x.place(mean.x) for mean in means])),
        (MEANS, "y", float32(heights)),
        (MEANS, "customdata", float32(numbers)),
    ]
