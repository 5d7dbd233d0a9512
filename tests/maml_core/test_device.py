"""Another device than the processor, without having one: PyTorch's meta device computes shapes only, and with no other's tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from maml_core.algorithms import adaptation, initial_rates, initial_statistics, initial_theta
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig, SinusoidConfig
from maml_core.evaluation import evaluate, in_groups
from maml_core.landscape import largest_eigenvalues
from maml_core.normalization import at_step
from maml_core.optim import adam, clipped, init_optimizer
from maml_core.params import merge_meta
from maml_core.problem import build_problem, training_tasks
from maml_core.records import View
from maml_core.runs import init_run
from maml_core.state_bytes import RecentStates, state_from_bytes, state_to_bytes
from tests.maml_core.helpers import outer_gradient_at, same, tiny

IMAGES: dict[str, Any] = {
    "tasks": GlyphsConfig(ways=3),
    "model": ConvConfig(num_layers=2, num_filters=4),
    "shots": 1,
    "num_query": 2,
    "meta_batch_size": 2,
    "num_inner_steps": 2,
    "joint_baseline": False,
}
CONFIGS = {
    "maml": {},
    "fomaml": {"order": "first"},
    "recomputed": {"recompute": True},
    "anil": {"algorithm": "anil"},
    "meta_sgd": {"algorithm": "meta_sgd"},
    "meta_curvature": {"algorithm": "meta_curvature"},
    "reptile": {"algorithm": "reptile"},
    "imaml": {"algorithm": "imaml"},
    "maml++": {"multi_step_loss": True, "per_step_rates": True, "per_step_norm": True},
    "running": {"batch_norm_treatment": "running", "per_step_statistics": True},
    "support": {"batch_norm_treatment": "support"},
    "max_pool": {"model": ConvConfig(num_layers=2, num_filters=4, downsample="max_pool", norm="none")},
    "group norm": {"model": ConvConfig(num_layers=2, num_filters=4, norm="group")},
    "mlp": {"model": MLPConfig(hidden_widths=(4,), batch_norm=True)},
    "sinusoid": {"tasks": SinusoidConfig(), "model": MLPConfig(hidden_widths=(4,))},
}


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a result."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors(item)


def devices(*values: Any) -> set[str]:
    return {tensor.device.type for tensor in tensors(values)}


@pytest.mark.parametrize("name", CONFIGS)
def test_everything_is_computed_where_the_problem_is(name: str) -> None:
    config = RunConfig(**{**IMAGES, **CONFIGS[name]})
    problem = build_problem(config, "meta")
    theta = initial_theta(config, problem)
    rates = initial_rates(config, theta)
    statistics = initial_statistics(config, problem, theta, config.num_inner_steps)
    tasks = training_tasks(config, problem, 0)
    assert devices(theta, rates, statistics, tasks) == {"meta"}
    found = outer_gradient_at(config, theta, rates, tasks, problem=problem, step=0, statistics=statistics)
    meta, gradient = merge_meta(theta, rates), merge_meta(found.gradient, found.rates_gradient)
    updated = adam(meta, clipped(gradient, 1.0), init_optimizer("adam", meta), beta=0.1)
    how = adaptation(config, problem, rates, statistics)
    group = next(in_groups(config, problem))
    evaluation = evaluate(theta, group, problem=problem, num_steps=3, how=how)
    curved = largest_eigenvalues(theta, tasks, problem=problem, how=how, num_iterations=2)
    dead = problem.model.is_dead(at_step(theta, 0), problem.probe_inputs(4, torch.float32))
    assert devices(found, updated, group, evaluation, curved, dead) == {"meta"}


def test_a_tensor_that_is_left_behind_would_be_noticed() -> None:
    config = RunConfig(**IMAGES)
    problem, here = build_problem(config, "meta"), build_problem(config)
    theta, tasks = initial_theta(config, problem), training_tasks(config, here, 0)
    with pytest.raises(RuntimeError, match="device"):
        outer_gradient_at(config, theta, (), tasks, problem=problem, step=0, statistics={})


def test_a_state_is_read_onto_a_device() -> None:
    state = init_run(tiny(oracle_baseline=True, algorithm="meta_sgd"))
    data = state_to_bytes(state)
    moved = state_from_bytes(data, "meta")
    points = [(point.meta, point.baselines) for point in (moved, moved.good, moved.candidate)]
    assert devices([(learner.theta, learner.rates, learner.optimizer.second) for learner, _ in points]) == {"meta"}
    assert devices([(one.theta, one.optimizer.first) for _, all_ in points for one in all_.values()]) == {"meta"}
    assert same(state_from_bytes(data), state)


def test_a_state_that_is_remembered_elsewhere_is_read_again() -> None:
    recent = RecentStates()
    state = init_run(tiny())
    data = recent.data(state)
    assert devices(recent.state(data, "meta").meta.theta) == {"meta"}
    data = recent.data(state)
    assert recent.state(data) is state


def test_a_chunk_computes_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at is computed on the processor, from the same state."""
    seen = []

    def spied(config: RunConfig, device: str = "cpu", *more: Any, **named: Any) -> Any:
        seen.append(device)
        return build_problem(config, "cpu", *more, **named)

    monkeypatch.setattr("maml_core.problem.build_problem", spied)
    config = tiny()
    there = run_chunk(ChunkRequest(config=config, num_steps=2, view=View(), device="cpu:0"))
    assert seen[0] == "cpu:0"
    assert set(seen[1:]) == {"cpu"}
    here = run_chunk(ChunkRequest(config=config, num_steps=2, view=View()))
    assert there.state == here.state
    assert there.snapshot is not None
    assert here.snapshot is not None
    assert same(there.snapshot.trajectories["maml"], here.snapshot.trajectories["maml"])
