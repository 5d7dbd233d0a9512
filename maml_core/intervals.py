"""Confidence intervals of means over few or many tasks, and of the difference of two runs on common tasks. Nothing here imports torch."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from maml_core.records import Numbers, PairedDifference


class Interval(NamedTuple):
    """A number with its 95% interval; the ends are NaN where nothing tells how far it is known."""

    value: float
    low: float
    high: float

    @classmethod
    def unknown(cls) -> Interval:
        """Nothing is known, the number neither."""
        return cls(math.nan, math.nan, math.nan)


def half_width(values: Numbers) -> Numbers:
    """Half-width of the 95% confidence interval of the mean over the last axis, by Student's t with n - 1 degrees of freedom.

    Of one task it is NaN, since that says nothing of others; of two tasks it is 12.7 standard errors, of twenty 2.09, of thousands 1.96. It is exact where values are normal; the losses of a few
    tasks are skewed, and their interval still covers somewhat less than 95% (88% of two tasks, 92% of twenty, measured on sinusoids).

    >>> half_width(np.array([1.0, 2.0, 3.0])).round(3)
    np.float64(2.484)

    Args:
        values: [..., n], n >= 1.
    """
    from scipy.special import stdtrit  # takes a third of a second, which who only opens a page need not wait for

    count = values.shape[-1]
    if count < 2:
        return np.full(values.shape[:-1], np.nan)
    with np.errstate(over="ignore", invalid="ignore"):  # a finite value may have a square that is not
        spread: Numbers = np.asarray(values, dtype=np.float64).std(axis=-1, ddof=1)
    width: Numbers = float(stdtrit(count - 1, 0.975)) * spread / math.sqrt(count)
    return width


def paired_difference(first: Numbers, second: Numbers) -> PairedDifference:
    """The difference of two runs' losses on the same tasks.

    What tasks have in common, being easy or hard, cancels, so that the interval is narrower than those of the two means.

    >>> paired_difference(np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.5, 2.5]))
    PairedDifference(mean=-0.5, ci95=0.0, num_tasks=3)

    Args:
        first: Losses of T >= 2 tasks, [T].
        second: Of the same tasks in the same order, [T].

    Raises:
        ValueError: Not as many tasks, or fewer than two.
    """
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise ValueError(
            f"losses of the same two or more tasks are needed, not of shapes {first.shape} and {second.shape}"
        )
    with np.errstate(invalid="ignore"):  # inf - inf is a NaN that says so
        differences = second - first
        return PairedDifference(float(np.mean(differences)), float(half_width(differences)), len(differences))


def differs_among(found: PairedDifference, num_comparisons: int) -> bool:
    """Whether a difference is more than the tasks' own chance where so many are looked at together (Bonferroni over intervals of 95%).

    >>> found = PairedDifference(0.5, 0.4, 100)
    >>> differs_among(found, 1), differs_among(found, 8)
    (True, False)

    Args:
        found: One of the differences. One that is not finite is never told.
        num_comparisons: How many there are; fewer than one count as one.
    """
    return math.isfinite(found.mean) and abs(found.mean) > found.ci95 * _widening(found.num_tasks, num_comparisons)


@lru_cache(maxsize=64)
def _widening(num_tasks: int, num_comparisons: int) -> float:
    """How much wider than 95% an interval is that holds for so many comparisons at once."""
    from scipy.special import stdtrit

    usual, corrected = (float(stdtrit(num_tasks - 1, 1.0 - 0.025 / count)) for count in (1, max(1, num_comparisons)))
    return corrected / usual
