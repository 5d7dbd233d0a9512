"""Recomputed inner gradients: the same meta-gradient as with stored ones, in memory that does not grow with N."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from maml_core.config import RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.inner import Adaptation
from maml_core.models import MLP
from maml_core.outer import MetaGradient, meta_gradient
from maml_core.params import merge_meta
from maml_core.problem import build_problem, training_tasks
from maml_core.runs import advance, init_run
from maml_core.types import Params
from tests.benchmarks.memory import meta_step, mlp, peak_bytes
from tests.maml_core.helpers import lanes, outer_gradient_at, prepared, tiny
from tests.maml_core.test_algorithms import ALGORITHMS, case

UNROLLED = [name for name in ALGORITHMS if "reptile" not in name and "imaml" not in name]


def both(config: RunConfig) -> list[MetaGradient]:
    """Stored and recomputed, from a state whose rates, matrices and scales are no longer all alike."""
    problem = build_problem(config)
    state, _ = advance(config, init_run(config), num_steps=7)
    tasks = training_tasks(config, problem, 8)
    return [
        outer_gradient_at(
            replace(config, {"recompute": recompute}),
            state.meta.theta,
            state.meta.rates,
            tasks,
            problem=problem,
            step=8,
            statistics=state.meta.statistics,
        )
        for recompute in (False, True)
    ]


@pytest.mark.parametrize("num_steps", [1, 2, 5])
@pytest.mark.parametrize("name", UNROLLED)
def test_it_is_the_same_gradient(name: str, num_steps: int) -> None:
    stored, again = both(case(name, num_inner_steps=num_steps))
    torch.testing.assert_close(again.task_losses, stored.task_losses, rtol=1e-12, atol=0)
    found, expected = (merge_meta(meta.gradient, meta.rates_gradient) for meta in (again, stored))
    assert list(found) == list(expected)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-8, atol=1e-12)
    assert (again.statistics is None) == (stored.statistics is None)
    for key, value in (stored.statistics or {}).items():
        torch.testing.assert_close((again.statistics or {})[key], value, rtol=1e-12, atol=1e-14)


def test_every_lane_has_its_own_gradient() -> None:
    config = tiny()
    problem, theta_0, tasks = prepared(config)
    both_lanes = lanes(theta_0, {name: 1.1 * value for name, value in theta_0.items()})
    alpha = torch.tensor([0.05, 0.1], dtype=torch.float64)
    stored, again = (
        meta_gradient(both_lanes, tasks, problem=problem, how=Adaptation(alpha), num_inner_steps=3, recompute=recompute)
        for recompute in (False, True)
    )
    for key, value in stored.gradient.items():
        torch.testing.assert_close(again.gradient[key], value, rtol=1e-8, atol=1e-12)


def test_without_inner_steps_it_is_the_plain_gradient() -> None:
    problem, theta_0, tasks = prepared(tiny())
    stored, again = (
        meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=0, recompute=recompute)
        for recompute in (False, True)
    )
    for key, value in stored.gradient.items():
        torch.testing.assert_close(again.gradient[key], value, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("num_steps", "expected"), [(0, 1), (1, 2), (2, 4), (5, 10)])
def test_the_last_inner_step_is_taken_once(num_steps: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that with one inner step recomputing takes no longer than storing; all others are taken twice, and the query points once."""
    problem, theta_0, tasks = prepared(tiny())
    passes: list[Tensor] = []
    plain = MLP.apply

    def counted(model: MLP, theta: Params, x: Tensor, **options: bool) -> Tensor:
        passes.append(x)
        return plain(model, theta, x, **options)

    monkeypatch.setattr(MLP, "apply", counted)
    meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=num_steps, recompute=True)
    assert len(passes) == expected


def test_memory_grows_with_n_by_the_stored_thetas_alone() -> None:
    problem_case = mlp()
    copy = sum(value.nbytes for value in problem_case[1].values()) * 25
    peaks: dict[tuple[int, bool], int] = {}
    for steps in (4, 12):
        for recompute in (False, True):
            meta_step(problem_case, steps, recompute=recompute)
            peaks[steps, recompute] = peak_bytes(lambda n=steps, r=recompute: meta_step(problem_case, n, recompute=r))
    stored, again = (peaks[12, recompute] - peaks[4, recompute] for recompute in (False, True))
    assert again <= 8 * copy * 1.02
    assert stored > 1.4 * again


@pytest.mark.parametrize("algorithm", ["reptile", "imaml"])
def test_where_nothing_is_stored_the_switch_is_refused(algorithm: Any) -> None:
    with pytest.raises(ConfigError, match="switch it off"):
        tiny(algorithm=algorithm, recompute=True)
