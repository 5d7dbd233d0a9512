"""Which meta-gradient a config means, and with which learned rates.

The mathematics is in `inner` and `outer`; this file is the table that joins it to the config.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import torch

from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.implicit import implicit_gradient
from maml_core.normalization import PER_STEP, Normalization, at_step, averaged, per_step
from maml_core.outer import MetaGradient, alpha_over_tasks, meta_gradient, normalization_over_tasks, reptile_gradient
from maml_core.params import over_tasks, per_lane, turned_axes
from maml_core.problem import Problem, torch_dtype
from maml_core.schedules import schedule
from maml_core.types import Params, Rates, Tasks


class InnerNumbers(NamedTuple):
    """What the inner loop takes of a config as plain numbers. Lanes of several configs have their own: [L] in place of a number."""

    alpha: float | torch.Tensor
    proximal: float | torch.Tensor


def numbers_of(config: RunConfig) -> InnerNumbers:
    """Those of one config."""
    return InnerNumbers(config.alpha, config.proximal)


class Adaptation(NamedTuple):
    """How theta_0 adapts to a task, in training, in evaluation and on every screen. The fields are arguments of `inner.adapt`."""

    alpha: float | torch.Tensor | Rates
    names: Collection[str] | None = None
    proximal: float | torch.Tensor = 0.0
    matrices: Params | None = None
    normalization: Normalization = Normalization()

    def for_tasks(self, num_tasks: int) -> Adaptation:
        """The same for each task of a lane."""
        return self._replace(
            alpha=alpha_over_tasks(self.alpha, num_tasks),
            proximal=per_lane(self.proximal, num_tasks),
            matrices=None if self.matrices is None else over_tasks(self.matrices, num_tasks),
            normalization=normalization_over_tasks(self.normalization, num_tasks),
        )


def initial_theta(config: RunConfig, problem: Problem) -> Params:
    """Theta_0 at outer step 0: the model's, with a copy of batch norm's scales and shifts for every inner step where that is asked for."""
    theta = problem.initial_theta(config.weights_seed, torch_dtype(config))
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


def _without_norm(problem: Problem) -> str:
    return f"the problem's own model, a {type(problem.model).__name__}, has no batch norm that a run could treat"


def initial_rates(config: RunConfig, theta: Params) -> tuple[Params, ...]:
    """What is learned of the inner loop, at outer step 0: rates that equal alpha, one entry for Meta-SGD and one a step for MAML++;
    identity matrices for Meta-Curvature; nothing otherwise.
    """
    moving = {name: value for name, value in theta.items() if not name.startswith(PER_STEP)}
    if config.algorithm == "meta_sgd":  # Li et al. 2017, equation 3
        return ({name: torch.full_like(value, config.alpha) for name, value in moving.items()},)
    if config.algorithm == "meta_curvature":  # Park & Oliva 2019, section 4.1
        sizes = {f"{name}/{axis}": size for name, value in moving.items() for axis, size in turned_axes(value).items()}
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
    matrices = rates[0] if config.algorithm == "meta_curvature" else None
    return Adaptation(
        alpha=rates if len(rates) > 0 and matrices is None else numbers.alpha,
        names=problem.model.head if config.algorithm == "anil" else None,
        proximal=numbers.proximal if config.algorithm == "imaml" else 0.0,
        matrices=matrices,
        normalization=Normalization(config.batch_norm_treatment, statistics),
    )


def outer_gradient(
    config: RunConfig,
    theta: Params,
    rates: Rates,
    tasks: Tasks,
    *,
    problem: Problem,
    step: int,
    statistics: Params,
    numbers: InnerNumbers | None = None,
    own_tasks: bool = False,
) -> MetaGradient:
    """The meta-gradient that a config asks for at an outer step; of lanes with `numbers` or tasks of their own, where there are any."""
    now, numbers = schedule(config, step), numbers or numbers_of(config)
    how = adaptation(config, problem, rates, statistics, numbers=numbers)
    match config.algorithm:
        case "reptile":
            return reptile_gradient(
                theta,
                tasks,
                problem=problem,
                alpha=numbers.alpha,
                num_inner_steps=config.num_inner_steps,
                normalization=how.normalization,
                own_tasks=own_tasks,
            )
        case "imaml":
            return implicit_gradient(
                theta,
                tasks,
                problem=problem,
                alpha=numbers.alpha,
                num_inner_steps=config.num_inner_steps,
                proximal=numbers.proximal,
                num_solver_steps=config.num_solver_steps,
                normalization=how.normalization,
                own_tasks=own_tasks,
            )
        case "maml" | "anil" | "meta_sgd" | "meta_curvature":
            return meta_gradient(
                theta,
                tasks,
                problem=problem,
                alpha=how.alpha,
                num_inner_steps=config.num_inner_steps,
                order=now.order,
                names=how.names,
                matrices=how.matrices,
                normalization=how.normalization,
                own_tasks=own_tasks,
                step_weights=now.step_weights,
                recompute=config.recompute,
            )
