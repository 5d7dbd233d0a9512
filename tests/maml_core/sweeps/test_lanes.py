"""Lanes against the single runs of their configs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maml_core.config import ConvConfig, GlyphsConfig, LinearConfig, MLPConfig, RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.models import MLP
from maml_core.problem import Problem, build_problem, training_tasks
from maml_core.runs import advance, init_run
from maml_core.sweeps.definition import LANE_FIELDS
from maml_core.types import Params, Tasks
from tests.maml_core.sweeps.helpers import lane_runs, single_run, trained

pytestmark = pytest.mark.slow

STEPS = 62
"""Beyond a checkpoint, and beyond an epoch of the schedules below."""

DIFFERENT: tuple[dict[str, Any], ...] = (
    {},
    {"alpha": 0.05, "beta": 3e-3, "weights_seed": 1},
    {"alpha": 0.002, "clip_norm": 0.5, "tasks_seed": 7},
    {"alpha": 0.08, "beta": 1e-2, "weights_seed": 3, "tasks_seed": 7, "clip_norm": 2.0, "adam_eps": 1e-3},
)

NORMED = {
    # Of a single input a normalised layer sees no more than the sign of its weights: their gradient is rounding, which Adam makes large.
    "tasks": LinearConfig(num_features=3),
    "model": MLPConfig(hidden_widths=(6, 5), activation="tanh", batch_norm=True),
}
SCHEDULED = {"epoch_steps": 20, "num_epochs": 4, "multi_step_epochs": 2, "first_order_epochs": 1, "final_beta": 1e-4}
IMAGES = {
    "tasks": GlyphsConfig(ways=3),
    "model": ConvConfig(num_layers=2, num_filters=4),
    "shots": 1,
    "num_query": 2,
    "meta_batch_size": 2,
    "alpha": 0.4,
}

CASES: dict[str, dict[str, Any]] = {
    "MAML, N = 1": {},
    "MAML, N = 3": {"num_inner_steps": 3},
    "joint pretraining": {"num_inner_steps": 0},
    "ReLU": {"model": MLPConfig(hidden_widths=(20, 20))},
    "sgd": {"outer_optimizer": "sgd", "num_inner_steps": 2},
    "FOMAML": {"num_inner_steps": 3, "order": "first"},
    "recomputed": {"num_inner_steps": 3, "recompute": True},
    "ANIL": {"algorithm": "anil", "num_inner_steps": 3},
    "Meta-SGD": {"algorithm": "meta_sgd", "num_inner_steps": 2},
    "Meta-Curvature": {"algorithm": "meta_curvature", "num_inner_steps": 2},
    "Reptile": {"algorithm": "reptile", "num_inner_steps": 3},
    "iMAML": {"algorithm": "imaml", "num_inner_steps": 3},
    "MAML++": {
        "num_inner_steps": 3,
        "multi_step_loss": True,
        "per_step_rates": True,
        "anneal_order": True,
        "anneal_beta": True,
        **SCHEDULED,
    },
    "multi step loss, recomputed": {"num_inner_steps": 3, "multi_step_loss": True, "recompute": True, **SCHEDULED},
    "batch norm by batch": {**NORMED, "num_inner_steps": 2},
    "batch norm by support": {**NORMED, "num_inner_steps": 2, "batch_norm_treatment": "support"},
    "running averages": {**NORMED, "num_inner_steps": 2, "batch_norm_treatment": "running"},
    "running averages of iMAML": {**NORMED, "algorithm": "imaml", "batch_norm_treatment": "running"},
    "batch norm of single steps": {
        **NORMED,
        "num_inner_steps": 2,
        "batch_norm_treatment": "running",
        "per_step_norm": True,
        "per_step_statistics": True,
    },
    "images": IMAGES,
    "images, running averages": {**IMAGES, "batch_norm_treatment": "running", "num_inner_steps": 2},
}


LONGER = (
    "sgd",
    "recomputed",
    "multi step loss, recomputed",
    "batch norm by support",
    "running averages of iMAML",
    "images, running averages",
)
"""Cases that take a turn; the others are looked at each time."""


@pytest.mark.parametrize(
    "common",
    [
        pytest.param(common, id=name, marks=pytest.mark.thorough if name in LONGER else ())
        for name, common in CASES.items()
    ],
)
def test_lanes_equal_the_single_runs_of_their_configs(common: dict[str, Any]) -> None:
    configs = lane_runs(*DIFFERENT, **common)
    found = trained(configs, STEPS)
    assert found.lanes == found.query_lanes == (0, 1, 2, 3)
    assert found.summaries is not None
    assert found.curvatures is not None
    for lane, config in enumerate(configs):
        alone = single_run(config, STEPS)
        assert alone.status.kind == "ok"
        np.testing.assert_allclose(found.query_loss[:, lane], alone.query_loss, rtol=1e-9)
        if found.accuracy is not None:
            np.testing.assert_allclose(found.accuracy[:, lane], alone.accuracy)
        measured = {name: values for name, values in alone.summary._asdict().items() if values is not None}
        assert ("accuracy" in measured) == config.classifies
        for name, values in measured.items():
            np.testing.assert_allclose(getattr(found.summaries[lane], name), values, rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(found.curvatures[lane], alone.lambda_max, rtol=1e-6)


def test_lanes_of_different_proximal_weights_and_last_betas_equal_their_single_runs() -> None:
    held = lane_runs({"proximal": 0.5}, {"proximal": 20.0, "alpha": 0.02}, algorithm="imaml", num_inner_steps=3)
    annealed = lane_runs({"final_beta": 1e-5}, {"final_beta": 1e-3}, anneal_beta=True, epoch_steps=5, num_epochs=3)
    for configs in (held, annealed):
        found = trained(configs, 20)
        assert found.summaries is not None
        assert found.curvatures is not None
        for lane, config in enumerate(configs):
            alone = single_run(config, 20)
            np.testing.assert_allclose(found.query_loss[:, lane], alone.query_loss, rtol=1e-9)
            np.testing.assert_allclose(found.summaries[lane].mean, alone.summary.mean, rtol=1e-9)
            np.testing.assert_allclose(found.curvatures[lane], alone.lambda_max, rtol=1e-6)
        assert found.query_loss[-1, 0] != found.query_loss[-1, 1]


@pytest.mark.parametrize("field", LANE_FIELDS)
def test_every_field_of_a_lane_acts(field: str) -> None:
    """A lane that differs in the field alone comes to another loss, of training or at test."""
    common = {
        "algorithm": "imaml",
        "alpha": 0.02,
        "num_inner_steps": 2,
        "clip_norm": 0.5,
        "anneal_beta": True,
        "epoch_steps": 1,
    }
    base = lane_runs({}, num_epochs=3, **common)[0]
    now = getattr(base, field)
    other = 2 if now is None else now + (1 if field.endswith("seed") else 0.3)
    found = trained((base, replace(base, {field: other})), 5)
    assert found.summaries is not None
    assert bool(found.query_loss[-1, 0] != found.query_loss[-1, 1]) is (field != "test_alpha")
    assert found.summaries[0].mean[-1] != found.summaries[1].mean[-1]


def test_lanes_of_one_seed_have_their_tasks_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def spied(config: RunConfig, problem: Problem, step: int) -> Tasks:
        drawn.append(config.tasks_seed)
        return training_tasks(config, problem, step)

    monkeypatch.setattr("maml_core.sweeps.lanes.training_tasks", spied)
    trained(lane_runs({}, {"alpha": 0.02}, {"tasks_seed": 5}, {"tasks_seed": 5, "beta": 0.1}), 3)
    assert sorted(drawn) == [0, 0, 0, 5, 5, 5]


RELU = {"model": MLPConfig(hidden_widths=(6, 5))}
LINES = {"tasks": LinearConfig(num_features=3, x=(-1.5, 2.0)), "model": MLPConfig(hidden_widths=(), use_bias=False)}

STOPS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a meta-gradient that is not finite": (
        "is not finite",
        {**RELU, "num_inner_steps": 20, "dtype": "float32"},
        {"alpha": 100.0},
    ),
    "a loss that explodes": (
        "over 1000 times",
        {"num_inner_steps": 5, "outer_optimizer": "sgd"},
        {"alpha": 0.3},
    ),
    "a loss that stays high": (
        "stayed above 10 times",
        {**LINES, "outer_optimizer": "sgd", "meta_batch_size": 10},
        {"alpha": 3.0, "beta": 1e-6},
    ),
    "a network that dies": ("is dead at outer step 50", {"model": MLPConfig(hidden_widths=(4, 4))}, {"beta": 5.0}),
}


@pytest.mark.parametrize(("says", "common", "wild"), STOPS.values(), ids=STOPS.keys())
def test_a_lane_that_goes_wrong_is_told_of_as_the_single_run_and_leaves(
    says: str, common: dict[str, Any], wild: dict[str, Any]
) -> None:
    calm = {"alpha": 0.001, "beta": 1e-3}
    configs = lane_runs(calm, {**calm, **wild}, {**calm, "weights_seed": 2}, **common)
    found = trained(configs, 60, evaluate=False)
    alone = [advance(config, init_run(config), num_steps=60) for config in configs]
    wrong, _ = alone[1]
    (stop,) = found.stopped
    assert says in stop.status.sentence
    assert (stop.lane, stop.step, stop.status.kind) == (1, wrong.step, wrong.status.kind)
    assert wrong.status.sentence.startswith(stop.status.sentence)
    assert found.lanes == (0, 2)
    for lane, (_, records) in enumerate(alone):
        count, rtol = len(records.steps), 1e-9 if common.get("dtype") != "float32" else 1e-3
        np.testing.assert_allclose(found.query_loss[:count, lane], records.query_loss, rtol=rtol)
        assert np.isnan(found.query_loss[count:, lane]).all()


def test_a_network_that_is_dead_from_the_start_is_found_at_outer_step_0(monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(self: MLP, theta: Params, x: Tensor) -> Tensor:
        return theta["w0"].flatten(1)[:, 0] == first

    configs = lane_runs({}, {"weights_seed": 1})
    first = build_problem(configs[1]).model.init(1, torch.float64)["w0"].flatten()[0]
    monkeypatch.setattr(MLP, "is_dead", dead)
    found = trained(configs, 2)
    assert [(stop.lane, stop.step, stop.status.kind) for stop in found.stopped] == [(1, 0, "dead")]
    assert found.lanes == found.query_lanes == (0,)


def test_lanes_of_several_graphs_and_lanes_with_baselines_are_refused() -> None:
    one, other = lane_runs({}, {"num_inner_steps": 2})
    with pytest.raises(ConfigError, match=r"num_inner_steps = 2 .* differ in alpha, test_alpha, beta"):
        trained((one, other), 1)
    with pytest.raises(ConfigError, match=r"oracle_baseline = on .* no baselines"):
        trained((replace(one, {"oracle_baseline": True}),), 1)
