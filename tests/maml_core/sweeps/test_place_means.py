"""How far the mean of several settings is known: over held-out tasks and over seeds, of all settings at once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from maml_core.records import Numbers
from maml_core.sweeps.place_means import MeanWidths, around
from maml_core.sweeps.results import SettingResult
from tests.dashboard.sweeps.results import grid, sweep

NUM_SEEDS, NUM_TASKS = 4, 30
OF = sweep(num_seeds=NUM_SEEDS)


def table(seed: int = 0) -> Numbers:
    """Losses of the six settings, [K, S, T]: some seeds and some tasks are hard for all settings."""
    random = np.random.default_rng(seed)
    parts = [
        random.normal(0.0, 0.2, shape)
        for shape in ((6, 1, 1), (1, NUM_SEEDS, 1), (1, 1, NUM_TASKS), (6, NUM_SEEDS, NUM_TASKS))
    ]
    values: Numbers = np.exp(sum(parts)).astype("<f4").astype(np.float64)  # type: ignore[union-attr]
    return values


def measured(values: Numbers) -> tuple[SettingResult, ...]:
    """Results with these losses."""

    def with_lanes(one: SettingResult, of: Numbers) -> SettingResult:
        lanes = tuple(
            one.lanes[0]._replace(seed=seed, loss=float(row.mean()), task_values=row.astype("<f4").tobytes())
            for seed, row in enumerate(of)
        )
        return dataclasses.replace(one, lanes=lanes, value=float(of.mean()))

    return tuple(with_lanes(one, of) for one, of in zip(grid(OF), values, strict=True))


def width(sample: Sequence[float] | Numbers) -> float:
    low, high = stats.t.interval(0.95, len(sample) - 1, np.mean(sample), stats.sem(sample))
    return float(high - low) / 2.0


def test_over_seeds_it_is_the_scatter_of_the_means_of_each_seed() -> None:
    values = table()
    found = MeanWidths(OF, measured(values)).of([0, 2, 5])
    assert found.over_seeds == pytest.approx(width(np.log(values[[0, 2, 5]].mean(axis=2)).mean(axis=0)))


def test_over_tasks_it_is_how_other_tasks_would_move_it() -> None:
    """By drawing tasks anew, as a bootstrap does."""
    values = table()
    found = MeanWidths(OF, measured(values)).of([0, 2, 5])
    random = np.random.default_rng(1)
    drawn = [
        np.log(values[[0, 2, 5]][:, :, random.integers(NUM_TASKS, size=NUM_TASKS)].mean(axis=2)).mean()
        for _ in range(4000)
    ]
    assert found.over_tasks == pytest.approx(float(stats.t.ppf(0.975, NUM_TASKS - 1)) * np.std(drawn), rel=0.1)


def test_settings_share_their_seeds_so_that_many_are_no_better_known_than_one() -> None:
    values = table()
    values[:] = values[:1]
    widths = MeanWidths(OF, measured(values))
    one, all_of_them = widths.of([0]), widths.of(range(6))
    assert one == pytest.approx(all_of_them)


def test_what_is_not_known_with_every_seed_leaves_nothing_known() -> None:
    results = list(measured(table()))
    results[2] = dataclasses.replace(results[2], lanes=results[2].lanes[:2])
    widths = MeanWidths(OF, results)
    assert all(math.isnan(width) for numbers in ([0, 2], []) for width in widths.of(numbers))
    assert math.isfinite(widths.of([0, 1]).over_seeds)


def test_of_one_seed_the_seeds_say_nothing() -> None:
    values = table()[:, :1]
    found = MeanWidths(sweep(), measured(values)).of([0, 1])
    assert math.isnan(found.over_seeds)
    assert found.over_tasks > 0.0


def test_an_interval_that_is_not_known_has_no_ends() -> None:
    found = around(0.5, math.nan, geometric=True)
    assert (found.value, math.isnan(found.low), math.isnan(found.high)) == (0.5, True, True)
