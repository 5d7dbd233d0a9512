"""What a sweep's results say: sentences that read the map, from the results alone and never more than they support.

Which settings differ is told by `comparing`, and which axes do anything by `importance`: of several seeds, never of one. A sentence about a trend needs both of its ends: each best value must
beat the other's at its own end. Where an axis changes the held-out tasks, that is said, and settings are compared among those that have them in
common. Divergence is told along an axis where Fisher's exact test, corrected for all cuts that were tried, puts chance
below 1 in 100. So on tables without any effect at most 5% of sweeps make any claim.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from maml_core.intervals import Interval
from maml_core.sweeps.axes import Axis, Value, in_sentence, is_number, label, setting_words, steps_by_alpha, with_values
from maml_core.sweeps.comparing import Comparison, judged_alike, task_axes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.importance import FEWEST_SETTINGS, FEWEST_TOP, TOP_SHARE, AxisEffect, Importance, importance
from maml_core.sweeps.results import SettingResult, cap_of
from maml_core.sweeps.tables import best_of, rank_of, values_along
from maml_core.traits import TRAITS
from maml_core.values import shown
from maml_core.wording import listed, ratio

MIN_SETTINGS = 4
"""Fewer finished settings say nothing about a map."""

MAX_TASKS = 4
"""With more sets of held-out tasks than this not each has its best setting in a sentence."""

MAX_VALUES = 40
"""An axis with more values than this was drawn at random: its values do not repeat, and there is no best one for each."""

ONE_SEED = (
    "Each setting was trained from one seed, and how much another seed would change is not known: no setting is called better than another. "
    "Three seeds or more can tell."
)

CHANCE = 0.01
"""How likely chance may be where a sentence says that divergence depends on an axis."""


def read(sweep: SweepConfig, results: Sequence[SettingResult], comparison: Comparison | None = None) -> tuple[str, ...]:
    """What the map says, in sentences, the most telling first; of a sweep under way, how much of it is known before that.

    Args:
        sweep: That the results are of.
        results: Of its settings, in any order.
        comparison: Of these results, where there is one already.
    """
    left_out = [one for one in results if one.status == "refused"]
    why = (_of_left_out(sweep, left_out),) if left_out else ()
    size = sweep.size - len(left_out)
    if not size:
        return why
    finished = [one for one in results if one.is_finished]
    if len(finished) < min(MIN_SETTINGS, size):
        return (f"{_of_all(len(finished), size)} finished: too few to read the map.", *why)
    found = [one for one in finished if one.status == "ok"]
    by = comparison or Comparison(sweep, finished)
    so_far = () if len(finished) >= size else (f"When {len(finished):,} of {size:,} settings were finished:",)
    if not found:
        return (*so_far, _none_ok(finished), *why)
    trends = [trend for axis in sweep.axes for trend in _trends(sweep, found, finished, axis, by)]
    trends.sort(key=lambda trend: -trend.size)
    of_axes = list(_of_each_axis(sweep, found, finished, by))
    told = _told_cut(sweep, finished)
    spoken_of = {name for trend in trends[:3] for name in trend.axes} | {name for name, _ in of_axes}
    sentences = [*_of_the_best(sweep, found, by), *(trend.sentence for trend in trends[:3])]
    sentences += [sentence for _, sentence in of_axes]
    effects = importance(sweep, finished)
    if effects is not None:
        sentences += importance_words(sweep, effects, spoken_of | ({told.axis} if told is not None else set()))
    sentences += [_of_divergence(finished, told)]
    if sweep.num_seeds == 1:
        sentences += [ONE_SEED]
    return (*so_far, *(sentence for sentence in sentences if sentence), *why)


def finished_words(sweep: SweepConfig, results: Sequence[SettingResult]) -> str:
    """How many settings are finished, and how many are left out."""
    refused = sum(one.status == "refused" for one in results)
    others = f", {refused:,} left out" if refused else ""
    return f"{_of_all(sum(one.is_finished for one in results), sweep.size)} finished{others}"


def _of_all(number: int, size: int) -> str:
    return f"{number:,} of {size:,} settings {'is' if number == 1 else 'are'}"


def _of_left_out(sweep: SweepConfig, left_out: Sequence[SettingResult]) -> str:
    """Which settings were not computed, and why."""
    first = left_out[0]
    alike = [one for one in left_out if one.refusal == first.refusal]
    where = setting_words(first.values)
    more = f" and {len(alike) - 1:,} more" if len(alike) > 1 else ""
    others = f" {len(left_out) - len(alike):,} are left out for other reasons." if len(left_out) > len(alike) else ""
    count = f"{len(alike):,} of the {sweep.size:,} settings {'are' if len(alike) > 1 else 'is'} left out"
    return f"{count} ({where}{more}): {first.refusal}.{others}"


def _groups(results: Sequence[SettingResult], name: str) -> dict[Value, list[SettingResult]]:
    found: dict[Value, list[SettingResult]] = {}
    for one in results:
        found.setdefault(one.values[name], []).append(one)
    return found


class _Trend(NamedTuple):
    sentence: str
    size: float
    """How far the best value moves, in factors of e."""
    axes: tuple[str, str]
    """Whose value moves, and along which."""


def _trends(
    sweep: SweepConfig,
    found: Sequence[SettingResult],
    finished: Sequence[SettingResult],
    axis: Axis,
    by: Comparison,
) -> Iterator[_Trend]:
    """How the best value of an axis of numbers moves along each of the others; one that changes the held-out tasks has no best value."""
    judged_by = set(task_axes(sweep))
    if axis.name in judged_by or not axis.is_numeric or len(values_along(sweep, finished, axis.name)) > MAX_VALUES:
        return
    for other in sweep.axes:
        groups = _groups(found, other.name)
        values = [value for value in values_along(sweep, finished, other.name) if len(groups.get(value, ())) >= 2]
        if other == axis or judged_by - {other.name} or not 2 <= len(values) <= MAX_VALUES:
            continue
        bests = [best_of(sweep, groups[value]) for value in values]
        places = [float(best.values[axis.name]) for best in bests if best is not None]  # type: ignore[arg-type]
        first, last = (0, len(values) - 1) if other.is_numeric else (int(np.argmin(places)), int(np.argmax(places)))
        ends = (values[first], places[first]), (values[last], places[last])
        if places[first] == places[last] or not _is_supported(sweep, finished, axis, other, *ends, by):
            continue
        low, high = sorted((places[first], places[last]))
        size = math.log(high / low) if low > 0 else high - low
        yield _Trend(_trend_sentence(axis, other, values, places, first, last), size, (axis.name, other.name))


def _is_supported(
    sweep: SweepConfig,
    finished: Sequence[SettingResult],
    axis: Axis,
    other: Axis,
    first: tuple[Value, float],
    last: tuple[Value, float],
    by: Comparison,
) -> bool:
    """Whether each end's best value beats the other end's at its own end."""
    for (at, mine), (_, theirs) in ((first, last), (last, first)):
        there = [one for one in finished if one.values[other.name] == at]
        better = _best_at(sweep, there, axis.name, mine)
        worse = _best_at(sweep, there, axis.name, theirs)
        if better is None or worse is None or not by.differs(better, worse):
            return False
    return True


def _best_at(sweep: SweepConfig, results: Sequence[SettingResult], name: str, value: float) -> SettingResult | None:
    there = [one for one in results if one.values[name] == value]
    return min(there, key=lambda one: rank_of(one, sweep)) if there else None


def _trend_sentence(
    axis: Axis, other: Axis, values: Sequence[Value], places: Sequence[float], first: int, last: int
) -> str:
    what, along = label(axis.name), label(other.name)
    low, high = shown(places[first]), shown(places[last])
    if not other.is_numeric:
        ends = [setting_words({other.name: values[at]}) for at in (first, last)]
        return f"The best {what} is {low} with {ends[0]} and {high} with {ends[1]}."
    steps = np.diff(places)
    verb = "falls" if (steps <= 0).all() else "rises" if (steps >= 0).all() else "moves"
    return f"The best {what} {verb} from {low} to {high} as {along} grows from {shown(values[first])} to {shown(values[last])}."


def _of_the_best(sweep: SweepConfig, found: Sequence[SettingResult], by: Comparison) -> Iterator[str]:
    """The best setting; where an axis changes the held-out tasks, the best with each of its values, if these are few."""
    names = task_axes(sweep)
    if not names:
        yield _of_one_best(sweep, found, by)
        return
    axes = listed([label(name) for name in names])
    groups = judged_alike(sweep, found)
    yield f"Settings that differ in {axes} are judged on other held-out tasks: a lower loss there may be an easier exam, and none is called better."
    if len(groups) <= MAX_TASKS:
        for group in groups:
            if len(group) > 1:
                sentence = _of_one_best(sweep, group, by)
                yield f"With {setting_words({name: group[0].values[name] for name in names})} {sentence[0].lower()}{sentence[1:]}"


def _of_one_best(sweep: SweepConfig, found: Sequence[SettingResult], by: Comparison) -> str:
    best = best_of(sweep, found)
    assert best is not None
    where = (
        setting_words({name: value for name, value in best.values.items() if name not in task_axes(sweep)})
        or "the base"
    )
    kind = "training" if sweep.num_seeds == 1 else "setting"
    who = f"The best of {len(found):,} {kind}s is" if len(found) > 1 else f"The only {kind} that came to its end is"
    sentence = f"{who} {where}: {value_words(sweep, best)}"
    equal = len(by.not_told_from(best, found))
    if equal:
        sentence += f"; {equal:,} {'others' if equal > 1 else 'other'} cannot be told apart from it"
    return f"{sentence}.{_of_its_limit(sweep, best)}"


def _of_its_limit(sweep: SweepConfig, best: SettingResult) -> str:
    """Where alpha lies below the stability limit, with a space before it; nothing where alpha is not the size of any step, or nothing was measured."""
    config = with_values(sweep.base, best.values)
    alpha, limit, learns = config.alpha_at_test, best.stability_limit, TRAITS[config.algorithm].learns
    if not steps_by_alpha(sweep.base, best.values) or alpha < 0.0 or not math.isfinite(limit):
        return ""
    of = "2 / lambda_max, without what its matrices have learned," if learns == "matrices" else "2 / lambda_max"
    return f" There alpha is {ratio(alpha / limit)} times the stability limit {of} = {limit:.2g}."


def _of_each_axis(
    sweep: SweepConfig, found: Sequence[SettingResult], finished: Sequence[SettingResult], by: Comparison
) -> Iterator[tuple[str, str]]:
    """What the best result owes to an axis, with that axis: words and switches compared, and numbers along which it keeps getting better or worse."""
    for axis in sweep.axes:
        if axis.name in task_axes(sweep):
            continue
        groups = _groups(found, axis.name)
        values = [value for value in values_along(sweep, finished, axis.name) if value in groups]
        if not 2 <= len(values) <= MAX_VALUES:
            continue
        bests = [best for value in values if (best := best_of(sweep, groups[value])) is not None]
        name = label(axis.name)
        if not axis.is_numeric:
            ordered = sorted(bests, key=lambda one: rank_of(one, sweep))
            if by.differs(ordered[0], ordered[-1]):
                ends = [
                    f"{setting_words({axis.name: one.values[axis.name]})} ({value_words(sweep, one)})"
                    for one in (ordered[0], ordered[-1])
                ]
                yield axis.name, f"At their best, {ends[0]} is better than {ends[1]}."
        elif axis.name not in ("alpha", "beta") and len(values) >= 3:
            steps = np.diff([best.value for best in bests])
            for verb, holds in (("falls", (steps < 0).all()), ("rises", (steps > 0).all())):
                ends_differ = by.differs(bests[0], bests[-1]) or by.differs(bests[-1], bests[0])
                if holds and ends_differ:
                    yield (
                        axis.name,
                        f"The best {_objective(sweep)} {verb} from {_number(sweep, bests[0].value)} to {_number(sweep, bests[-1].value)} "
                        f"as {name} grows from {shown(values[0])} to {shown(values[-1])}.",
                    )


def importance_words(
    sweep: SweepConfig, found: Importance, spoken_of: Collection[str] = frozenset()
) -> tuple[str, ...]:
    """What each axis does, and the strongest interaction, with their intervals; axes that cannot be told from chance are named without numbers.

    Args:
        sweep: That it is of.
        found: What each axis does.
        spoken_of: Axes of which something is claimed in another sentence, so that it would be wrong to say that nothing can be told.
    """
    told = [axis for axis in found.axes if axis.is_told]
    sentences = [_of_axis(sweep, found, axis) for axis in sorted(told, key=lambda axis: -axis.share.value)]
    if any(axis.num_diverged.any() for axis in told):
        of = f"{_objective(sweep)} of {_number(sweep, cap_of(sweep))}"
        sentences.append(f"In these means a training that diverged counts as a {of}.")
    if others := [label(axis.axis) for axis in found.axes if not axis.is_told and axis.axis not in spoken_of]:
        alone = (" by itself" if len(others) == 1 else " by themselves") if len(found.axes) > 1 else ""
        sentences.append(
            f"What {listed(others)} {'do' if len(others) > 1 else 'does'}{alone} cannot be told from chance."
        )
    if strongest := next((pair for pair in found.interactions if pair.is_told), None):
        first, second = label(strongest.first), label(strongest.second)
        sentences.append(
            f"What {first} does depends on {second}: together they explain {_share_words(strongest.share)} of the settings' differences beyond "
            "what each does alone."
        )
    return tuple(sentences)


def trust_words(found: Importance) -> str:
    """How many settings and seeds importance rests on, and of what it says nothing."""
    left_out = f", without the {found.num_left_out:,} that were pruned or not finished" if found.num_left_out else ""
    top = (
        f"The best tenth are {found.num_top:,}."
        if found.num_top
        else f"The best tenth are fewer than {FEWEST_TOP}, so nothing is said of them; {math.ceil(FEWEST_TOP / TOP_SHARE)} settings are enough."
    )
    return f"From {found.num_settings:,} settings with {found.num_seeds} seeds each{left_out}. {top}"


def why_no_importance(sweep: SweepConfig) -> str:
    """Why nothing is said of the axes, where `importance` finds nothing."""
    if sweep.num_seeds == 1:
        return f"What an axis does cannot be told from what the seed does. {ONE_SEED}"
    if len(task_axes(sweep)) == len(sweep.axes):
        return "The axes change the held-out tasks: what they do to the loss says how hard these are."
    return f"Fewer than {FEWEST_SETTINGS} settings are known with every seed: too few to say what an axis does."


def _of_axis(sweep: SweepConfig, found: Importance, axis: AxisEffect) -> str:
    among = f", and {_share_words(axis.top_share)} among the best tenth" if math.isfinite(axis.top_share.value) else ""
    alone = (
        f"{label(axis.axis)} alone explains {_share_words(axis.share)} of the settings' differences{among}"
        if len(found.axes) > 1
        else ""
    )
    if axis.change.low <= (0.0 if sweep.maximises else 1.0):
        does = alone or f"The {_objective(sweep)} depends on {label(axis.axis)}"
        return f"{does}; which of its values is better by how much cannot be told from {found.num_seeds} seeds."
    sentence = _ends_of_axis(sweep, found, axis)
    return f"Mean over the other axes, t{sentence}; {alone}." if alone else f"T{sentence}."


def _ends_of_axis(sweep: SweepConfig, found: Importance, axis: AxisEffect) -> str:
    """How far the worst group of an axis is from the best, without the first letter."""
    name, best, worst = label(axis.axis), axis.groups[axis.best], axis.groups[axis.worst]
    value, over_seeds = _change_words(sweep, axis.change)
    over_tasks = _change_words(sweep, axis.change_over_tasks)[1]
    intervals = f"{over_seeds} over {found.num_seeds} seeds" + (f", {over_tasks} over the tasks" if over_tasks else "")
    where = f"{name} = {worst}{_gone_words(int(axis.num_diverged[axis.worst]), int(axis.sizes[axis.worst]))}"
    ends = f"{value} lower at {where} than" if sweep.maximises else f"{value} times as high at {where} as"
    return f"he {_objective(sweep)} is {ends} at {best} ({intervals})"


def _gone_words(num_diverged: int, size: int) -> str:
    """How many of some settings diverge, between commas; nothing where none does."""
    if not num_diverged:
        return ""
    how_many = f"{num_diverged:,} of {size:,} settings" if num_diverged < size else f"all {size:,} settings"
    return f", where {'the setting' if size == 1 else how_many} {'diverges' if num_diverged == 1 else 'diverge'},"


def _change_words(sweep: SweepConfig, change: Interval) -> tuple[str, str]:
    """A change and its interval, which is empty where it is not known."""
    value, low, high = (f"{100 * end:.1f}" if sweep.maximises else f"{end:.3g}" for end in change)
    unit = " points" if sweep.maximises else ""
    return f"{value}{unit}", f"{low} to {high}" if math.isfinite(change.low) else ""


def _share_words(share: Interval) -> str:
    return f"{share.value:.0%} ({100 * share.low:.0f} to {share.high:.0%})"


class _Cut(NamedTuple):
    axis: str
    chance: float
    share: float
    size: int
    """Settings on the side that diverges more."""
    side: str
    rest: float


def _told_cut(sweep: SweepConfig, finished: Sequence[SettingResult]) -> _Cut | None:
    """The axis on which divergence depends most, and where; None where chance may have done it."""
    gone = np.array([one.status == "diverged" for one in finished])
    cuts = [cut for axis in sweep.axes for cut in _cuts(axis, finished, gone)] if gone.any() else []
    told = min(cuts, default=None, key=lambda cut: cut.chance)
    return told if told is not None and told.chance * len(cuts) <= CHANCE else None


def _of_divergence(finished: Sequence[SettingResult], told: _Cut | None) -> str:
    """How many diverge, and of how many that is not known, since they were pruned."""
    pruned = sum(one.status == "pruned" for one in finished)
    known = (
        f"; {pruned:,} {'were' if pruned > 1 else 'was'} pruned, and {'had' if pruned > 1 else 'it had'} not diverged until then"
        if pruned
        else ""
    )
    return f"{_how_many_diverge(finished, told)}{known}."


def _how_many_diverge(finished: Sequence[SettingResult], told: _Cut | None) -> str:
    num_gone = sum(one.status == "diverged" for one in finished)
    if not num_gone:
        ended = sum(one.status != "pruned" for one in finished)
        trained = " trained to the end" if ended < len(finished) else ""
        if ended == 1:
            return f"The one setting{trained} does not diverge"
        return f"None of the {ended:,} settings{trained} diverges"
    if told is None:
        return f"{num_gone / len(finished):.0%} of the settings diverge ({num_gone:,} of {len(finished):,})"
    return f"{told.share:.0%} of the {told.size:,} settings {told.side} diverge, {told.rest:.0%} of the others"


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
            side = shown(float(cut))
            sides.append((numbers > cut, f"with {name} above {side}", f"with {name} up to {side}"))
    else:
        for value in dict.fromkeys(column):
            is_it = np.array([other == value for other in column])
            at = in_sentence(axis.name, value)
            sides.append((is_it, f"with {name} = {at}", f"with another {name} than {at}"))
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
            yield _Cut(axis.name, chance, mine, int(inside.sum()), words, rest)
        elif axis.is_numeric or len(sides) > 2:
            yield _Cut(axis.name, chance, rest, int((~inside).sum()), otherwise, mine)


def _none_ok(finished: Sequence[SettingResult]) -> str:
    gone = sum(one.status == "diverged" for one in finished)
    if gone == len(finished):
        return f"All {gone:,} finished settings diverged." if gone > 1 else "The one finished setting diverged."
    return f"No setting has trained to the end: {gone:,} diverged, {len(finished) - gone:,} were pruned."


def value_words(sweep: SweepConfig, one: SettingResult) -> str:
    """A setting's value and its interval, as people read it, with what that is over."""
    over = f"over {len(one.lanes)} seeds" if len(one.lanes) > 1 else "over its tasks"
    known = f" ± {_number(sweep, one.ci95)} {over}" if math.isfinite(one.ci95) else ""
    return f"{_objective(sweep)} {_number(sweep, one.value)}{known}"


def _objective(sweep: SweepConfig) -> str:
    return "held-out accuracy" if sweep.maximises else "held-out loss"


def _number(sweep: SweepConfig, value: float) -> str:
    return f"{100 * value:.1f}%" if sweep.maximises else f"{value:.3g}"
