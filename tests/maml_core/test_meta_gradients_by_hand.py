"""Meta-gradients of one's own module against the loop that other libraries have: a module a task, steps with the graph kept, one `backward`.

The loop is written for this test, with `torch.func.functional_call`: theta_0 of a plain module, each task by itself, losses added up and divided.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from maml_core.config import RunConfig
from maml_core.inner_optimizers import momentum
from maml_core.meta_learner import MetaLearner
from maml_core.models import ModuleModel
from maml_core.problem import Problem, build_problem, training_tasks
from tests.maml_core.helpers import tiny

ALPHA, STEPS, DECAY = 0.1, 3, 0.9


def by_hand(
    module: nn.Module,
    config: RunConfig,
    tasks: list[tuple[Tensor, Tensor, Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    adapts: Callable[[str], bool] = lambda name: True,
    decay: float = 0.0,
) -> float:
    """Put the meta-gradient into the `.grad` of a module, and give the meta-loss."""
    module.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for support_x, support_y, query_x, query_y in tasks:
        theta: dict[str, Tensor] = dict(module.named_parameters())
        velocity = {name: torch.zeros_like(value) for name, value in theta.items() if adapts(name)}
        for _ in range(STEPS):
            error = loss(functional_call(module, theta, (support_x,)), support_y)
            gradients = torch.autograd.grad(
                error, [theta[name] for name in velocity], create_graph=config.order == "second"
            )
            velocity = {name: decay * velocity[name] + by for name, by in zip(velocity, gradients, strict=True)}
            theta = theta | {name: theta[name] - ALPHA * by for name, by in velocity.items()}
        total = total + loss(functional_call(module, theta, (query_x,)), query_y)
    total = total / len(tasks)
    total.backward()  # type: ignore[no-untyped-call]
    return float(total.detach())


CASES: dict[str, dict[str, object]] = {
    "MAML": {},
    "FOMAML": {"order": "first"},
    "ANIL": {"algorithm": "anil"},
    "momentum": {"decay": DECAY},
    "Huber": {"loss": nn.HuberLoss(delta=0.5)},
}


@pytest.mark.parametrize("case", CASES)
def test_the_meta_gradient_is_that_of_a_loop_over_tasks(case: str) -> None:
    about = dict(CASES[case])
    decay, loss = about.pop("decay", 0.0), about.pop("loss", nn.MSELoss())
    assert isinstance(decay, float)
    assert isinstance(loss, nn.Module)
    config = tiny(alpha=ALPHA, num_inner_steps=STEPS, joint_baseline=False, **about)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(1, 7), nn.Tanh(), nn.Linear(7, 1)).double()
    problem = Problem(family=build_problem(config).family, model=ModuleModel(module, head="2"), loss=loss)
    if decay:
        problem = dataclasses.replace(problem, inner_optimizer=momentum(decay))
    learner = MetaLearner(config, problem=problem)
    tasks = training_tasks(config, problem, 0)
    rows = list(zip(*tasks.support, *tasks.query, strict=True))
    expected = by_hand(
        module, config, rows, loss, decay=decay, adapts=lambda name: case != "ANIL" or name.startswith("2.")
    )
    assert learner.backward(tasks) == pytest.approx(expected, rel=1e-12)
    for name, value in module.named_parameters():
        found = dict(learner.named_parameters())[name].grad
        assert found is not None
        torch.testing.assert_close(found[0], value.grad, rtol=1e-11, atol=1e-12)
