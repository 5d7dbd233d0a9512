"""Which meta-gradient a config means, and with which learned rates.

The mathematics is in `inner` and `outer`; this file is the table that joins it to the config.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import torch

from maml_core.config import RunConfig
from maml_core.outer import MetaGradient, implicit_gradient, meta_gradient, reptile_gradient
from maml_core.problem import Problem
from maml_core.schedules import schedule
from maml_core.types import Params, Rates, Tasks


class Adaptation(NamedTuple):
    """How theta_0 adapts to a task, in training, in evaluation and on every screen. The fields are arguments of `inner.adapt`."""

    alpha: float | torch.Tensor | Rates
    names: Collection[str] | None
    proximal: float


def initial_rates(config: RunConfig, theta: Params) -> tuple[Params, ...]:
    """Learned rates at outer step 0, all equal to alpha: one entry for Meta-SGD, one a step for MAML++, none otherwise."""
    if config.algorithm == "meta_sgd":  # Li et al. 2017, equation 3
        return ({name: torch.full_like(value, config.alpha) for name, value in theta.items()},)
    if config.per_step_rates:  # Antoniou et al. 2018, section 4, LSLR
        entry = {name: value.new_full((value.shape[0],), config.alpha) for name, value in theta.items()}
        return tuple(dict(entry) for _ in range(config.num_inner_steps))
    return ()


def adaptation(config: RunConfig, problem: Problem, rates: Rates) -> Adaptation:
    """How theta_0 adapts under a config with these learned rates. More steps than were trained repeat the last step's rates."""
    return Adaptation(
        alpha=rates if len(rates) > 0 else config.alpha,
        names=problem.model.head if config.algorithm == "anil" else None,
        proximal=config.proximal if config.algorithm == "imaml" else 0.0,
    )


def outer_gradient(
    config: RunConfig, theta: Params, rates: Rates, tasks: Tasks, *, problem: Problem, step: int
) -> MetaGradient:
    """The meta-gradient that a config asks for at an outer step."""
    now = schedule(config, step)
    match config.algorithm:
        case "reptile":
            return reptile_gradient(
                theta, tasks, problem=problem, alpha=config.alpha, num_inner_steps=config.num_inner_steps
            )
        case "imaml":
            return implicit_gradient(
                theta,
                tasks,
                problem=problem,
                alpha=config.alpha,
                num_inner_steps=config.num_inner_steps,
                proximal=config.proximal,
                num_solver_steps=config.num_solver_steps,
            )
        case "maml" | "anil" | "meta_sgd":
            how = adaptation(config, problem, rates)
            return meta_gradient(
                theta,
                tasks,
                problem=problem,
                alpha=how.alpha,
                num_inner_steps=config.num_inner_steps,
                order=now.order,
                names=how.names,
                step_weights=now.step_weights,
            )
