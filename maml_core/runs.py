"""A run is a value: `init_run` makes the first state, `advance` moves a state forward, and the timeline says what was changed when.

State and config are immutable. Step t draws its tasks from (tasks_seed, t) and is computed with one torch thread, so how a run is cut into
chunks, and who computes them, never matters, and config + timeline replay it bit for bit. A run that goes wrong is a result: its status says
so in a sentence, parameters and optimiser moments go back to the last good checkpoint, and it waits for `resume`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np

from maml_core.causes import cause_of_death, likely_cause
from maml_core.compiled.held_out import HeldOutForm
from maml_core.compiled.step import Steps
from maml_core.config import RunConfig, changed, check_is_config
from maml_core.divergence import CHECKPOINT_EVERY, death, fault, high_loss_steps, loss_scale
from maml_core.errors import ConfigError
from maml_core.evaluation import Form, evaluate, summarize
from maml_core.normalization import at_step
from maml_core.outer_step import META
from maml_core.plain import plain, whole_number
from maml_core.problem import (
    Problem,
    build_problem,
    check_draws_tasks,
    check_parameters,
    held_out_tasks,
    tasks_of_steps,
    torch_dtype,
)
from maml_core.records import Entry, Records, Status
from maml_core.run_state import Checkpoint, Learner, RunState, baseline_learners, first_learner, fresh, rule
from maml_core.schedules import schedule
from maml_core.threads import single_threaded

Point = TypeVar("Point", Checkpoint, RunState)


@single_threaded
def init_run(config: RunConfig, *, problem: Problem | None = None) -> RunState:
    """The state at outer step 0.

    Raises:
        ConfigError: An oracle is asked for and this problem has none; or a switch of batch norm, and its model has none; or a fixed number
            of training tasks, and its family draws without end only.

    >>> init_run(RunConfig())
    RunState(step=0, status='ok', theta_0: 6 tensors, 1,761 numbers, float32; beside it: joint)
    """
    check_is_config(config)
    problem = problem or build_problem(config)
    own_problem = not problem.is_of(config)
    check_draws_tasks(config, problem)
    learner = first_learner(config, problem)
    baselines = baseline_learners(config, problem, {})
    start = Checkpoint(0, learner, baselines)
    how = rule(config, problem, learner)
    initial = summarize(evaluate(learner.theta, held_out_tasks(config, problem), problem=problem, num_steps=0, how=how))
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
    num_steps = _how_far(num_steps, budget_s)
    state = state._replace(own_problem=state.own_problem or not problem.is_of(config))
    deadline = time.thread_time() + budget_s if budget_s is not None else float("inf")
    measured: list[tuple[float, ...]] = []
    held_out: list[tuple[float, ...]] = []
    events: list[Entry] = []
    last = state.step + num_steps if num_steps is not None else None
    steps = compiled_steps(config, state, problem)
    while state.status.kind == "ok" and (last is None or state.step < last):
        if state.step % config.evaluate_every == 0:
            form = steps.held_out(schedule(config, state.step), state.compiled)
            held_out.append(_held_out_losses(config, state, problem, form))
        until = _next_look(config, state.step)
        until = until if last is None else min(until, last)
        state, found = _stretch(config, state, problem, steps, until, deadline)
        measured += found
        if state.status.kind != "ok":
            events.append(_rollback_entry(state))
        if time.thread_time() >= deadline:
            break
    columns = np.array(measured, dtype=np.float64).reshape(-1, 6)
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


def apply_entry(
    config: RunConfig, state: RunState, entry: Entry, *, problem: Problem | None = None
) -> tuple[RunConfig, RunState]:
    """The set-up and state from which a run goes on after a line of its timeline.

    Args:
        config: The set-up until then.
        state: The state until then; never changed.
        entry: The line.
        problem: In place of the one that the config names.

    Raises:
        ConfigError: The entry is of no known kind, or changes a field that cannot change while a run trains, or to a value that is
            not accepted.

    >>> config, state = apply_entry(RunConfig(), init_run(RunConfig()), Entry(step=0, kind="change", changes={"alpha": 0.5}))
    >>> config.alpha
    0.5
    """
    match entry.kind:
        case "change":
            return _changed(config, state, entry.changes, problem)
        case "resume":
            return config, state._replace(status=Status(), high_loss_steps=0)
        case "compiled":
            return config, state._replace(compiled=entry.changes["key"])
        case "branch":
            here = Checkpoint(state.step, state.meta, state.baselines)
            return config, state._replace(good=here, candidate=here)
        case "rollback":
            return config, state  # a note of what `advance` does by itself
        case _:
            raise ConfigError("kind", entry.kind, "one of change, resume, compiled, branch, rollback")


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

    Raises:
        TypeError: A line that is no `Entry`.
        ConfigError, StateError, ValueError: As of `advance` and `apply_entry`.

    >>> config = RunConfig(meta_batch_size=2, evaluation_tasks=2)
    >>> change = Entry(step=1, kind="change", changes={"alpha": 0.02})
    >>> config, state, records = advance_through(config, init_run(config), [change], num_steps=2)
    >>> state.step, config.alpha
    (2, 0.02)
    """
    if wrong := [entry for entry in timeline if not isinstance(entry, Entry)]:
        raise TypeError(f"{wrong[0]!r} is no line of a timeline; give Entry(step=..., kind='change', changes={{...}})")
    problem = problem_of(config, state, problem)
    num_steps = _how_far(num_steps, budget_s)
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
        config, state = apply_entry(config, state, entry, problem=problem)
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


def _how_far(num_steps: int | None, budget_s: float | None) -> int | None:
    """The outer steps that are asked for; None where the time alone says how many.

    Raises:
        ValueError: Neither is given, or one is negative or not a number.
    """
    if num_steps is None and budget_s is None:
        raise ValueError("give num_steps, budget_s or both: how far shall the run advance?")
    if budget_s is not None and not (isinstance(plain(budget_s), int | float) and budget_s >= 0):
        raise ValueError(f"budget_s = {budget_s!r}: give seconds, a number from 0 on")
    return None if num_steps is None else whole_number("num_steps", num_steps)


def _left(deadline: float | None) -> float | None:
    return max(0.0, deadline - time.thread_time()) if deadline is not None else None


def _changed(
    config: RunConfig, state: RunState, changes: Mapping[str, Any], problem: Problem | None
) -> tuple[RunConfig, RunState]:
    new = changed(config, changes)
    if (new.joint_baseline, new.oracle_baseline) != (config.joint_baseline, config.oracle_baseline):
        known = problem_of(new, state, problem)

        def accompanied(point: Point) -> Point:
            return point._replace(baselines=baseline_learners(new, known, point.baselines))

        state = accompanied(state)._replace(good=accompanied(state.good), candidate=accompanied(state.candidate))
    if new.outer_optimizer != config.outer_optimizer:  # the moments of one optimiser mean nothing to another

        def restarted(point: Point) -> Point:
            baselines = {name: fresh(new, learner) for name, learner in point.baselines.items()}
            return point._replace(meta=fresh(new, point.meta), baselines=baselines)

        state = restarted(state)._replace(good=restarted(state.good), candidate=restarted(state.candidate))
    return new, state


def compiled_steps(config: RunConfig, state: RunState, problem: Problem) -> Steps:
    """The outer steps of a run while these settings stand."""
    return Steps(config, problem, _learners(state))


def _learners(state: RunState) -> dict[str, Learner]:
    return {META: state.meta, **state.baselines}


def _next_look(config: RunConfig, step: int) -> int:
    """The outer step before which something else is due next: an evaluation, a checkpoint, another epoch of the schedules."""
    return min((step // every + 1) * every for every in (config.evaluate_every, CHECKPOINT_EVERY, config.epoch_steps))


def _stretch(
    config: RunConfig, state: RunState, problem: Problem, steps: Steps, until: int, deadline: float
) -> tuple[RunState, list[tuple[float, ...]]]:
    """Outer steps of the run and of its baselines, on the same tasks, as far as `until`, if the time does not run out before and nothing
    goes wrong; with what was measured of each: its number, the training losses of the run and its baselines, iMAML's residual, the accuracy.
    """
    walk = steps.walk(schedule(config, state.step), _learners(state), state.compiled)
    high, what = state.high_loss_steps, ""
    not_finite: tuple[str, ...] = ()
    measured: list[tuple[float, ...]] = []
    ahead = range(state.step, until)
    for step, tasks in zip(ahead, tasks_of_steps(config, problem, ahead), strict=True):
        found = walk.step(tasks)
        losses, not_finite = found.query_loss, found.not_finite
        high = high_loss_steps(high, losses[META], state.loss_scale)
        what = fault(step, losses[META], scale=state.loss_scale, high_steps=high, not_finite=not_finite)
        beside = losses.get("joint", math.nan), losses.get("oracle", math.nan)
        others = (math.nan if one is None else one for one in (found.residual, found.accuracy))
        measured.append((step, losses[META], *beside, *others))
        if what or time.thread_time() >= deadline:
            break
    taken = state._replace(step=state.step + len(measured))
    if not what:
        learners = walk.learners
        meta = learners.pop(META)
        return _watched(config, taken._replace(meta=meta, baselines=learners, high_loss_steps=high), problem), measured
    if not_finite and META not in not_finite:
        cause = f"It takes no inner step, so beta = {config.beta:g} is the likely cause: try a smaller one."
    else:
        cause = likely_cause(config, state, problem, tasks)
    return _rolled_back(taken, "diverged", f"{what} {cause}"), measured


def _watched(config: RunConfig, state: RunState, problem: Problem) -> RunState:
    """At every checkpoint: check that the network is alive, and move the checkpoints on while the losses are as they should be."""
    if state.step % CHECKPOINT_EVERY != 0:
        return state
    if bool(problem.model.is_dead(at_step(state.meta.theta, 0), problem.probe_inputs(64, torch_dtype(config)))[0]):
        return _rolled_back(state, "dead", f"{death(state.step)} {cause_of_death(config, state, problem)}")
    if state.high_loss_steps > 0 or state.candidate.step == state.step:
        return state
    return state._replace(good=state.candidate, candidate=Checkpoint(state.step, state.meta, state.baselines))


def _rolled_back(state: RunState, kind: Literal["diverged", "dead"], sentence: str) -> RunState:
    """Parameters and moments of the last good checkpoint; the step count goes on, so that no tasks are drawn twice."""
    good = state.good
    sentence += f" theta_0 and the optimiser went back to outer step {good.step:,}."
    return state._replace(
        meta=good.meta, baselines=good.baselines, candidate=good, high_loss_steps=0, status=Status(kind, sentence)
    )


def _rollback_entry(state: RunState) -> Entry:
    return Entry(step=state.step, kind="rollback", changes={"to_step": state.good.step})


def held_out_form(config: RunConfig, state: RunState, problem: Problem) -> HeldOutForm | None:
    """What computes a run's evaluations, and its looks at a few tasks, where it stands; None for PyTorch's operations one after the other."""
    return compiled_steps(config, state, problem).held_out(schedule(config, state.step), state.compiled)


def _held_out_losses(config: RunConfig, state: RunState, problem: Problem, form: Form | None) -> tuple[float, ...]:
    """Outer step, mean loss before and after, shares of diverged and of worse tasks, accuracy before and after."""
    summary = summarize(
        evaluate(
            state.meta.theta,
            held_out_tasks(config, problem),
            problem=problem,
            num_steps=config.num_inner_steps,
            how=rule(config, problem, state.meta),
            ends_only=True,
            form=form,
        )
    )
    accuracy = np.full(2, np.nan) if summary.accuracy is None else summary.accuracy
    return state.step, *(
        float(value)
        for value in (*summary.mean[[0, -1]], summary.diverged_share[-1], summary.worse_share[-1], *accuracy[[0, -1]])
    )
