"""Losses of one's own: those of torch.nn, unreduced ones, and what is no loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from maml_core import Problem, RunConfig, advance, init_run
from maml_core.inner import Adaptation, adapt
from maml_core.losses import cross_entropy, mse, per_task
from maml_core.outer import meta_gradient
from maml_core.problem import build_problem
from tests.maml_core.helpers import prepared, tiny

Any2 = Callable[[Tensor, Tensor], Any]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


REGRESSION: dict[str, Any2] = {
    "MSELoss": nn.MSELoss(),
    "MSELoss none": nn.MSELoss(reduction="none"),
    "HuberLoss": nn.HuberLoss(),
    "HuberLoss none": nn.HuberLoss(reduction="none"),
    "SmoothL1Loss": nn.SmoothL1Loss(),
    "L1Loss": nn.L1Loss(),
    "functional": functional.huber_loss,
    "lambda": lambda p, t: (p - t).abs().mean(),
    "points": lambda p, t: (p - t).square().mean(-1),
    "branch": lambda p, t: (p - t).square().mean() if bool((p - t).abs().max() > 0.5) else (p - t).abs().mean(),
}
"""Each of them is written for the points of one task."""


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("shape", [(3, 5, 1), (5, 5, 1), (2, 2, 2), (1, 4, 3)], ids=str)
def test_a_loss_of_one_task_gives_each_task_its_own(name: str, shape: tuple[int, int, int]) -> None:
    loss, prediction, target = REGRESSION[name], random(*shape), random(*shape, seed=1)
    expected = torch.stack([loss(p, t).mean() for p, t in zip(prediction, target, strict=True)])
    torch.testing.assert_close(per_task(loss)(prediction, target), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("shape", [(3, 5, 4), (4, 4, 4)], ids=str)
def test_torchs_cross_entropy_takes_outputs_as_classes(reduction: str, shape: tuple[int, int, int]) -> None:
    """Given [tasks, points, ways] at once it would take the points for the classes."""
    logits = random(*shape)
    target = functional.one_hot(random(*shape, seed=1).argmax(2), shape[2]).double()
    found = per_task(nn.CrossEntropyLoss(reduction=reduction))(logits, target)
    torch.testing.assert_close(found, cross_entropy(logits, target), rtol=0, atol=1e-14)


def test_classes_may_be_numbers() -> None:
    logits, classes = random(3, 5, 4), torch.tensor([[0, 1, 2, 3, 0]] * 3)
    expected = cross_entropy(logits, functional.one_hot(classes, 4).double())
    torch.testing.assert_close(per_task(nn.CrossEntropyLoss())(logits, classes), expected, rtol=0, atol=1e-14)


def test_a_loss_of_all_tasks_stays_as_it_is() -> None:
    def batched(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).square().sum(2).amax(1)

    prediction, target = random(5, 5, 2), random(5, 5, 2, seed=1)
    assert torch.equal(per_task(batched)(prediction, target), batched(prediction, target))
    assert per_task(mse) is mse
    assert per_task(per_task(batched)) == per_task(batched)


@pytest.mark.parametrize("recompute", [False, True])
def test_the_meta_gradient_under_torchs_mean_squared_error_is_that_under_ours(recompute: bool) -> None:
    config = tiny(num_inner_steps=2)
    problem, theta, tasks = prepared(config)
    theirs = Problem(family=problem.family, model=problem.model, loss=nn.MSELoss())
    found, expected = (
        meta_gradient(theta, tasks, problem=one, how=Adaptation(0.1), num_inner_steps=2, recompute=recompute)
        for one in (theirs, problem)
    )
    torch.testing.assert_close(found.task_losses, expected.task_losses, rtol=0, atol=1e-12)
    for name, value in expected.gradient.items():
        torch.testing.assert_close(found.gradient[name], value, rtol=0, atol=1e-11)


def test_adapt_takes_each_task_by_its_own_mean() -> None:
    """A mean over all tasks at once would divide every task's step by their number."""
    problem, theta, tasks = prepared(tiny())
    start = {name: value.repeat(3, *[1] * (value.ndim - 1)) for name, value in theta.items()}
    found, expected = (
        adapt(
            start, tasks.support, model=problem.model, loss=loss, how=Adaptation(0.1), num_steps=2, order="first"
        ).theta
        for loss in (nn.MSELoss(), mse)
    )
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("loss", [nn.HuberLoss(), nn.L1Loss(), nn.SmoothL1Loss()], ids=str)
@pytest.mark.parametrize("algorithm", ["maml", "reptile", "imaml", "meta_sgd"])
def test_a_run_trains_under_a_loss_of_torch(loss: nn.Module, algorithm: Any) -> None:
    config = tiny(alpha=0.05, num_inner_steps=1, algorithm=algorithm)
    problem = Problem(family=build_problem(config).family, model=build_problem(config).model, loss=loss)
    state, records = advance(config, init_run(config, problem=problem), num_steps=3, problem=problem)
    assert state.status.kind == "ok"
    assert (records.query_loss > 0).all()


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (nn.GaussianNLLLoss(), "the loss GaussianNLLLoss cannot be computed of one task's predictions"),
        (nn.NLLLoss(), "the loss NLLLoss cannot be computed"),
        (lambda p, t: float((p - t).square().mean()), "the loss <lambda> cannot be computed"),
        (lambda p, t: None, "the loss <lambda> cannot be computed"),
        (lambda p, t: (p - t).detach().square().mean(), "the loss has no gradient"),
    ],
    ids=["three arguments", "whole targets", "float", "nothing", "detached"],
)
def test_what_is_no_loss_of_predictions_and_targets_is_refused(loss: Any2, words: str) -> None:
    plain = build_problem(tiny())
    problem = Problem(family=plain.family, model=plain.model, loss=loss)
    config = tiny(num_inner_steps=1)
    with pytest.raises(ValueError, match=words):
        advance(config, init_run(config, problem=problem), num_steps=1, problem=problem)


@pytest.mark.parametrize("loss", [nn.HuberLoss, None, 3, "mse"], ids=repr)
def test_what_cannot_be_called_is_refused_by_the_problem(loss: Any) -> None:
    plain = build_problem(RunConfig())
    with pytest.raises(TypeError, match=r"^loss = .*such as nn.HuberLoss"):
        Problem(family=plain.family, model=plain.model, loss=loss)
