"""Pinned settings: who is computed next, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.charts.sweep_pins import pins_info
from dashboard.sweeps.comparison import MAX_KEPT, NUM_LOOKS, Comparison, Comparisons, Job
from maml_core.config import SinusoidConfig, replace
from maml_core.errors import ConfigError
from maml_core.intervals import paired_difference
from maml_core.runs import replay
from maml_core.sweeps.paired import task_losses
from tests.dashboard.sweeps.results import TINY

OTHER = replace(TINY, {"alpha": 0.05})


def run_through(comparison: Comparison) -> None:
    while (job := comparison.next_job()) is not None:
        comparison.finished(job, job.function(*job.arguments))


def test_both_are_judged_at_the_same_steps_from_the_first_to_the_last() -> None:
    comparison = Comparison((4, 7), (TINY, OTHER), 6, 10.0)
    run_through(comparison)
    assert comparison.is_done
    (steps, losses), (others, _) = comparison.curves()
    assert steps == others == (0, 1, 2, 3, 4, 5, 6)
    assert len(losses) == 7


def test_the_difference_is_that_of_the_single_runs() -> None:
    comparison = Comparison((4, 7), (TINY, OTHER), 6, 10.0)
    run_through(comparison)
    from maml_core.state_bytes import state_to_bytes

    states = [state_to_bytes(replay(config, [], num_steps=6)[1]) for config in (TINY, OTHER)]
    expected = paired_difference(task_losses(TINY, states[0]), task_losses(OTHER, states[1]))
    (found,) = comparison.differences()
    assert found is not None
    assert found.mean == pytest.approx(expected.mean, rel=1e-6)
    assert found.ci95 == pytest.approx(expected.ci95, rel=1e-6)


def test_they_are_compared_where_both_were_judged_last() -> None:
    """One is ahead by a look, which does not count before the other has it."""
    comparison = Comparison((4, 7), (TINY, OTHER), 6, 10.0)
    losses = {0: [np.array([4.0, 4.0]), np.array([1.0, 2.0])], 1: [np.array([3.0, 2.0])]}
    for place, looks in losses.items():
        for loss in looks:
            comparison.finished(Job(place, task_losses, ()), loss)
    (found,) = comparison.differences()
    assert found is not None
    assert found.mean == pytest.approx(-1.5)
    comparison.finished(Job(1, task_losses, ()), np.array([2.0, 4.0]))
    (found,) = comparison.differences()
    assert found is not None
    assert found.mean == pytest.approx(1.5)


def test_nobody_runs_ahead() -> None:
    comparison = Comparison((0, 1), (TINY, OTHER), 40, 10.0)
    judged = [0, 0]
    while (job := comparison.next_job()) is not None:
        if job.function is task_losses:
            judged[job.place] += 1
            assert abs(judged[0] - judged[1]) <= 1
        comparison.finished(job, job.function(*job.arguments))
    assert judged == [NUM_LOOKS + 1] * 2


def test_what_is_lost_is_asked_for_again() -> None:
    comparison = Comparison((0, 1), (TINY, OTHER), 2, 10.0)
    first = comparison.next_job()
    assert first is not None
    assert comparison.lost(first) == 1
    assert comparison.next_job() == first
    assert comparison.lost(first) == 2
    again = comparison.next_job()
    assert again is not None
    comparison.finished(again, again.function(*again.arguments))
    assert comparison.lost(again) == 1


def test_other_tasks_are_refused() -> None:
    with pytest.raises(ConfigError, match="common tasks"):
        Comparison((0, 1), (TINY, replace(TINY, {"tasks": SinusoidConfig(noise_std=1.0)})), 2, 10.0)


def test_what_the_page_shows() -> None:
    comparison = Comparison((4, 7), (TINY, OTHER), 2, 10.0)
    info = pins_info(comparison, 2)
    assert (info.numbers, info.differences, info.stopped) == ((4, 7), (None,), (False, False))
    run_through(comparison)
    info = pins_info(comparison, 2)
    np.testing.assert_array_equal(info.steps[0], [0.0, 1.0, 2.0])
    assert info.differences == tuple(comparison.differences())


def test_the_newest_are_kept() -> None:
    kept, made = Comparisons(), [Comparison((0, at), (TINY, OTHER), 2, 10.0) for at in range(1, MAX_KEPT + 2)]
    for comparison in made:
        kept.keep(comparison)
    assert [kept.of(comparison.numbers) for comparison in made] == [None, *made[1:]]
    kept.drop(
        Comparison(made[1].numbers, (TINY, OTHER), 2, 10.0)
    )  # of the same settings, asked for once more meanwhile
    assert kept.of(made[1].numbers) is made[1]
    kept.drop(made[1])
    assert kept.of(made[1].numbers) is None
