"""How sensitive a sweep's problem is to its settings, in numbers: of a learning rate, of all settings together, and of how many are tried.

Everything is on the settings that were trained to the end or diverged; pruned ones are left out, since what they would have come to is not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from maml_core.intervals import Interval
from maml_core.records import Numbers
from maml_core.sweeps.axes import label
from maml_core.sweeps.comparing import has_common_tasks, task_axes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult, cap_of
from maml_core.sweeps.tables import best_of, values_along
from maml_core.wording import listed

RATES = ("alpha", "beta")
"""Axes that are learning rates."""

NEAR = 0.1
"""What is at most so much worse than the best is near it."""

_NUM_DRAWS = 2000


class RateSensitivity(NamedTuple):
    """Learning-rate sensitivity (Wortsman et al. 2023, section 2): how much a learning rate that was not tuned costs on average, over rates that are
    evenly spaced by their logarithm.
    """

    axis: str
    cost: Interval
    """Mean over the rates of min(loss, loss at the start) - best loss, each rate with the best of the other axes; bootstrap over the seeds. NaN
    ends with one seed. In classes the loss is 1 - accuracy, and the start's is guessing's."""
    near_share: float
    """Share of the rates at which some setting's value is at most 10% worse than the best one's."""
    diverged_share: float
    """Share of the rates at which every setting diverged."""


class TuningCurve(NamedTuple):
    """What is to be expected of the best of k settings tried, drawn at random from those of the sweep without putting back (Dodge et al. 2019)."""

    num_tried: tuple[int, ...]
    expected: Numbers
    """Mean of the best of k, [K]."""
    low: Numbers
    """A twentieth of such draws come to less, [K]."""
    high: Numbers
    """A twentieth come to more, [K]."""


class Scores(NamedTuple):
    """See the module."""

    rates: tuple[RateSensitivity, ...]
    """One a learning rate that is an axis, with two values or more among these settings."""
    num_settings: int
    """Those that were trained to the end or diverged."""
    near_share: float
    """Share of these settings whose value is at most 10% worse than the best one's."""
    diverged_share: float
    diverged_value: float
    """What a setting that diverged counts as in `tuning`."""
    tuning: TuningCurve


def scores(sweep: SweepConfig, results: Sequence[SettingResult]) -> Scores | None:
    """The scores of a sweep; None where no setting has trained to the end, or where an axis changes the held-out tasks: there is no best of all then.

    Args:
        sweep: That the results are of.
        results: Of its settings, in any order.
    """
    found = [one for one in results if one.status in ("ok", "diverged")]
    best = best_of(sweep, found)
    if best is None or not has_common_tasks(sweep):
        return None
    return Scores(
        rates=tuple(
            _rate_sensitivity(sweep, found, axis.name)
            for axis in sweep.axes
            if axis.name in RATES and axis.is_numeric and len({one.values[axis.name] for one in found}) > 1
        ),
        num_settings=len(found),
        near_share=float(np.mean([_is_near(sweep, one, best.value) for one in found])),
        diverged_share=float(np.mean([one.status == "diverged" for one in found])),
        diverged_value=cap_of(sweep),
        tuning=tuning_curve([one.value for one in found], maximises=sweep.maximises),
    )


def why_no_scores(sweep: SweepConfig) -> str:
    """Why there are none, where `scores` finds none."""
    if has_common_tasks(sweep):
        return "No setting has trained to the end: there is nothing to score."
    return f"Settings that differ in {listed([label(name) for name in task_axes(sweep)])} are judged on other held-out tasks: there is no best of all to score them by."


def tuning_words(sweep: SweepConfig, found: Scores) -> tuple[str, ...]:
    """What a setting that diverged counts as in the tuning curve, where there is one: it may carry the expected best far up."""
    if not found.diverged_share:
        return ()
    worst = "accuracy of 0" if sweep.maximises else f"loss of {found.diverged_value:.3g}"
    return (
        f"Among what is drawn a setting that diverged counts as the worst there is, {'an' if sweep.maximises else 'a'} {worst}.",
    )


def _is_near(sweep: SweepConfig, one: SettingResult, best: float) -> bool:
    if one.status == "diverged":
        return False
    return one.value >= (1.0 - NEAR) * best if sweep.maximises else one.value <= (1.0 + NEAR) * best


def _rate_sensitivity(sweep: SweepConfig, found: Sequence[SettingResult], axis: str) -> RateSensitivity:
    rates = [value for value in values_along(sweep, found, axis) if any(one.values[axis] == value for one in found)]
    rows = [[one for one in found if one.values[axis] == value] for value in rates]
    spacing = log_weights([float(value) for value in rates])  # type: ignore[arg-type]
    table = _losses(sweep, rows)
    value = _cost(table.mean(axis=2), spacing)
    low = high = math.nan
    if sweep.num_seeds > 1:
        random = np.random.default_rng(0)
        drawn = random.integers(0, sweep.num_seeds, (_NUM_DRAWS, sweep.num_seeds))
        costs = [_cost(table[..., seeds].mean(axis=2), spacing) for seeds in drawn]
        low, high = (float(end) for end in np.quantile(costs, [0.025, 0.975]))
    gone = [all(one.status == "diverged" for one in row) for row in rows]
    # Of the settings' own values: those of the table are cut off at the start's loss, which may itself lie near the best.
    best = best_of(sweep, found)
    assert best is not None
    near = [any(_is_near(sweep, one, best.value) for one in row) for row in rows]
    return RateSensitivity(
        axis, Interval(value, low, high), float(spacing @ np.array(near)), float(spacing @ np.array(gone))
    )


def _losses(sweep: SweepConfig, rows: Sequence[Sequence[SettingResult]]) -> Numbers:
    """Losses of the settings at each rate, at most the start's, [rates, settings, seeds]; NaN where a rate has fewer settings."""
    table = np.full((len(rows), max(map(len, rows)), sweep.num_seeds), np.nan)
    starts = [lane.before for row in rows for one in row for lane in one.lanes if math.isfinite(lane.before)]
    worst = (
        1.0 - 1.0 / sweep.base.num_outputs if sweep.maximises else float(np.median(starts)) if starts else cap_of(sweep)
    )
    for place, row in enumerate(rows):
        for column, one in enumerate(row):
            for lane in one.lanes:
                loss = (1.0 - lane.accuracy) if sweep.maximises else lane.loss
                table[place, column, lane.seed] = (
                    min(loss, worst) if lane.status == "ok" and math.isfinite(loss) else worst
                )
    return table


def _cost(table: Numbers, spacing: Numbers) -> float:
    """What an untuned rate costs, from mean losses [rates, settings]."""
    lowest = np.nanmin(table, axis=1)
    return float(spacing @ (lowest - lowest.min()))


def log_weights(rates: Sequence[float]) -> Numbers:
    """What each rate counts, so that the mean is one over the logarithm of the rate (trapezoidal rule); all the same where one is not above 0.

    >>> log_weights([0.01, 0.1, 1.0]).tolist(), log_weights([0.01, 0.1, 10.0]).round(3).tolist()
    ([0.25, 0.5, 0.25], [0.167, 0.5, 0.333])
    """
    if len(rates) < 2 or min(rates) <= 0.0:
        return np.full(len(rates), 1.0 / len(rates))
    gaps = np.diff(np.log(rates))
    weights = np.zeros(len(rates))
    weights[:-1] += gaps / 2.0
    weights[1:] += gaps / 2.0
    found: Numbers = weights / weights.sum()
    return found


def tuning_curve(values: Sequence[float], *, maximises: bool) -> TuningCurve:
    """The best of k = 1, 2, 4, ... of these values and of all.

    Args:
        values: Of all settings, each finite.
        maximises: Larger is better.

    >>> curve = tuning_curve([1.0, 2.0, 3.0, 4.0], maximises=False)
    >>> curve.num_tried, curve.expected.round(3).tolist()
    ((1, 2, 4), [2.5, 1.667, 1.0])
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if maximises:
        ordered = ordered[::-1]
    count = len(ordered)
    tried = tuple(dict.fromkeys([*(2**power for power in range(int(math.log2(count)) + 1)), count]))
    expected, low, high = (np.empty(len(tried)) for _ in range(3))
    for at, k in enumerate(tried):
        chances = _chances_of_best(count, k)
        expected[at] = chances @ ordered
        # The values stand from the best to the worst.
        sums = np.cumsum(chances)
        ends = ordered[np.searchsorted(sums, 0.05)], ordered[min(count - 1, int(np.searchsorted(sums, 0.95)))]
        low[at], high[at] = min(ends), max(ends)
    return TuningCurve(tried, expected, low, high)


def _chances_of_best(count: int, k: int) -> Numbers:
    """How likely each of `count` values, the best first, is the best of k that are drawn without putting back: C(n - i - 1, k - 1) / C(n, k)."""
    from scipy.special import gammaln

    worse = count - 1.0 - np.arange(count)
    found: Numbers = np.zeros(count)
    possible = worse >= k - 1
    left = worse[possible]
    found[possible] = (
        np.exp(gammaln(left + 1.0) - gammaln(left - k + 2.0) - gammaln(count + 1.0) + gammaln(count - k + 1.0)) * k
    )
    return found
