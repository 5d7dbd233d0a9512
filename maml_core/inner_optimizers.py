"""What the inner loop makes of a gradient before it steps along it: momentum, Adam, weight decay, or a rule of one's own.

theta_k = theta_{k-1} - alpha * u_k,   (u_k, state_k) = update(grad L_support(theta_{k-1}), state_{k-1}, theta_{k-1})

Plain steps have u_k = grad. An update is made of torch's operations that can be differentiated, so that a meta-gradient goes through it, the
state included; every entry has a row a task, [B, ...], and tasks do not touch each other. Give one as ``Problem(..., inner_optimizer=adam())``, which
training, evaluation and every chart take, or as ``Adaptation(alpha, optimizer=adam())``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from maml_core.types import Params


class InnerOptimizer(NamedTuple):
    """A rule for updates, and the state it begins with.

    >>> clipped = InnerOptimizer(lambda theta: (), lambda gradients, state, theta: ({n: g.clamp(-1.0, 1.0) for n, g in gradients.items()}, state))
    >>> clipped.update({"w": torch.tensor([3.0])}, clipped.begin({}), {})[0]["w"]
    tensor([1.])
    """

    begin: Callable[[Params], Any]
    """The state before the first step, of the parameters that adapt, [B, ...]."""
    update: Callable[[Params, Any, Params], tuple[Params, Any]]
    """Gradients, state and parameters -> what alpha multiplies, by the same names, and the next state. It changes none of them in place."""


def check_update(found: Any, gradients: Params) -> None:
    """See that what a rule's update has given stands for the gradients. It looks at shapes alone.

    Raises:
        TypeError: It is no pair of updates and state.
        ValueError: A gradient has no update, or one of another shape, which would be broadcast without a word.
    """
    if not isinstance(found, tuple | list) or len(found) != 2 or not isinstance(found[0], Mapping):
        what = f"{type(found).__name__} of {len(found)}" if isinstance(found, tuple | list) else type(found).__name__
        raise TypeError(
            f"update(...) of the inner optimizer gives {'None' if found is None else what}: "
            "give (updates, state), the updates as a dict by the names of the gradients"
        )
    for name, gradient in gradients.items():
        if name not in found[0]:
            raise ValueError(
                f"update(...) of the inner optimizer gives nothing for {name}: give an update for each of {', '.join(gradients)}"
            )
        if getattr(found[0][name], "shape", None) != gradient.shape:
            shape = f"shape {list(found[0][name].shape)}" if isinstance(found[0][name], Tensor) else "no tensor"
            raise ValueError(
                f"update(...) of the inner optimizer gives {name} {shape}, where its gradient has {list(gradient.shape)}"
            )


def momentum(decay: float = 0.9, *, nesterov: bool = False) -> InnerOptimizer:
    """Updates v_k = decay v_{k-1} + g_k, or g_k + decay v_k with Nesterov's look ahead (as `torch.optim.SGD`; Sutskever et al. 2013).

    Args:
        decay: From 0 (plain steps) to below 1.
        nesterov: Look ahead.

    Raises:
        ValueError: A decay out of this range.
    """
    _check("decay", decay)

    def update(gradients: Params, velocity: Params, _theta: Params) -> tuple[Params, Params]:
        moved = {name: decay * velocity[name] + gradient for name, gradient in gradients.items()}
        if not nesterov:
            return moved, moved
        return {name: gradient + decay * moved[name] for name, gradient in gradients.items()}, moved

    return InnerOptimizer(_zeros, update)


class Moments(NamedTuple):
    """Adam's state."""

    step: int
    first: Params
    second: Params


def adam(beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> InnerOptimizer:
    """Adam's updates (Kingma & Ba 2015, algorithm 1), the mean gradient over the root of the mean square, both corrected for their start at zero.

    Where a gradient has been exactly zero since the start, as behind units that are off, the update is zero and has no derivative: the root
    has none there.

    Args:
        beta1: Decay of the mean, from 0 to below 1.
        beta2: Decay of the mean square, from 0 to below 1.
        epsilon: Added to the root, above 0. Small gradients make it the scale on which second derivatives grow: 1e-3 tames them.

    Raises:
        ValueError: A number out of its range.
    """
    _check("beta1", beta1)
    _check("beta2", beta2)
    if not epsilon > 0.0:
        raise ValueError(f"epsilon = {epsilon}: give a number above 0")

    def begin(theta: Params) -> Moments:
        return Moments(0, _zeros(theta), _zeros(theta))

    def update(gradients: Params, state: Moments, _theta: Params) -> tuple[Params, Moments]:
        step = state.step + 1
        first = {name: beta1 * state.first[name] + (1.0 - beta1) * gradient for name, gradient in gradients.items()}
        second = {
            name: beta2 * state.second[name] + (1.0 - beta2) * gradient.square() for name, gradient in gradients.items()
        }
        found = {}
        for name in gradients:
            root = _root(second[name] / (1.0 - beta2**step))
            found[name] = first[name] / (1.0 - beta1**step) / (root + epsilon)
        return found, Moments(step, first, second)

    return InnerOptimizer(begin, update)


def weight_decay(weight: float) -> InnerOptimizer:
    """Updates g_k + weight theta_{k-1}: the gradient of the loss with weight / 2 ||theta||^2 added to it.

    Args:
        weight: Not negative.

    Raises:
        ValueError: A negative weight.
    """
    if not weight >= 0.0:
        raise ValueError(f"weight = {weight}: give a number from 0 on")

    def update(gradients: Params, state: tuple[()], theta: Params) -> tuple[Params, tuple[()]]:
        return {name: gradient + weight * theta[name] for name, gradient in gradients.items()}, state

    return InnerOptimizer(lambda _: (), update)


def chained(*optimizers: InnerOptimizer) -> InnerOptimizer:
    """One after the other, each on what the one before has made: ``chained(weight_decay(0.1), momentum())``, or the other way round.

    Raises:
        ValueError: None is given.
    """
    if not optimizers:
        raise ValueError("chained: give at least one optimizer")

    def begin(theta: Params) -> tuple[Any, ...]:
        return tuple(one.begin(theta) for one in optimizers)

    def update(gradients: Params, state: tuple[Any, ...], theta: Params) -> tuple[Params, tuple[Any, ...]]:
        after = []
        for one, before in zip(optimizers, state, strict=True):
            found = one.update(gradients, before, theta)
            check_update(found, gradients)  # the next one would broadcast what does not fit
            gradients, new = found
            after.append(new)
        return gradients, tuple(after)

    return InnerOptimizer(begin, update)


def _zeros(theta: Params) -> Params:
    return {name: torch.zeros_like(value) for name, value in theta.items()}


def _root(square: Tensor) -> Tensor:
    """The square root, with a derivative of zero at zero in place of none."""
    is_off = square == 0.0
    return torch.where(is_off, 0.0, torch.where(is_off, 1.0, square).sqrt())


def _check(name: str, decay: float) -> None:
    if not 0.0 <= decay < 1.0:
        raise ValueError(f"{name} = {decay}: give a number from 0 to below 1")
