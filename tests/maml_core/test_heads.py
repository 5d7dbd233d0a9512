"""Where the last layer starts: 0 or one vector for all classes, in every step of training and at test, so that numberings do not matter."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import nn

from maml_core.algorithms import outer_gradient
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.evaluation import evaluate
from maml_core.models import ModuleModel
from maml_core.problem import Problem, build_problem, held_out_tasks, training_tasks
from maml_core.run_state import rule
from maml_core.runs import advance, init_run
from maml_core.types import Examples, Params, Tasks
from tests.maml_core.helpers import same, tiny

IMAGES: dict[str, Any] = {"tasks": GlyphsConfig(ways=3), "shots": 1, "num_query": 2, "alpha": 0.3, "num_inner_steps": 2}
MODELS: dict[str, Any] = {
    "mlp": MLPConfig(hidden_widths=(6,)),
    "tanh": MLPConfig(hidden_widths=(6,), activation="tanh"),
    "conv": ConvConfig(num_layers=1, num_filters=4),
}
each_head = pytest.mark.parametrize("head", ["shared", "zeroed"])
each_model = pytest.mark.parametrize("model", MODELS)


def run_of(head: Any, model: str, **changes: Any) -> RunConfig:
    return tiny(**{**IMAGES, "head": head, "model": MODELS[model], "joint_baseline": False, **changes})


def head_of(theta: Params, problem: Problem) -> list[torch.Tensor]:
    return [theta[name] for name in sorted(problem.model.head)]


def is_held(head: str, values: list[torch.Tensor]) -> bool:
    if head == "zeroed":
        return not any(value.any() for value in values)
    return all(torch.equal(value, value[..., :1].expand_as(value)) for value in values)


@each_head
@each_model
@pytest.mark.parametrize(
    "algorithm",
    [
        {},
        {"order": "first"},
        {"algorithm": "anil"},
        {"algorithm": "reptile"},
        {"algorithm": "imaml"},
        {"algorithm": "meta_sgd"},
    ],
    ids=str,
)
def test_the_head_is_so_at_every_outer_step_and_the_body_learns(
    head: str, model: str, algorithm: dict[str, Any]
) -> None:
    config = run_of(head, model, **algorithm)
    problem = build_problem(config)
    state = init_run(config)
    before = state.meta.theta
    assert is_held(head, head_of(before, problem))
    state, records = advance(config, state, num_steps=4)
    assert is_held(head, head_of(state.meta.theta, problem))
    assert any(not torch.equal(state.meta.theta[name], before[name]) for name in before.keys() - problem.model.head)
    assert records.held_out_before[0] == pytest.approx(math.log(3))


@each_head
@each_model
def test_all_numberings_of_a_task_give_the_same_losses(head: str, model: str) -> None:
    config = run_of(head, model)
    problem = build_problem(config)
    state, _ = advance(config, init_run(config), num_steps=3)
    tasks = held_out_tasks(config, problem)

    def losses(order: tuple[int, ...], of: Any = state.meta, by: RunConfig = config) -> torch.Tensor:
        support, query = (Examples(part.x, part.y[..., list(order)]) for part in tasks[:2])
        numbered = Tasks(support, query, tasks.parameters)
        return evaluate(of.theta, numbered, problem=problem, num_steps=2, how=rule(by, problem, of)).query_loss

    plain = losses((0, 1, 2))
    for order in itertools.permutations(range(3)):
        torch.testing.assert_close(losses(order), plain)
    usual = replace(config, {"head": "learned"})
    learned, _ = advance(usual, init_run(usual), num_steps=3)
    assert not torch.allclose(losses((1, 2, 0), learned.meta, usual), losses((0, 1, 2), learned.meta, usual))


@each_head
def test_the_meta_gradient_is_the_derivative_of_what_the_head_leaves(head: str) -> None:
    """Against finite differences of the meta-loss along what is shared, and along the body."""
    config = run_of(head, "tanh")
    problem = build_problem(config)
    tasks, theta = training_tasks(config, problem, 0), init_run(config).meta.theta

    def gradient(at: Params) -> Any:
        return outer_gradient(config, at, (), tasks, problem=problem, order="second", step_weights=None, statistics={})

    found = gradient(theta)
    assert is_held(head, head_of(found.gradient, problem))
    for name in ("w0", "w1", "b1"):
        way = torch.zeros_like(theta[name])
        if name == "w0":
            way[0, 400, 2] = 1.0
        elif head == "shared":
            way[0, ..., :] = 1.0 if name == "b1" else torch.arange(6.0, dtype=way.dtype).unsqueeze(1)
        up, down = (float(gradient({**theta, name: theta[name] + step * way}).query_loss) for step in (1e-5, -1e-5))
        assert float((found.gradient[name] * way).sum()) == pytest.approx((up - down) / 2e-5, abs=1e-8)


def test_a_baseline_starts_with_a_head_of_its_own() -> None:
    config = run_of("zeroed", "mlp", joint_baseline=True)
    joint = init_run(config).joint
    assert joint is not None
    assert not is_held("zeroed", head_of(joint.theta, build_problem(config)))
    assert same(joint.theta, build_problem(config).model.init(0, torch.float64))


def test_curves_may_have_a_zeroed_head_and_nothing_to_share() -> None:
    config = tiny(head="zeroed", num_inner_steps=2)
    state, _ = advance(config, init_run(config), num_steps=3)
    assert is_held("zeroed", head_of(state.meta.theta, build_problem(config)))
    with pytest.raises(ConfigError, match="nothing to share"):
        tiny(head="shared")


@each_head
def test_without_inner_steps_it_is_refused(head: Any) -> None:
    with pytest.raises(ConfigError, match=f"a {head} head needs at least one inner step"):
        run_of(head, "mlp", num_inner_steps=0)


def test_of_a_module_nobody_knows_which_weights_are_of_which_class() -> None:
    config = run_of("shared", "mlp")
    known = build_problem(config)
    module = nn.Sequential(nn.Linear(784, 5), nn.Tanh(), nn.Linear(5, 3))
    own = Problem(family=known.family, model=ModuleModel(module, head="2"), loss=known.loss, accuracy=known.accuracy)
    with pytest.raises(ConfigError, match="does not say which of its weights are of which class"):
        init_run(config, problem=own)
    state = init_run(replace(config, {"head": "zeroed"}), problem=own)
    assert is_held("zeroed", head_of(state.meta.theta, own))
