"""What a sweep's results say: sentences that read the map, from the results alone and never more than they support; the map; the table.

Two settings differ where their values are further apart than their 95% intervals together (the root of the sum of the squares); one that
diverged is worse than any that did not. A sentence about a trend needs both of its ends: each best value must beat the other's at its own end.
Divergence is told along an axis where Fisher's exact test, corrected for all cuts that were tried, puts chance below 1 in 100.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from maml_core.records import Curvature, Ints, Numbers
from maml_core.sweeps.axes import Axis, Value, is_number, label
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.space import SweepConfig

if TYPE_CHECKING:
    import pandas as pd

MIN_SETTINGS = 4
"""Fewer finished settings say nothing about a map."""

MAX_VALUES = 40
"""An axis with more values than this was drawn at random: its values do not repeat, and there is no best one for each."""

CHANCE = 0.01
"""How likely chance may be where a sentence says that divergence depends on an axis."""

STATUSES = ("waiting", "running", "ok", "diverged", "pruned")
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
    """Of the setting that is shown, [Y, X]; -1 where there is none."""
    status: Ints
    """Places in `STATUSES`, [Y, X]."""
    value: Numbers
    """[Y, X]; NaN where nothing was measured or where it diverged."""
    ci95: Numbers
    lambda_max: Numbers
    limit: Numbers
    """The stability limit 2 / lambda_max of each cell."""


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
    shown = [one for one in results if all(one.values[name] == value for name, value in (slices or {}).items())]
    x_values = _values(sweep, results, x)
    y_values = (None,) if y is None else _values(sweep, results, y)
    cells: dict[tuple[int, int], SettingResult] = {}
    for one in shown:
        at = (0 if y is None else y_values.index(one.values[y]), x_values.index(one.values[x]))
        if at not in cells or _rank(one, sweep) < _rank(cells[at], sweep):
            cells[at] = one
    shape = len(y_values), len(x_values)
    number, status = np.full(shape, -1, dtype=np.int64), np.full(shape, -1, dtype=np.int64)
    value, ci95, lambda_max = (np.full(shape, np.nan) for _ in range(3))
    for at, one in cells.items():
        number[at], status[at] = one.number, STATUSES.index(one.status)
        lambda_max[at] = one.lambda_max
        if one.status != "diverged":
            value[at], ci95[at] = one.value, one.ci95
    limit = np.array([Curvature.stability_limit(one) for one in lambda_max.flat]).reshape(shape)
    return Map(x, y, x_values, y_values, number, status, value, ci95, lambda_max, limit)


def table(sweep: SweepConfig, results: Sequence[SettingResult]) -> pd.DataFrame:
    """All settings, a row each, by number. Columns: the axes by their short names, status, value and interval, and means over the seeds."""
    import pandas as pd

    def mean(one: SettingResult, name: str) -> float:
        values = [getattr(lane, name) for lane in one.lanes]
        return float(np.mean(values)) if values else math.nan

    columns: dict[str, list[object]] = {"setting": [one.number for one in results]}
    for axis in sweep.axes:
        columns[label(axis.name)] = [one.values[axis.name] for one in results]
    columns |= {
        "status": [one.status for one in results],
        "value": [one.value for one in results],
        "ci95": [one.ci95 for one in results],
        **{
            name: [mean(one, name) for one in results]
            for name in ("loss", "before", "accuracy", "diverged_share", "worse_share")
        },
        "lambda_max": [one.lambda_max for one in results],
        "limit": [one.stability_limit for one in results],
        "seeds_diverged": [sum(lane.status in ("diverged", "dead") for lane in one.lanes) for one in results],
        "step": [min((lane.step for lane in one.lanes), default=0) for one in results],
    }
    return pd.DataFrame(columns).sort_values("setting", ignore_index=True)


def read(sweep: SweepConfig, results: Sequence[SettingResult]) -> tuple[str, ...]:
    """What the map says, in sentences, the most telling first; of a sweep under way, how much of it is known before that."""
    finished = [one for one in results if one.is_done]
    if len(finished) < MIN_SETTINGS:
        return (f"{len(finished)} of {sweep.size:,} settings are finished: too few to read the map.",)
    found = [one for one in finished if one.status == "ok"]
    so_far = (
        () if len(finished) >= sweep.size else (f"So far {len(finished):,} of {sweep.size:,} settings are finished.",)
    )
    if not found:
        return (*so_far, _none_ok(finished))
    trends = [trend for axis in sweep.axes for trend in _trends(sweep, found, finished, axis)]
    trends.sort(key=lambda trend: -trend.size)
    sentences = [_of_the_best(sweep, found), *(trend.sentence for trend in trends[:3])]
    sentences += _of_each_axis(sweep, found, finished)
    sentences += [_of_divergence(sweep, finished)]
    return (*so_far, *(sentence for sentence in sentences if sentence))


def best_of(sweep: SweepConfig, results: Sequence[SettingResult]) -> SettingResult | None:
    """The best setting of those that trained to the end; of equal ones the first."""
    found = [one for one in results if one.status == "ok"]
    return min(found, key=lambda one: (*_rank(one, sweep), one.number)) if found else None


def differs(better: SettingResult, worse: SettingResult, sweep: SweepConfig) -> bool:
    """Whether the first setting is better than the second by more than their intervals together."""
    if better.status == "diverged":
        return False
    if worse.status == "diverged":
        return True
    gain = better.value - worse.value if sweep.maximises else worse.value - better.value
    return gain > math.hypot(better.ci95, worse.ci95)  # false where an interval is not known


def _rank(one: SettingResult, sweep: SweepConfig) -> tuple[int, float]:
    """What comes first is better: finished, then on the way, then diverged."""
    order = {"ok": 0, "pruned": 1, "running": 2, "diverged": 3, "waiting": 4}[one.status]
    value = math.inf if math.isnan(one.value) else -one.value if sweep.maximises else one.value
    return order, value


def _values(sweep: SweepConfig, results: Sequence[SettingResult], name: str) -> tuple[Value, ...]:
    """The axis' values: numbers in their order, words as the axis has them."""
    axis = next(axis for axis in sweep.axes if axis.name == name)
    there = axis.values or tuple(dict.fromkeys(one.values[name] for one in results))
    numbers = [value for value in there if is_number(value)]
    return (*sorted(numbers), *(value for value in there if not is_number(value)))  # type: ignore[type-var]


def _groups(results: Sequence[SettingResult], name: str) -> dict[Value, list[SettingResult]]:
    found: dict[Value, list[SettingResult]] = {}
    for one in results:
        found.setdefault(one.values[name], []).append(one)
    return found


class _Trend(NamedTuple):
    sentence: str
    size: float
    """How far the best value moves, in factors of e."""


def _trends(
    sweep: SweepConfig, found: Sequence[SettingResult], finished: Sequence[SettingResult], axis: Axis
) -> Iterator[_Trend]:
    """How the best value of an axis of numbers moves along each of the others."""
    if not axis.is_numeric or len(_values(sweep, finished, axis.name)) > MAX_VALUES:
        return
    for other in sweep.axes:
        groups = _groups(found, other.name)
        values = [value for value in _values(sweep, finished, other.name) if len(groups.get(value, ())) >= 2]
        if other == axis or not 2 <= len(values) <= MAX_VALUES:
            continue
        bests = [best_of(sweep, groups[value]) for value in values]
        places = [float(best.values[axis.name]) for best in bests if best is not None]  # type: ignore[arg-type]
        first, last = (0, len(values) - 1) if other.is_numeric else (int(np.argmin(places)), int(np.argmax(places)))
        ends = (values[first], places[first]), (values[last], places[last])
        if places[first] == places[last] or not _is_supported(sweep, finished, axis, other, *ends):
            continue
        low, high = sorted((places[first], places[last]))
        size = math.log(high / low) if low > 0 else high - low
        yield _Trend(_trend_sentence(axis, other, values, places, first, last), size)


def _is_supported(
    sweep: SweepConfig,
    finished: Sequence[SettingResult],
    axis: Axis,
    other: Axis,
    first: tuple[Value, float],
    last: tuple[Value, float],
) -> bool:
    """Whether each end's best value beats the other end's at its own end."""
    for (at, mine), (_, theirs) in ((first, last), (last, first)):
        there = [one for one in finished if one.values[other.name] == at]
        better = _best_at(sweep, there, axis.name, mine)
        worse = _best_at(sweep, there, axis.name, theirs)
        if better is None or worse is None or not differs(better, worse, sweep):
            return False
    return True


def _best_at(sweep: SweepConfig, results: Sequence[SettingResult], name: str, value: float) -> SettingResult | None:
    there = [one for one in results if one.values[name] == value]
    return min(there, key=lambda one: _rank(one, sweep)) if there else None


def _trend_sentence(
    axis: Axis, other: Axis, values: Sequence[Value], places: Sequence[float], first: int, last: int
) -> str:
    what, along = label(axis.name), label(other.name)
    low, high = _words(places[first]), _words(places[last])
    if not other.is_numeric:
        return f"The best {what} is {low} with {along} = {_words(values[first])} and {high} with {along} = {_words(values[last])}."
    steps = np.diff(places)
    verb = "falls" if (steps <= 0).all() else "rises" if (steps >= 0).all() else "moves"
    return f"The best {what} {verb} from {low} to {high} as {along} grows from {_words(values[first])} to {_words(values[last])}."


def _of_the_best(sweep: SweepConfig, found: Sequence[SettingResult]) -> str:
    best = best_of(sweep, found)
    assert best is not None
    where = ", ".join(f"{label(name)} = {_words(value)}" for name, value in best.values.items()) or "the base"
    sentence = f"The best of {len(found):,} settings is {where}: {value_words(sweep, best)}"
    equal = sum(not differs(best, one, sweep) for one in found) - 1
    if equal:
        sentence += f"; {equal:,} {'others are' if equal > 1 else 'other is'} too close to tell apart"
    alpha = best.values.get("alpha", sweep.base.alpha)
    limit = best.stability_limit
    if is_number(alpha) and math.isfinite(limit):
        sentence += (
            f". There alpha is {float(alpha) / limit:.2g} times the stability limit 2 / lambda_max = {limit:.2g}"  # type: ignore[arg-type]
        )
    return f"{sentence}."


def _of_each_axis(
    sweep: SweepConfig, found: Sequence[SettingResult], finished: Sequence[SettingResult]
) -> Iterator[str]:
    """What the best result owes to an axis: words and switches compared, and numbers along which it keeps getting better or worse."""
    for axis in sweep.axes:
        groups = _groups(found, axis.name)
        values = [value for value in _values(sweep, finished, axis.name) if value in groups]
        if not 2 <= len(values) <= MAX_VALUES:
            continue
        bests = [best for value in values if (best := best_of(sweep, groups[value])) is not None]
        name = label(axis.name)
        if not axis.is_numeric:
            ordered = sorted(bests, key=lambda one: _rank(one, sweep))
            if differs(ordered[0], ordered[-1], sweep):
                ends = [
                    f"{name} = {_words(one.values[axis.name])} ({value_words(sweep, one)})"
                    for one in (ordered[0], ordered[-1])
                ]
                yield f"At their best, {ends[0]} is better than {ends[1]}."
        elif axis.name not in ("alpha", "beta") and len(values) >= 3:
            steps = np.diff([best.value for best in bests])
            for verb, holds in (("falls", (steps < 0).all()), ("rises", (steps > 0).all())):
                ends_differ = differs(bests[0], bests[-1], sweep) or differs(bests[-1], bests[0], sweep)
                if holds and ends_differ:
                    yield (
                        f"The best {_objective(sweep)} {verb} from {_number(sweep, bests[0].value)} to {_number(sweep, bests[-1].value)} "
                        f"as {name} grows from {_words(values[0])} to {_words(values[-1])}."
                    )


class _Cut(NamedTuple):
    chance: float
    share: float
    size: int
    """Settings on the side that diverges more."""
    side: str
    rest: float


def _of_divergence(sweep: SweepConfig, finished: Sequence[SettingResult]) -> str:
    gone = np.array([one.status == "diverged" for one in finished])
    if not gone.any():
        return f"None of the {len(finished):,} settings diverges."
    cuts = [cut for axis in sweep.axes for cut in _cuts(axis, finished, gone)]
    told = min(cuts, default=None, key=lambda cut: cut.chance)
    if told is None or told.chance * len(cuts) > CHANCE:
        return f"{gone.mean():.0%} of the settings diverge ({gone.sum():,} of {len(finished):,})."
    return f"{told.share:.0%} of the {told.size:,} settings {told.side} diverge, {told.rest:.0%} of the others."


def _cuts(axis: Axis, finished: Sequence[SettingResult], gone: npt.NDArray[np.bool_]) -> Iterator[_Cut]:
    """An axis cut in two at every place, with how likely chance would divide what diverged so."""
    from scipy.stats import fisher_exact

    column = [one.values[axis.name] for one in finished]
    name = label(axis.name)
    sides: list[tuple[npt.NDArray[np.bool_], str, str]] = []
    if axis.is_numeric and all(is_number(value) for value in column):
        numbers = np.array(column, dtype=np.float64)
        distinct = np.unique(numbers)
        if len(distinct) > MAX_VALUES:
            distinct = np.unique([float(f"{at:.3g}") for at in np.quantile(numbers, np.linspace(0.1, 0.9, 17))])
        for cut in distinct:
            side = _words(float(cut))
            sides.append((numbers > cut, f"with {name} above {side}", f"with {name} up to {side}"))
    else:
        for value in dict.fromkeys(column):
            is_it = np.array([other == value for other in column])
            sides.append((is_it, f"with {name} = {_words(value)}", f"with another {name} than {_words(value)}"))
    for inside, words, otherwise in sides:
        if inside.all() or not inside.any():
            continue
        mine, rest = float(gone[inside].mean()), float(gone[~inside].mean())
        chance = float(
            fisher_exact(
                [[gone[inside].sum(), (~gone[inside]).sum()], [gone[~inside].sum(), (~gone[~inside]).sum()]]
            ).pvalue
        )
        if mine >= rest:
            yield _Cut(chance, mine, int(inside.sum()), words, rest)
        elif axis.is_numeric or len(sides) > 2:
            yield _Cut(chance, rest, int((~inside).sum()), otherwise, mine)


def _none_ok(finished: Sequence[SettingResult]) -> str:
    gone = sum(one.status == "diverged" for one in finished)
    if gone == len(finished):
        return f"All {gone:,} finished settings diverged."
    return f"No setting has trained to the end: {gone:,} diverged, {len(finished) - gone:,} were pruned."


def value_words(sweep: SweepConfig, one: SettingResult) -> str:
    """A setting's value and its interval, as people read it."""
    known = f" ± {_number(sweep, one.ci95)}" if math.isfinite(one.ci95) else ""
    return f"{_objective(sweep)} {_number(sweep, one.value)}{known}"


def _objective(sweep: SweepConfig) -> str:
    return "held-out accuracy" if sweep.maximises else "held-out loss"


def _number(sweep: SweepConfig, value: float) -> str:
    return f"{100 * value:.1f}%" if sweep.maximises else f"{value:.3g}"


def _words(value: Value) -> str:
    """A value as people write it.

    >>> _words(0.0500001), _words(10), _words(True), _words(None)
    ('0.05', '10', 'on', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
