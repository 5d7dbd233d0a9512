"""Arithmetic on `Params`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from maml_core.plain import plain
from maml_core.types import Params, Rates


def over_tasks(theta: Params, num_tasks: int) -> Params:
    """One copy of theta for each task: [L, ...] -> [L * T, ...], tasks of one lane side by side. Differentiable."""
    return {name: _over_tasks(value, num_tasks) for name, value in theta.items()}


def _over_tasks(value: Tensor, num_tasks: int) -> Tensor:
    lanes, *shape = value.shape
    if lanes == 1:  # a view is enough, and saves the copy
        return value.expand(num_tasks, *shape)
    return value.unsqueeze(1).expand(lanes, num_tasks, *shape).reshape(lanes * num_tasks, *shape)


def per_lane(values: float | Tensor, num_tasks: int) -> float | Tensor:
    """A number, or one number a lane [L], as what the inner loop takes: a number or [L * T]."""
    return values.repeat_interleave(num_tasks) if isinstance(values, Tensor) and values.ndim == 1 else values


def aligned(values: float | Tensor, like: Tensor) -> float | Tensor:
    """`values` [B] shaped so that it multiplies `like` [B, ...]; a plain number stays as it is."""
    return values.view(-1, *[1] * (like.ndim - 1)) if isinstance(values, Tensor) and values.ndim == 1 else values


def preconditioned(name: str, gradient: Tensor, matrices: Params) -> Tensor:
    """A tensor's gradient [B, ...], multiplied along each of its `preconditioned_axes` i with the matrix ``name/i`` [B, d_i, d_i].

    Meta-Curvature (Park & Oliva 2019, section 4.1): for a weight [inputs, outputs] this is M_in G M_out', for a kernel
    [filters, channels, height, width] the product with M_o along the filters, M_i along the channels and M_f along its 9 places.
    """
    shape = gradient.shape
    gradient = gradient.flatten(3) if gradient.ndim > 4 else gradient
    for axis in range(1, gradient.ndim):
        front = gradient.movedim(axis, 1)
        gradient = torch.bmm(matrices[f"{name}/{axis}"], front.flatten(2) if front.ndim > 2 else front.unsqueeze(2))
        gradient = gradient.view(front.shape).movedim(1, axis)
    return gradient.reshape(shape)


def preconditioned_axes(value: Tensor) -> dict[int, int]:
    """The axes along which `preconditioned` multiplies and their lengths; a kernel's height and width are one axis."""
    _, *sizes = value.shape
    return dict(enumerate([*sizes[:2], math.prod(sizes[2:])] if len(sizes) > 2 else sizes, start=1))


def step_size(alpha: float | Tensor | Rates) -> float | Tensor | Rates:
    """An inner step size as the inner loop takes it.

    Raises:
        TypeError: Neither a number, nor a tensor, nor learned rates.
    """
    found = plain(alpha)
    if isinstance(found, float | int | Tensor) and not isinstance(found, bool):
        return found
    if isinstance(found, list | tuple) and all(isinstance(entry, dict) for entry in found):
        return found
    raise TypeError(f"alpha = {alpha!r}: give a number, a tensor with one number a lane or task, or learned rates")


def leaves(theta: Params) -> Params:
    """Fresh leaves of these values, which require a gradient."""
    return {name: value.detach().requires_grad_() for name, value in theta.items()}


def detached(theta: Params) -> Params:
    """These values outside any graph."""
    return {name: value.detach() for name, value in theta.items()}


def flattened(theta: Params) -> Tensor:
    """All parameters of each lane or task in one row, [B, D], in the order of the dictionary."""
    return torch.cat([value.reshape(value.shape[0], -1) for value in theta.values()], dim=1)


def merge_meta(theta: Params, rates: Sequence[Params]) -> Params:
    """Parameters and learned rates as one dictionary, which an optimiser can update."""
    return theta | {f"rates/{at}/{name}": rate for at, entry in enumerate(rates) for name, rate in entry.items()}


def split_meta(meta: Params) -> tuple[Params, tuple[Params, ...]]:
    """What `merge_meta` put together."""
    theta: Params = {}
    rates: list[Params] = []
    for key, value in meta.items():
        if not key.startswith("rates/"):
            theta[key] = value
            continue
        _, at, name = key.split("/", 2)
        if int(at) == len(rates):
            rates.append({})
        rates[int(at)][name] = value
    return theta, tuple(rates)


def norm(theta: Params) -> Tensor:
    """Euclidean norm over all parameters of each lane, [L]."""
    return torch.stack([value.reshape(value.shape[0], -1).square().sum(1) for value in theta.values()]).sum(0).sqrt()


def all_finite(theta: Params) -> bool:
    """Whether every number is finite."""
    return all(finite_lanes(theta))


def finite_lanes(theta: Params) -> list[bool]:
    """Whether every number of a lane is finite, for each of L lanes."""
    everything = flattened(theta)
    # A sum is finite unless a term is not, or it overflows: the slow test is needed only when the fast one says no.
    found: list[bool] = everything.sum(1).isfinite().tolist()
    return found if all(found) else everything.isfinite().all(1).tolist()
