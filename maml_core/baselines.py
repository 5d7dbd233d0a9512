"""What a run is compared with: joint pretraining and an oracle, trained beside it, and training from scratch on each task.

- Random start: the initial weights, adapted by plain gradient steps. Nothing to train.
- Joint pretraining: the same network, trained on the query points of all tasks without inner steps; adapted by plain gradient steps.
- Oracle: the same network, which is given the task's parameters with every x (amplitude and phase, or w). It does not adapt.
- From scratch: for each task the initial weights, trained on its support points alone until that stops helping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from maml_core.algorithms import initial_statistics
from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.evaluation import Evaluation, evaluate, in_parts, summarize, together
from maml_core.models import MLP
from maml_core.normalization import BY_BATCH, Normalization, Treatment, predict
from maml_core.optim import OptimizerState, adam, init_optimizer
from maml_core.outer import MetaGradient, meta_gradient
from maml_core.params import leaves, over_tasks
from maml_core.problem import Problem, held_out_tasks, torch_dtype
from maml_core.records import Summary
from maml_core.rng import Stream
from maml_core.threads import single_threaded
from maml_core.types import Examples, Params, Tasks

# Trained beside a run


class Trained(Protocol):
    """What evaluating a learner needs; `runs.Learner` is one."""

    @property
    def theta(self) -> Params:
        """Parameters, one lane."""
        ...

    @property
    def statistics(self) -> Params:
        """Batch norm's running averages, where the treatment keeps any."""
        ...


class Start(NamedTuple):
    """A learner at outer step 0."""

    theta: Params
    statistics: Params


def initial(config: RunConfig, problem: Problem, inputs: Tensor | None = None) -> Start:
    """The initial weights as baselines have them: nothing of theirs belongs to a single inner step."""
    theta = problem.initial_theta(config.weights_seed, torch_dtype(config))
    return Start(theta, initial_statistics(config, problem, theta, 0, inputs=inputs))


class Baseline(NamedTuple):
    """A learner without inner steps, trained beside a run on the run's tasks."""

    problem: Problem
    seen: Callable[[Tasks], Tasks]
    """The run's tasks as this learner sees them."""
    treatment: Treatment

    def start(self, config: RunConfig) -> Start:
        """At outer step 0."""
        some = self.seen(held_out_tasks(config, self.problem, 2))
        return initial(config, self.problem, some.query.x[:1])

    def gradient(self, learner: Trained, tasks: Tasks) -> MetaGradient:
        """Of the query loss, mean over the run's tasks."""
        how = Normalization(self.treatment, learner.statistics)
        return meta_gradient(
            learner.theta, self.seen(tasks), problem=self.problem, alpha=0.0, num_inner_steps=0, normalization=how
        )


def baselines_of(config: RunConfig, problem: Problem) -> dict[str, Baseline]:
    """The baselines that a config asks for, by name: "joint", "oracle".

    Raises:
        ConfigError: An oracle is asked for where none can be built; see `oracle_problem`.
    """
    found = {}
    if config.joint_baseline:
        found["joint"] = Baseline(problem, _unchanged, config.batch_norm_treatment)
    if config.oracle_baseline:
        found["oracle"] = Baseline(oracle_problem(problem), told, config.batch_norm_treatment)
    return found


@lru_cache(maxsize=16)
def oracle_problem(problem: Problem) -> Problem:
    """The same problem with the network's first layer widened by the parameters of a task.

    Raises:
        ConfigError: The tasks have no parameters, or the model is not the engine's own network and cannot be widened.
    """
    drawn = problem.family.draw_tasks(seed=0, stream=Stream.PROBE, num_tasks=1, shots=1, num_query=1).parameters
    num_parameters = drawn.numel() if drawn.is_floating_point() else 0  # whole numbers only name classes
    if num_parameters == 0:
        raise ConfigError("oracle_baseline", True, "these tasks have no parameters to tell an oracle; switch it off")
    if type(problem.model) is not MLP:
        raise ConfigError(
            "oracle_baseline",
            True,
            f"a {type(problem.model).__name__} cannot be widened by the task's parameters; use an MLP, or switch it off",
        )
    model = problem.model.with_inputs(problem.family.num_inputs + num_parameters)
    return Problem(family=problem.family, model=model, loss=problem.loss, device=problem.device)


def told(tasks: Tasks) -> Tasks:
    """The same tasks with each task's parameters appended to every x."""

    def appended(examples: Examples) -> Examples:
        parameters = tasks.parameters.flatten(1).unsqueeze(1).expand(-1, examples.x.shape[1], -1)
        return Examples(torch.cat([examples.x, parameters], dim=2), examples.y)

    return tasks._replace(support=appended(tasks.support), query=appended(tasks.query))


def _unchanged(tasks: Tasks) -> Tasks:
    return tasks


# Evaluated


def evaluate_baseline(
    config: RunConfig, name: str, learner: Trained, tasks: Tasks, *, problem: Problem, num_steps: int
) -> Evaluation:
    """Held-out losses of a baseline after 0..`num_steps` plain gradient steps of alpha; the oracle takes none of them.

    Args:
        config: Gives alpha and the treatment of batch norm.
        name: "oracle", or "joint" or "random", whose network is the run's.
        learner: Its parameters and running averages.
        tasks: Held-out tasks, as the run sees them.
        problem: The run's.
        num_steps: N_eval >= 0.
    """
    how = Normalization(config.batch_norm_treatment, learner.statistics)
    if name == "oracle":
        return evaluate_oracle(learner.theta, tasks, problem=problem, num_steps=num_steps, normalization=how)
    return evaluate(learner.theta, tasks, problem=problem, alpha=config.alpha, num_steps=num_steps, normalization=how)


def evaluate_oracle(
    theta: Params, tasks: Tasks, *, problem: Problem, num_steps: int = 0, normalization: Normalization = BY_BATCH
) -> Evaluation:
    """Query losses of an oracle with parameters `theta`, the same after each of 0..`num_steps` steps: it does not adapt.

    Args:
        theta: Parameters of the model of `oracle_problem`, L lanes.
        tasks: Held-out tasks, as the run sees them.
        problem: The run's.
        num_steps: How often the losses are repeated beyond the first.
        normalization: Whose statistics batch norm uses.
    """
    once = evaluate(
        theta, told(tasks), problem=oracle_problem(problem), alpha=0.0, num_steps=0, normalization=normalization
    )
    return repeated(once, num_steps)


def repeated(evaluation: Evaluation, num_steps: int) -> Evaluation:
    """The last losses and accuracies after each of 0..`num_steps` steps: of a learner that takes no steps."""

    def flat(values: Tensor) -> Tensor:
        return values[-1:].expand(num_steps + 1, -1, -1)

    accuracy = evaluation.accuracy
    return evaluation._replace(
        query_loss=flat(evaluation.query_loss), accuracy=None if accuracy is None else flat(accuracy)
    )


def evaluate_baselines(
    config: RunConfig, trained: Mapping[str, Trained], tasks: Tasks, *, problem: Problem, num_steps: int
) -> dict[str, Summary]:
    """Every baseline on the same tasks, by name: "random", those of `trained`, and "scratch", which takes seconds.

    Args:
        config: Gives alpha, the initial weights and the treatment of batch norm.
        trained: Learners by name ("joint", "oracle"): `RunState.baselines`.
        tasks: Held-out tasks.
        problem: The run's.
        num_steps: N_eval; what does not adapt has the same level at each step.
    """
    start = initial(config, problem)
    found = {
        name: evaluate_baseline(config, name, learner, tasks, problem=problem, num_steps=num_steps)
        for name, learner in {"random": start, **trained}.items()
    }
    found["scratch"] = repeated(scratch_evaluation(config, start.theta, tasks, problem=problem), num_steps)
    return {name: summarize(evaluation) for name, evaluation in found.items()}


# From scratch

SCRATCH_BETA = 0.01
"""Adam's step size in training from scratch. 0.003 and 0.001 end at the same query losses, later; so do stricter rules of ending."""

CHECK_EVERY = 100
"""Steps between two looks at the losses."""

FITTED = 1e-4
"""Training on a task ends when its support loss is below this share of the zero predictor's."""

IMPROVEMENT = 0.1
"""It also ends when its support loss has not fallen by this share within the last `PATIENCE` steps."""

PATIENCE = 1000


class ScratchResult(NamedTuple):
    """Training from scratch on T tasks, at H steps from 0 to the end. A task that has ended keeps its last losses.

    Losses are of the parameters with the lowest support loss so far.
    """

    steps: Tensor
    """[H]"""
    support_loss: Tensor
    """[H, T]"""
    query_loss: Tensor
    """[H, T]"""
    num_steps: Tensor
    """Steps that each task took, [T]."""
    converged: Tensor
    """Whether a task ended by itself, and not at the step limit, [T]."""
    zero_level: float
    """Expected loss of the zero predictor over the task family."""
    accuracy: Tensor | None = None
    """Share of right query predictions at the end, [T]; None in regression."""

    @property
    def evaluation(self) -> Evaluation:
        """The losses at the end, beside those of the initial weights."""
        accuracy = None if self.accuracy is None else self.accuracy.view(1, 1, -1)
        start, end = self.query_loss[0].view(1, -1), self.query_loss[-1].view(1, 1, -1)
        return Evaluation(end, self.zero_level, accuracy, start)


class _Training(NamedTuple):
    """Tasks that are still being trained, A of them."""

    place: Tensor
    """Which of all tasks they are, [A]."""
    tasks: Tasks
    theta: Params
    optimizer: OptimizerState
    best: Params
    """Parameters with the lowest support loss so far."""
    lowest: Tensor
    """That loss, [A]."""
    enough: Tensor
    """A support loss that counts as fitted, [A]."""
    fallen_to: Tensor
    """The support loss when it last fell clearly, [A]."""
    fell_at: Tensor
    """And the step, [A]."""


@single_threaded
def from_scratch(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    treatment: Treatment = "batch",
    beta: float = SCRATCH_BETA,
    max_steps: int = 10_000,
) -> ScratchResult:
    """Train a copy of theta_0 on each task's support points alone until that stops helping, by Adam on all of them at once.

    A task ends when its support loss is below `FITTED` times the zero predictor's, or has not fallen by the share `IMPROVEMENT` within
    `PATIENCE` steps, or at the limit. The query points decide nothing, and no task touches another. Changes nothing.

    Args:
        theta_0: The initial weights, one lane [1, ...].
        tasks: T tasks.
        problem: Model and loss.
        treatment: Whose statistics batch norm uses on the query points. Training sees no other points than the support's, so running
            averages are the support set's own statistics.
        beta: Adam's step size.
        max_steps: Step limit, a multiple of `CHECK_EVERY`.

    Raises:
        ValueError: Several lanes, or another step limit.
    """
    num_lanes, num_tasks = next(iter(theta_0.values())).shape[0], tasks.support.x.shape[0]
    if num_lanes != 1:
        raise ValueError(f"theta_0 has {num_lanes} lanes; give the initial weights, one lane")
    if max_steps < CHECK_EVERY or max_steps % CHECK_EVERY != 0:
        raise ValueError(f"max_steps = {max_steps}: give a multiple of {CHECK_EVERY}")

    def support_losses(theta: Params, tasks: Tasks) -> Tensor:
        return problem.loss(problem.model.apply(theta, tasks.support.x, once=True), tasks.support.y)

    def query(theta: Params, tasks: Tasks) -> tuple[Tensor, Tensor | None]:
        by = BY_BATCH if treatment == "batch" else Normalization("support")
        found = predict(
            problem.model, theta, tasks.query.x, step=0, normalization=by, support_x=tasks.support.x, once=True
        )
        shares = None if problem.accuracy is None else problem.accuracy(found, tasks.query.y)
        return problem.loss(found, tasks.query.y), shares

    with torch.no_grad():
        theta = {name: value.detach().clone() for name, value in over_tasks(theta_0, num_tasks).items()}
        start = support_losses(theta, tasks)
        losses, accuracy = query(theta, tasks)
        steps, support_rows, query_rows = [0], [start], [losses]
        num_steps = torch.zeros(num_tasks, dtype=torch.int64, device=start.device)
        converged = torch.zeros_like(num_steps, dtype=torch.bool)
        now = _Training(
            place=torch.arange(num_tasks, device=start.device),
            tasks=tasks,
            theta=theta,
            optimizer=init_optimizer("adam", theta),
            best=theta,
            lowest=start,
            enough=FITTED * problem.loss(torch.zeros_like(tasks.support.y), tasks.support.y),
            fallen_to=start,
            fell_at=torch.zeros_like(num_steps),
        )
        while len(now.place) > 0 and steps[-1] < max_steps:
            for _ in range(CHECK_EVERY):
                now = _stepped(now, support_losses, beta)
            steps.append(steps[-1] + CHECK_EVERY)
            now = _judged(now, support_losses(now.theta, now.tasks), steps[-1])
            support_rows.append(support_rows[-1].index_copy(0, now.place, now.lowest))
            losses, shares = query(now.best, now.tasks)
            query_rows.append(query_rows[-1].index_copy(0, now.place, losses))
            if accuracy is not None and shares is not None:
                accuracy = accuracy.index_copy(0, now.place, shares)
            ended = (now.lowest <= now.enough) | (steps[-1] - now.fell_at >= PATIENCE)
            num_steps[now.place], converged[now.place] = steps[-1], ended
            now = _only(now, ~ended)
    return ScratchResult(
        steps=torch.tensor(steps),
        support_loss=torch.stack(support_rows),
        query_loss=torch.stack(query_rows),
        num_steps=num_steps,
        converged=converged,
        zero_level=problem.family.zero_level(),
        accuracy=accuracy,
    )


def scratch_evaluation(
    config: RunConfig, theta_0: Params, tasks: Tasks, *, problem: Problem, tasks_at_once: int = 1000
) -> Evaluation:
    """Where `from_scratch` ends, in groups of tasks, which bounds the memory: no task touches another."""
    parts = [
        from_scratch(theta_0, part, problem=problem, treatment=config.batch_norm_treatment).evaluation
        for part in in_parts(tasks, tasks_at_once)
    ]
    return together(parts)


def _stepped(now: _Training, losses: Callable[[Params, Tasks], Tensor], beta: float) -> _Training:
    """One step of Adam on every task's support loss."""
    theta = leaves(now.theta)
    with torch.enable_grad():
        # Tasks do not touch each other, so the gradient of the sum holds each task's own gradient.
        found = torch.autograd.grad(losses(theta, now.tasks).sum(), list(theta.values()))
    theta, optimizer = adam(now.theta, dict(zip(theta, found, strict=True)), now.optimizer, beta=beta)
    return now._replace(theta=theta, optimizer=optimizer)


def _judged(now: _Training, support_loss: Tensor, step: int) -> _Training:
    """What is known of each task after this step's support loss. A NaN is never lower."""
    lower = support_loss < now.lowest
    lowest = torch.where(lower, support_loss, now.lowest)
    fell = lowest < (1.0 - IMPROVEMENT) * now.fallen_to
    return now._replace(
        best={
            name: torch.where(lower.view(-1, *[1] * (value.ndim - 1)), now.theta[name], value)
            for name, value in now.best.items()
        },
        lowest=lowest,
        fallen_to=torch.where(fell, lowest, now.fallen_to),
        fell_at=torch.where(fell, step, now.fell_at),
    )


def _only(part: Any, which: Tensor) -> Any:
    """Some of the tasks, in everything that is made of tensors with one row a task."""
    match part:
        case Tensor():
            return part[which]
        case dict():
            return {name: _only(value, which) for name, value in part.items()}
        case tuple():
            return type(part)(*(_only(value, which) for value in part))
        case _:
            return part
