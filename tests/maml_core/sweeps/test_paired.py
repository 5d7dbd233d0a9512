"""Paired differences of held-out losses, and what runs must have in common for them."""

from __future__ import annotations

import numpy as np
import pytest

from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.errors import ConfigError
from maml_core.evaluation import evaluate, summarize
from maml_core.intervals import paired_difference
from maml_core.problem import build_problem, held_out_tasks
from maml_core.records import PairedDifference
from maml_core.run_state import rule
from maml_core.state_bytes import state_from_bytes
from maml_core.sweeps.paired import check_common_tasks, task_losses

TINY = RunConfig(
    model=MLPConfig(hidden_widths=(6,)),
    num_inner_steps=2,
    shots=3,
    num_query=4,
    meta_batch_size=2,
    evaluation_tasks=12,
    joint_baseline=False,
    dtype="float64",
)


def test_the_interval_is_of_the_differences() -> None:
    first, second = np.array([1.0, 5.0, 2.0]), np.array([0.5, 4.0, 2.5])
    found = paired_difference(first, second)
    differences = np.array([-0.5, -1.0, 0.5])
    assert found.mean == pytest.approx(differences.mean())
    assert found.ci95 == pytest.approx(4.30265273 * differences.std(ddof=1) / np.sqrt(3))
    assert (found.num_tasks, found.differs) == (3, False)


def test_what_tasks_have_in_common_cancels() -> None:
    hard = np.array([1.0, 100.0, 30.0, 7.0])
    found = paired_difference(hard, hard - 0.1)
    assert found.differs
    assert found.ci95 < 1e-10


def test_an_interval_that_touches_zero_does_not_leave_it_out() -> None:
    """Two runs that are equal on every task do not differ: their interval is [0, 0]."""
    losses = np.array([1.0, 5.0, 2.0])
    assert not paired_difference(losses, losses).differs
    assert not PairedDifference(mean=0.5, ci95=0.5, num_tasks=3).differs
    assert PairedDifference(mean=-0.5, ci95=0.49, num_tasks=3).differs


def test_a_task_that_is_not_finite_is_not_dropped() -> None:
    found = paired_difference(np.array([1.0, np.inf]), np.array([1.0, 2.0]))
    assert found.mean == -np.inf
    assert not found.differs


@pytest.mark.parametrize("shapes", [((2,), (3,)), ((1,), (1,)), ((2, 2), (2, 2))])
def test_other_tasks_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="same two or more tasks"):
        paired_difference(*(np.zeros(shape) for shape in shapes))


@pytest.mark.parametrize(
    "changes", [{"tasks": SinusoidConfig(noise_std=1.0)}, {"evaluation_seed": 5}, {"evaluation_tasks": 13}]
)
def test_runs_without_common_tasks_are_refused(changes: dict[str, object]) -> None:
    check_common_tasks((TINY, replace(TINY, {"alpha": 0.3, "shots": 2, "num_inner_steps": 5})))
    with pytest.raises(ConfigError, match="common tasks"):
        check_common_tasks((TINY, replace(TINY, changes)))


def test_task_losses_are_those_of_the_evaluation() -> None:
    state = run_chunk(ChunkRequest(config=TINY, num_steps=3)).state
    losses = task_losses(TINY, state)
    problem, run = build_problem(TINY), state_from_bytes(state)
    how = rule(TINY, problem, run.meta)
    found = evaluate(run.meta.theta, held_out_tasks(TINY, problem), problem=problem, num_steps=4, how=how)
    assert losses == pytest.approx(found.query_loss[2, 0].numpy(), rel=1e-12)
    assert losses.mean() == pytest.approx(summarize(found).mean[2], rel=1e-12)
