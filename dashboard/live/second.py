"""A second run beside the one that a viewer watches: the same set-up with one thing changed, on the same training tasks where it has the same seed, at
the same outer steps, judged on the same held-out tasks.

It trains to the outer steps at which the run itself was looked at, with every change that was made of that one, and is paid for by whoever has
opened it.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, NamedTuple

from dashboard.charts.results import Beside, Metric
from dashboard.live.held_out import judged_by
from dashboard.live.history import History, ending
from dashboard.live.travel import NOTHING, is_same_task
from dashboard.live.watched import Trained
from dashboard.setups.others import Other, followed, named, other
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import RunConfig, replace
from maml_core.records import (
    Demonstration,
    Entry,
    Fit,
    Numbers,
    PairedDifference,
    Snapshot,
    Summary,
)
from maml_core.wording import counted

BUDGET_S = 0.03
"""Processor seconds of a chunk on its way."""

PROGRESS_S = 0.25
"""Between two words on how far it is."""


MAX_LOST = 3
"""A worker that ends more often in a row than this ends by what it computes."""

Stop = Literal["diverged", "refused", "failed"]
"""Why a second run goes no further: of itself, since the run was changed to what it cannot follow, or by a fault."""

LONG_S = 0.5
"""Who is longer on the way says how far it is."""

COMING = "The second run begins with the next look at this one."


class Goal(NamedTuple):
    """Where the run itself was looked at."""

    step: int
    losses: Numbers
    """Losses of its held-out tasks after `num_steps` inner steps, [T]."""
    num_steps: int
    num_entries: int
    """Changes that had been made by then."""
    accuracy: Numbers | None = None
    """Accuracies of these tasks, each 0..1, [T]; None in regression."""


class Leg(NamedTuple):
    """Something to compute of the second run."""

    second: Second
    goal: Goal | None
    """Where it trains to; None for a look at another task only."""
    task: Demonstration
    looks: bool


class Pair(NamedTuple):
    """Both runs at one outer step."""

    step: int
    num_steps: tuple[int, int]
    """Inner steps after which each is judged, the run's own first."""
    loss: PairedDifference
    """The run's own loss minus the second's."""
    accuracy: PairedDifference | None = None
    """The run's own accuracy minus the second's; None in regression."""


class Second:
    """See the module.

    Args:
        key: What is changed, as an address calls it (`setups.others`).
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.cpu_s = 0.0
        """What it took: who had least is next."""
        self.generation = 0
        """The generation of the run beside it; see `training.Training.generation`."""
        self._shown = -math.inf
        self._num_lost = 0
        """Chunks lost in a row."""
        self._begin()

    def _begin(self) -> None:
        self.why = ""
        """Why it goes no further, in a sentence."""
        self._stopped: Stop | None = None
        self._gone_on_at = -1
        """Outer step at which it last went on after it had diverged."""
        self.other: Other | None = None
        """Its set-up at outer step 0; None before anything was computed."""
        self.pair: Pair | None = None
        """The newest outer step at which both were judged."""
        self.step = 0
        self._state: bytes | None = None
        self._config = RunConfig()
        """The set-up that holds at the state."""
        self._history = History()
        self._adapted: Summary | None = None
        self._fit: Fit | None = None
        self._task: Demonstration | None = None
        """Which was looked at."""
        self._goals: tuple[Goal, ...] = ()
        """Where it trains to, and the newest after that."""
        self._entries: list[Entry] = []
        self._followed = 0
        """Lines of the run's timeline that were made entries of."""
        self._at_end: tuple[RunConfig, RunConfig] | None = None
        """Set-ups of the run and of this one after these."""
        self._seconds_per_step = math.nan
        self._under_way: Leg | None = None

    # What happens to the run itself

    def follow(self, run: Trained) -> None:
        """Begin again where another run has taken the place."""
        if self.generation != run.generation:
            self.generation = run.generation
            self._begin()

    def see(self, run: Trained, snapshot: Snapshot) -> None:
        """The run was looked at: that is where this one trains to."""
        self.follow(run)
        if snapshot.task_losses is None:
            return
        if snapshot.step < self.step:  # the run is back at an earlier outer step
            self._begin()
        self._follow_changes(run)
        if self.why:
            return
        num_steps = min(run.state_config.num_inner_steps, run.state_config.evaluation_steps)
        goal = Goal(snapshot.step, snapshot.task_losses, num_steps, len(self._entries), snapshot.task_accuracy)
        self._goals = (*(before for before in self._goals[:1] if before.step <= goal.step), goal)

    def _follow_changes(self, run: Trained) -> None:
        """Make an entry of each change of the run, so that the one thing stays the only difference."""
        if self._at_end is None:
            try:
                self.other = other(self.key, run.changes.start)
            except ValueError as error:
                self._stop("refused", f"{_begun(str(error))}.")
                return
            self._config = self.other.config
            self._at_end = run.changes.start, self.other.config
        for entry in run.changes.done[self._followed :]:
            if entry.kind == "change":
                self._follow_change(entry)
            if entry.kind in ("change", "resume") and self._stopped == "diverged":
                self._go_on()
        self._followed = len(run.changes.done)

    def _follow_change(self, entry: Entry) -> None:
        """One change of the run, as the second makes it; where the one thing cannot be changed then, it waits for a change that lets it."""
        assert self._at_end is not None
        own, beside = replace(self._at_end[0], entry.changes), self._at_end[1]
        self._at_end = own, beside
        try:
            changes = followed(beside, other(self.key, own).config)
        except ValueError as error:
            if self._stopped is None:
                self._stop("refused", f"{_begun(str(error))}.")
            return
        if self._stopped == "refused":
            self.why, self._stopped = "", None
        if changes:
            self._at_end = own, replace(beside, changes)
            self._entries.append(Entry(step=entry.step, kind="change", changes=changes))

    def _stop(self, stopped: Stop, why: str) -> None:
        self._stopped, self.why, self._goals = stopped, why, ()

    def _go_on(self) -> None:
        """After it has diverged: from its last good parameters, with what has been changed since, at the outer step where it stands."""
        done = [entry for entry in self._entries if entry.step < self.step]
        since = [dataclasses.replace(entry, step=self.step) for entry in self._entries[len(done) :]]
        self._entries = [*done, Entry(step=self.step, kind="resume"), *since]
        self.why, self._stopped, self._gone_on_at = "", None, self.step

    # What is computed

    @property
    def is_behind(self) -> bool:
        """Whether the run has been looked at again before this one came to where it was: it had better wait."""
        return len(self._goals) > 1

    def next(self, run: Trained, task: Demonstration) -> Leg | None:
        """What to compute next; None where there is nothing, or it is under way.

        Args:
            run: Beside which it is.
            task: That its viewer looks at.
        """
        self.follow(run)
        if self._under_way is not None:
            return None
        if self._goals and self._goals[0].step < self.step:  # the run was rolled back meanwhile
            self._begin()
            run.audience.measure()
        if self._goals:
            left = self._goals[0].step - self.step
            looks = left == 0 or left * self._seconds_per_step <= BUDGET_S
            return Leg(self, self._goals[0], task, looks)
        if self._state is None or (self._task is not None and is_same_task(task, self._task)):
            return None
        return Leg(self, None, task, looks=True)

    def request(self, leg: Leg, run: Trained) -> ChunkRequest:
        """What a worker is to do for that."""
        self._under_way = leg
        goal = leg.goal
        view: dict[str, Any] = {"tasks": (leg.task,)}
        if goal is not None:
            view |= {"trajectories": True, "joint_trajectory": False, "task_losses": True}
            view |= {"against": goal.losses, "against_accuracy": goal.accuracy}
        return ChunkRequest(
            config=self._config,
            state=self._state,
            timeline=() if goal is None else tuple(self._entries[: goal.num_entries]),
            num_steps=None if goal is None else goal.step - self.step,
            budget_s=None if leg.looks else BUDGET_S,
            view=dataclasses.replace(NOTHING, **view) if leg.looks else None,
            images=run.images,
            code=run.code,
        )

    def take(self, leg: Leg, result: ChunkResult, now: float) -> bool:
        """Take in what came of it; False where there is nothing new to show."""
        self.cpu_s += result.cpu_s
        if leg is not self._under_way:
            return False
        self._under_way, self._num_lost = None, 0
        taken = result.step - self.step
        self._state, self._config, self.step = result.state, result.config, result.step
        if taken > 0:
            self._seconds_per_step = result.advance_s / taken
        if result.records is not None:
            self._history.add(result.records)
        if result.snapshot is not None:
            self._look(leg, result.snapshot)
        if result.status.kind != "ok":
            what = "has diverged" if result.status.kind == "diverged" else "has a dead network"
            goals = self._goals
            self._stop(
                "diverged",
                f"{_begun(named(self.key))} {what} after {counted(self.step, 'outer step')}, and waits there for the next change of this run.",
            )
            is_changed = any(entry.kind == "change" and entry.step >= self.step for entry in self._entries)
            if is_changed and self._gone_on_at < self.step:  # what it stopped for is no longer set
                self._go_on()
                self._goals = tuple(goal._replace(num_entries=len(self._entries)) for goal in goals[-1:])
        elif result.snapshot is None and now - self._shown < PROGRESS_S:
            return False
        self._shown = now
        return True

    def _look(self, leg: Leg, snapshot: Snapshot) -> None:
        self._fit, self._task = snapshot.fits[0], leg.task
        if leg.goal is None or snapshot.step != leg.goal.step:
            return
        if all(goal is not leg.goal for goal in self._goals):  # the run has gone back meanwhile
            return
        self._adapted = snapshot.trajectories["maml"]
        if self.step == 0:
            self._history.open(self._adapted, self._config.num_inner_steps)
        assert snapshot.difference is not None
        own_steps = min(self._config.num_inner_steps, self._config.evaluation_steps)
        num_steps = leg.goal.num_steps, own_steps
        self.pair = Pair(snapshot.step, num_steps, snapshot.difference, snapshot.accuracy_difference)
        self._goals = tuple(goal for goal in self._goals if goal is not leg.goal)

    def fail(self, leg: Leg, why: str, *, again: bool) -> None:
        """It could not be computed.

        Args:
            leg: What was asked for.
            why: In a sentence.
            again: It was lost with its worker, and is asked for again.
        """
        if leg is not self._under_way:
            return
        self._under_way = None
        self._num_lost += 1
        if not again or self._num_lost > MAX_LOST:
            self._stop("failed", why)

    # What is shown

    def beside(self, metric: Metric, task: Demonstration) -> Beside | None:
        """What the charts have of it; None before anything was computed."""
        if self.other is None:
            return None
        curves, pair = self._history.curves(metric), self.pair
        judged = judged_by(self._adapted, pair.num_steps[1], metric) if pair and pair.step == self.step else None
        return Beside(
            curves=ending(curves, self.step, *judged) if judged is not None else curves,
            adapted=self._adapted,
            fit=self._fit if self._task is not None and is_same_task(self._task, task) else None,
            num_inner_steps=self._config.num_inner_steps,
        )

    def words(self, metric: Metric) -> str:
        """How both compare by what the charts show, in a sentence or two."""
        if self.why or self.other is None:
            return self.why or COMING
        found = in_words(self.pair, self.other, metric) if self.pair is not None else ""
        goal = self._goals[0].step if self._goals else self.step
        if not found and goal == self.step:
            return f"{_begun(self.other.name)} is being judged on the held-out tasks." if self._goals else COMING
        if not found or (goal - self.step) * self._seconds_per_step > LONG_S:
            last = self._goals[-1].step if self._goals else goal  # it goes on to there without another word
            return f"{_begun(self.other.name)} is on its way: outer step {self.step:,} of {last:,}."
        return " ".join((found, *self.other.notes))


def in_words(pair: Pair, other: Other, metric: Metric) -> str:
    """A paired difference of two runs, and whether it shows that one is better."""
    by_accuracy = metric == "accuracy" and pair.accuracy is not None
    difference = pair.accuracy if by_accuracy and pair.accuracy is not None else pair.loss
    own_steps, steps = pair.num_steps
    after = str(steps) if own_steps == steps else f"{own_steps} and {steps}"
    when = f"Outer step {pair.step:,}, after {after} inner step{'' if after == '1' else 's'}"
    mean, ci95, num_tasks = difference
    if not math.isfinite(mean):
        return f"{when}: the loss of a held-out task is not finite, so that {other.beside} and {other.name} cannot be compared."
    scale, unit = (100.0, " points of accuracy") if by_accuracy else (1.0, "")
    figure = f"{'−' if mean < 0 else '+'}{scale * abs(mean):.3g} ± {scale * ci95:.2g}{unit}"
    minus = f"{other.beside} minus {other.name} is {figure}"
    verdict = "No difference shown"
    if difference.differs:
        verdict = f"{_begun(other.beside if (mean > 0) == by_accuracy else other.name)} is better"
    return f"{when}: {minus} on the same {num_tasks} held-out tasks (paired). {verdict}."


def _begun(text: str) -> str:
    """A text as a sentence begins; names keep their letters.

    >>> _begun("joint pretraining"), _begun("iMAML")
    ('Joint pretraining', 'iMAML')
    """
    return text[:1].upper() + text[1:] if text[1:2].islower() else text
