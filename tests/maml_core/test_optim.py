"""Outer optimisers against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maml_core.optim import adam, clipped, init_optimizer, sgd
from maml_core.params import norm
from maml_core.types import Params
from tests.maml_core.helpers import lanes, same

SHAPES = {"w0": (1, 2, 3), "b0": (1, 3)}


def random_params(seed: int, scale: float = 1.0) -> Params:
    random = torch.Generator().manual_seed(seed)
    return {name: scale * torch.randn(shape, generator=random, dtype=torch.float64) for name, shape in SHAPES.items()}


@pytest.mark.parametrize(("betas", "eps"), [((0.9, 0.999), 1e-8), ((0.5, 0.9), 1e-2), ((0.0, 0.0), 1e-8)])
def test_twenty_steps_of_adam_equal_torch(betas: tuple[float, float], eps: float) -> None:
    theta = random_params(0)
    reference = {name: value.clone().requires_grad_() for name, value in theta.items()}
    optimizer = torch.optim.Adam(list(reference.values()), lr=0.03, betas=betas, eps=eps)
    state = init_optimizer("adam", theta)
    for step in range(20):
        gradient = random_params(100 + step, scale=10.0 ** (step % 5 - 2))
        theta, state = adam(theta, gradient, state, beta=0.03, adam_betas=betas, adam_eps=eps)
        for name, value in reference.items():
            value.grad = gradient[name]
        optimizer.step()
        for name, value in theta.items():
            torch.testing.assert_close(value, reference[name].detach(), rtol=0, atol=1e-12)
    assert state.step == 20


def test_twenty_steps_of_sgd_equal_torch() -> None:
    theta = random_params(0)
    reference = {name: value.clone().requires_grad_() for name, value in theta.items()}
    optimizer = torch.optim.SGD(list(reference.values()), lr=0.03)
    state = init_optimizer("sgd", theta)
    for step in range(20):
        gradient = random_params(100 + step)
        theta, state = sgd(theta, gradient, state, beta=0.03)
        for name, value in reference.items():
            value.grad = gradient[name]
        optimizer.step()
        for name, value in theta.items():
            torch.testing.assert_close(value, reference[name].detach(), rtol=0, atol=1e-13)
    assert state.step == 20


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_each_lane_takes_its_own_beta(kind: str) -> None:
    thetas, betas = [random_params(seed) for seed in range(3)], [0.0, 0.01, 0.5]
    update = adam if kind == "adam" else sgd
    together, state = lanes(*thetas), init_optimizer(kind, lanes(*thetas))
    alone = [(theta, init_optimizer(kind, theta)) for theta in thetas]
    for step in range(3):
        gradients = [random_params(10 * step + lane + 50) for lane in range(3)]
        together, state = update(together, lanes(*gradients), state, beta=torch.tensor(betas, dtype=torch.float64))
        alone = [
            update(theta, gradient, own, beta=beta)
            for (theta, own), gradient, beta in zip(alone, gradients, betas, strict=True)
        ]
    for name, value in lanes(*(theta for theta, _ in alone)).items():
        torch.testing.assert_close(together[name], value, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_an_update_changes_none_of_its_arguments(kind: str) -> None:
    theta, gradient = random_params(0), random_params(1)
    update = adam if kind == "adam" else sgd
    _, state = update(theta, gradient, init_optimizer(kind, theta), beta=0.1)
    before = [
        {name: value.clone() for name, value in params.items()}
        for params in (theta, gradient, state.first, state.second)
    ]
    update(theta, gradient, state, beta=0.1)
    assert same([theta, gradient, state.first, state.second], before)


@pytest.mark.parametrize("max_norm", [0.01, 1.0, 2.5])
def test_clipping_equals_torch(max_norm: float) -> None:
    gradient = random_params(3)
    reference = [torch.nn.Parameter(torch.zeros_like(value)) for value in gradient.values()]
    for parameter, value in zip(reference, gradient.values(), strict=True):
        parameter.grad = value.clone()
    torch.nn.utils.clip_grad_norm_(reference, max_norm)
    for value, parameter in zip(clipped(gradient, max_norm).values(), reference, strict=True):
        torch.testing.assert_close(value, parameter.grad, rtol=2e-6, atol=0)  # torch adds 1e-6 to the norm


def test_clipping_looks_at_each_lane_alone() -> None:
    small, large = random_params(3, scale=1e-3), random_params(4, scale=1e3)
    result = clipped(lanes(small, large), 1.0)
    np.testing.assert_allclose(norm(result).numpy(), [float(norm(small)), 1.0], rtol=1e-12)


def test_each_lane_is_clipped_to_its_own_norm_and_an_infinite_one_leaves_it() -> None:
    first, second, huge = (random_params(seed, scale=1e3) for seed in (3, 4, 5))
    huge = {name: value * 1e200 for name, value in huge.items()}  # its norm overflows
    result = clipped(lanes(first, second, huge), torch.tensor([1.0, torch.inf, torch.inf], dtype=torch.float64))
    assert float(norm(result)[0]) == pytest.approx(1.0, rel=1e-12)
    for name, value in result.items():
        assert same(value[1:], torch.cat([second[name], huge[name]]))


def test_each_lane_takes_its_own_epsilon() -> None:
    thetas, gradients = [random_params(seed) for seed in (1, 2)], [random_params(seed, scale=1e-3) for seed in (3, 4)]
    epsilons = [1e-8, 0.1]
    together, _ = adam(
        lanes(*thetas),
        lanes(*gradients),
        init_optimizer("adam", lanes(*thetas)),
        beta=0.1,
        adam_eps=torch.tensor(epsilons, dtype=torch.float64),
    )
    for lane, (theta, gradient, epsilon) in enumerate(zip(thetas, gradients, epsilons, strict=True)):
        alone, _ = adam(theta, gradient, init_optimizer("adam", theta), beta=0.1, adam_eps=epsilon)
        for name, value in alone.items():
            torch.testing.assert_close(together[name][lane], value[0], rtol=1e-12, atol=0)


def test_no_clip_norm_leaves_the_gradient() -> None:
    gradient = random_params(3, scale=1e6)
    assert clipped(gradient, None) is gradient


def test_a_zero_gradient_survives_clipping() -> None:
    zero = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in SHAPES.items()}
    assert same(clipped(zero, 0.5), zero)


@given(scale=st.floats(1e-3, 1e3), max_norm=st.floats(1e-3, 1e3))
def test_clipping_keeps_the_direction_and_never_exceeds_the_norm(scale: float, max_norm: float) -> None:
    gradient = random_params(5, scale=scale)
    result = clipped(gradient, max_norm)
    assert float(norm(result)) <= max_norm * (1.0 + 1e-12)
    ratio = float(norm(result) / norm(gradient))
    assert ratio == pytest.approx(min(1.0, max_norm / float(norm(gradient))), rel=1e-12)
    for name, value in result.items():
        torch.testing.assert_close(value, gradient[name] * ratio, rtol=1e-12, atol=0)
