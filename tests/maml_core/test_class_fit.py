"""One task of classes of one's own: what theta_0..theta_K say of its query points, against the inner loop written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from maml_core.class_fit import ClassFit
from maml_core.config import PythonConfig, RunConfig
from maml_core.demonstration import task_fit
from maml_core.losses import accuracy, cross_entropy
from maml_core.models import ModuleModel
from maml_core.problem import Problem
from maml_core.records import Demonstration
from maml_core.rng import Stream
from maml_core.runs import init_run
from maml_core.tasks.given import StreamTasks

STEPS, ALPHA = 2, 0.3


def clouds(rng: np.random.Generator) -> Iterator[Any]:
    while True:
        centres, y = rng.normal(size=(3, 2)), np.arange(12) % 3
        x = centres[y] + 0.3 * rng.normal(size=(12, 2))
        yield x[:6], y[:6], x[6:], y[6:]


def numbered(rng: np.random.Generator) -> Iterator[Any]:
    for support_x, support_y, query_x, query_y in clouds(rng):
        yield support_x, support_y[:, None].astype(float), query_x, query_y[:, None].astype(float)


def halves(rng: np.random.Generator) -> Iterator[Any]:
    for support_x, support_y, query_x, query_y in clouds(rng):
        yield support_x, support_y[:, None] + 0.5, query_x, query_y[:, None] + 0.5


def of_numbers(judge: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of targets that are the numbers of classes."""
    return lambda said, target: judge(said, torch.eye(3, dtype=said.dtype)[target[..., 0].long()])


def fit_of(problem: Problem) -> ClassFit | None:
    tasks = PythonConfig(problem="mine:problem", num_inputs=2, num_outputs=3, classifies=True)
    shape = {"shots": 6, "num_query": 6, "num_inner_steps": STEPS, "evaluation_steps": 3, "alpha": ALPHA}
    config = RunConfig(tasks=tasks, joint_baseline=False, dtype="float64", **shape)
    found = task_fit(config, init_run(config, problem=problem).meta, Demonstration(), problem)
    assert found is None or isinstance(found, ClassFit)
    return found


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def test_probabilities_accuracy_and_losses_are_those_of_the_inner_loop_written_out() -> None:
    module = net()
    family = StreamTasks(clouds, classes=3)
    fit = fit_of(Problem(family=family, model=ModuleModel(module), loss=cross_entropy, accuracy=accuracy))
    assert fit is not None
    task = family.draw_tasks(
        seed=RunConfig().evaluation_seed,
        stream=Stream.DEMO_TASK,
        num_tasks=1,
        shots=6,
        num_query=6,
        dtype=torch.float64,
    )
    (support_x, support_y), (query_x, query_y) = ([part[0] for part in side] for side in (task.support, task.query))
    theta = {name: value.detach().requires_grad_() for name, value in module.named_parameters()}
    judge = nn.CrossEntropyLoss()
    labels = query_y.argmax(1)
    np.testing.assert_array_equal(fit.query_labels, labels)
    np.testing.assert_allclose(fit.query_x, query_x, rtol=1e-6)
    assert (fit.num_support, fit.query_probabilities.shape, fit.dead) == (6, (4, 6, 3), False)
    for k in range(4):
        said = functional_call(module, theta, query_x)
        loss = judge(functional_call(module, theta, support_x), support_y)
        np.testing.assert_allclose(fit.query_probabilities[k], said.softmax(1).detach(), rtol=1e-5)
        assert fit.query_accuracy[k] == pytest.approx(float((said.argmax(1) == labels).double().mean()))
        assert fit.query_loss[k] == pytest.approx(float(judge(said, query_y).detach()), rel=1e-5)
        assert fit.support_loss[k] == pytest.approx(float(loss.detach()), rel=1e-5)
        slopes = torch.autograd.grad(loss, list(theta.values()))
        theta = {
            name: (value - ALPHA * slope).detach().requires_grad_()
            for (name, value), slope in zip(theta.items(), slopes, strict=True)
        }


def test_targets_that_are_numbers_of_classes_say_the_same() -> None:
    ones = fit_of(
        Problem(family=StreamTasks(clouds, classes=3), model=ModuleModel(net()), loss=cross_entropy, accuracy=accuracy)
    )
    numbers = fit_of(
        Problem(
            family=StreamTasks(numbered),
            model=ModuleModel(net()),
            loss=of_numbers(cross_entropy),
            accuracy=of_numbers(accuracy),
        )
    )
    assert ones is not None
    assert numbers is not None
    np.testing.assert_array_equal(numbers.query_labels, ones.query_labels)
    np.testing.assert_allclose(numbers.query_probabilities, ones.query_probabilities, rtol=1e-6)


def test_of_targets_that_name_no_class_nothing_is_drawn() -> None:
    def judge(said: Tensor, target: Tensor) -> Tensor:
        return (said - target).square().mean((1, 2))

    assert fit_of(Problem(family=StreamTasks(halves), model=ModuleModel(net()), loss=judge, accuracy=judge)) is None
