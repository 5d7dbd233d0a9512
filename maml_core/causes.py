"""Why a run went wrong, in a sentence: what its inner steps do to the support loss, measured at the last good theta_0, and the stability limit there."""

from __future__ import annotations

import math

import torch

from maml_core.config import RunConfig, learns_inner_loop
from maml_core.errors import OnceDifferentiableError
from maml_core.inner import Adaptation, adapt
from maml_core.landscape import curvatures
from maml_core.normalization import at_step, predict
from maml_core.params import over_tasks
from maml_core.problem import Problem, held_out_tasks, torch_dtype
from maml_core.records import Curvature, InnerDescent
from maml_core.run_state import Learner, RunState, rule, training_rule
from maml_core.traits import TRAITS
from maml_core.types import Params, Tasks
from maml_core.wording import ratio

CURVATURE_TASKS, CURVATURE_IMAGE_TASKS = 32, 10
"""Held-out tasks on which lambda_max is measured, as far as a run has so many. With images a task takes five outer steps' time in all, and
the median of ten lies within some 5% of that of sixty."""

USUAL_WEIGHT = 1e6
"""Weights of a network that learns stay far below: products of more than that, layer by layer, leave float32."""

DESCENT_SLACK = 1e-4
"""A support loss has moved when it moved by more than this share of its value before adaptation; less may be rounding."""


def num_curvature_tasks(config: RunConfig) -> int:
    """Held-out tasks on which a run's lambda_max is measured."""
    return min(CURVATURE_IMAGE_TASKS if config.classifies else CURVATURE_TASKS, config.evaluation_tasks)


def inner_curvature(config: RunConfig, problem: Problem, learner: Learner) -> Curvature:
    """lambda_max at theta_0 of what the inner loop descends, on held-out tasks."""
    return inner_curvatures(config, problem, learner.theta, rule(config, problem, learner))[0]


def inner_curvatures(config: RunConfig, problem: Problem, theta: Params, how: Adaptation) -> tuple[Curvature, ...]:
    """lambda_max of L lanes, on common held-out tasks; NaN where the model has no second derivatives."""
    try:
        return curvatures(
            theta,
            held_out_tasks(config, problem, num_tasks=num_curvature_tasks(config)),
            problem=problem,
            how=how,
        )
    except OnceDifferentiableError:
        num_lanes = next(iter(theta.values())).shape[0]
        return (Curvature(math.nan, math.nan, math.nan),) * num_lanes


def inner_descent(config: RunConfig, problem: Problem, learner: Learner) -> InnerDescent | None:
    """What inner steps of training's size do to the support loss, on the tasks of `inner_curvature`; None without inner steps."""
    if config.num_inner_steps == 0:
        return None
    count = num_curvature_tasks(config)
    support = held_out_tasks(config, problem, num_tasks=count).support
    how = training_rule(config, problem, learner).for_tasks(count)

    def support_loss(step: int, theta: Params) -> torch.Tensor:
        with torch.no_grad():
            found = predict(problem.model, theta, support.x, step=step, normalization=how.normalization)
            return problem.loss(found, support.y)

    with torch.no_grad():
        records = adapt(
            over_tasks(learner.theta, count),
            support,
            model=problem.model,
            loss=problem.loss,
            num_steps=config.num_inner_steps,
            order="first",
            record=support_loss,
            how=how,
        ).records
    losses = torch.stack(records).double()
    slack = DESCENT_SLACK * losses[0]
    not_higher = losses[-1] <= losses[0] + slack  # of a NaN neither holds
    raised = ~(losses[1:] <= losses[:-1] + slack).all(0)

    def share(which: torch.Tensor) -> float:
        return float(which.double().mean())

    return InnerDescent(
        alpha=config.alpha,
        num_steps=config.num_inner_steps,
        num_tasks=count,
        lower_share=share(losses[-1] < losses[0] - slack),
        higher_share=share(~not_higher),
        raised_share=share(raised),
    )


def unknown_share(config: RunConfig, problem: Problem, learner: Learner) -> float:
    """Share of the tasks of `inner_curvature` on which the support loss is not finite before any inner step, 0..1. Weights that have grown so large that
    a loss is beyond all numbers are no fault of the tasks: then it is 0.
    """
    if max(float(value.abs().max()) for value in learner.theta.values()) > USUAL_WEIGHT:
        return 0.0
    support = held_out_tasks(config, problem, num_tasks=num_curvature_tasks(config)).support
    theta = over_tasks(at_step(learner.theta, 0), len(support.x))
    how = training_rule(config, problem, learner).for_tasks(len(support.x))
    with torch.no_grad():
        found = predict(problem.model, theta, support.x, step=0, normalization=how.normalization)
        return float((~torch.isfinite(problem.loss(found, support.y))).double().mean())


def likely_cause(config: RunConfig, state: RunState, problem: Problem, tasks: Tasks | None = None) -> str:
    """What most likely went wrong: values of the tasks or a loss that are no numbers; else what the inner steps do to the support loss at the last
    good theta_0, and, where alpha is the step size, how it stands to 2 / lambda_max.

    Args:
        config: That held.
        state: Before the outer step that went wrong, with the last good theta_0.
        problem: Of the run.
        tasks: Of that outer step; None where they are not known.
    """
    values = () if tasks is None else (tasks.support.x, tasks.support.y, tasks.query.x, tasks.query.y)
    if not all(bool(torch.isfinite(part).all()) for part in values):
        return (
            "Values of its tasks are missing or infinite, and no setting mends that: look at where the tasks come from."
        )
    unknown = unknown_share(config, problem, state.good.meta)
    if unknown:
        return (
            f"The support loss is not finite on {unknown:.0%} of the held-out tasks at the last good theta_0, before any inner step: no setting "
            "mends that; look at the loss, and at the values of the tasks."
        )
    beta = f"beta = {config.beta:g}"
    if config.alpha < 0.0 < config.num_inner_steps and not learns_inner_loop(config):
        return f"With alpha = {config.alpha:.3g} the inner steps climb the support loss: try one nearer to 0, fewer of them, or a smaller beta."
    learner = state.good.meta
    descent = inner_descent(config, problem, learner)
    if descent is None:
        return f"There is no inner step, so {beta} is the likely cause: try a smaller one."
    lowered = f"lower the support loss on {descent.lower_share:.0%} of the held-out tasks at the last good theta_0"
    fewer = f", or fewer inner steps than {config.num_inner_steps}" if config.num_inner_steps > 1 else ""
    overshoots = descent.overshoots
    on_the_tasks = f"the support loss on {descent.raised_share:.0%} of the held-out tasks at the last good theta_0"
    raised = (
        f"Some inner step raises {on_the_tasks}: they overshoot."
        if config.num_inner_steps > 1
        else f"The inner step raises {on_the_tasks}: it overshoots."
    )
    if learns_inner_loop(
        config
    ):  # alpha is only where the rates began, or is turned by matrices: it has no limit to stand against
        smaller = (
            "a smaller alpha"
            if TRAITS[config.algorithm].learns == "matrices"
            else "a smaller beta, with which they are learned"
        )
        if overshoots:
            return f"{raised} Try {smaller}{fewer}."
        return f"The inner steps {lowered}, so {beta} is the likelier cause: try a smaller one."
    shape = inner_curvature(config, problem, learner)
    limit, strict = Curvature.stability_limit(shape.median), Curvature.stability_limit(shape.high)
    if not (
        math.isfinite(shape.high) and math.isfinite(limit)
    ):  # not known, beyond all numbers, or nothing curves upwards
        if overshoots:
            return f"{raised} Try a smaller alpha{fewer}."
        return f"The inner steps {lowered}, so {beta} is the likelier cause: try a smaller one."
    size = f"alpha = {config.alpha:.3g}"
    stands = (
        f"{ratio(config.alpha / limit)} times"
        if config.alpha > limit
        else "below, but near,"
        if config.alpha > strict
        else "within"
    )
    compared = f"is {stands} 2 / lambda_max = {limit:.2g}"
    median = ", the median stability limit there"
    if overshoots:
        remedy = f"alpha below {strict:.2g}" if config.alpha > strict else "a smaller alpha"
        return f"{raised} {size} {compared}{median}. Try {remedy}{fewer}."
    if config.alpha > strict:
        return (
            f"{size} {compared}{median}, yet the inner steps {lowered}, so {beta} may be the cause as well: "
            f"try a smaller one, or alpha below {strict:.2g}."
        )
    return f"{size} {compared}, and the inner steps {lowered}, so {beta} is the likelier cause: try a smaller one."


def cause_of_death(config: RunConfig, state: RunState, problem: Problem) -> str:
    """What most likely switched a layer off: training, unless the last good theta_0 was dead before it."""
    inputs = problem.probe_inputs(64, torch_dtype(config))
    if not bool(problem.model.is_dead(at_step(state.good.meta.theta, 0), inputs)[0]):
        return likely_cause(config, state, problem)
    if bool((inputs == inputs[:, :1]).all()):
        return "It was so before any training: every input of these tasks is the same. Give x a wider range."
    return (
        f"It was so before any training: the initial weights of weights_seed = {config.weights_seed} are off on these inputs. "
        "Try another weights_seed, or inputs of another range."
    )
