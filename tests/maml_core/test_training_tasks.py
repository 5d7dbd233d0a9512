"""A fixed number of training tasks: so many and no others are ever drawn, alone, in lanes and after a stop; held-out tasks are others."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from maml_core.config import ConvConfig, GlyphsConfig, LinearConfig, MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.errors import ConfigError
from maml_core.evaluation import evaluate, summarize
from maml_core.models import MLP
from maml_core.problem import Problem, build_problem, held_out_tasks, training_tasks
from maml_core.rng import Stream, generator
from maml_core.run_state import rule
from maml_core.runs import advance, init_run
from maml_core.tasks import FewShotImages, Glyphs
from maml_core.tasks.images import DrawnImages
from maml_core.types import Tasks
from tests.maml_core.helpers import same, tiny
from tests.maml_core.sweeps.helpers import lane_runs, single_run, trained
from tests.maml_core.test_pool import pool_of

IMAGES: dict[str, Any] = {"model": ConvConfig(num_layers=1, num_filters=2), "shots": 2, "num_query": 3}
FAMILIES: dict[str, dict[str, Any]] = {
    "sinusoid": {"tasks": SinusoidConfig(noise_std=0.1)},
    "linear": {"tasks": LinearConfig(num_features=3)},
    "glyphs": {"tasks": GlyphsConfig(ways=3), **IMAGES},
    "pool": {"tasks": GlyphsConfig(ways=2), **IMAGES},
}
each_family = pytest.mark.parametrize("name", FAMILIES)


def problem_of(name: str, config: RunConfig) -> Problem:
    if name != "pool":
        return build_problem(config)
    family = FewShotImages(pool_of(rotations=True), ways=2)
    return Problem(family=family, model=MLP(MLPConfig(hidden_widths=(4,)), num_inputs=family.num_inputs, num_outputs=2))


def which(tasks: Tasks, *, sets: bool) -> set[tuple[float, ...]]:
    """The tasks, each by what defines it; sets of classes in whatever order."""
    rows = [tuple(row) for row in tasks.parameters.tolist()]
    return {tuple(sorted(row)) for row in rows} if sets else set(rows)


def drawn(name: str, count: int | None, steps: int = 60) -> set[tuple[float, ...]]:
    config = tiny(**FAMILIES[name], num_training_tasks=count)
    problem = problem_of(name, config)
    found = [training_tasks(config, problem, step) for step in range(steps)]
    return set().union(*(which(tasks, sets=config.classifies) for tasks in found))


@each_family
def test_so_many_different_tasks_are_ever_drawn_and_held_out_ones_are_others(name: str) -> None:
    found = drawn(name, 3)
    assert len(found) == 3
    assert found < drawn(name, 5)
    config = tiny(**FAMILIES[name], num_training_tasks=3, evaluation_tasks=50)
    problem = problem_of(name, config)
    held_out = held_out_tasks(config, problem)
    assert not found & which(held_out, sets=config.classifies)
    assert same(held_out, held_out_tasks(replace(config, {"num_training_tasks": None}), problem))


@each_family
def test_their_points_are_new_at_every_step(name: str) -> None:
    config = tiny(**FAMILIES[name], num_training_tasks=1)
    problem = problem_of(name, config)
    one, other = (training_tasks(config, problem, step) for step in (0, 1))
    for part in (0, 1):
        assert not torch.equal(one[part].x, other[part].x)


def test_the_classes_of_a_task_are_numbered_anew() -> None:
    config = tiny(**FAMILIES["glyphs"], num_training_tasks=1, meta_batch_size=30)
    orders = which(training_tasks(config, build_problem(config), 0), sets=False)
    assert len(orders) == 6  # all numberings of three classes


@pytest.mark.parametrize("tasks", [SinusoidConfig(), LinearConfig(num_features=2)])
def test_without_a_number_the_tasks_are_what_they_always_were(tasks: Any) -> None:
    config = tiny(tasks=tasks, meta_batch_size=4)
    for step in (0, 7):
        random = generator(config.tasks_seed, Stream.TRAINING_TASKS, step, 0)
        if isinstance(tasks, SinusoidConfig):
            low, high = np.array([tasks.amplitude, tasks.phase_rad]).T
            expected = low + (high - low) * random.random((4, 2))
        else:
            expected = random.standard_normal((4, 2))
        assert np.array_equal(training_tasks(config, build_problem(config), step).parameters.numpy(), expected)


@each_family
def test_a_run_that_was_stopped_goes_on_with_the_same_tasks(name: str) -> None:
    config = tiny(**FAMILIES[name], num_training_tasks=3)
    problem = problem_of(name, config)
    start = init_run(config, problem=problem)
    whole, _ = advance(config, start, num_steps=6, problem=problem)
    half, _ = advance(config, start, num_steps=2, problem=problem)
    assert same(advance(config, half, num_steps=4, problem=problem)[0], whole)


def test_lanes_of_other_numbers_train_as_their_single_runs_do() -> None:
    configs = lane_runs(
        {"num_training_tasks": 3}, {"num_training_tasks": 5}, {}, {"num_training_tasks": 3, "alpha": 0.05}
    )
    found = trained(configs, 6)
    for lane, config in enumerate(configs):
        np.testing.assert_allclose(found.query_loss[:, lane], single_run(config, 6).query_loss, rtol=1e-9)


@pytest.mark.parametrize("own", ["family", "source"])
def test_what_draws_without_end_only_is_named(own: str) -> None:
    config = tiny(**FAMILIES["glyphs"], num_training_tasks=3)
    known = build_problem(config)

    class Endless:
        """As one's own may be: it takes whatever it is given and knows nothing of a number of tasks."""

        image_shape = (1, 28, 28)

        def draw(self, **asked: Any) -> DrawnImages:
            return Glyphs(GlyphsConfig()).draw(**asked)

        def draw_tasks(self, **asked: Any) -> Tasks:
            return known.family.draw_tasks(**asked)

        def __getattr__(self, name: str) -> Any:
            return getattr(known.family, name)

    family: Any = Endless() if own == "family" else FewShotImages(Endless(), ways=3)  # type: ignore[arg-type]
    problem = dataclasses.replace(known, family=family)
    with pytest.raises(ConfigError, match=r"Endless.draw\w* takes no `among`"):
        init_run(config, problem=problem)
    init_run(replace(config, {"num_training_tasks": None}), problem=problem)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize(("count", "is_fitted_alone"), [(3, True), (None, False)])
def test_few_tasks_are_fitted_alone(count: int | None, is_fitted_alone: bool) -> None:
    """Yao et al. 2021: what is learned of three tasks is of little use for others."""
    demo: dict[str, Any] = {"alpha": 0.02, "num_inner_steps": 3, "beta": 3e-3, "meta_batch_size": 10}
    config = RunConfig(**demo, num_training_tasks=count, joint_baseline=False, weights_seed=1, tasks_seed=1)
    problem = build_problem(config)
    state, _ = advance(config, init_run(config), num_steps=1000)
    of_training = training_tasks(replace(config, {"meta_batch_size": 100}), problem, 10_000)
    how = rule(config, problem, state.meta)
    own, others = (
        summarize(evaluate(state.meta.theta, tasks, problem=problem, num_steps=3, how=how)).median[-1]
        for tasks in (of_training, held_out_tasks(config, problem))
    )
    assert bool(others > 2 * own) is is_fitted_alone
