"""Held-out tasks from elsewhere than those of training: who sees which, and that training is none the wiser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from maml_core.config import ConvConfig, GlyphsConfig, LinearConfig, RunConfig, SinusoidConfig, at_test, replace
from maml_core.evaluation import evaluate, summarize
from maml_core.problem import Problem, build_problem, held_out_tasks, training_tasks
from maml_core.records import Demonstration, TaskFit, View
from maml_core.rng import Stream
from maml_core.run_state import rule
from maml_core.runs import advance, init_run
from maml_core.snapshots import snapshot
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import cap_of
from maml_core.tasks import Sinusoid
from tests.maml_core.helpers import same, tiny
from tests.maml_core.sweeps.helpers import lane_runs, single_run, trained

APART = SinusoidConfig(test_amplitude=(6.0, 7.0), test_phase_rad=(4.0, 5.0), test_x=(5.0, 6.0))
THERE = SinusoidConfig(amplitude=(6.0, 7.0), phase_rad=(4.0, 5.0), x=(5.0, 6.0))
IMAGES: dict[str, Any] = {"model": ConvConfig(num_layers=1, num_filters=2), "shots": 1, "num_query": 2}
CASES: dict[str, tuple[RunConfig, RunConfig, RunConfig]] = {
    "sinusoid": (tiny(tasks=APART), tiny(), tiny(tasks=THERE)),
    "linear": (
        tiny(tasks=LinearConfig(test_x=(5.0, 6.0))),
        tiny(tasks=LinearConfig()),
        tiny(tasks=LinearConfig(x=(5.0, 6.0))),
    ),
    "glyphs": (
        tiny(tasks=GlyphsConfig(ways=3, test_difficulty=1.0), **IMAGES),
        tiny(tasks=GlyphsConfig(ways=3), **IMAGES),
        tiny(tasks=GlyphsConfig(ways=3, difficulty=1.0), **IMAGES),
    ),
}
"""A run of which held-out tasks are apart, one without, and one that trains where those are."""

each_case = pytest.mark.parametrize("name", CASES)


@each_case
def test_training_is_that_of_a_run_without_and_held_out_tasks_are_those_of_a_run_there(name: str) -> None:
    apart, without, there = CASES[name]
    problems = [build_problem(config) for config in CASES[name]]
    assert at_test(apart.tasks) == there.tasks
    assert same(training_tasks(apart, problems[0], 3), training_tasks(without, problems[1], 3))
    for stream in (Stream.HELD_OUT_TASKS, Stream.TEST_TASKS):
        own, others = (
            held_out_tasks(config, problem, stream=stream)
            for config, problem in ((apart, problems[0]), (there, problems[2]))
        )
        assert same(own, others)
        assert not torch.equal(own.query.x, held_out_tasks(without, problems[1], stream=stream).query.x)


@each_case
def test_theta_0_learns_the_same_bits_and_is_judged_elsewhere(name: str) -> None:
    apart, without, _ = CASES[name]
    (state, records), (plain, of_plain) = (
        advance(config, init_run(config), num_steps=3) for config in (apart, without)
    )
    assert same(state.meta, plain.meta)
    assert same(records.query_loss, of_plain.query_loss)
    assert not np.array_equal(records.held_out_after, of_plain.held_out_after)


def test_the_task_that_is_shown_is_a_held_out_one() -> None:
    config = tiny(tasks=APART)
    (fit,) = snapshot(config, init_run(config), View(tasks=(Demonstration(),))).fits
    assert isinstance(fit, TaskFit)
    assert 6.0 <= fit.parameters[0] <= 7.0
    assert (fit.grid[0], fit.grid[-1]) == (5.0, 6.0)
    assert (fit.support_x >= 5.0).all()


def test_levels_and_what_counts_as_diverged_are_of_held_out_tasks() -> None:
    config = tiny(tasks=APART)
    problem = build_problem(config)
    found = evaluate(
        init_run(config).meta.theta,
        held_out_tasks(config, problem),
        problem=problem,
        num_steps=0,
        how=rule(config, problem, init_run(config).meta),
    )
    assert found.zero_level == pytest.approx(THERE.zero_level())
    assert cap_of(SweepConfig(base=config)) == cap_of(SweepConfig(base=tiny(tasks=THERE)))


def test_an_oracle_is_told_them() -> None:
    config = tiny(tasks=APART, oracle_baseline=True)
    state, _ = advance(config, init_run(config), num_steps=2)
    oracle = snapshot(config, state, View(tasks=())).trajectories["oracle"]
    assert np.isfinite(oracle.mean).all()


def test_lanes_are_judged_as_their_single_runs() -> None:
    (config,) = lane_runs({}, tasks=APART)
    found = trained((config, replace(config, {"alpha": 0.03})), 3)
    assert found.summaries is not None
    np.testing.assert_allclose(found.summaries[0].mean, single_run(config, 3).summary.mean, rtol=1e-9)


def test_a_problem_of_ones_own_may_have_them_too() -> None:
    config = tiny()
    known = build_problem(config)
    own = Problem(family=known.family, held_out=Sinusoid(THERE), model=known.model)
    assert not own.is_of(config)
    assert same(held_out_tasks(config, own), held_out_tasks(config, build_problem(tiny(tasks=THERE))))


@pytest.mark.slow
def test_outside_the_range_of_training_adaptation_is_worse() -> None:
    """Finn & Levine 2018: in amplitude the further away, the worse."""
    config = RunConfig(
        alpha=0.02, num_inner_steps=3, beta=3e-3, meta_batch_size=10, joint_baseline=False, weights_seed=1
    )
    state, _ = advance(config, init_run(config), num_steps=700)
    medians = []
    for amplitude in (None, (5.0, 7.5), (7.5, 10.0)):
        elsewhere = replace(config, {"tasks": SinusoidConfig(test_amplitude=amplitude)})
        problem = build_problem(elsewhere)
        found = evaluate(
            state.meta.theta,
            held_out_tasks(elsewhere, problem),
            problem=problem,
            num_steps=10,
            how=rule(elsewhere, problem, state.meta),
        )
        medians.append(summarize(found).median[-1])
    assert 4 * medians[0] < medians[1] < medians[2] / 2
