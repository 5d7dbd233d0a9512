"""How settings stand beside one of them: intervals over tasks and over seeds, paired differences, and what is told."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from maml_core.intervals import half_width, paired_difference
from maml_core.sweeps.comparing import Comparison
from maml_core.sweeps.standing import Standings, Verdict
from tests.maml_core.sweeps.test_comparing import ALPHA, STEPS, Case, drawn, sweep_of

CASES = (
    Case((ALPHA, STEPS), 1, effect=0.3),
    Case((ALPHA, STEPS), 3, effect=0.6),
    Case((ALPHA, STEPS), 5, effect=0.6, gone=0.01),
    Case((ALPHA, STEPS), 3, effect=0.6, prune=0.5),
)


@pytest.mark.parametrize("case", CASES)
def test_what_is_told_of_every_pair_is_what_the_comparison_tells(case: Case):
    sweep, results = sweep_of(case), drawn(case, np.random.default_rng(3))
    standings, by = Standings(sweep, results), Comparison(sweep, results)
    tells = by.differs if case.num_seeds > 1 else by.trainings_differ
    compared = [one for one in results if one.status in ("ok", "diverged")]
    told = set()
    for first, other in itertools.permutations(compared, 2):
        verdict = standings.against(first.number)[other.number].verdict
        assert (verdict == Verdict.WORSE) == tells(first, other)
        assert (verdict == Verdict.BETTER) == tells(other, first)
        assert (verdict == Verdict.DIVERGED) <= (other.status == "diverged")
        told.add(verdict)
    assert told - {Verdict.DIVERGED} == {Verdict.SAME, Verdict.WORSE, Verdict.BETTER}
    assert set(standings.against(None)) == {one.number for one in compared}


def test_the_group_of_the_best_is_the_tables():
    sweep, results = sweep_of(CASES[1]), drawn(CASES[1], np.random.default_rng(3))
    standings = Standings(sweep, results)
    best = next(one for one in results if one.number == standings.best)
    same = {number for number, one in standings.against(None).items() if one.verdict == Verdict.SAME}
    assert same == {one.number for one in Comparison(sweep, results).not_told_from(best, results)}
    assert standings.against(None)[best.number].verdict == Verdict.REFERENCE
    assert 0 < len(same) < len(results) - 1


def test_differences_are_paired_task_by_task_and_seed_by_seed():
    sweep, results = sweep_of(CASES[1]), drawn(CASES[1], np.random.default_rng(3))
    found = Standings(sweep, results).against(4)[7]
    ours, theirs = (np.array([lane.by_task for lane in results[number].lanes]) for number in (4, 7))
    over_tasks = paired_difference(ours.mean(axis=0), theirs.mean(axis=0))
    seeds = tuple(np.array([lane.loss for lane in results[number].lanes]) for number in (4, 7))
    over_seeds = paired_difference(*seeds)
    assert found.difference == pytest.approx(over_seeds.mean)
    assert found.difference == pytest.approx(over_tasks.mean, rel=1e-5)  # tasks are kept as float32
    assert found.difference_over_tasks == pytest.approx(over_tasks.ci95)
    assert found.difference_over_seeds == pytest.approx(over_seeds.ci95)
    assert found.seeds == pytest.approx(tuple(seeds[1]))
    assert found.over_seeds == pytest.approx(float(half_width(seeds[1])))
    assert found.over_tasks == pytest.approx(float(half_width(theirs.mean(axis=0))))


def test_one_seed_has_an_interval_over_its_tasks_alone():
    sweep, results = sweep_of(CASES[0]), drawn(CASES[0], np.random.default_rng(3))
    standings = Standings(sweep, results)
    found = standings.against(None)[next(one.number for one in results if one.number != standings.best)]
    assert (math.isnan(found.over_seeds), math.isnan(found.difference_over_seeds)) == (True, True)
    assert math.isfinite(found.over_tasks)
    assert math.isfinite(found.difference_over_tasks)


def test_what_was_not_trained_to_the_end_is_no_reference():
    sweep, results = sweep_of(CASES[3]), drawn(CASES[3], np.random.default_rng(3))
    standings = Standings(sweep, results)
    pruned = next(one for one in results if one.status == "pruned")
    assert standings.reference(pruned.number) == standings.best
    assert standings.against(pruned.number) == standings.against(None)
    assert pruned.number not in standings.against(None)


def test_a_setting_that_diverged_has_no_difference_and_is_worse():
    sweep, results = sweep_of(CASES[1]), drawn(CASES[1], np.random.default_rng(3))
    lanes = tuple(lane._replace(status="diverged", loss=math.inf, task_values=b"") for lane in results[9].lanes)
    results[9] = dataclasses.replace(results[9], status="diverged", lanes=lanes)
    found = Standings(sweep, results).against(None)[9]
    assert found.verdict == Verdict.WORSE
    assert math.isnan(found.difference)
    assert all(map(math.isnan, found.seeds))


def test_a_setting_that_diverged_is_never_as_good_as_the_best_even_where_seeds_do_not_tell():
    sweep, results = sweep_of(Case((ALPHA,), 2)), drawn(Case((ALPHA,), 2), np.random.default_rng(3))
    lanes = (results[2].lanes[0]._replace(status="diverged", loss=2.0, task_values=b""), results[2].lanes[1])
    results[2] = dataclasses.replace(results[2], status="diverged", lanes=lanes)
    assert not Comparison(sweep, results).differs(results[0], results[2])
    assert Standings(sweep, results).against(0)[2].verdict == Verdict.DIVERGED


def test_nothing_is_known_before_a_setting_is_finished():
    sweep = sweep_of(CASES[0])
    standings = Standings(sweep, ())
    assert (standings.best, standings.reference(3), dict(standings.against(None))) == (None, None, {})
