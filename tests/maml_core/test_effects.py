"""Every setting of a run has an effect on it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from maml_core.config import BESIDE_TRAINING, LinearConfig, MLPConfig, RunConfig, SinusoidConfig
from maml_core.records import View
from maml_core.runs import advance, init_run
from maml_core.snapshots import snapshot
from tests.maml_core.helpers import same, tiny

# Trap 13: a config key that nothing reads. A change of any field must show in what a run gives.

NORMALIZED = MLPConfig(hidden_widths=(6, 5), activation="tanh", batch_norm=True)
RUNNING: dict[str, Any] = {"model": NORMALIZED, "batch_norm_treatment": "running"}
OTHER: dict[str, dict[str, Any]] = {
    "tasks": {"tasks": LinearConfig()},
    "tasks.amplitude": {"tasks": SinusoidConfig(amplitude=(1.0, 2.0))},
    "tasks.phase_rad": {"tasks": SinusoidConfig(phase_rad=(0.0, 1.0))},
    "tasks.frequency": {"tasks": SinusoidConfig(frequency=(0.8, 1.2))},
    "tasks.test_amplitude": {"tasks": SinusoidConfig(test_amplitude=(5.0, 7.5))},
    "tasks.test_phase_rad": {"tasks": SinusoidConfig(test_phase_rad=(3.0, 6.0))},
    "tasks.test_x": {"tasks": SinusoidConfig(test_x=(5.0, 6.0))},
    "tasks.x": {"tasks": SinusoidConfig(x=(-1.0, 5.0))},
    "tasks.noise_std": {"tasks": SinusoidConfig(noise_std=0.1)},
    "model": {"model": MLPConfig(hidden_widths=(3,), activation="tanh", use_bias=False)},
    "model.hidden_widths": {"model": MLPConfig(hidden_widths=(6, 4), activation="tanh")},
    "model.activation": {"model": MLPConfig(hidden_widths=(6, 5), activation="gelu")},
    "model.use_bias": {"model": MLPConfig(hidden_widths=(6, 5), activation="tanh", use_bias=False)},
    "alpha": {"alpha": 0.02},
    "test_alpha": {"test_alpha": 0.05},
    "num_inner_steps": {"num_inner_steps": 3},
    "order": {"order": "first"},
    "beta": {"beta": 2e-3},
    "outer_optimizer": {"outer_optimizer": "sgd"},
    "adam_betas": {"adam_betas": (0.9, 0.99)},
    "adam_eps": {"adam_eps": 1e-3},
    "clip_norm": {"clip_norm": 0.01},
    "shots": {"shots": 5},
    "num_query": {"num_query": 6},
    "meta_batch_size": {"meta_batch_size": 4},
    "num_training_tasks": {"num_training_tasks": 2},
    "weights_seed": {"weights_seed": 1},
    "tasks_seed": {"tasks_seed": 1},
    "evaluation_seed": {"evaluation_seed": 2},
    "evaluation_tasks": {"evaluation_tasks": 5},
    "evaluation_steps": {"evaluation_steps": 4},
    "evaluate_every": {"evaluate_every": 3},
    "joint_baseline": {"joint_baseline": False},
    "oracle_baseline": {"oracle_baseline": True},
    "dtype": {"dtype": "float32"},
    "algorithm": {"algorithm": "anil"},
    "head": {"head": "zeroed"},
    "multi_step_loss": {"multi_step_loss": True},
    "per_step_rates": {"per_step_rates": True},
    "anneal_order": {"anneal_order": True},
    "model.batch_norm": {"model": NORMALIZED},
}
SCHEDULED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "anneal_beta": ({"epoch_steps": 2}, {"anneal_beta": True}),
    "epoch_steps": ({"multi_step_loss": True}, {"epoch_steps": 2}),
    "num_epochs": ({"anneal_beta": True, "epoch_steps": 2}, {"num_epochs": 2}),
    "multi_step_epochs": ({"multi_step_loss": True, "epoch_steps": 2}, {"multi_step_epochs": 1}),
    "first_order_epochs": ({"anneal_order": True, "epoch_steps": 2}, {"first_order_epochs": 1}),
    "final_beta": ({"anneal_beta": True, "epoch_steps": 2}, {"final_beta": 1e-4}),
    "proximal": ({"algorithm": "imaml"}, {"proximal": 3.0}),
    "num_solver_steps": ({"algorithm": "imaml"}, {"num_solver_steps": 1}),
    "batch_norm_treatment": ({"model": NORMALIZED}, {"batch_norm_treatment": "support"}),
    "per_step_norm": ({"model": NORMALIZED}, {"per_step_norm": True}),
    "per_step_statistics": (RUNNING, {"per_step_statistics": True}),
    "norm_momentum": (RUNNING, {"norm_momentum": 0.5}),
}
"""Settings that act beside others only."""

LINEAR: dict[str, dict[str, Any]] = {
    "num_features": {"num_features": 2},
    "w_mean": {"w_mean": 0.5},
    "w_std": {"w_std": 2.0},
    "x": {"x": (-1.0, 5.0)},
    "test_x": {"test_x": (5.0, 6.0)},
    "noise_std": {"noise_std": 0.1},
}
BASE = {"alpha": 0.01, "num_inner_steps": 2}


def observed(config: RunConfig) -> tuple[Any, ...]:
    """Training losses, held-out losses, parameters and the adaptation trajectory of a short run."""
    state, records = advance(config, init_run(config), num_steps=4)
    shown = snapshot(config, state, View(tasks=(), curvature=False, paths=False)).trajectories
    return tuple(records), state.meta.theta, set(state.baselines), dict(shown)


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_of_a_run_has_an_effect(name: str) -> None:
    assert not same(observed(tiny(**{**BASE, **OTHER[name]})), observed(tiny(**BASE)))


@pytest.mark.parametrize("name", SCHEDULED)
def test_every_setting_of_an_algorithm_has_an_effect(name: str) -> None:
    beside, other = SCHEDULED[name]
    assert not same(observed(tiny(**{**BASE, **beside, **other})), observed(tiny(**{**BASE, **beside})))


@pytest.mark.parametrize("name", LINEAR)
def test_every_setting_of_the_linear_family_has_an_effect(name: str) -> None:
    assert not same(observed(tiny(tasks=LinearConfig(**LINEAR[name]))), observed(tiny(tasks=LinearConfig())))


@pytest.mark.parametrize("name", [*(name for name in OTHER if "." not in name), *SCHEDULED])
def test_what_stands_beside_training_touches_no_outer_step_and_all_else_does(name: str) -> None:
    beside, other = SCHEDULED.get(name) or ({}, OTHER[name])
    configs = [tiny(**{**BASE, **beside}), tiny(**{**BASE, **beside, **other})]
    learners = [advance(config, init_run(config), num_steps=4)[0].meta for config in configs]
    assert same(*learners) is (name in BESIDE_TRAINING)


def test_no_setting_is_missing_from_the_tests_of_effects() -> None:
    def names(cls: type[Any]) -> set[str]:
        return {f.name for f in dataclasses.fields(cls)} - {"kind"}

    # How the meta-gradient is computed changes nothing but rounding; test_recompute.py holds it.
    assert {name for name in OTHER if "." not in name} | set(SCHEDULED) | {"recompute"} == names(RunConfig)
    assert {name.removeprefix("tasks.") for name in OTHER if name.startswith("tasks.")} == names(SinusoidConfig)
    assert {name.removeprefix("model.") for name in OTHER if name.startswith("model.")} == names(MLPConfig)
    assert set(LINEAR) == names(LinearConfig)
