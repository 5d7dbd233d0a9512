"""Inner optimizers: against torch's own, against closed forms, and through the meta-gradient."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from maml_core import (
    Adaptation,
    InnerOptimizer,
    MLPConfig,
    Problem,
    RunConfig,
    adam,
    adapt,
    build_problem,
    chained,
    held_out_tasks,
    meta_gradient,
    momentum,
    predict,
    replay,
    training_tasks,
    weight_decay,
)
from maml_core.types import Examples, Params

CONFIG = RunConfig(
    model=MLPConfig(activation="tanh"),
    alpha=0.03,
    num_inner_steps=4,
    meta_batch_size=3,
    shots=6,
    num_query=5,
    evaluation_tasks=5,
    dtype="float64",
    joint_baseline=False,
    oracle_baseline=False,
)
OPTIMIZERS: dict[str, tuple[InnerOptimizer, Callable[[list[Tensor]], torch.optim.Optimizer]]] = {
    "momentum": (momentum(0.8), lambda p: torch.optim.SGD(p, 0.03, momentum=0.8)),
    "nesterov": (momentum(0.8, nesterov=True), lambda p: torch.optim.SGD(p, 0.03, momentum=0.8, nesterov=True)),
    "adam": (adam(0.8, 0.95, 1e-4), lambda p: torch.optim.Adam(p, 0.03, betas=(0.8, 0.95), eps=1e-4)),
    "weight decay": (weight_decay(0.3), lambda p: torch.optim.SGD(p, 0.03, weight_decay=0.3)),
    "weight decay, then momentum": (
        chained(weight_decay(0.3), momentum(0.8)),
        lambda p: torch.optim.SGD(p, 0.03, momentum=0.8, weight_decay=0.3),
    ),
}


class Quadratic:
    """Predicts its one weight at every input."""

    head = ("w",)

    def init(self, seed: int, dtype: torch.dtype = torch.float64) -> Params:
        return {"w": torch.ones(1, 1, dtype=dtype)}

    def apply(self, params: Params, x: Tensor, **_: Any) -> Tensor:
        return params["w"].unsqueeze(1).expand(-1, x.shape[1], -1)

    def statistics(self, params: Params, x: Tensor) -> Params:
        return {}

    def is_dead(self, params: Params, x: Tensor) -> Tensor:
        return torch.zeros(len(x), dtype=torch.bool)


def half_square(prediction: Tensor, target: Tensor) -> Tensor:
    """Half the mean square of each task: its second derivative in the weight is 1."""
    return 0.5 * (prediction - target).square().mean(dim=(1, 2))


def with_optimizer(problem: Problem, optimizer: InnerOptimizer) -> Problem:
    return dataclasses.replace(problem, inner_optimizer=optimizer)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_task_ends_where_torchs_own_optimizer_takes_it(name: str) -> None:
    ours, theirs = OPTIMIZERS[name]
    problem = build_problem(CONFIG)
    theta_0, tasks = problem.model.init(0, dtype=torch.float64), training_tasks(CONFIG, problem, 0)
    found = adapt(
        {key: value.expand(3, *value.shape[1:]).clone() for key, value in theta_0.items()},
        tasks.support,
        model=problem.model,
        loss=problem.loss,
        how=Adaptation(0.03, optimizer=ours),
        num_steps=4,
        order="first",
    ).theta
    for task in range(3):
        own = {key: value.clone().requires_grad_() for key, value in theta_0.items()}
        optimizer = theirs(list(own.values()))
        x, y = (part[task : task + 1] for part in tasks.support)
        for _ in range(4):
            optimizer.zero_grad()
            problem.loss(problem.model.apply(own, x), y).sum().backward()
            optimizer.step()
        for key, value in own.items():
            torch.testing.assert_close(found[key][task], value[0].detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_meta_gradient_goes_through_the_optimizer_and_its_state(name: str) -> None:
    """Central differences of the meta-loss along a random direction, in float64."""
    problem = with_optimizer(build_problem(CONFIG), OPTIMIZERS[name][0])
    theta_0, tasks = problem.model.init(1, dtype=torch.float64), training_tasks(CONFIG, problem, 0)
    theta_0 = {
        key: value + 0.1 * torch.sin(torch.arange(value.numel(), dtype=value.dtype)).view_as(value)
        for key, value in theta_0.items()
    }
    how = Adaptation(0.03, optimizer=problem.inner_optimizer)
    direction = {
        key: torch.cos(torch.arange(value.numel(), dtype=value.dtype)).view_as(value) for key, value in theta_0.items()
    }

    def at(shift: float, order: str = "second") -> tuple[float, Params]:
        moved = {key: value + shift * direction[key] for key, value in theta_0.items()}
        found = meta_gradient(moved, tasks, problem=problem, how=how, num_inner_steps=4, order=order)  # type: ignore[arg-type]
        return float(found.query_loss[0]), found.gradient

    step = 1e-6
    slope = (at(step)[0] - at(-step)[0]) / (2.0 * step)

    def along(gradient: Params) -> float:
        return float(sum((gradient[key] * direction[key]).sum() for key in gradient))

    assert along(at(0.0)[1]) == pytest.approx(slope, rel=1e-5)
    assert along(at(0.0, "first")[1]) != pytest.approx(slope, rel=1e-3)  # so the one above could fail


def test_momentum_on_a_parabola_is_its_closed_form() -> None:
    """w_{k+1} = w_k - alpha v_k, v_k = decay v_{k-1} + (w_k - c): powers of a matrix, and their derivative in w_0."""
    alpha, decay, target, steps = 0.2, 0.7, 3.0, 5
    # [w, v] after a step, with w measured from the target.
    matrix = torch.tensor([[1.0 - alpha, -alpha * decay], [1.0, decay]], dtype=torch.float64)
    power = torch.linalg.matrix_power(matrix, steps)
    start = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    x, y = torch.zeros(1, 2, 1, dtype=torch.float64), torch.full((1, 2, 1), target, dtype=torch.float64)
    end = adapt(
        {"w": start},
        Examples(x, y),
        model=Quadratic(),
        loss=half_square,
        how=Adaptation(alpha, optimizer=momentum(decay)),
        num_steps=steps,
        order="second",
    ).theta["w"]
    assert end.item() == pytest.approx(target + float(power[0, 0]) * (1.0 - target), rel=1e-12)
    (slope,) = torch.autograd.grad(end.sum(), start)
    assert slope.item() == pytest.approx(float(power[0, 0]), rel=1e-12)


def test_one_step_of_adam_goes_alpha_far_whatever_the_gradient() -> None:
    x = torch.zeros(2, 1, 1, dtype=torch.float64)
    start = {"w": torch.ones(2, 1, dtype=torch.float64)}
    y = torch.tensor([3.0, -50.0], dtype=torch.float64).view(2, 1, 1)
    end = adapt(
        start,
        Examples(x, y),
        model=Quadratic(),
        loss=half_square,
        how=Adaptation(0.1, optimizer=adam()),
        num_steps=1,
        order="first",
    )
    torch.testing.assert_close(
        end.theta["w"].flatten(), torch.tensor([1.1, 0.9], dtype=torch.float64), rtol=1e-6, atol=0.0
    )


def test_a_gradient_of_nothing_moves_nothing_and_leaves_the_meta_gradient_finite() -> None:
    """A task that is solved already: the root of a mean square of zero has no derivative."""
    start = torch.full((1, 1), 3.0, dtype=torch.float64, requires_grad=True)
    x, y = torch.zeros(1, 2, 1, dtype=torch.float64), torch.full((1, 2, 1), 3.0, dtype=torch.float64)
    end = adapt(
        {"w": start},
        Examples(x, y),
        model=Quadratic(),
        loss=half_square,
        how=Adaptation(0.1, optimizer=adam()),
        num_steps=3,
        order="second",
    ).theta["w"]
    assert end.item() == 3.0
    (slope,) = torch.autograd.grad(end.sum(), start)
    assert torch.isfinite(slope).all()


def test_training_evaluation_and_predictions_adapt_by_it() -> None:
    plain = build_problem(CONFIG)
    bold = with_optimizer(plain, chained(weight_decay(0.01), momentum(0.9)))
    (_, state, records), (_, other, _) = (replay(CONFIG, [], num_steps=6, problem=problem) for problem in (bold, plain))
    assert state.own_problem
    assert not other.own_problem
    assert not torch.equal(state.meta.theta["w0"], other.meta.theta["w0"])
    assert records.query_loss.shape == (6,)
    support = held_out_tasks(CONFIG, bold).support
    x, y = support.x[0], support.y[0]
    by_hand = adapt(
        state.meta.theta,
        Examples(x[None], y[None]),
        model=bold.model,
        loss=bold.loss,
        how=Adaptation(CONFIG.alpha, optimizer=bold.inner_optimizer),
        num_steps=4,
        order="first",
    ).theta
    torch.testing.assert_close(predict(CONFIG, state, x, y, x, problem=bold), bold.model.apply(by_hand, x[None])[0])


def test_what_would_lose_the_state_is_refused() -> None:
    problem = build_problem(CONFIG)
    theta_0, tasks = problem.model.init(0, dtype=torch.float64), training_tasks(CONFIG, problem, 0)
    with pytest.raises(ValueError, match="recompute"):
        meta_gradient(
            theta_0, tasks, problem=problem, how=Adaptation(0.1, optimizer=adam()), num_inner_steps=2, recompute=True
        )
    with pytest.raises(ValueError, match="in the middle"):
        adapt(
            theta_0, Examples(tasks.support.x[:1], tasks.support.y[:1]), model=problem.model, loss=problem.loss,
            how=Adaptation(0.1, optimizer=adam()), num_steps=1, order="first", first_step=1,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: momentum(1.0), "decay"),
        (lambda: adam(beta2=1.5), "beta2"),
        (lambda: adam(epsilon=0.0), "epsilon"),
        (lambda: weight_decay(-1.0), "weight"),
        (chained, "at least one"),
    ],
)
def test_numbers_that_make_no_optimizer_are_refused(make: Callable[[], InnerOptimizer], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def rule(update: Callable[[Params], Any]) -> InnerOptimizer:
    return InnerOptimizer(lambda _: (), lambda gradients, _state, _theta: update(gradients))


@pytest.mark.parametrize("made", [lambda one: one, lambda one: chained(one, momentum(0.5))], ids=["alone", "chained"])
@pytest.mark.parametrize(
    ("update", "words"),
    [
        (
            lambda g: ({name: value[:1] for name, value in g.items()}, ()),
            r"gives w0 shape \[1, 1, 40\], where its gradient has \[5, 1, 40\]",
        ),
        (
            lambda g: ({name: value.sum() for name, value in g.items()}, ()),
            r"gives w0 shape \[\], where its gradient has \[5, 1, 40\]",
        ),
        (lambda g: (dict.fromkeys(g, 1.0), ()), r"gives w0 no tensor, where its gradient has \[5, 1, 40\]"),
        (lambda _: ({}, ()), "gives nothing for w0: give an update for each of w0, b0, "),
        (lambda g: g, r"gives dict: give \(updates, state\)"),
        (lambda g: (g, (), 1), r"gives tuple of 3: give \(updates, state\)"),
        (lambda _: None, r"gives None: give \(updates, state\)"),
    ],
)
def test_an_update_that_does_not_stand_for_the_gradients_is_refused_by_name_and_shape(
    update: Callable[[Params], Any], words: str, made: Callable[[InnerOptimizer], InnerOptimizer]
) -> None:
    problem = with_optimizer(build_problem(CONFIG), made(rule(update)))
    with pytest.raises((TypeError, ValueError), match=rf"^update\(\.\.\.\) of the inner optimizer {words}"):
        replay(CONFIG, (), num_steps=1, problem=problem)
