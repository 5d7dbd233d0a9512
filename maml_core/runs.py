"""A run is a value: `init_run` makes the first state, `advance` moves a state forward, and the timeline says what was changed when.

State and config are immutable. Step t draws its tasks from (tasks_seed, t) and is computed with one torch thread, so how a run is cut into
chunks, and who computes them, never matters, and config + timeline replay it bit for bit. A run that goes wrong is a result: its status says so in a sentence, parameters and optimiser
moments go back to the last good checkpoint, and it waits for `resume`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import torch

from maml_core.algorithms import (
    Adaptation,
    adaptation,
    initial_rates,
    initial_statistics,
    initial_theta,
    moved_statistics,
    outer_gradient,
)
from maml_core.baselines import baselines_of
from maml_core.config import RunConfig, changed, check_is_config, learns_inner_loop
from maml_core.errors import ConfigError, OnceDifferentiableError
from maml_core.evaluation import evaluate, summarize
from maml_core.inner import adapt
from maml_core.judging import CHECKPOINT_EVERY, death, fault, high_loss_steps, loss_scale
from maml_core.landscape import curvatures
from maml_core.normalization import at_step, predict
from maml_core.optim import OptimizerState, init_optimizer, updated
from maml_core.outer import MetaGradient
from maml_core.params import all_finite, joined, over_tasks, parted
from maml_core.plain import plain, whole_number
from maml_core.problem import Problem, build_problem, check_parameters, held_out_tasks, torch_dtype, training_tasks
from maml_core.records import Curvature, Entry, InnerDescent, Records, Status
from maml_core.schedules import schedule
from maml_core.threads import single_threaded
from maml_core.types import Params

CURVATURE_TASKS, CURVATURE_IMAGE_TASKS = 32, 10
"""Held-out tasks on which lambda_max is measured, as far as a run has so many. With images a task takes five outer steps' time in all, and
the median of ten lies within some 5% of that of sixty."""


DESCENT_SLACK = 1e-4
"""A support loss has moved when it moved by more than this share of its value before adaptation; less may be rounding."""

OVERSHOOT_SHARE = 0.1
"""Where the inner steps raise the support loss of so many tasks, they are named as what made a run diverge."""

_NO_MOMENTS = OptimizerState(0, {}, {})


class Learner(NamedTuple):
    """Parameters and the state of their outer optimiser."""

    theta: Params
    optimizer: OptimizerState
    rates: tuple[Params, ...]
    """What is learned of the inner loop, where the algorithm learns any; updated by the same optimiser."""
    statistics: Params
    """Batch norm's running averages, where the treatment keeps any."""

    @property
    def meta_parameters(self) -> Params:
        """All that the outer loop learns, as the optimiser sees it."""
        return joined(self.theta, self.rates)

    def __repr__(self) -> str:
        beside = [
            f"{len(self.rates)} x learned rates or matrices" if self.rates else "",
            "running averages" if self.statistics else "",
        ]
        return f"Learner({'; '.join([_sizes(self.theta), *filter(None, beside)])})"


class Checkpoint(NamedTuple):
    """A state worth going back to."""

    step: int
    meta: Learner
    baselines: dict[str, Learner]

    def __repr__(self) -> str:
        return f"Checkpoint(step={self.step}, theta_0: {_sizes(self.meta.theta)})"


class RunState(NamedTuple):
    """Everything that the next step depends on, besides the config."""

    step: int
    """Outer steps taken."""
    meta: Learner
    baselines: dict[str, Learner]
    """Trained on the same tasks, by name: "joint" and "oracle", where they are on."""
    good: Checkpoint
    """Where a roll-back goes."""
    candidate: Checkpoint
    """Becomes `good` when it has survived until the next checkpoint."""
    loss_scale: float
    """What losses are compared with: the zero predictor's level, or the initial held-out loss where that is larger."""
    high_loss_steps: int = 0
    status: Status = Status()
    own_problem: bool = False
    """Whether it was trained with a problem that the settings do not name: it goes on with that problem only."""

    @property
    def joint(self) -> Learner | None:
        """The joint-pretraining baseline; None where it is off."""
        return self.baselines.get("joint")

    @property
    def oracle(self) -> Learner | None:
        """The oracle; None where it is off."""
        return self.baselines.get("oracle")

    def __repr__(self) -> str:
        beside = f"; beside it: {', '.join(self.baselines)}" if self.baselines else ""
        return f"RunState(step={self.step}, status={self.status.kind!r}, theta_0: {_sizes(self.meta.theta)}{beside})"


def _sizes(theta: Params) -> str:
    """How much there is of parameters, in place of their numbers."""
    count = sum(value.numel() for value in theta.values())
    dtypes = sorted({str(value.dtype).removeprefix("torch.") for value in theta.values()})
    return f"{len(theta)} tensors, {count:,} numbers, {', '.join(dtypes)}"


Point = TypeVar("Point", Checkpoint, RunState)


@single_threaded
def init_run(config: RunConfig, *, problem: Problem | None = None) -> RunState:
    """The state at outer step 0.

    Raises:
        ConfigError: An oracle is asked for and this problem has none; or a switch of batch norm, and its model has none.

    >>> init_run(RunConfig())
    RunState(step=0, status='ok', theta_0: 6 tensors, 1,761 numbers, float32; beside it: joint)
    """
    check_is_config(config)
    problem = problem or build_problem(config)
    own_problem = not problem.is_of(config)
    theta = initial_theta(config, problem)
    statistics = initial_statistics(config, problem, theta, config.num_inner_steps)
    learner = _fresh(config, Learner(theta, _NO_MOMENTS, initial_rates(config, theta), statistics))
    baselines = {}
    for name, baseline in baselines_of(config, problem).items():
        begin = baseline.start(config)
        baselines[name] = _fresh(config, Learner(begin.theta, _NO_MOMENTS, (), begin.statistics))
    start = Checkpoint(0, learner, baselines)
    how = rule(config, problem, learner)
    initial = summarize(evaluate(theta, held_out_tasks(config, problem), problem=problem, num_steps=0, **how._asdict()))
    scale = loss_scale(problem.family.zero_level(), float(initial.mean[0]))
    return _watched(
        config,
        RunState(
            step=0,
            meta=learner,
            baselines=baselines,
            good=start,
            candidate=start,
            loss_scale=scale,
            own_problem=own_problem,
        ),
        problem,
    )


@single_threaded
def advance(
    config: RunConfig,
    state: RunState,
    *,
    num_steps: int | None = None,
    budget_s: float | None = None,
    problem: Problem | None = None,
) -> tuple[RunState, Records]:
    """Move a run forward by up to `num_steps` outer steps, or for about `budget_s` seconds of this thread's time (at least one step).

    Where it stops has no influence on the run. A run that is not ok does not move: `resume` it first.

    Args:
        config: The set-up that holds from this state on.
        state: Where to start; never changed.
        num_steps: Stop after so many steps.
        budget_s: Stop after the step that uses up this much processor time.
        problem: In place of the one that the config names.

    Raises:
        ConfigError: The run has a problem of its own, and none is given.
        ValueError: Neither `num_steps` nor `budget_s` is given, or one is negative or not a number.
        StateError: The state is of another model than the problem's.

    >>> config = RunConfig(meta_batch_size=2, evaluation_tasks=2)
    >>> state, records = advance(config, init_run(config), num_steps=3)
    >>> state.step, records.steps.tolist()
    (3, [0, 1, 2])
    """
    problem = problem_of(config, state, problem)
    if num_steps is None and budget_s is None:
        raise ValueError("give num_steps, budget_s or both: how far shall the run advance?")
    num_steps = None if num_steps is None else whole_number("num_steps", num_steps)
    if budget_s is not None and not (isinstance(plain(budget_s), int | float) and budget_s >= 0):
        raise ValueError(f"budget_s = {budget_s!r}: give seconds, a number from 0 on")
    state = state._replace(own_problem=state.own_problem or not problem.is_of(config))
    deadline = time.thread_time() + budget_s if budget_s is not None else float("inf")
    losses: list[tuple[float, ...]] = []
    held_out: list[tuple[float, ...]] = []
    events: list[Entry] = []
    last = state.step + num_steps if num_steps is not None else None
    while state.status.kind == "ok" and (last is None or state.step < last):
        if state.step % config.evaluate_every == 0:
            held_out.append(_held_out_losses(config, state, problem))
        step = state.step
        state, query_loss, beside = _outer_step(config, state, problem)
        losses.append(
            (step, query_loss, *(beside.get(name, math.nan) for name in ("joint", "oracle", "residual", "accuracy")))
        )
        if state.status.kind != "ok":
            events.append(_rollback_entry(state))
        if time.thread_time() >= deadline:
            break
    columns = np.array(losses, dtype=np.float64).reshape(-1, 6)
    evaluations = np.array(held_out, dtype=np.float64).reshape(-1, 7)
    return state, Records(
        steps=columns[:, 0].astype(np.int64),
        query_loss=columns[:, 1],
        joint_loss=columns[:, 2],
        oracle_loss=columns[:, 3],
        residual=columns[:, 4],
        accuracy=columns[:, 5],
        held_out_steps=evaluations[:, 0].astype(np.int64),
        held_out_before=evaluations[:, 1],
        held_out_after=evaluations[:, 2],
        held_out_diverged=evaluations[:, 3],
        held_out_worse=evaluations[:, 4],
        held_out_accuracy_before=evaluations[:, 5],
        held_out_accuracy_after=evaluations[:, 6],
        events=tuple(events),
    )


def apply_entry(config: RunConfig, state: RunState, entry: Entry) -> tuple[RunConfig, RunState]:
    """The set-up and state from which a run goes on after a line of its timeline.

    Raises:
        ConfigError: The entry is of no known kind, or changes a field that cannot change while a run trains, or to a value that is
            not accepted.

    >>> config, state = apply_entry(RunConfig(), init_run(RunConfig()), Entry(step=0, kind="change", changes={"alpha": 0.5}))
    >>> config.alpha
    0.5
    """
    match entry.kind:
        case "change":
            return _changed(config, state, entry.changes)
        case "resume":
            return config, state._replace(status=Status(), high_loss_steps=0)
        case "rollback":
            return config, state  # a note of what `advance` does by itself
        case _:
            raise ConfigError("kind", entry.kind, "one of change, resume, rollback")


def advance_through(
    config: RunConfig,
    state: RunState,
    timeline: Sequence[Entry],
    *,
    num_steps: int | None = None,
    budget_s: float | None = None,
    problem: Problem | None = None,
) -> tuple[RunConfig, RunState, Records]:
    """`advance`, with every entry of the timeline from `state.step` on applied before the step that it names.

    Entries that lie beyond the end are left for the next call; entries of earlier steps count as already applied.

    >>> config = RunConfig(meta_batch_size=2, evaluation_tasks=2)
    >>> change = Entry(step=1, kind="change", changes={"alpha": 0.02})
    >>> config, state, records = advance_through(config, init_run(config), [change], num_steps=2)
    >>> state.step, config.alpha
    (2, 0.02)
    """
    if wrong := [entry for entry in timeline if not isinstance(entry, Entry)]:
        raise TypeError(f"{wrong[0]!r} is no line of a timeline; give Entry(step=..., kind='change', changes={{...}})")
    num_steps = None if num_steps is None else whole_number("num_steps", num_steps)
    problem = problem_of(config, state, problem)
    until = state.step + num_steps if num_steps is not None else None
    deadline = time.thread_time() + budget_s if budget_s is not None else None
    parts = []
    for entry in sorted((e for e in timeline if e.step >= state.step), key=lambda e: e.step):
        if until is not None and entry.step > until:
            break
        state, records = advance(
            config, state, num_steps=entry.step - state.step, budget_s=_left(deadline), problem=problem
        )
        parts.append(records)
        if state.step < entry.step:  # out of time, or the run came to a stop before
            return config, state, Records.joined(parts)
        config, state = apply_entry(config, state, entry)
    remaining = until - state.step if until is not None else None
    state, records = advance(config, state, num_steps=remaining, budget_s=_left(deadline), problem=problem)
    return config, state, Records.joined([*parts, records])


def replay(
    config: RunConfig, timeline: Sequence[Entry], *, num_steps: int, problem: Problem | None = None
) -> tuple[RunConfig, RunState, Records]:
    """Run a config from outer step 0 to `num_steps`, with every change of the timeline at its step.

    >>> config = RunConfig(meta_batch_size=2, evaluation_tasks=2)
    >>> change = Entry(step=1, kind="change", changes={"beta": 0.01})
    >>> config, state, records = replay(config, [change], num_steps=2)
    >>> records
    Records(2 outer steps, 0 to 1; held-out losses at 1 of them)
    """
    check_is_config(config)
    problem = problem or build_problem(config)
    return advance_through(config, init_run(config, problem=problem), timeline, num_steps=num_steps, problem=problem)


def problem_of(config: RunConfig, state: RunState, problem: Problem | None) -> Problem:
    """The problem that a run goes on with: the one that is given, or that its config names.

    Raises:
        ConfigError: The run has a problem of its own, and none is given; or `config` is none.
        StateError: The state is of another model than the problem's.
        TypeError: `state` is no state.
    """
    check_is_config(config)
    if not isinstance(state, RunState):
        raise TypeError(
            f"state is a {type(state).__name__}: a RunState is expected; init_run(config) or state_from_bytes(data) give one"
        )
    if problem is None and state.own_problem:
        accepted = "the run was trained with a problem of its own, which its settings do not name; give that one again"
        raise ConfigError("problem", None, accepted)
    problem = problem or build_problem(config)
    check_parameters(at_step(state.meta.theta, 0), problem, torch_dtype(config))
    return problem


def rule(config: RunConfig, problem: Problem, learner: Learner) -> Adaptation:
    """How a run's theta_0 adapts: arguments of `inner.adapt` and `evaluation.evaluate`.

    >>> config = RunConfig(alpha=0.02)
    >>> rule(config, build_problem(config), init_run(config).meta).alpha
    0.02
    """
    return adaptation(config, problem, learner.rates, learner.statistics)


def _left(deadline: float | None) -> float | None:
    return max(0.0, deadline - time.thread_time()) if deadline is not None else None


def _changed(config: RunConfig, state: RunState, changes: Mapping[str, Any]) -> tuple[RunConfig, RunState]:
    new = changed(config, changes)
    if new.outer_optimizer != config.outer_optimizer:  # the moments of one optimiser mean nothing to another

        def restarted(point: Point) -> Point:
            baselines = {name: _fresh(new, learner) for name, learner in point.baselines.items()}
            return point._replace(meta=_fresh(new, point.meta), baselines=baselines)

        state = restarted(state)._replace(good=restarted(state.good), candidate=restarted(state.candidate))
    return new, state


def _outer_step(config: RunConfig, state: RunState, problem: Problem) -> tuple[RunState, float, dict[str, float]]:
    """One outer step of the run and of its baselines, on the same tasks; with what was measured of each: its training loss, iMAML's residual,
    the accuracy.
    """
    tasks = training_tasks(config, problem, state.step)
    meta = outer_gradient(
        config,
        state.meta.theta,
        state.meta.rates,
        tasks,
        problem=problem,
        step=state.step,
        statistics=state.meta.statistics,
    )
    beta = schedule(config, state.step).beta
    query_loss, learner = float(meta.query_loss), _updated(config, state.meta, meta, beta)
    baselines: dict[str, Learner] = {}
    measured = {"residual": meta.residual, "accuracy": meta.accuracy}
    beside = {name: float(value) for name, value in measured.items() if value is not None}
    for name, baseline in baselines_of(config, problem).items():
        plain = baseline.gradient(state.baselines[name], tasks)
        baselines[name], beside[name] = _updated(config, state.baselines[name], plain, beta), float(plain.query_loss)
    high = high_loss_steps(state.high_loss_steps, query_loss, state.loss_scale)
    not_finite = [name for name, one in {"meta": learner, **baselines}.items() if not _is_finite(one)]
    what = fault(state.step, query_loss, scale=state.loss_scale, high_steps=high, not_finite=not_finite)
    step = state.step + 1
    if not what:
        taken = state._replace(step=step, meta=learner, baselines=baselines, high_loss_steps=high)
        return _watched(config, taken, problem), query_loss, beside
    if not_finite and "meta" not in not_finite:
        cause = f"It takes no inner step, so beta = {config.beta:g} is the likely cause: try a smaller one."
    else:
        cause = _cause(config, state, problem)
    sentence = f"{what} {cause}"
    return _rolled_back(state._replace(step=step), "diverged", sentence), query_loss, beside


def _is_finite(learner: Learner) -> bool:
    """Parameters, and squared gradients too: one that overflowed would stop Adam for ever with finite parameters."""
    return all_finite(learner.meta_parameters) and (
        not learner.optimizer.second or all_finite(learner.optimizer.second)
    )


def _fresh(config: RunConfig, learner: Learner) -> Learner:
    """The same learner, with an optimiser that has seen nothing yet."""
    return learner._replace(optimizer=init_optimizer(config.outer_optimizer, learner.meta_parameters))


def _updated(config: RunConfig, learner: Learner, meta: MetaGradient, beta: float) -> Learner:
    after, optimizer = updated(
        learner.meta_parameters,
        joined(meta.gradient, meta.rates_gradient),
        learner.optimizer,
        kind=config.outer_optimizer,
        beta=beta,
        clip_norm=config.clip_norm,
        adam_betas=config.adam_betas,
        adam_eps=config.adam_eps,
    )
    theta, rates = parted(after)
    return Learner(theta, optimizer, rates, moved_statistics(config, learner.statistics, meta))


def _watched(config: RunConfig, state: RunState, problem: Problem) -> RunState:
    """At every checkpoint: check that the network is alive, and move the checkpoints on while the losses are as they should be."""
    if state.step % CHECKPOINT_EVERY != 0:
        return state
    if bool(problem.model.is_dead(at_step(state.meta.theta, 0), problem.probe_inputs(64, torch_dtype(config)))[0]):
        return _rolled_back(state, "dead", f"{death(state.step)} {_cause_of_death(config, state, problem)}")
    if state.high_loss_steps > 0 or state.candidate.step == state.step:
        return state
    return state._replace(good=state.candidate, candidate=Checkpoint(state.step, state.meta, state.baselines))


def _rolled_back(state: RunState, kind: Literal["diverged", "dead"], sentence: str) -> RunState:
    """Parameters and moments of the last good checkpoint; the step count goes on, so that no tasks are drawn twice."""
    good = state.good
    sentence += f" theta_0 and the optimiser went back to outer step {good.step}."
    return state._replace(
        meta=good.meta, baselines=good.baselines, candidate=good, high_loss_steps=0, status=Status(kind, sentence)
    )


def _rollback_entry(state: RunState) -> Entry:
    return Entry(step=state.step, kind="rollback", changes={"to_step": state.good.step})


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
            names=how.names,
            proximal=how.proximal,
            normalization=how.normalization,
        )
    except OnceDifferentiableError:
        num_lanes = next(iter(theta.values())).shape[0]
        return (Curvature(math.nan, math.nan, math.nan),) * num_lanes


def inner_descent(config: RunConfig, problem: Problem, learner: Learner) -> InnerDescent | None:
    """What the run's inner steps do to the support loss, on the tasks of `inner_curvature`; None without inner steps."""
    if config.num_inner_steps == 0:
        return None
    count = num_curvature_tasks(config)
    support = held_out_tasks(config, problem, num_tasks=count).support
    how = rule(config, problem, learner).for_tasks(count)

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
            **how._asdict(),
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


def _cause(config: RunConfig, state: RunState, problem: Problem) -> str:
    """What most likely went wrong: what the inner steps do to the support loss at the last good theta_0, and, where alpha is the step size,
    how it stands to 2 / lambda_max.
    """
    beta = f"beta = {config.beta:g}"
    learner = state.good.meta
    descent = inner_descent(config, problem, learner)
    if descent is None:
        return f"There is no inner step, so {beta} is the likely cause: try a smaller one."
    lowered = f"lower the support loss on {descent.lower_share:.0%} of the held-out tasks at the last good theta_0"
    fewer = f", or fewer inner steps than {config.num_inner_steps}" if config.num_inner_steps > 1 else ""
    overshoots = descent.higher_share >= OVERSHOOT_SHARE
    raised = (
        f"The inner steps raise the support loss on {descent.higher_share:.0%} of the held-out tasks at the last good theta_0: "
        "they overshoot."
    )
    if learns_inner_loop(
        config
    ):  # alpha is only where the rates began, or is turned by matrices: it has no limit to stand against
        smaller = (
            "a smaller alpha" if config.algorithm == "meta_curvature" else "a smaller beta, with which they are learned"
        )
        if overshoots:
            return f"{raised} Try {smaller}{fewer}."
        return f"The inner steps {lowered}, so {beta} is the likelier cause: try a smaller one."
    shape = inner_curvature(config, problem, learner)
    if math.isnan(shape.median):
        if overshoots:
            return f"{raised} Try a smaller alpha{fewer}."
        return f"The inner steps {lowered}, so {beta} is the likelier cause: try a smaller one."
    limit, strict = Curvature.stability_limit(shape.median), Curvature.stability_limit(shape.high)
    size = f"alpha = {config.alpha:.3g}"
    stands = (
        f"{config.alpha / limit:.2g} times"
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


def _cause_of_death(config: RunConfig, state: RunState, problem: Problem) -> str:
    """What most likely switched a layer off: training, unless the last good theta_0 was dead before it."""
    inputs = problem.probe_inputs(64, torch_dtype(config))
    if not bool(problem.model.is_dead(at_step(state.good.meta.theta, 0), inputs)[0]):
        return _cause(config, state, problem)
    if bool((inputs == inputs[:, :1]).all()):
        return "It was so before any training: every input of these tasks is the same. Give x a wider range."
    return (
        f"It was so before any training: the initial weights of weights_seed = {config.weights_seed} are off on these inputs. "
        "Try another weights_seed, or inputs of another range."
    )


def _held_out_losses(config: RunConfig, state: RunState, problem: Problem) -> tuple[float, ...]:
    """Outer step, mean loss before and after, shares of diverged and of worse tasks, accuracy before and after."""
    summary = summarize(
        evaluate(
            state.meta.theta,
            held_out_tasks(config, problem),
            problem=problem,
            num_steps=config.num_inner_steps,
            **rule(config, problem, state.meta)._asdict(),
        )
    )
    accuracy = np.full(2, np.nan) if summary.accuracy is None else summary.accuracy
    return state.step, *(
        float(value)
        for value in (*summary.mean[[0, -1]], summary.diverged_share[-1], summary.worse_share[-1], *accuracy[[0, -1]])
    )
