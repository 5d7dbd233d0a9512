"""How the settings of a sweep stand beside one of them: each value over its tasks and over its seeds, and the paired difference. Nothing here
imports torch.

What is *told apart* is told by `comparing`, corrected for all settings that are compared; an interval here is of one setting, or of one pair.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from maml_core.intervals import half_width
from maml_core.records import PairedDifference
from maml_core.sweeps.comparing import Comparison, is_compared
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.tables import best_of

_NAN = math.nan


class Verdict(IntEnum):
    """A setting beside the one that all are held against; with one seed a verdict is on the two trainings, never on the settings."""

    UNKNOWN = 0
    """It is not compared: it was not trained to the end."""
    REFERENCE = 1
    """It is the one that all are held against."""
    SAME = 2
    """It is not told apart."""
    WORSE = 3
    BETTER = 4
    DIVERGED = 5
    """It diverged, and too few seeds or settings tell whether it is worse: no candidate all the same."""
    OTHER_TASKS = 6
    """It is judged on other held-out tasks, which an axis changes: the two values do not compare."""


class Standing(NamedTuple):
    """One setting beside the reference. Values are what the sweep optimises; NaN where nothing tells a number."""

    seeds: tuple[float, ...]
    """Held-out value of each seed that was trained to the end, by rising seed; a seed that diverged is NaN."""
    over_tasks: float
    """Half-width of the value's 95% interval over held-out tasks, of the mean over seeds."""
    over_seeds: float
    """The same over seeds; NaN with one seed."""
    difference: float
    """How much higher its value is than the reference's, mean over the seeds in common; NaN where the two are judged on other tasks."""
    difference_over_tasks: float
    """Half-width of its 95% interval, paired task by task."""
    difference_over_seeds: float
    """Half-width of its 95% interval, paired seed by seed; NaN with one seed."""
    verdict: Verdict


class Standings:
    """The standings of all settings that were trained to the end, the diverged ones included, against any of them.

    Args:
        sweep: That they are of.
        results: Of its settings, in any order.
    """

    def __init__(self, sweep: SweepConfig, results: Sequence[SettingResult]) -> None:
        self._sweep = sweep
        self._compared = {one.number: one for one in results if is_compared(one)}
        self.comparison = Comparison(sweep, results)
        """Which settings differ."""
        best = best_of(sweep, results)
        self.best: int | None = None if best is None else best.number
        """Number of the best setting; None while none was trained to the end."""
        self._by_seed = {number: _by_seed(sweep, one) for number, one in self._compared.items()}
        self._over_tasks = self.comparison.intervals()
        self._found: tuple[int | None, dict[int, Standing]] = (None, {})

    @property
    def num_compared(self) -> int:
        """How many settings are compared, which the verdicts are corrected for."""
        return len(self._compared)

    def against(self, number: int | None) -> Mapping[int, Standing]:
        """Every setting beside one of them, by its number; beside the best one where that was not trained to the end, or None is given."""
        reference = number if number in self._compared else self.best
        if self._found[0] != reference or not self._found[1]:
            self._found = reference, self._against(reference)
        return self._found[1]

    def reference(self, number: int | None) -> int | None:
        """The number of the setting that `against` compares with."""
        return number if number in self._compared else self.best

    def _against(self, reference: int | None) -> dict[int, Standing]:
        first = self._compared.get(reference) if reference is not None else None
        others = list(self._compared.values())
        by_task = self.comparison.differences(first, others) if first is not None else {}
        by_seed = self._differences_by_seed(reference)
        found = {}
        for one in others:
            beside = by_task.get(one.number)
            mean, over_seeds = by_seed.get(one.number, (_NAN, _NAN))
            found[one.number] = Standing(
                seeds=self._by_seed[one.number],
                over_tasks=self._over_tasks.get(one.number, _NAN),
                over_seeds=one.ci95 if len(one.lanes) > 1 else _NAN,
                difference=mean,
                difference_over_tasks=_NAN if beside is None else beside.ci95,
                difference_over_seeds=over_seeds,
                verdict=self._verdict(first, one, beside),
            )
        return found

    def _verdict(self, first: SettingResult | None, one: SettingResult, beside: PairedDifference | None) -> Verdict:
        if first is None:
            return Verdict.UNKNOWN
        if one.number == first.number:
            return Verdict.REFERENCE
        if not self.comparison.are_judged_alike(first, one):
            return Verdict.OTHER_TASKS
        if self.comparison.is_told(first, one, beside):
            return Verdict.WORSE
        if self.comparison.is_told(one, first, beside):
            return Verdict.BETTER
        return Verdict.DIVERGED if one.status == "diverged" else Verdict.SAME

    def _differences_by_seed(self, reference: int | None) -> dict[int, tuple[float, float]]:
        """Mean and half-width of the differences seed by seed, of the settings of which every seed is finite."""
        whole = {
            number: seeds
            for number, seeds in self._by_seed.items()
            if len(seeds) == self._sweep.num_seeds and all(map(math.isfinite, seeds))
        }
        if reference not in whole:
            return {}
        first = self._compared[reference]
        whole = {
            number: seeds
            for number, seeds in whole.items()
            if self.comparison.are_judged_alike(first, self._compared[number])
        }
        values = np.array(list(whole.values()))
        differences = values - np.array(whole[reference])
        means, widths = differences.mean(axis=1), half_width(differences)
        return {number: (float(mean), float(width)) for number, mean, width in zip(whole, means, widths, strict=True)}


def _by_seed(sweep: SweepConfig, one: SettingResult) -> tuple[float, ...]:
    lanes = sorted(one.lanes, key=lambda lane: lane.seed)
    return tuple((lane.accuracy if sweep.maximises else lane.loss) if lane.status == "ok" else _NAN for lane in lanes)
