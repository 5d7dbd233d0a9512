"""Which meta-gradient a config means, and with which learned rates.

The mathematics is in `inner` and `outer`; this file is the table that joins it to the config.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch

from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.implicit import implicit_gradient
from maml_core.inner import Adaptation
from maml_core.models import ModuleModel
from maml_core.normalization import PER_STEP, Normalization, at_step, averaged, per_step
from maml_core.outer import MetaGradient, meta_gradient, reptile_gradient
from maml_core.params import preconditioned_axes
from maml_core.problem import Problem, torch_dtype
from maml_core.traits import TRAITS
from maml_core.types import Params, Rates, Tasks


class InnerNumbers(NamedTuple):
    """What the inner loop takes of a config as plain numbers. Lanes of several configs have their own: [L] in place of a number."""

    alpha: float | torch.Tensor
    proximal: float | torch.Tensor


def numbers_of(config: RunConfig) -> InnerNumbers:
    """Inner numbers of one config."""
    return InnerNumbers(config.alpha, config.proximal)


def initial_theta(config: RunConfig, problem: Problem) -> Params:
    """Theta_0 at outer step 0: the model's, with a copy of batch norm's scales and shifts for every inner step where that is asked for."""
    theta = with_head(config, problem, problem.initial_theta(config.weights_seed, torch_dtype(config)))
    if config.batch_norm_treatment != "batch" and not problem.model.statistics(
        theta, problem.probe_inputs(2, torch_dtype(config))
    ):
        raise ConfigError(
            "batch_norm_treatment", config.batch_norm_treatment, f"{_without_norm(problem)}; choose batch"
        )
    if not config.per_step_norm:
        return theta
    of_norm = {name: value for name, value in theta.items() if name.startswith(("scale", "shift"))}
    if not of_norm:
        raise ConfigError("per_step_norm", True, f"{_without_norm(problem)}; switch it off")
    rest = {name: value for name, value in theta.items() if name not in of_norm}
    return rest | per_step(of_norm, config.num_inner_steps + 1)


def with_head(config: RunConfig, problem: Problem, values: Params) -> Params:
    """Parameters, or a gradient of theirs, in the subspace that the config's head leaves: what is not learned of it is 0, and what its classes
    share is the mean over them. An outer step along such a gradient stays in it.

    Raises:
        ConfigError: A shared head, of a module of torch, of which nobody knows what belongs to which class.
    """
    if config.head == "learned":
        return values
    if config.head == "shared" and isinstance(problem.model, ModuleModel):
        accepted = f"a {type(problem.model).__name__} does not say which of its weights are of which class; choose learned or zeroed"
        raise ConfigError("head", config.head, accepted)

    def of_head(value: torch.Tensor) -> torch.Tensor:
        # Weights [B, inputs, classes] and biases [B, classes].
        return (
            torch.zeros_like(value)
            if config.head == "zeroed"
            else value.mean(-1, keepdim=True).expand_as(value).clone()
        )

    return {name: of_head(value) if name in problem.model.head else value for name, value in values.items()}


def _without_norm(problem: Problem) -> str:
    return f"the problem's own model, a {type(problem.model).__name__}, has no batch norm that a run could treat"


def initial_rates(config: RunConfig, theta: Params) -> tuple[Params, ...]:
    """What is learned of the inner loop, at outer step 0: rates that equal alpha, one entry for Meta-SGD and one a step for MAML++;
    identity matrices for Meta-Curvature; nothing otherwise.
    """
    moving = {name: value for name, value in theta.items() if not name.startswith(PER_STEP)}
    learns = TRAITS[config.algorithm].learns
    if learns == "rates":  # Li et al. 2017, equation 3
        return ({name: torch.full_like(value, config.alpha) for name, value in moving.items()},)
    if learns == "matrices":  # Park & Oliva 2019, section 4.1
        sizes = {
            f"{name}/{axis}": size
            for name, value in moving.items()
            for axis, size in preconditioned_axes(value).items()
        }
        like = next(iter(moving.values()))
        identity = {name: torch.eye(size, dtype=like.dtype, device=like.device) for name, size in sizes.items()}
        return ({name: value.unsqueeze(0) for name, value in identity.items()},)
    if config.per_step_rates:  # Antoniou et al. 2018, section 4, LSLR
        entry = {name: value.new_full((value.shape[0],), config.alpha) for name, value in moving.items()}
        return tuple(dict(entry) for _ in range(config.num_inner_steps))
    return ()


def initial_statistics(
    config: RunConfig, problem: Problem, theta: Params, num_inner_steps: int, *, inputs: torch.Tensor | None = None
) -> Params:
    """Batch norm's running averages at outer step 0, mean 0 and variance 1: one set for theta_0..theta_N each, or one for all; empty
    unless the treatment keeps any. `inputs` [1, points, ...] are of the model's width; None takes the family's.
    """
    if config.batch_norm_treatment != "running":
        return {}
    inputs = problem.probe_inputs(2, torch_dtype(config)) if inputs is None else inputs
    shapes = problem.model.statistics(at_step(theta, 0), inputs)
    start = {
        name: torch.ones_like(value) if name.startswith("var") else torch.zeros_like(value)
        for name, value in sorted(shapes.items())
    }
    return per_step(start, num_inner_steps + 1 if config.per_step_statistics else 1)


def moved_statistics(config: RunConfig, statistics: Params, found: MetaGradient) -> Params:
    """The running averages after an outer step."""
    return statistics if found.statistics is None else averaged(statistics, found.statistics, config.norm_momentum)


def adaptation(
    config: RunConfig, problem: Problem, rates: Rates, statistics: Params, *, numbers: InnerNumbers | None = None
) -> Adaptation:
    """How theta_0 adapts under a config with what was learned of the inner loop and batch norm's running averages.

    More steps than were trained repeat the last step's rates, scales, shifts and averages. `numbers` are the lanes' own; None takes the
    config's.
    """
    numbers = numbers or numbers_of(config)
    traits = TRAITS[config.algorithm]
    matrices = rates[0] if traits.learns == "matrices" else None
    return Adaptation(
        alpha=rates if len(rates) > 0 and matrices is None else numbers.alpha,
        names=problem.model.head if traits.adapts_head_alone else None,
        proximal=numbers.proximal if traits.is_proximal else 0.0,
        matrices=matrices,
        normalization=Normalization(config.batch_norm_treatment, statistics),
        optimizer=problem.inner_optimizer,
    )


def outer_gradient(
    config: RunConfig,
    theta: Params,
    rates: Rates,
    tasks: Tasks,
    *,
    problem: Problem,
    order: Literal["second", "first"],
    step_weights: Sequence[float | torch.Tensor] | None,
    statistics: Params,
    numbers: InnerNumbers | None = None,
    own_tasks: bool = False,
) -> MetaGradient:
    """The meta-gradient that a config asks for, in this order and with these weights of a multi-step loss; of lanes with `numbers` or tasks of their own, where there are any."""
    found = _outer_gradient(
        config,
        theta,
        tasks,
        problem=problem,
        how=adaptation(config, problem, rates, statistics, numbers=numbers),
        order=order,
        step_weights=step_weights,
        own_tasks=own_tasks,
    )
    return found if config.head == "learned" else found._replace(gradient=with_head(config, problem, found.gradient))


def _outer_gradient(
    config: RunConfig,
    theta: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    order: Literal["second", "first"],
    step_weights: Sequence[float | torch.Tensor] | None,
    own_tasks: bool,
) -> MetaGradient:
    match config.algorithm:
        case "reptile":
            return reptile_gradient(
                theta,
                tasks,
                problem=problem,
                how=how,
                num_inner_steps=config.num_inner_steps,
                own_tasks=own_tasks,
            )
        case "imaml":
            return implicit_gradient(
                theta,
                tasks,
                problem=problem,
                how=how,
                num_inner_steps=config.num_inner_steps,
                num_solver_steps=config.num_solver_steps,
                own_tasks=own_tasks,
            )
        case "maml" | "anil" | "meta_sgd" | "meta_curvature":
            return meta_gradient(
                theta,
                tasks,
                problem=problem,
                how=how,
                num_inner_steps=config.num_inner_steps,
                order=order,
                own_tasks=own_tasks,
                step_weights=step_weights,
                recompute=config.recompute,
            )
