"""Which settings of a sweep differ: paired, on the seeds and the held-out tasks that all have in common, and corrected for all that are compared.

Of several seeds, two things must hold before one setting is called better than another. The difference of their means over seeds is larger than
chance makes the largest difference of any two settings, where chance is measured by dealing each seed's values anew among the settings
(Westfall & Young 1993, the max-T procedure: without any effect the values of one seed could have been dealt in any order, whatever their
distribution, so that at most 3% of sweeps make any claim; axes and divergence have another 1% each). Where settings and seeds are so few that
there are too few ways to deal them, the bound is Tukey's studentised range, which supposes normal values. And the difference, task by task,
is beyond the tasks' own chance (Student's t, Bonferroni over the settings). Losses are compared as logarithms, since seeds scatter by a share of
the loss; a lane that diverged has the cap.

An axis may change the held-out tasks themselves: their range, their number, their seed. Settings that differ in one of these are judged on other tasks,
where a lower loss may be an easier exam, so that none of them is called better; those that have the same tasks are compared among themselves.

Of one seed nothing is known of a setting but that one training, whatever its tasks say, so that no setting is called better: the spread over
seeds is 0.7 standard errors over 100 tasks, and 3.9 over 4,000. What can be told is which *trainings* are told apart from the best one. Their
losses are compared as they are, though their logarithms would tell more of settings whose losses scatter widely: where one task in 130 is
lost far out, the ratio of two means over 40 tasks told 27% of 4,000 pairs apart that differed in nothing, corrected for 34; the difference told one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from maml_core.intervals import differs_among, half_width, paired_difference
from maml_core.records import Numbers, PairedDifference
from maml_core.sweeps.axes import Value
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.paired import COMMON
from maml_core.sweeps.results import LaneResult, SettingResult, cap_of

LEVEL = 0.03
"""Share of the sweeps without any effect in which some two settings are called different."""

_FEWEST_WAYS = 200
"""One setting that stands apart stands apart by chance in one of K to the power of S - 1 deals; where these are fewer, it could hardly be told."""

_AT_ONCE = 1000
"""Settings whose differences are taken together: of a thousand tasks each they take 8 MB."""

_MOST_DEALT = 999
_LEAST_DEALT = 199
_NUMBERS = 2_000_000
"""How often values are dealt anew: as often as makes so many numbers, within these bounds."""


class Scatter(NamedTuple):
    """Settings whose seeds are compared."""

    places: dict[int, int]
    """Columns by the numbers of the settings."""
    means: Numbers
    """Over seeds, on the scale that is compared (see `_on_scale`), [K]."""
    variances: Numbers
    """Over seeds, without what a seed does to all settings, [K]."""
    typical: float
    """Their median, of those that scatter at all; or where settings are few, the residual variance of all together."""
    bound: float
    """A difference of two means over a typical deviation, beyond which `LEVEL` of sweeps without any effect have some two settings."""


class Comparison:
    """Compares the settings of one sweep that were trained to the end, those that diverged included. Pruned ones are not compared.

    Args:
        sweep: That they are of.
        results: Of its settings, in any order.
    """

    def __init__(self, sweep: SweepConfig, results: Sequence[SettingResult]) -> None:
        self._sweep = sweep
        self._compared = [one for one in results if is_compared(one)]
        self.num_seeds = sweep.num_seeds
        self._scatter = _scatter(sweep, self._compared) if self.num_seeds > 1 and len(self._compared) > 1 else None
        self._judged_by = task_axes(sweep)
        self._tasks: dict[int, Numbers | None] = {}
        """What each setting came to task by task, mean over its seeds, [T]; by its number, once it was asked for."""

    def differs(self, better: SettingResult, worse: SettingResult) -> bool:
        """Whether the first setting is better than the second, beyond what seeds, tasks and the number of settings make by chance.

        With one seed never.
        """
        return self._is_beyond_seeds(better, worse) and self._is_beyond_tasks(
            better, worse, self.difference(better, worse)
        )

    def trainings_differ(self, better: SettingResult, worse: SettingResult) -> bool:
        """Whether the first one's trainings are better than the second's on the held-out tasks in common, whatever other seeds would give."""
        return self._is_ahead(better, worse) and self._is_beyond_tasks(better, worse, self.difference(better, worse))

    def is_told(self, better: SettingResult, worse: SettingResult, found: PairedDifference | None) -> bool:
        """Whether the first is told to be better: as a setting, or with one seed as a training.

        Args:
            better: One of the two.
            worse: The other.
            found: Their paired difference, whichever is first.
        """
        is_ahead = self._is_beyond_seeds if self.num_seeds > 1 else self._is_ahead
        return is_ahead(better, worse) and self._is_beyond_tasks(better, worse, found)

    def difference(self, first: SettingResult, second: SettingResult) -> PairedDifference | None:
        """How much higher the second one's held-out value is, task by task, mean over the seeds in common; None where the tasks' values are
        not known, or the two are not judged on common tasks.
        """
        if not self.are_judged_alike(first, second):
            return None
        ours, theirs = (self._by_task(one) for one in (first, second))
        if ours is None or theirs is None or len(ours) != len(theirs) or len(ours) < 2:
            return None
        return paired_difference(ours, theirs)

    def differences(self, first: SettingResult, others: Sequence[SettingResult]) -> dict[int, PairedDifference]:
        """The `difference` of each of the others from the first, by their numbers, where there is one; a thousand at a time."""
        ours = self._by_task(first)
        if ours is None or len(ours) < 2:
            return {}
        known = {
            one.number: values
            for one in others
            if self.are_judged_alike(first, one) and (values := self._by_task(one)) is not None
        }
        alike = [number for number, values in known.items() if len(values) == len(ours)]
        found: dict[int, PairedDifference] = {}
        for start in range(0, len(alike), _AT_ONCE):
            part = alike[start : start + _AT_ONCE]
            with np.errstate(invalid="ignore"):  # inf - inf is a NaN that says so
                rows = np.array([known[number] for number in part]) - ours
                means, widths = rows.mean(axis=1), half_width(rows)
            found |= {
                number: PairedDifference(float(mean), float(width), len(ours))
                for number, mean, width in zip(part, means, widths, strict=True)
            }
        return found

    def intervals(self) -> dict[int, float]:
        """Half-widths of the 95% intervals over held-out tasks of what each setting came to, mean over its seeds, by their numbers; those of
        one seed are over all its tasks, the others' over those whose values are kept.
        """
        found = {}
        for one in self._compared:
            values = self._by_task(one) if len(one.lanes) > 1 else None
            if len(one.lanes) == 1:
                lane = one.lanes[0]
                found[one.number] = lane.accuracy_ci95 if self._sweep.maximises else lane.ci95
            elif values is not None and len(values) > 1:
                found[one.number] = float(half_width(values))
        return found

    def not_told_from(self, best: SettingResult, others: Sequence[SettingResult]) -> list[SettingResult]:
        """Those of the others that are judged on the same tasks as the best and not told apart from it: as settings, or with one seed as trainings."""
        found = self.differences(best, others)
        return [
            one
            for one in others
            if one.number != best.number
            and self.are_judged_alike(best, one)
            and not self.is_told(best, one, found.get(one.number))
        ]

    def are_judged_alike(self, first: SettingResult, second: SettingResult) -> bool:
        """Whether the held-out tasks of two settings are the same."""
        return all(first.values[name] == second.values[name] for name in self._judged_by)

    def _is_beyond_seeds(self, better: SettingResult, worse: SettingResult) -> bool:
        found = self._scatter
        if not self.are_judged_alike(better, worse):
            return False
        if found is None or better.number not in found.places or worse.number not in found.places:
            return False
        first, second = found.places[better.number], found.places[worse.number]
        gain = float(found.means[second] - found.means[first])  # larger is worse
        variance = max(found.typical, float(found.variances[first] + found.variances[second]) / 2.0)
        return gain > found.bound * math.sqrt(variance)

    def _is_ahead(self, better: SettingResult, worse: SettingResult) -> bool:
        if not self.are_judged_alike(better, worse):
            return False
        if worse.status == "diverged" or better.status == "diverged":
            return better.status != "diverged"
        return better.value > worse.value if self._sweep.maximises else better.value < worse.value

    def _is_beyond_tasks(self, better: SettingResult, worse: SettingResult, found: PairedDifference | None) -> bool:
        """Whether the difference is more than the tasks' own chance; of those that diverged there is nothing to ask."""
        if worse.status == "diverged":
            return True
        if found is None:
            return self.num_seeds > 1 or abs(better.value - worse.value) > math.hypot(better.ci95, worse.ci95)
        if not math.isfinite(found.mean):
            return not self._has_infinite(better)
        return differs_among(found, len(self._compared) - 1)

    def _has_infinite(self, one: SettingResult) -> bool:
        values = self._by_task(one)
        return values is None or not np.isfinite(values).all()

    def _by_task(self, one: SettingResult) -> Numbers | None:
        if one.number not in self._tasks:
            self._tasks[one.number] = self._mean_by_task(one)
        return self._tasks[one.number]

    def _mean_by_task(self, one: SettingResult) -> Numbers | None:
        if not one.lanes:
            return None
        values = [lane.by_task for lane in one.lanes]
        if not all(len(value) == len(values[0]) > 0 for value in values):
            return None
        mean: Numbers = np.mean(values, axis=0)
        return mean


def is_compared(one: SettingResult) -> bool:
    """Whether a setting was trained to the end, or diverged; what a pruned one would have come to is not known."""
    return one.status in ("ok", "diverged") and bool(one.lanes)


def settings_by_seed(sweep: SweepConfig, results: Sequence[SettingResult]) -> tuple[list[SettingResult], Numbers]:
    """The K settings that are compared and of which every seed is known, and their values on the scale on which smaller is better, [S, K]: the
    logarithm of a loss, or an accuracy's opposite.
    """
    every = set(range(sweep.num_seeds))
    known = [one for one in results if is_compared(one) and {lane.seed for lane in one.lanes} == every]
    cap = cap_of(sweep)
    rows = [[_on_scale(sweep, lane, cap) for lane in sorted(one.lanes, key=lambda lane: lane.seed)] for one in known]
    return known, np.array(rows, dtype=np.float64).reshape(len(known), sweep.num_seeds).T


def task_influences(sweep: SweepConfig, known: Sequence[SettingResult]) -> Numbers | None:
    """How each of T held-out tasks moves each of K settings' values (see `settings_by_seed`), mean over the seeds: their mean over the tasks is 0,
    and their scatter is that of the values if other tasks were drawn, [K, T].

    A lane that diverged has the cap, whatever the tasks. None where the tasks' values are not known, or not common to all settings.
    """
    lanes = [lane for one in known for lane in one.lanes if lane.status == "ok" and math.isfinite(lane.loss)]
    sizes = {len(lane.by_task) for lane in lanes}
    if not has_common_tasks(sweep) or len(sizes) != 1 or min(sizes) < 2:
        return None
    found = np.zeros((len(known), sizes.pop()))
    for place, one in enumerate(known):
        for lane in one.lanes:
            if lane.status == "ok" and math.isfinite(lane.loss):
                values = lane.by_task
                mean = float(values.mean())
                moves = mean - values if sweep.maximises else values / max(mean, 1e-12) - 1.0
                found[place] += moves / len(one.lanes)
    return found


def has_common_tasks(sweep: SweepConfig) -> bool:
    """Whether all settings are judged on the same held-out tasks."""
    return not task_axes(sweep)


def task_axes(sweep: SweepConfig) -> tuple[str, ...]:
    """The axes that change the held-out tasks: settings that differ in one of them are judged on other tasks, and their values do not compare."""
    return tuple(axis.name for axis in sweep.axes if axis.name.split(".")[0] in COMMON)


def judged_alike(sweep: SweepConfig, results: Sequence[SettingResult]) -> list[list[SettingResult]]:
    """The settings in groups that have their held-out tasks in common, in the order of their first."""
    found: dict[tuple[Value, ...], list[SettingResult]] = {}
    names = task_axes(sweep)
    for one in results:
        found.setdefault(tuple(one.values[name] for name in names), []).append(one)
    return list(found.values())


def without_task_axes(sweep: SweepConfig, known: Sequence[SettingResult], values: Numbers) -> Numbers:
    """A table of seeds and settings [S, K] without what the held-out tasks make of it: less each seed's mean over the settings that have them in common."""
    if has_common_tasks(sweep):
        return values
    places = {one.number: place for place, one in enumerate(known)}
    found = values.copy()
    for group in judged_alike(sweep, known):
        columns = [places[one.number] for one in group]
        found[:, columns] -= values[:, columns].mean(axis=1, keepdims=True)
    return found


def _scatter(sweep: SweepConfig, compared: Sequence[SettingResult]) -> Scatter | None:
    """The settings of which every seed is known."""
    known, values = settings_by_seed(sweep, compared)
    if len(known) < 2:
        return None
    values = without_task_axes(sweep, known, values)
    means, variances, middle = (found[0] for found in _moments(values[np.newaxis]))
    num_seeds, num_settings = values.shape
    if num_settings ** (num_seeds - 1) < _FEWEST_WAYS:
        freedom = (num_settings - 1) * (num_seeds - 1)
        left = values - means - (values.mean(axis=1, keepdims=True) - means.mean())
        typical, bound = float((left**2).sum()) / freedom, _tukey(num_settings, freedom) / math.sqrt(num_seeds)
    else:
        typical, bound = float(middle), _bound(values)
    places = {one.number: place for place, one in enumerate(known)}
    return Scatter(places, means, variances, typical, bound)


def _on_scale(sweep: SweepConfig, lane: LaneResult, cap: float) -> float:
    """A lane's value, at worst the cap, on a scale on which smaller is better: the logarithm of a loss, or an accuracy's opposite."""
    value = lane.accuracy if sweep.maximises else lane.loss
    if lane.status != "ok" or not math.isfinite(value):
        value = cap
    if sweep.maximises:
        return -max(value, cap)
    return math.log(max(min(value, cap), 1e-12))


def _moments(values: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Means [B, K], variances [B, K] and typical variances [B] of B tables of S seeds and K settings, [B, S, K]."""
    means: Numbers = values.mean(axis=1)
    left = values - means[:, np.newaxis]
    left -= np.median(
        left, axis=2, keepdims=True
    )  # what the seed does to most settings; few that diverge do not move it
    variances: Numbers = (left**2).sum(axis=1) / (values.shape[1] - 1)
    scattered = np.where(variances > 0.0, variances, np.nan)
    none = np.isnan(scattered).all(axis=1)
    scattered[none] = 0.0
    return means, variances, np.nanmedian(scattered, axis=1)


def _bound(values: Numbers) -> float:
    """The largest difference of two means that chance makes, in typical deviations, when each seed's values [S, K] are dealt anew among the settings."""
    num_seeds, num_settings = values.shape
    count = int(np.clip(_NUMBERS // values.size, _LEAST_DEALT, _MOST_DEALT))
    random, largest = np.random.default_rng(0), np.empty(count)
    at_once = max(1, _NUMBERS // 10 // values.size)
    for start in range(0, count, at_once):
        size = min(at_once, count - start)
        dealt = random.permuted(np.broadcast_to(values, (size, num_seeds, num_settings)), axis=2)
        means, _, typical = _moments(dealt)
        with np.errstate(divide="ignore", invalid="ignore"):
            largest[start : start + size] = np.nan_to_num((means.max(axis=1) - means.min(axis=1)) / np.sqrt(typical))
    return float(np.sort(largest)[_place(count)])


@lru_cache(maxsize=256)
def _tukey(num_settings: int, freedom: int) -> float:
    from scipy.stats import studentized_range  # a tenth of a second

    return float(studentized_range.ppf(1.0 - LEVEL, num_settings, freedom))


def _place(count: int) -> int:
    """The place, among so many sorted values that chance has made, of the one that `LEVEL` of all, the observed one among them, may exceed.

    >>> _place(199), _place(999)
    (193, 969)
    """
    return math.ceil((1.0 - LEVEL) * (count + 1)) - 1
