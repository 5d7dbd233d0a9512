"""How far the mean of several settings is known: over held-out tasks, and over seeds. Nothing here imports torch.

The settings are as they are, no sample of others, so that their scatter is no part of it: what moves the mean is other tasks, or other seeds, of
all of them at once. Settings share their tasks and their seeds, which is why the mean's interval is not that of one setting made narrower by
their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from maml_core.intervals import Interval, half_width
from maml_core.sweeps.comparing import settings_by_seed, task_influences
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult


class Widths(NamedTuple):
    """Half-widths of a mean's 95% intervals: of an accuracy, or of a loss's logarithm. NaN where they are not known."""

    over_tasks: float
    over_seeds: float


UNKNOWN = Widths(math.nan, math.nan)


class MeanWidths:
    """The widths for means over any of a sweep's settings.

    Args:
        sweep: That they are of.
        results: Of its settings, in any order.
    """

    def __init__(self, sweep: SweepConfig, results: Sequence[SettingResult]) -> None:
        known, self._values = settings_by_seed(sweep, results)
        self._columns = {one.number: column for column, one in enumerate(known)}
        self._influences = task_influences(sweep, known)

    def of(self, numbers: Sequence[int]) -> Widths:
        """The widths for the mean of these settings, of losses the geometric one.

        Args:
            numbers: Settings that were trained to the end; where one is not known with every seed nothing is.
        """
        columns = [self._columns[number] for number in numbers if number in self._columns]
        if not columns or len(columns) < len(numbers):
            return UNKNOWN
        tasks = self._influences
        return Widths(
            math.nan if tasks is None else float(half_width(tasks[columns].mean(axis=0))),
            float(half_width(self._values[:, columns].mean(axis=1))),
        )


def around(mean: float, width: float, *, geometric: bool) -> Interval:
    """A mean with its interval.

    >>> around(2.0, math.log(2.0), geometric=True), around(0.75, 0.25, geometric=False)
    (Interval(value=2.0, low=1.0, high=4.0), Interval(value=0.75, low=0.5, high=1.0))

    Args:
        mean: Of losses or accuracies.
        width: From `Widths`.
        geometric: Whether it is the mean of logarithms, as of losses.
    """
    if math.isnan(width):
        return Interval(mean, math.nan, math.nan)
    if not geometric:
        return Interval(mean, mean - width, mean + width)
    return Interval(mean, mean * math.exp(-width), mean * math.exp(width))
