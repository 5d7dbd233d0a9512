"""A sweep's results as a table and as a map, and which of its settings is better. Nothing here imports torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from maml_core.records import Curvature, Ints, Numbers
from maml_core.sweeps.axes import Axis, Value, is_number, label
from maml_core.sweeps.comparing import Comparison, judged_alike, task_axes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult

if TYPE_CHECKING:
    import pandas as pd

S = TypeVar("S")
P = TypeVar("P")

Rank = tuple[int, float, int]
"""Compares settings: the smaller one is better."""

STATUSES = ("waiting", "running", "ok", "diverged", "pruned", "refused")
"""What the numbers of `Map.status` mean; -1 where there is no setting."""


class Map(NamedTuple):
    """Settings over two axes, or over one (a single row). Where several settings share a cell, the best of them is shown."""

    x: str
    """Name of the axis of the columns."""
    y: str | None
    x_values: tuple[Value, ...]
    y_values: tuple[Value, ...]
    """One None where there is no second axis."""
    number: Ints
    """Number of the setting that is shown, [Y, X]; -1 where there is none."""
    status: Ints
    """Places in `STATUSES`, [Y, X]."""
    value: Numbers
    """[Y, X]; NaN where nothing was measured or where it diverged."""
    ci95: Numbers
    lambda_max: Numbers
    limit: Numbers
    """The stability limit 2 / lambda_max of each cell."""
    judged_by: tuple[str, ...] = ()
    """Axes in which these settings, those behind the cells too, differ and which change the held-out tasks: none is the best of all then."""


def map_of(
    sweep: SweepConfig,
    results: Sequence[SettingResult],
    x: str,
    y: str | None = None,
    *,
    slices: Mapping[str, Value] | None = None,
) -> Map:
    """The map of two axes, or of one.

    Args:
        sweep: That the results are of.
        results: Of its settings, in any order; missing ones are cells without a setting.
        x: Name of an axis.
        y: Of another one.
        slices: Values of other axes; of those that are not named the best setting is shown.

    Raises:
        ValueError: No such axis, or the same one twice.
    """
    names = [axis.name for axis in sweep.axes]
    for name in (x, *(() if y is None else (y,)), *(slices or {})):
        if name not in names:
            raise ValueError(f"{name} is no axis of this sweep; they are {', '.join(names)}")
    if x == y:
        raise ValueError(f"{x} cannot be both axes of a map")
    inside = [one for one in results if all(one.values[name] == value for name, value in (slices or {}).items())]
    x_values = values_along(sweep, results, x)
    y_values = (None,) if y is None else values_along(sweep, results, y)

    def cell(one: SettingResult) -> tuple[int, int]:
        return 0 if y is None else y_values.index(one.values[y]), x_values.index(one.values[x])

    cells = best_at_each(inside, cell, lambda one: rank_of(one, sweep))
    shape = len(y_values), len(x_values)
    number, status = np.full(shape, -1, dtype=np.int64), np.full(shape, -1, dtype=np.int64)
    value, ci95, lambda_max = (np.full(shape, np.nan) for _ in range(3))
    for at, one in cells.items():
        number[at], status[at] = one.number, STATUSES.index(one.status)
        lambda_max[at] = one.lambda_max
        if one.status != "diverged":
            value[at], ci95[at] = one.value, one.ci95
    limit = np.array([Curvature.stability_limit(one) for one in lambda_max.flat]).reshape(shape)
    judged_by = tuple(name for name in task_axes(sweep) if len({one.values[name] for one in inside}) > 1)
    return Map(x, y, x_values, y_values, number, status, value, ci95, lambda_max, limit, judged_by)


def table(sweep: SweepConfig, results: Sequence[SettingResult]) -> pd.DataFrame:
    """All settings, a row each, by number. Columns: the axes by their short names, status, value and interval, whether it is the best or not told
    apart from it (see `comparing`; with one seed as a training; of those that have their held-out tasks in common), and means over the seeds.
    """
    import pandas as pd

    def mean(one: SettingResult, name: str) -> float:
        values = [getattr(lane, name) for lane in one.lanes]
        return float(np.mean(values)) if values else math.nan

    columns: dict[str, object] = {"setting": [one.number for one in results]}
    for axis in sweep.axes:
        values = [one.values[axis.name] for one in results]
        columns[label(axis.name)] = pd.Series(values, dtype=object) if None in values else values  # no NaN for None
    columns |= {
        "status": [one.status for one in results],
        "value": [one.value for one in results],
        "ci95": [one.ci95 for one in results],
        "not_told_from_best": _not_told_from_best(sweep, results),
        **{
            name: [mean(one, name) for one in results]
            for name in ("loss", "before", "accuracy", "diverged_share", "worse_share")
        },
        "lambda_max": [one.lambda_max for one in results],
        "limit": [one.stability_limit for one in results],
        "seeds_diverged": [sum(lane.status in ("diverged", "dead") for lane in one.lanes) for one in results],
        "step": [min((lane.step for lane in one.lanes), default=0) for one in results],
        "compiled": [compiled_words(one.form_changes) for one in results],
        "refusal": [one.refusal for one in results],
    }
    return pd.DataFrame(columns).sort_values("setting", ignore_index=True)


def seed_table(sweep: SweepConfig, results: Sequence[SettingResult]) -> pd.DataFrame:
    """What is known of every training, a row a setting and seed. Columns: the setting's number, the axes by their short names, seed, and the fields of
    `LaneResult` but for the values task by task. A setting that waits, runs or was left out has no row.
    """
    import pandas as pd

    rows = []
    for one in sorted(results, key=lambda one: one.number):
        axes = {label(axis.name): one.values[axis.name] for axis in sweep.axes}
        for lane in one.lanes:
            known = lane._asdict()
            del known["task_values"]
            rows.append({"setting": one.number, **axes, **known})
    return pd.DataFrame(rows)


def _not_told_from_best(sweep: SweepConfig, results: Sequence[SettingResult]) -> list[bool]:
    """Whether each setting is the best of those that have its held-out tasks, or is not told apart from it."""
    by, good = Comparison(sweep, results), set()
    for group in judged_alike(sweep, [one for one in results if one.status == "ok"]):
        best = best_of(sweep, group)
        assert best is not None
        good |= {best.number, *(one.number for one in by.not_told_from(best, group))}
    return [one.number in good for one in results]


def compiled_words(form_changes: Sequence[int]) -> str:
    """Which outer steps were taken in their compiled form; empty where none was.

    >>> compiled_words([]), compiled_words([812]), compiled_words([812, 1000])
    ('', 'from 812', '812 to 1000')
    """
    begins, ends = form_changes[::2], form_changes[1::2]
    whole = [f"{begin} to {end}" for begin, end in zip(begins, ends)]  # the last one may have no end
    return ", ".join([*whole, *(f"from {begin}" for begin in begins[len(ends) :])])


def best_of(sweep: SweepConfig, results: Sequence[SettingResult]) -> SettingResult | None:
    """The best setting of those that trained to the end; of equal ones the first."""
    found = [one for one in results if one.status == "ok"]
    return min(found, key=lambda one: rank_of(one, sweep)) if found else None


def best_at_each(found: Iterable[S], place: Callable[[S], P], order: Callable[[S], Rank]) -> dict[P, S]:
    """What is shown at each place of a map: of all that share it the one that comes first."""
    best: dict[P, S] = {}
    for one in found:
        at = place(one)
        if at not in best or order(one) < order(best[at]):
            best[at] = one
    return best


class PlaceMean(NamedTuple):
    """All settings that share a place of a map."""

    value: float
    """Mean over those that were trained to the end, of losses the geometric one: settings are compared by factors. NaN where there are none."""
    low: float
    """The least and the largest of their values."""
    high: float
    num_ok: int
    """Settings trained to the end, over which the mean is."""
    num_diverged: int
    """Settings that diverged: they have no value, and are not in the mean."""
    num_others: int
    """Settings that are not finished, were pruned or left out."""


def mean_of(values: Sequence[tuple[str, float]], *, geometric: bool) -> PlaceMean:
    """What settings that share a place come to together.

    >>> mean_of([("ok", 1.0), ("ok", 4.0), ("diverged", 42.5)], geometric=True)
    PlaceMean(value=2.0, low=1.0, high=4.0, num_ok=2, num_diverged=1, num_others=0)

    Args:
        values: Of each setting its status and value.
        geometric: Whether the mean is that of logarithms, as of losses.
    """
    known = np.array([value for status, value in values if status == "ok" and math.isfinite(value)])
    gone = sum(status == "diverged" for status, _ in values)
    others = len(values) - len(known) - gone
    if not len(known):
        return PlaceMean(math.nan, math.nan, math.nan, 0, gone, others)
    mean = math.exp(float(np.log(np.maximum(known, 1e-12)).mean())) if geometric else float(known.mean())
    return PlaceMean(round(mean, 12), float(known.min()), float(known.max()), len(known), gone, others)


def rank(status: str, value: float, number: int, *, maximises: bool) -> Rank:
    """What comes first is better, and is shown where several settings share a cell: finished, then on the way, pruned, diverged; of those
    the better value, of equal ones the first.
    """
    order = {"ok": 0, "running": 1, "pruned": 2, "diverged": 3, "waiting": 4, "refused": 5}[status]
    return order, math.inf if math.isnan(value) else -value if maximises else value, number


def rank_of(one: SettingResult, sweep: SweepConfig) -> Rank:
    """The rank of a result."""
    return rank(one.status, one.value, one.number, maximises=sweep.maximises)


def axis_values(axis: Axis, results: Iterable[SettingResult]) -> tuple[Value, ...]:
    """The values along an axis of a map: numbers in their order, then words as the axis has them; of a range those that were drawn."""
    listed = (*axis.values, None) if axis.only_with else axis.values  # None where it does not count
    there = listed or tuple(dict.fromkeys(one.values[axis.name] for one in results if axis.name in one.values))
    numbers = [value for value in there if is_number(value)]
    return (*sorted(numbers), *(value for value in there if not is_number(value)))  # type: ignore[type-var]


def values_along(sweep: SweepConfig, results: Sequence[SettingResult], name: str) -> tuple[Value, ...]:
    """The values along the axis of this name."""
    return axis_values(next(axis for axis in sweep.axes if axis.name == name), results)
