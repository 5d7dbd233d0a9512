"""Outer optimisers as pure init/update pairs. Each lane is updated on its own; `beta`, `adam_eps` and `clip_norm` may be one per lane [L]."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from maml_core.params import aligned, norm
from maml_core.types import Params


class OptimizerState(NamedTuple):
    """Moments of Adam; both are empty for plain gradient descent."""

    step: int
    """Updates made since the state was fresh."""
    first: Params
    second: Params


def init_optimizer(kind: str, theta: Params) -> OptimizerState:
    """A fresh state for `kind` ("adam" or "sgd")."""
    match kind:
        case "sgd":
            return OptimizerState(0, {}, {})
        case "adam":
            zeros = {name: torch.zeros_like(value) for name, value in theta.items()}
            return OptimizerState(0, zeros, zeros)
    raise ValueError(f"outer_optimizer {kind} has no update rule; it needs one in optim.py")


def sgd(
    theta: Params, gradient: Params, state: OptimizerState, *, beta: float | Tensor
) -> tuple[Params, OptimizerState]:
    """theta - beta * gradient (Finn et al. 2017, algorithm 2, line 10)."""
    updated = {name: value - aligned(beta, value) * gradient[name] for name, value in theta.items()}
    return updated, state._replace(step=state.step + 1)


def adam(
    theta: Params,
    gradient: Params,
    state: OptimizerState,
    *,
    beta: float | Tensor,
    adam_betas: tuple[float, float] = (0.9, 0.999),
    adam_eps: float | Tensor = 1e-8,
) -> tuple[Params, OptimizerState]:
    """One step of Adam (Kingma & Ba 2015, algorithm 1)."""
    decay_1, decay_2 = adam_betas
    step = state.step + 1
    correction_1, correction_2 = 1.0 - decay_1**step, 1.0 - decay_2**step
    updated, first, second = {}, {}, {}
    for name, value in theta.items():
        g = gradient[name]
        m = first[name] = torch.lerp(g, state.first[name], decay_1)
        v = second[name] = (state.second[name] * decay_2).addcmul_(g, g, value=1.0 - decay_2)
        direction = m / (v / correction_2).sqrt_().add_(aligned(adam_eps, value))
        updated[name] = value - aligned(beta, value) / correction_1 * direction
    return updated, OptimizerState(step, first, second)


def updated(
    theta: Params,
    gradient: Params,
    state: OptimizerState,
    *,
    kind: str,
    beta: float | Tensor,
    clip_norm: float | Tensor | None,
    adam_betas: tuple[float, float],
    adam_eps: float | Tensor,
) -> tuple[Params, OptimizerState]:
    """One step of `kind` ("adam" or "sgd") along the clipped gradient."""
    gradient = clipped(gradient, clip_norm)
    if kind == "sgd":
        return sgd(theta, gradient, state, beta=beta)
    return adam(theta, gradient, state, beta=beta, adam_betas=adam_betas, adam_eps=adam_eps)


def clipped(gradient: Params, clip_norm: float | Tensor | None) -> Params:
    """The gradient, scaled down in each lane so that its norm is at most `clip_norm`; None, or inf in a lane, leaves it as it is."""
    if clip_norm is None:
        return gradient
    factor = clip_factor(gradient, clip_norm)
    return {name: value * aligned(factor, value) for name, value in gradient.items()}


def clip_factor(gradient: Params, clip_norm: float | Tensor) -> Tensor:
    """What clipping multiplies each lane's gradient with, [L]: 1 where it does not act."""
    factor = (clip_norm / norm(gradient)).clamp(max=1.0)
    if isinstance(clip_norm, Tensor):
        factor = torch.where(clip_norm.isinf(), 1.0, factor)  # also where the norm itself has overflowed
    return factor
