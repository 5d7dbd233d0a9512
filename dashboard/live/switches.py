"""What the switches of a run do at its current outer step, in words and numbers: for the formulas, and for the row above the charts."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from dashboard.charts.phrases import number
from dashboard.charts.scales import clipped
from dashboard.charts.step_sizes import limits
from dashboard.live.run import LiveRun
from dashboard.setups.setting_names import noted
from maml_core.config import PythonConfig, RunConfig, learns_rates
from maml_core.records import Curvature, LearnedRates
from maml_core.schedules import Schedule, schedule
from maml_core.traits import TRAITS
from maml_core.wording import counted

SOLVED, ROUGH = 0.01, 0.1
"""A relative residual below the first counts as solved, below the second as roughly solved."""


_HEADS = {
    "shared": "one weight vector for all classes, where each adaptation starts",
    "zeroed": "0 where each adaptation starts",
}


class Acting(NamedTuple):
    """One switch."""

    name: str
    acting: bool
    """Whether it makes a difference now."""
    text: str
    """What it does now, and until when."""


def now(run: LiveRun) -> dict[str, Any]:
    """What holds at the run's next outer step."""
    at = schedule(run.config, run.step)
    return {
        "order": at.order,
        "beta": at.beta,
        "multi_step": at.step_weights is not None,
        "rate": run.audience.seen.rates.overall if run.audience.seen.rates is not None else None,
        "limits": _limits(run.audience.seen.curvature),
        "acting": [list(switch) for switch in acting(run)],
    }


def _limits(curvature: Curvature | None) -> dict[str, float] | None:
    """Step sizes from which steps on a quadratic overshoot on a tenth of the held-out tasks, and on nine tenths."""
    found = limits(curvature)
    ends = {"low": clipped(found.limit_low), "high": clipped(found.limit_high)}
    return ends if all(map(math.isfinite, ends.values())) else None


def acting(run: LiveRun) -> list[Acting]:
    """Every switch that is on, in the order of the sidebar; then iMAML's solver."""
    config, at, found = run.config, schedule(run.config, run.step), []
    if config.multi_step_loss:
        found.append(_multi_step_loss(config, at))
    if learns_rates(config):
        found.append(_learned_rates(config, run.audience.seen.rates))
    if config.anneal_order:
        found.append(_order(config, at))
    if config.anneal_beta:
        found.append(_beta(config, at))
    if isinstance(config.tasks, PythonConfig) and config.tasks.inner_optimizer:
        found.append(Acting("Inner optimizer", True, "of your own: it turns each inner gradient before the step"))
    if config.head != "learned":
        found.append(Acting(noted("head"), True, _HEADS[config.head]))
    if config.model.batch_norm:
        found.append(_batch_norm(config))
    if TRAITS[config.algorithm].is_proximal:
        found.append(_solver(config, run.history.residual))
    return found


def _multi_step_loss(config: RunConfig, at: Schedule) -> Acting:
    name, end = noted("multi_step_loss"), f"step {config.multi_step_epochs * config.epoch_steps:,}"
    if at.step_weights is None:
        return Acting(name, False, f"over since {end}: only θ_N counts")
    *early, last = (f"{weight:.2f}".removeprefix("0") for weight in at.step_weights)
    if not early:
        return Acting(name, False, "with N = 1 there is one step to judge")
    weights = f"{early[0]} (×{len(early)})" if len(early) > 3 else " ".join(early)
    return Acting(name, True, f"weights {weights} {last}, until {end}")


def _learned_rates(config: RunConfig, rates: LearnedRates | None) -> Acting:
    name = noted("per_step_rates")
    if rates is None:
        return Acting(name, True, f"start at α = {number(config.alpha)}")
    median, start = number(rates.overall), number(config.alpha)
    if TRAITS[config.algorithm].learns == "rates":
        return Acting(name, True, f"one a parameter, median {median}, start {start}")
    trained, n = len(rates.median), config.num_inner_steps
    if n > trained:
        return Acting(name, True, f"of {counted(trained, 'step')}, median {median}; step {trained}'s repeat to N = {n}")
    unused = f"; steps after {n} unused" if n < trained else ""
    return Acting(name, True, f"{rates.median.size} of them, median {median}, start {start}{unused}")


def _order(config: RunConfig, at: Schedule) -> Acting:
    end = f"step {config.first_order_epochs * config.epoch_steps:,}"
    first = at.order == "first"
    return Acting(noted("anneal_order"), first, f"first until {end}, then second" if first else f"second since {end}")


def _beta(config: RunConfig, at: Schedule) -> Acting:
    end, final = f"step {config.num_epochs * config.epoch_steps:,}", number(config.final_beta)
    if at.epoch >= config.num_epochs:
        return Acting(noted("anneal_beta"), False, f"stays at {final} since {end}")
    return Acting(noted("anneal_beta"), True, f"{number(at.beta)} now, {final} by {end}")


def _batch_norm(config: RunConfig) -> Acting:
    whose = {
        "batch": "by the points at hand: transductive",
        "support": "by the support set: inductive",
        "running": "by running averages: inductive",
    }[config.batch_norm_treatment]
    if config.per_step_statistics:
        whose = "by each step's running averages: inductive"
    return Acting(noted("norm"), True, whose + ("; scale and shift per step" if config.per_step_norm else ""))


def _solver(config: RunConfig, residual: float) -> Acting:
    """How far the linear solve is from true, on the worst task of a usual step."""
    name, steps = "Solver", f"{config.num_solver_steps} steps"
    if math.isnan(residual):
        return Acting(name, True, f"{steps} of conjugate gradients")
    if residual < SOLVED:
        return Acting(name, True, f"residual {residual:.0e}: solved".replace("e-0", "e-"))
    if residual < ROUGH:
        return Acting(name, True, f"residual {residual:.1g}: roughly solved; more steps help")
    return Acting(name, False, f"residual {residual:.2g}: not solved, raise λ or steps")
