"""Coherence of gradients against autograd, task by task."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maml_core.analysis.coherence import coherence
from maml_core.config import MLPConfig
from maml_core.inner import Adaptation
from maml_core.normalization import PER_STEP
from maml_core.problem import build_problem, held_out_tasks
from maml_core.runs import init_run
from tests.maml_core.analysis.dense import SETUPS, dense_task, gradient, row_of
from tests.maml_core.helpers import prepared, task_slice, tiny


def cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


@pytest.mark.parametrize("name", SETUPS)
def test_cosines_are_those_of_autograd(name: str) -> None:
    problem, theta, tasks = prepared(SETUPS[name])
    found, row = coherence(theta, tasks, problem=problem, how=Adaptation(0.1)), row_of(theta)
    dense = [dense_task(problem, theta, tasks, task) for task in range(3)]
    support, query = (
        [gradient(half, row) for half in halves]
        for halves in ([task.support for task in dense], [task.query for task in dense])
    )
    same = [cosine(support[i], query[i]) for i in range(3)]
    others = [cosine(support[i], query[j]) for i in range(3) for j in range(3) if i != j]
    np.testing.assert_allclose(found.same_task, [np.mean(same), *np.quantile(same, [0.1, 0.9])], atol=1e-9)
    np.testing.assert_allclose(found.two_tasks, [np.mean(others), *np.quantile(others, [0.1, 0.9])], atol=1e-9)
    assert found.num_tasks == 3


def test_only_the_parameters_that_adapt_count() -> None:
    problem, theta, tasks = prepared(tiny())
    found = coherence(theta, tasks, problem=problem, how=Adaptation(0.1, names=problem.model.head))
    head = torch.cat([torch.full((value.numel(),), name in problem.model.head) for name, value in theta.items()])
    dense, row = dense_task(problem, theta, tasks, 0), row_of(theta)
    alone = coherence(
        theta, task_slice(tasks, slice(1)), problem=problem, how=Adaptation(0.1, names=problem.model.head)
    )
    assert alone.same_task.mean == pytest.approx(
        cosine(gradient(dense.support, row)[head], gradient(dense.query, row)[head])
    )
    assert found != coherence(theta, tasks, problem=problem, how=Adaptation(0.1))


def test_norms_of_single_steps_do_not_adapt_and_do_not_count() -> None:
    config = tiny(model=MLPConfig(hidden_widths=(3,), batch_norm=True), per_step_norm=True)
    problem, theta = build_problem(config), init_run(config).meta.theta
    tasks = held_out_tasks(config, problem, 3)
    moving = [name for name in theta if not name.startswith(PER_STEP)]
    assert 0 < len(moving) < len(theta)
    named = coherence(theta, tasks, problem=problem, how=Adaptation(0.1, names=moving))
    assert coherence(theta, tasks, problem=problem, how=Adaptation(0.1)) == named


def test_one_task_has_no_other() -> None:
    problem, theta, tasks = prepared(tiny())
    found = coherence(theta, task_slice(tasks, slice(1)), problem=problem, how=Adaptation(0.1))
    assert np.isfinite(found.same_task).all()
    assert np.isnan(found.two_tasks).all()


def test_a_task_that_is_learned_already_has_no_direction() -> None:
    problem, theta, tasks = prepared(tiny())
    solved = tasks.support._replace(y=tasks.support.y.clone())
    solved.y[0] = problem.model.apply(theta, solved.x[:1])[0]
    found = coherence(theta, tasks._replace(support=solved), problem=problem, how=Adaptation(0.1))
    assert found.num_tasks == 2


def test_a_proximal_term_has_no_gradient_at_theta_0() -> None:
    problem, theta, tasks = prepared(tiny())
    plain, held = (
        coherence(theta, tasks, problem=problem, how=Adaptation(0.1, proximal=weight)) for weight in (0.0, 2.0)
    )
    assert plain == held
