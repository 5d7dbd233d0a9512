"""A run as a loop of one's own: stretch after stretch, with what was measured, to be printed, saved or ended."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from maml_core.config import RunConfig
from maml_core.evaluation import evaluate, summarize
from maml_core.plain import whole_number
from maml_core.problem import Problem, build_problem, held_out_tasks
from maml_core.records import Entry, Records, Summary
from maml_core.run_state import RunState, rule
from maml_core.runs import advance_through, init_run
from maml_core.state_bytes import check_state, state_from_bytes, state_to_bytes
from maml_core.store import SavedRun, save_run
from maml_core.tasks import images_of
from maml_core.threads import single_threaded


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Where a run stands after some more outer steps."""

    start: RunConfig
    """The set-up at outer step 0."""
    config: RunConfig
    """The set-up that holds now."""
    state: RunState
    records: Records
    """What was measured in this stretch."""
    curves: Records
    """What was measured since outer step 0."""
    timeline: tuple[Entry, ...]
    """The changes so far."""
    problem: Problem

    @property
    def step(self) -> int:
        """Outer steps taken."""
        return self.state.step

    @property
    def loss(self) -> float:
        """Training query loss after adaptation, mean over this stretch; NaN where it took no step."""
        return float(self.records.query_loss.mean()) if len(self.records.query_loss) else float("nan")

    @cached_property
    def held_out(self) -> Summary:
        """Losses of the held-out tasks after 0..N inner steps with the theta_0 of now; measured when it is first asked for."""
        return single_threaded(self._judged)()

    @property
    def held_out_loss(self) -> float:
        """Held-out query loss after N inner steps, mean over tasks, with the theta_0 of now."""
        return float(self.held_out.mean[-1])

    def _judged(self) -> Summary:
        tasks = held_out_tasks(self.config, self.problem)
        how = rule(self.config, self.problem, self.state.meta)
        num_steps = self.config.num_inner_steps
        return summarize(
            evaluate(self.state.meta.theta, tasks, problem=self.problem, num_steps=num_steps, how=how, ends_only=True)
        )

    def save(self, folder: str | os.PathLike[str]) -> SavedRun:
        """Save the run as it stands, in place of what was saved in this folder before: `load_run` gives it back.

        Raises:
            StoreError: It cannot be saved there; what was saved before is as it was.
        """
        run = SavedRun(
            name=Path(folder).name,
            start=self.start,
            config=self.config,
            timeline=self.timeline,
            records=self.curves,
            state=state_to_bytes(self.state),
            step=self.step,
            status=self.state.status,
            images=images_of(self.problem.family),
        )
        return save_run(folder, run)


def iterate(
    source: RunConfig | SavedRun,
    *,
    num_steps: int | None = None,
    every: int = 100,
    timeline: Sequence[Entry] = (),
    problem: Problem | None = None,
) -> Iterator[Stretch]:
    """A run, to loop over: it trains while the loop asks for more, and stands still in between.

    Into how many stretches it is cut has no influence on it. It ends at `num_steps`, after the stretch in which it diverged (`Stretch.state.status` says
    so), or when the loop is left.

    Args:
        source: The set-up of a new run, or a saved run to go on with.
        num_steps: The outer step to train to; None trains until the loop is left.
        every: Outer steps of a stretch, 1 or more.
        timeline: Changes to come, each before the step that it names.
        problem: In place of the one that the config names.

    Raises:
        ConfigError: The run has a problem of its own, and none is given; or a change is not accepted.
        StateError: The saved state is of another model than the problem's.
        ValueError: `every` or `num_steps` is out of its range.

    >>> config = RunConfig(meta_batch_size=2, evaluation_tasks=2)
    >>> [now.step for now in iterate(config, num_steps=5, every=2)]
    [2, 4, 5]
    """
    every = whole_number("every", every)
    if every == 0:
        raise ValueError("every = 0: give the outer steps of a stretch, 1 or more")
    last = None if num_steps is None else whole_number("num_steps", num_steps)
    return _stretches(source, last, every, tuple(timeline), problem)


def _stretches(
    source: RunConfig | SavedRun, last: int | None, every: int, timeline: tuple[Entry, ...], problem: Problem | None
) -> Iterator[Stretch]:
    if isinstance(source, SavedRun):
        if problem is None:
            source.need_settings("gone on with")
        start, config, before, curves = source.start, source.config, source.timeline, source.records
        problem = problem or build_problem(config, trained=source.images)
        state = state_from_bytes(source.state)
        check_state(state, config, problem)
    else:
        start = config = source
        problem, before, curves = problem or build_problem(config), (), None
        state = init_run(config, problem=problem)
    while last is None or state.step < last:
        ahead = every if last is None else min(every, last - state.step)
        config, state, records = advance_through(config, state, timeline, num_steps=ahead, problem=problem)
        curves = records if curves is None else Records.joined([curves, records])
        done = tuple(entry for entry in timeline if entry.step <= state.step)
        yield Stretch(
            start=start,
            config=config,
            state=state,
            records=records,
            curves=curves,
            timeline=(*before, *done),
            problem=problem,
        )
        if state.status.kind != "ok":
            return
