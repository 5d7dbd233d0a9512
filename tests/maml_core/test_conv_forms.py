"""Both forms of the convolutional network are the same function, with the same gradient, and each is taken where it is fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from maml_core.inner import Adaptation
from maml_core.models import convnet
from maml_core.models.conv_forms import Form, Patches, SideBySide, form
from maml_core.normalization import Normalization, Treatment, predict
from maml_core.outer import meta_gradient
from maml_core.params import leaves, over_tasks
from maml_core.types import Params
from tests.maml_core.test_convnet import KINDS, prepared

Build = Callable[..., Form]


def side_by_side(value: Tensor, *, first_order_only: bool) -> Form:
    """The form for passes that are differentiated once, whatever the numbers' type."""
    return SideBySide(value.shape[0]) if first_order_only else Patches()


def both(monkeypatch: pytest.MonkeyPatch, compute: Callable[[], Any]) -> tuple[Any, Any]:
    """What is computed by patches, and by tasks side by side where they are allowed."""
    found = []
    for build in (lambda *_, **__: Patches(), side_by_side):
        monkeypatch.setattr(convnet, "form", build)
        found.append(compute())
    return found[0], found[1]


def assert_same(first: Params, second: Params) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-11, msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_tasks", [1, 3])
def test_predictions_and_their_gradient_are_the_same(
    kind: str, num_tasks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, theta_0, tasks = prepared(kind)
    theta = leaves({name: value + 0.0 for name, value in over_tasks(theta_0, num_tasks).items()})
    x, y = tasks.query.x[:num_tasks], tasks.query.y[:num_tasks]

    def gradient() -> Params:
        prediction = problem.model.apply(theta, x, first_order_only=True)
        pulls = torch.autograd.grad(problem.loss(prediction, y).sum(), list(theta.values()))
        return {"prediction": prediction.detach(), **dict(zip(theta, pulls, strict=True))}

    assert_same(*both(monkeypatch, gradient))


@pytest.mark.parametrize("treatment", ["batch", "support", "running"])
def test_every_treatment_of_batch_norm_has_the_same_gradient(
    treatment: Treatment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under ``support`` the statistics depend on theta, too."""
    problem, theta_0, tasks = prepared()
    theta = leaves({name: value + 0.0 for name, value in over_tasks(theta_0, 3).items()})
    given = {
        f"steps/{what}{layer}": torch.full((3, 1, 4), value).double()
        for layer in range(2)
        for what, value in (("mean", 0.2), ("var", 1.5))
    }
    by = Normalization(treatment, given if treatment == "running" else {})

    def gradient() -> Params:
        found = predict(
            problem.model,
            theta,
            tasks.query.x,
            step=0,
            normalization=by,
            support_x=tasks.support.x,
            first_order_only=True,
        )
        pulls = torch.autograd.grad(problem.loss(found, tasks.query.y).sum(), list(theta.values()))
        return dict(zip(theta, pulls, strict=True))

    assert_same(*both(monkeypatch, gradient))


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, theta_0, tasks = prepared(kind)
    theta = over_tasks(theta_0, 3)
    assert_same(*both(monkeypatch, lambda: problem.model.statistics(theta, tasks.query.x, first_order_only=True)))


@pytest.mark.parametrize("order", ["first", "second"])
def test_the_meta_gradient_is_the_same(order: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, theta_0, tasks = prepared()

    def gradient() -> Params:
        return meta_gradient(
            theta_0, tasks, problem=problem, how=Adaptation(0.3), num_inner_steps=2, order=order
        ).gradient

    assert_same(*both(monkeypatch, gradient))


@pytest.mark.parametrize("kind", KINDS)
def test_a_dead_task_is_seen_among_living_ones(kind: str) -> None:
    problem, theta_0, tasks = prepared(kind)
    theta = {name: value.float() for name, value in over_tasks(theta_0, 3).items()}
    theta["shift1" if "shift1" in theta else "b1"][1] = -100.0
    assert isinstance(form(theta["w0"], first_order_only=True), SideBySide)
    assert problem.model.is_dead(theta, tasks.query.x.float()).tolist() == [False, True, False]


def test_a_task_that_overflows_leaves_the_tasks_beside_it_alone() -> None:
    problem, theta_0, tasks = prepared()
    theta, x = {name: value.float() for name, value in over_tasks(theta_0, 3).items()}, tasks.query.x.float()
    healthy = problem.model.apply(theta, x, first_order_only=True)
    theta["w0"][1] = torch.inf
    found = problem.model.apply(theta, x, first_order_only=True)
    assert not found[1].isfinite().any()
    torch.testing.assert_close(found[[0, 2]], healthy[[0, 2]], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("value", "first_order_only", "kind"),
    [
        (torch.zeros(4, 1), True, SideBySide),
        (torch.zeros(4, 1), False, Patches),
        (torch.zeros(4, 1, dtype=torch.float64), True, Patches),
        (torch.zeros(4, 1, device="meta"), True, Patches),
    ],
)
def test_the_form_is_chosen_where_it_is_fast(value: Tensor, first_order_only: bool, kind: type[Form]) -> None:
    assert type(form(value, first_order_only=first_order_only)) is kind


@pytest.mark.parametrize(("order", "expected"), [("second", {False}), ("first", {True})])
def test_only_what_is_differentiated_twice_takes_patches_in_the_inner_loop(
    order: Any, expected: set[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, theta_0, tasks = prepared()
    support = tasks.support.x.shape[1]
    seen: dict[int, set[bool]] = {}
    plain = problem.model.apply

    def spied(theta: Params, x: Tensor, *, first_order_only: bool = False) -> Tensor:
        seen.setdefault(x.shape[1], set()).add(first_order_only)
        return plain(theta, x, first_order_only=first_order_only)

    monkeypatch.setattr(problem.model, "apply", spied)
    meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.3), num_inner_steps=2, order=order)
    assert seen == {support: expected, tasks.query.x.shape[1]: {True}}
