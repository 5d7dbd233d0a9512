"""A sweep under way: which lanes are computed next, and what comes of them. A state machine without clock, threads or executor.

The caller owns the loop: ask `next_request`, run `run_lanes` on it anywhere, hand the result to `finished`. The command line does so on an
executor (`run_sweep`), the page's hub between the chunks of live runs.

**Dealing.** Settings that share a graph (`groups_of`) are dealt to batches. Of a grid the coarsest come first (`SweepConfig.grid_order`), of groups that
are as fine as each other the costliest one. A few groups are cut so that
every place has a batch of each; many are not, since there is work for all places anyway. Where other machines may help, what is left is taken
in ever smaller shares, so that nobody waits for one that took too much.

**Pruning.** At each rung but the last, a setting leaves if it is among the worst `prune` of all settings that have reached this rung so far,
itself and those that left there included (asynchronous successive halving, Li et al. 2018). Nobody waits for others, so an early
setting is compared with fewer. A lane that diverged counts as worst.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from typing import NamedTuple

from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.execution import MAX_LOST, ChunkPool
from maml_core.sweeps.axes import Value, with_values
from maml_core.sweeps.batch import RunningBatch
from maml_core.sweeps.chunks import LanesRequest, LanesResult, max_lanes, run_lanes
from maml_core.sweeps.compiling_beside import CompilingBeside, Left, StepTimes
from maml_core.sweeps.definition import Setting, SweepConfig, group_key, lane_configs, refusal_of
from maml_core.sweeps.kept_batches import KeptBatch, KeptBatches
from maml_core.sweeps.recognition import check_code_named, find_images, find_problem
from maml_core.sweeps.results import SettingResult, refused, waiting
from maml_core.sweeps.sampling import coarsest_first, groups_of, refused_of
from maml_core.sweeps.study import SweepStudy

TPE_ROUNDS = 16
"""TPE's settings are drawn in so many rounds, about: it learns between them, and lanes want company."""

MANY_GROUPS = 4
"""Times as many groups as places: they are not cut any more."""

CHUNK_S = 0.5
"""Processor seconds between two looks at what came of a batch."""

POLL_S = 1.0
"""Seconds between two looks at what other clients have done, at least."""

POLL_SHARE = 0.05
"""Share of the time, at most, that goes into such looks: one at a hundred thousand settings takes a second."""

_log = logging.getLogger(__name__)


class Ticket(NamedTuple):
    """A chunk that is to be computed."""

    batch: int
    """Which batch it is of; a batch has one ticket out at a time."""
    request: LanesRequest


class Progress(NamedTuple):
    """How far a sweep is."""

    num_settings: int
    num_ok: int
    num_diverged: int
    num_pruned: int
    num_refused: int
    """Left out: their values do not go together, or their tasks cannot be drawn."""
    lane_steps: int
    """Outer steps taken, over all lanes, of this driver."""
    lane_steps_left: int
    """At most so many are left: those of lanes that diverge or are pruned fall away."""

    @property
    def num_done(self) -> int:
        """Settings that need no more work."""
        return self.num_ok + self.num_diverged + self.num_pruned + self.num_refused


class Sweeping:
    """See the module.

    Args:
        sweep: What to compute.
        study: Where settings come from and results go; finished settings of an earlier driver are there already.
        at_once: Batches in flight that the caller would like to have; settings are dealt to so many.
        max_lanes: Lanes of a batch at most; None for what fits into the memory (`chunks.max_lanes`).
        takes_over: Take outer steps in their compiled form from the chunk on that finds it there, whoever made it.
    """

    def __init__(
        self,
        sweep: SweepConfig,
        study: SweepStudy,
        *,
        at_once: int = 1,
        max_lanes: int | None = None,
        takes_over: bool = False,
    ) -> None:
        check_code_named(study)
        self._takes_over = takes_over
        self._times = StepTimes()
        if at_once < 1 or (max_lanes is not None and max_lanes < 1):
            raise ValueError(f"at_once = {at_once} and max_lanes = {max_lanes} must be 1 or more")
        self._sweep, self._study, self._at_once, self._max_lanes = sweep, study, at_once, max_lanes
        self._known = {result.number: result for result in study.results()}
        self._groups = [group for group in groups_of(sweep) if not all(self._is_finished(n) for n in group)]
        self._pieces = 1 if len(self._groups) >= MANY_GROUPS * at_once else at_once
        self._share: dict[tuple[int, ...], int] = {}
        """Settings of a batch of each group, where nobody else takes any."""
        self._batches: dict[int, RunningBatch] = {}
        self._dealt: list[tuple[Setting, ...]] = []
        """Taken, and in no batch yet."""
        self._is_dry = False
        """Nothing more was to be had when it was last tried."""
        self._num_batches = self._lane_steps = self._revision = 0
        self._kept, self._may_go_on = KeptBatches(study.folder, sweep), True
        left_out = refused_of(sweep) | _without_images(study, sweep, self._known)
        if left_out := {number: why for number, why in left_out.items() if not self._is_finished(number)}:
            taken = study.take(len(left_out), list(left_out))
            self._leave_out([refused(one, left_out[one.number]) for one in taken])

    def left(self) -> list[Left]:
        """What is left of the groups that train eagerly; empty where nobody knows how many of its settings come here, or which there are."""
        if self._study.is_shared or self._sweep.sampler == "tpe":
            return []
        found: dict[RunConfig, Left] = {}

        def add(configs: tuple[RunConfig, ...], lane_steps: int) -> None:
            if (key := group_key(configs[0])) not in self._times.compiled:
                same = found.setdefault(key, Left(configs, 0.0))
                found[key] = same._replace(eager_s=same.eager_s + lane_steps * self._times.eager_step_s(key))

        for batch in self._batches.values():
            add(batch.configs, batch.lane_steps_left)
        steps_each = self._sweep.num_seeds * self._sweep.num_steps
        for group in self._groups:
            unbegun = [number for number in group if not (number in self._ours or self._is_finished(number))]
            if unbegun:
                values = (self._known[number].values for number in unbegun[: self._count(group, unbegun)])
                lanes = tuple(lane for one in values for lane in lane_configs(self._sweep, one))
                add(lanes, len(unbegun) * steps_each)
        return list(found.values())

    @property
    def revision(self) -> int:
        """Grows with each change of `results` or `progress`."""
        return self._revision

    @property
    def is_done(self) -> bool:
        """Whether every setting has its result."""
        return self.progress.num_done >= self._sweep.size

    @property
    def progress(self) -> Progress:
        """How far it is."""
        statuses = [result.status for result in self._known.values()]
        elsewhere = self._sweep.size - sum(result.is_done for result in self._known.values()) - len(self._ours)
        return Progress(
            num_settings=self._sweep.size,
            num_ok=statuses.count("ok"),
            num_diverged=statuses.count("diverged"),
            num_pruned=statuses.count("pruned"),
            num_refused=statuses.count("refused"),
            lane_steps=self._lane_steps,
            lane_steps_left=sum(batch.lane_steps_left for batch in self._batches.values())
            + elsewhere * self._sweep.num_seeds * self._sweep.num_steps,
        )

    def results(self) -> tuple[SettingResult, ...]:
        """All settings, by number, as far as they are known; those of TPE when they are drawn."""
        return tuple(self._known[number] for number in sorted(self._known))

    def next_request(self, *, budget_s: float | None = None) -> Ticket | None:
        """The chunk to compute next; None where all batches are in flight or nothing is left."""
        if len(self._batches) < self._at_once:
            self._begin_batch()
        for number, batch in self._batches.items():
            if not batch.in_flight:
                batch.in_flight = True
                self._batches[number] = self._batches.pop(number)  # the others come first the next time
                return Ticket(number, batch.request(budget_s))
        return None

    def finished(self, ticket: Ticket, result: LanesResult) -> None:
        """Take in a chunk's result; settings that are complete go to the study at once."""
        batch = self._batches[ticket.batch]
        batch.in_flight = False
        if result.refusal:
            self._leave_out(batch.refuse(result.refusal))
            del self._batches[ticket.batch]
            return
        outcome = batch.take_in(ticket.request, result)
        self._lane_steps += outcome.lane_steps
        self._times.note(batch.group, result, outcome.lane_steps)
        if outcome.refused:
            self._leave_out(outcome.refused)
        if outcome.rung is not None and outcome.values:
            self._study.report(outcome.rung, outcome.values)
            if self._sweep.prune > 0.0 and outcome.rung < self._sweep.num_steps:
                leaving = worst(self._study.at_rung(outcome.rung), self._sweep)
                batch.prune(leaving & outcome.values.keys())
        if outcome.rung is not None and (kept := batch.at_rung) is not None:
            self._kept.keep(kept)
        self._complete(batch)
        if outcome.rung is not None:
            self._known |= {one.number: one for one in batch.running()}
        self._revision += 1

    def _leave_out(self, results: Sequence[SettingResult]) -> None:
        self._study.put(*results)
        self._known |= {one.number: one for one in results}
        self._revision += 1

    def lost(self, ticket: Ticket) -> None:
        """The chunk was lost with its worker: it will be asked for again from the held state."""
        self._batches[ticket.batch].in_flight = False
        self._revision += 1

    def refresh(self) -> None:
        """Look at what other clients have done, and whether something is to be had again."""
        ours = self._ours
        for result in self._study.results():
            known = self._known.get(result.number)
            if result.number not in ours and not (known is not None and known.is_done):
                self._known[result.number] = result
        self._is_dry, self._may_go_on = False, True
        self._revision += 1

    def close(self) -> None:
        """Give back what is not finished, so that another driver of the study may take it; what is finished stays."""
        at_rung = {number for batch in self._batches.values() if batch.has_rung for number in batch.open}
        if left := [*self._ours, *(one.number for part in self._dealt for one in part)]:
            self._study.give_back(*left, at_rung=at_rung)
        self._batches.clear()
        self._dealt.clear()
        for number in left:
            self._known[number] = waiting(Setting(number, self._known[number].values))
        self._revision += 1

    @property
    def _ours(self) -> set[int]:
        """The settings that are under way here."""
        return {number for batch in self._batches.values() for number in batch.open}

    def _begin_batch(self) -> None:
        if self._may_go_on and not self._dealt and self._go_on():
            return
        while not self._dealt and not self._is_dry:  # TPE may draw settings of which all are left out
            if self._sweep.sampler == "tpe":
                taken = self._study.take(math.ceil(self._sweep.size / (TPE_ROUNDS * self._at_once)))
            else:
                taken = self._taken()
            self._dealt = self._in_batches(taken)
            self._is_dry = not taken
        if self._dealt:
            self._begin(self._dealt.pop(0))

    def _begin(self, settings: Sequence[Setting], kept: KeptBatch | None = None, taken: Collection[int] = ()) -> None:
        self._num_batches += 1
        images = _images_of(self._study, self._sweep, settings[0].values)
        assert not isinstance(images, str)
        batch = RunningBatch(self._num_batches, self._sweep, settings, images, self._takes_over, self._study.code)
        self._batches[self._num_batches] = batch
        if kept is not None:
            batch.go_on(kept, taken)
            self._complete(batch)
        self._known |= {one.number: one for one in batch.running()}
        self._revision += 1

    def _go_on(self) -> bool:
        """Go on with a batch that somebody has left at a rung, where nobody else has it; gives whether there was one."""
        for kept in self._kept.found(self._known, self._ours):
            left = [number for number in sorted(kept.open) if not self._is_finished(number)]
            if taken := [one.number for one in self._study.take(len(left), left)]:
                self._begin(kept.settings, kept, taken)
                return True
        self._may_go_on = False
        return False

    def _complete(self, batch: RunningBatch) -> None:
        """Tell the study what is complete of a batch, and let go of one that is."""
        if complete := batch.completed():
            self._study.put(*complete)
            self._known |= {one.number: one for one in (*batch.running(), *complete)}
        if batch.is_done:
            self._batches.pop(batch.number, None)
            self._kept.drop(batch.settings)

    def _taken(self) -> list[Setting]:
        """Settings of one group for one batch."""
        unbegun = [[n for n in group if not (n in self._ours or self._is_finished(n))] for group in self._groups]
        for group, left in coarsest_first(self._sweep, self._groups, unbegun):
            if taken := self._study.take(self._count(group, left), left):
                return taken
        return []

    def _count(self, group: tuple[int, ...], left: Sequence[int]) -> int:
        if self._study.is_shared:
            places = self._at_once * self._study.num_clients
            count = math.ceil(len(left) / (2 * places))
        else:
            count = self._share.setdefault(group, math.ceil(len(left) / self._pieces))
        return min(count, self._fitting(left[0]))

    def _fitting(self, number: int) -> int:
        """Settings of one batch at most."""
        lanes = self._max_lanes or max_lanes(lane_configs(self._sweep, self._known[number].values)[0])
        return max(1, lanes // self._sweep.num_seeds)

    def _in_batches(self, settings: Sequence[Setting]) -> list[tuple[Setting, ...]]:
        """The settings by what they share; of TPE nobody knew before what it would draw."""
        groups = dict[object, list[Setting]]()
        for one in settings:
            self._known.setdefault(one.number, waiting(one))
            if refusal := refusal_of(self._sweep, one.values) or _why_no_images(self._study, self._sweep, one.values):
                self._leave_out([refused(one, refusal)])
                continue
            groups.setdefault(group_key(lane_configs(self._sweep, one.values)[0]), []).append(one)
        return [
            tuple(group[at : at + size])
            for group in groups.values()
            for size in (self._fitting(group[0].number),)
            for at in range(0, len(group), size)
        ]

    def _is_finished(self, number: int) -> bool:
        return number in self._known and self._known[number].is_done


def _images_of(study: SweepStudy, sweep: SweepConfig, values: Mapping[str, Value]) -> TrainedImages | str | None:
    """What a setting is computed on, or why there is nothing."""
    images = study.images
    return None if images is None else images.of(sweep, with_values(sweep.base, values).tasks)


def _why_no_images(study: SweepStudy, sweep: SweepConfig, values: Mapping[str, Value]) -> str:
    images = _images_of(study, sweep, values)
    return images if isinstance(images, str) else ""


def _without_images(study: SweepStudy, sweep: SweepConfig, known: Mapping[int, SettingResult]) -> dict[int, str]:
    """The settings whose split asks for more classes than the sweep's images have, and why they are left out."""
    images = study.images
    if images is None or all(not isinstance(of, str) for _, of in images.views):
        return {}
    left_out = refused_of(sweep)
    found = {n: _why_no_images(study, sweep, one.values) for n, one in known.items() if n not in left_out}
    return {number: why for number, why in found.items() if why}


def worst(values: Mapping[int, float], sweep: SweepConfig) -> set[int]:
    """The settings that leave a rung, of those that have reached it: the worst share, rounded down; of equal ones the later number.

    >>> sorted(worst({0: 0.1, 1: 0.5, 2: 0.2, 3: 0.4, 4: 0.3}, SweepConfig(prune=0.4)))
    [1, 3]
    """
    sign = 1.0 if sweep.maximises else -1.0
    ordered = sorted(values, key=lambda number: (sign * values[number], -number))
    return set(ordered[: int(sweep.prune * len(ordered) + 1e-9)])


def compiles(study: SweepStudy, executor: Executor) -> bool:
    """Whether a sweep takes outer steps in their compiled form, and has it made where it pays: workers of this machine alone compute it."""
    return isinstance(executor, ChunkPool) and not study.is_shared


def run_sweep(
    sweep: SweepConfig,
    study: SweepStudy,
    executor: Executor,
    *,
    at_once: int,
    max_lanes: int | None = None,
    chunk_s: float = CHUNK_S,
    problem: str | None = None,
    on_change: Callable[[Sweeping], None] = lambda _: None,
) -> tuple[SettingResult, ...]:
    """Compute a whole sweep on an executor. Interrupted, it keeps every finished setting and raises again.

    Its images, and the code of a problem of one's own, are looked for first, unless the caller did so with `find_images` and `find_problem`. Outer
    steps of groups that train for long are compiled beside that, where `compiles` says so.

    Args:
        sweep: What to compute.
        study: Of this sweep; with other clients at it, it is computed together.
        executor: Where chunks run.
        at_once: Chunks in flight.
        max_lanes: See `Sweeping`.
        chunk_s: Processor seconds of a chunk.
        problem: Name of the code of a problem of one's own, ``module:attribute``, where the sweep is of one; the workers import it.
        on_change: Called after every chunk, and once a second while others compute.

    Raises:
        BrokenExecutor: Several chunks in a row were lost with their workers.
        DataError: The images are not there, or others than those that the sweep is computed on; nothing was changed.
        ConfigError: As of `find_problem`.
    """
    if sum(one.is_done for one in study.results()) >= sweep.size:
        return study.results()
    if not study.has_found_images:
        if note := find_images(study, executor):
            _log.warning("%s: %s", study.name, note)
        sweep = study.sweep
    if study.code is None:
        find_problem(study, executor, problem)
    takes_over = compiles(study, executor)
    sweeping = Sweeping(sweep, study, at_once=at_once, max_lanes=max_lanes, takes_over=takes_over)
    beside = CompilingBeside(sweeping.left, at_once=at_once, steps_back=False) if takes_over else None
    pending: dict[Future[LanesResult], Ticket] = {}
    look_at, num_lost = time.monotonic() + POLL_S, 0
    try:
        on_change(sweeping)
        while not sweeping.is_done:
            places = at_once if beside is None else beside.places
            while len(pending) < places and (ticket := sweeping.next_request(budget_s=chunk_s)) is not None:
                pending[executor.submit(run_lanes, ticket.request)] = ticket
            if pending:
                done, _ = wait(pending, timeout=POLL_S, return_when="FIRST_COMPLETED")
            else:
                done = set()
                time.sleep(POLL_S)
            for future in done:
                ticket = pending.pop(future)
                try:
                    result = future.result()
                except BrokenExecutor:
                    num_lost += 1
                    if num_lost > MAX_LOST * at_once:
                        raise
                    sweeping.lost(ticket)
                else:
                    num_lost = 0
                    sweeping.finished(ticket, result)
            if beside is not None:
                beside.look()
            if (study.is_shared or not pending) and (now := time.monotonic()) >= look_at:
                sweeping.refresh()
                look_at = time.monotonic() + max(POLL_S, (time.monotonic() - now) / POLL_SHARE)
            on_change(sweeping)
        return sweeping.results()
    finally:
        if beside is not None:
            beside.close()
        for future in pending:
            future.cancel()
        sweeping.close()
