"""One live run as the page's server holds it: a state machine between what people ask for and the chunks that are computed.

It has no clock, no threads and no sockets: the hub asks `next_request`, runs the chunk, and hands the result to `finished`.
"""

from __future__ import annotations

import dataclasses
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from dashboard import limits
from dashboard.address import Address
from dashboard.info import Mark, Metric
from dashboard.live.drawings import Drawings
from dashboard.live.history import History
from dashboard.live.marks import Marks
from dashboard.live.pacing import Pace, Pacing
from dashboard.live.recording import Recording
from dashboard.live.seen import Seen, WeightsChart
from dashboard.settings import Shown
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import CHANGEABLE, LinearConfig, RunConfig, SinusoidConfig, changed, learns_rates, replace
from maml_core.datasets.trained import TrainedImages
from maml_core.errors import ConfigError
from maml_core.presets import PRESETS, slider_ranges
from maml_core.records import Entry, Levels, OwnTask, Snapshot, Status
from maml_core.store import SavedRun

StatusKind = Literal["ready", "running", "paused", "diverged", "dead", "replaying"]

LONG_STEP_S = 0.015
"""Somebody who waits for an answer does not wait for an outer step that takes longer."""


class _Ask(NamedTuple):
    """A change or a resumption that no chunk has been given yet; the step at which it acts is known when one is."""

    kind: Literal["change", "resume"]
    changes: Mapping[str, Any]
    now: float
    """When it was asked for."""

    def at(self, step: int) -> Entry:
        return Entry(step=step, kind=self.kind, changes=self.changes)


class _Sent(NamedTuple):
    """What the chunk in flight was given."""

    asks: tuple[_Ask, ...] = ()
    entries: tuple[Entry, ...] = ()
    """The same as entries of the timeline."""
    scheduled: tuple[Entry, ...] = ()
    change_id: int | None = None
    num_steps: int | None = 0
    looks: frozenset[str] = frozenset()
    """Kinds of heavy looks that it takes."""

    @property
    def moves(self) -> bool:
        return self.num_steps != 0


LEAST_KEPT = 20
"""Outer steps from which on a run is worth bringing back when another took its place."""


class _Before(NamedTuple):
    """The run before a restart, as it can be taken up again."""

    saved: SavedRun
    history: History
    ghost: History
    called: str


class LiveRun:
    """A run, its timeline, and everything that its page shows.

    Args:
        config: The set-up at outer step 0.
        timeline: Changes to make when their step is reached (a shared run is replayed this way).
    """

    def __init__(self, config: RunConfig, timeline: Sequence[Entry] = ()) -> None:
        self.key = secrets.token_urlsafe(16)
        """Whoever knows it may take the run over after a reload."""
        self.ghost = History()
        """Of the run before the last reset."""
        self.weights_chart: WeightsChart = "path"
        self._metric: Metric = "accuracy"
        self.task_parameters: tuple[float, ...] | None = None
        self.task_draw = 0
        self.own = Drawings()
        self.scratch = False
        """Training from scratch on each held-out task is asked for; see `shows_scratch`."""
        self.steps_per_s: float | None = None
        """The speed asked for; None is as fast as possible."""
        self._before: _Before | None = None
        self.num_left = 0
        """Runs that another one took the place of, and that could be brought back."""
        self._called: tuple[str, RunConfig] | None = None
        """Name among the presets of the run that was opened, and its set-up."""
        self.generation = 0
        """Grows at each restart, so that a chunk of the run before is recognised and dropped."""
        self.num_starts = 0
        """Grows whenever another run takes this one's place, so that nothing seen of the old one passes for the new one's."""
        self.levels: Levels | None = None
        self._start(config, timeline)

    def _start(self, config: RunConfig, timeline: Sequence[Entry]) -> None:
        self.num_starts += 1
        self.start = self.config = config
        self._called = None
        self.scheduled = sorted(timeline, key=lambda entry: entry.step)
        self.timeline: list[Entry] = []
        self.state: bytes | None = None
        self.state_config = config
        """The set-up of the held state: without the changes that no chunk has applied yet."""
        self._images: TrainedImages | None = None
        """What it is trained on, where that is images in files."""
        self._sent = _Sent()
        self.step = 0
        self.status = self._held_status = Status()
        self.playing = False
        self.stop_at: int | None = None
        self.history = History()
        self._recording = Recording()
        self._marks = Marks()
        self.num_lost = 0
        """Chunks lost in a row."""
        self.failure = ""
        """Why the last chunk could not be computed, in a sentence."""
        self.replayed = False
        """A change of the shared run was made by itself, and whoever shows the settings does not know yet."""
        self.change_id: int | None = None
        """The newest change that the page asked for and that a chunk has seen."""
        self.seen = Seen()
        self.seconds_per_step = math.nan
        self.urgent = True
        """Something changed that its page waits to see: goes before other runs, and is looked at at once."""
        self._pending: list[_Ask] = []
        self._pending_id: int | None = None
        self._waiting_steps = 0
        self._resume_when_changed = False
        self._next_due = -math.inf
        self._answered = False
        """The last chunk only looked, because somebody waited for an answer."""
        self._pacing = Pacing(of_images=config.classifies)

    # What people ask for

    def change(self, changes: Mapping[str, Any], *, now: float, change_id: int | None = None) -> None:
        """Change settings while training: from the next chunk on, marked on the curve and noted on the timeline.

        Raises:
            ConfigError: A value is not accepted; nothing changed.
        """
        new = limits.check(replace(self.config, changes))
        found = {name: getattr(new, name) for name in changes if getattr(new, name) != getattr(self.config, name)}
        if not found.keys() <= CHANGEABLE:
            self.restart(new)
            return
        if self.has_begun:
            changed(self.config, found)  # what the chunk would refuse is refused here
        if change_id is not None:
            self._pending_id = change_id
        self.urgent = True
        if not found:
            return
        self.failure = ""
        self.scheduled.clear()  # from here on this is a run of its own, not the replay of a shared one
        if not self.has_begun:
            self._begin_with(new)  # nothing has happened yet: this is where the run starts
            return
        if self._pending and self._pending[-1].kind == "change":
            self._pending[-1] = _Ask("change", self._pending[-1].changes | found, now)
        else:
            self._pending.append(_Ask("change", found, now))
        self.config = new
        if self.status.kind != "ok":  # what it stopped for, and says, holds no longer
            self._resume()
            self.playing = self.playing or self._resume_when_changed

    def restart(self, config: RunConfig | None = None) -> None:
        """Back to outer step 0, by default with the current settings; the curves so far stay as a ghost.

        Raises:
            ConfigError: The set-up is too large for a live page; nothing changed.
        """
        if config is not None:
            limits.check(config)
        self._leave(config or self.config)
        self._start(config or self.config, ())

    def open(self, saved: SavedRun, history: History, *, called: str = "") -> None:
        """Go on with a saved run, paused at its step; the curves so far stay as a ghost.

        Args:
            saved: Its state must be one that a worker accepts.
            history: `History.of` its records, which takes a while where they are many.
            called: What it is called among the presets, if it stands there.

        Raises:
            ConfigError: The set-up is too large for a live page; nothing changed.
        """
        limits.check(saved.start)
        limits.check(saved.config)
        self._leave(saved.config)
        past, coming = _parted(saved)
        self._start(saved.start, limits.checked(Address(saved.config, coming, ()), saved.config).timeline)
        self.config = self.state_config = saved.config
        self._called = (called, saved.config) if called else None
        self.timeline = list(past)
        self.state, self.step = saved.state, saved.step
        self.status = self._held_status = saved.status
        self._images = saved.images
        self.history = history
        self._recording.add(saved.records)
        self._marks = Marks.of(saved.start, past, saved.step)

    def saved(self, name: str) -> SavedRun | None:
        """The run at the newest finished step, as it is kept on disk; None while its first chunk is under way."""
        records = self._recording.records()
        if self.state is None or records is None:
            return None
        return SavedRun(
            name=name,
            start=self.start,
            config=self.state_config,
            timeline=tuple(entry for entry in (*self.timeline, *self.scheduled) if entry.kind != "rollback"),
            records=records,
            state=self.state,
            step=self.step,
            status=self._held_status,
            images=self._images,
        )

    def _leave(self, config: RunConfig) -> None:
        """Keep what stays of this run when one with another set-up takes its place."""
        saved = self.saved("before the restart") if self.step >= LEAST_KEPT else None
        if saved is not None:
            called = self._called[0] if self._called is not None else ""
            self._before = _Before(saved, self.history, self.ghost, called)
            self.num_left += 1
        if self.step > 0:
            self.ghost = self.history
        if config.tasks != self.config.tasks:
            self.ghost, self.task_parameters, self.levels = History(), None, None
        self.own.leave(self.config, config)
        self.generation += 1

    @property
    def before(self) -> SavedRun | None:
        """The run before the last restart, at its newest finished step; None where it had taken a few steps only."""
        return self._before.saved if self._before is not None else None

    def undo(self) -> None:
        """Bring the run before the last restart back, paused; the one that is there now can then be brought back in its turn.

        Raises:
            ValueError: There is none.
        """
        before, had_begun = self._before, self.step > 0
        if before is None:
            raise ValueError("there is no run before a restart to bring back")
        self._before = None
        self.open(before.saved, before.history, called=before.called)
        if not had_begun:  # or the run's own curves would be its ghost
            self.ghost = before.ghost

    def play(self) -> None:
        """Train until paused; after a roll-back, go on from the last good state."""
        if self.status.kind != "ok":
            self._resume()
        self.playing, self.stop_at, self.failure = True, None, ""

    def pause(self) -> None:
        """Stop after the chunk in flight."""
        self.playing, self.stop_at, self._resume_when_changed, self._waiting_steps = False, None, False, 0
        self.urgent = True

    def take_one_step(self) -> None:
        """One outer step, then stand still; presses add up."""
        waiting = self._waiting_steps
        if self.status.kind != "ok":
            self.play()
        self.pause()
        self._waiting_steps = waiting + 1

    def run_until(self, step: int) -> None:
        """Train until outer step `step`, then pause.

        Raises:
            ValueError: The run is already there or beyond.
        """
        if isinstance(step, bool) or not isinstance(step, int) or not self.step < step <= 10_000_000:
            raise ValueError(
                f"run until step {str(step)[:20]}: give a whole number above the current step {self.step}, at most 10,000,000"
            )
        self.play()
        self.stop_at = step

    def set_speed(self, steps_per_s: float | None) -> None:
        """Outer steps a second; None for as fast as possible.

        Raises:
            ValueError: Not a number from 0.1 to 1000.
        """
        is_number = isinstance(steps_per_s, int | float) and not isinstance(steps_per_s, bool)
        if steps_per_s is not None and not (is_number and 0.1 <= steps_per_s <= 1000.0):
            raise ValueError(
                f"speed {str(steps_per_s)[:20]}: give outer steps per second from 0.1 to 1000, or nothing for real time"
            )
        self.steps_per_s = steps_per_s
        self._next_due = -math.inf

    def choose_task(self, parameters: tuple[float, ...] | None) -> None:
        """Show the task with these parameters (amplitude and phase); None draws a new task with new points.

        Raises:
            ValueError: Not as many numbers as a task of this family has, or outside the family's ranges.
        """
        if parameters is None:
            self.task_draw += 1
            self.own.task = None
        else:
            ranges = self.task_ranges
            if not ranges:
                raise ValueError("a task of images is not defined by numbers; draw a new one")
            fits = len(parameters) == len(ranges) and all(
                low <= value <= high for value, (low, high) in zip(parameters, ranges, strict=True)
            )
            if not fits:
                raise ValueError(f"a task of this family needs numbers within {ranges}, not {str(parameters)[:60]}")
        self.task_parameters = parameters
        self.urgent = True

    def choose_metric(self, metric: Metric) -> None:
        """What the curves show; a run that does not classify has a loss only.

        Raises:
            ValueError: No such metric.
        """
        if metric not in get_args(Metric):
            raise ValueError(f"metric {str(metric)[:20]!r}: choose one of {', '.join(get_args(Metric))}")
        self._metric = metric

    def choose_weights_chart(self, chart: WeightsChart) -> None:
        """Show the inner paths or how far each layer moves.

        Raises:
            ValueError: No such chart.
        """
        if chart not in get_args(WeightsChart):
            raise ValueError(f"chart {str(chart)[:20]!r}: choose one of {', '.join(get_args(WeightsChart))}")
        self.weights_chart, self.urgent = chart, True

    def choose_own_task(self, task: OwnTask | None, *, change_id: int | None = None) -> None:
        """Show a task that somebody drew (`drawings.own_task`); None goes back to the generated one."""
        self.own.task = task
        if change_id is not None:
            self._pending_id = change_id
        self.urgent = True

    def show_scratch(self, wanted: bool) -> None:
        """Show what training from scratch on each held-out task reaches, or no longer.

        Raises:
            ConfigError: That would take too long with this set-up; nothing changed.
        """
        if wanted:
            limits.check_scratch(self.config)
        self.scratch, self.urgent = wanted, True
        if not wanted:
            self.seen.forget_scratch()

    @property
    def shows_scratch(self) -> bool:
        """Whether that is asked for and short enough with the current set-up, which may have changed since."""
        try:
            limits.check_scratch(self.config)
        except ConfigError:
            return False
        return self.scratch

    # What is computed

    def is_due(self, now: float) -> bool:
        """Whether there is something to compute now."""
        if self.urgent or self._waiting_steps > 0 or self._pending or self._pacing.owed:
            return True
        return self.playing and self._may_step(now)

    def seconds_until_due(self, now: float) -> float:
        """How long the chosen speed makes a playing run wait; inf when it is not playing."""
        return max(0.0, self._next_due - now) if self.playing else math.inf

    def next_request(self, now: float, *, budget_s: float, pace: Pace) -> ChunkRequest:
        """The chunk to compute next, and what to look at afterwards."""
        num_steps = self._steps_to_take(now)
        answers = self.urgent and not self._answered and num_steps != 0 and self.seconds_per_step > LONG_STEP_S
        if answers and num_steps != 1:
            num_steps = 0  # the answer does not wait for a step; the chunk after it trains, however often is asked
        self._answered = answers
        pending = tuple(ask.at(self.step) for ask in self._pending)
        single = num_steps == 1
        looks: frozenset[str] = frozenset()
        view = None
        if (
            self.urgent
            or single
            or num_steps == 0
            or self._pacing.is_due("fit", now, pace.frame_s, playing=self.playing)
        ):
            looks = self._pacing.take(
                now, pace, playing=self.playing, urgent=self.urgent, joint=self.config.joint_baseline
            )
            view = dataclasses.replace(
                self.seen.view(looks, now, config=self.config, chart=self.weights_chart, scratch=self.shows_scratch),
                task_parameters=self.task_parameters,
                task_draw=self.task_draw,
                own_task=self.own.task,
            )
        self._sent = _Sent(tuple(self._pending), pending, tuple(self.scheduled), self._pending_id, num_steps, looks)
        self._pending = []
        self.urgent = False
        return ChunkRequest(
            config=self.state_config,
            state=self.state,
            timeline=(*pending, *self.scheduled),
            num_steps=num_steps,
            budget_s=budget_s if num_steps is None or num_steps > 1 else None,
            view=view,
            images=self._images,
        )

    def finished(self, result: ChunkResult, now: float) -> None:
        """Take in the result of the last request."""
        sent, self._sent = self._sent, _Sent()
        if self._waiting_steps > 0 and sent.num_steps == 1:
            self._waiting_steps -= 1
        # What was sent counts, not what is scheduled now: a change may have cut the replay short while the chunk was under way.
        done = [entry for entry in sent.scheduled if entry.step <= result.step and entry.kind != "rollback"]
        self.scheduled = [entry for entry in self.scheduled if entry.step > result.step]
        config = self.state_config
        for entry, asked in [
            *zip(sent.entries, (ask.now for ask in sent.asks), strict=True),
            *((e, now) for e in done),
        ]:
            self._marks.add(entry.changes, config, step=entry.step, now=asked)
            config = replace(config, entry.changes)
        self.replayed = self.replayed or any(entry.kind == "change" for entry in done)
        self.timeline.extend([*sent.entries, *done])
        self.state, self.levels = result.state, result.levels
        self._images = self._images or result.images
        self.state_config = self.config = result.config
        for ask in self._pending:
            self.config = replace(self.config, ask.changes)
        taken, self.step = result.step - self.step, result.step
        self._held_status = result.status
        self.num_lost = 0
        self.change_id = sent.change_id
        self._pacing.trained_s += result.advance_s
        if taken > 0:
            self.seconds_per_step = result.advance_s / taken
        if result.records is not None:
            self.history.add(result.records)
            self._recording.add(result.records)
            self.timeline.extend(result.records.events)
        asked_to_resume = any(ask.kind == "resume" for ask in self._pending)
        if result.status.kind != "ok" and self.status.kind == "ok" and not asked_to_resume:
            self._stopped(result.status)
        if self.stop_at is not None and self.step >= self.stop_at:
            self.pause()
        if result.snapshot is not None:
            self._look(result.snapshot, now)

    def lost(self) -> None:
        """The chunk in flight was lost with its worker: ask for it again from the held state."""
        self._pending = [*self._sent.asks, *self._pending]
        self._pacing.lost(self._sent.looks)
        self._sent = _Sent()
        self.urgent = True
        self.num_lost += 1

    def failed(self, sentence: str) -> None:
        """The chunk in flight cannot be computed: keep the last state and its settings, stand still and say why."""
        self._sent, self._pending = _Sent(), []
        self.config = self.state_config
        self.scheduled.clear()
        self.pause()
        self.status = self._held_status
        self.urgent, self._pacing.owed = False, frozenset()
        self.num_lost = 0
        self.failure = sentence

    def _may_step(self, now: float) -> bool:
        return self.steps_per_s is None or now >= self._next_due

    def _steps_to_take(self, now: float) -> int | None:
        """How many steps the next chunk takes: 0 to look only, None for as many as its budget allows."""
        if self.status.kind != "ok" and not any(ask.kind == "resume" for ask in self._pending):
            return 0
        if self._waiting_steps > 0:
            return 1
        if not self.playing or not self._may_step(now):
            return 0
        if self.steps_per_s is not None:
            # Late by less than a step keeps the pace; whoever comes from a pause starts a new one.
            pace_s = 1.0 / self.steps_per_s
            self._next_due = (self._next_due if now - self._next_due < pace_s else now) + pace_s
            return 1
        return None if self.stop_at is None else self.stop_at - self.step

    def _resume(self) -> None:
        """Go on from the last good state with the next chunk."""
        self._pending.append(_Ask("resume", {}, -math.inf))
        self.status = Status()

    def _stopped(self, status: Status) -> None:
        self._marks.note(self.step, status.kind)
        self.urgent = True
        if self._pending:  # changed while the chunk was under way: it stopped for what is no longer set
            self._resume()
            return
        self._resume_when_changed = self.playing
        self.status = status
        self.playing, self._waiting_steps = False, 0

    def _begin_with(self, config: RunConfig) -> None:
        """Another set-up at outer step 0, before anything happened."""
        self.generation += 1
        self.start = self.config = self.state_config = config
        self.state = self._images = None
        self._held_status, self._pending = Status(), []
        self._sent = _Sent(change_id=self._pending_id)

    def _look(self, snapshot: Snapshot, now: float) -> None:
        self._pacing.measured(snapshot.seconds)
        self.own.look(snapshot.fit)
        self.seen.take(snapshot, now, config=self.config, computed=self.state_config, scratch=self.shows_scratch)
        if "scratch" in snapshot.trajectories and not self.scratch:  # switched off meanwhile
            self.show_scratch(False)
        if snapshot.trajectories and self.step == 0:
            self.history.open(self.seen.trajectories["maml"], self.state_config.num_inner_steps)

    # What is shown

    @property
    def name(self) -> str:
        """What tells this run from the one before it in the same place, and from every other page's."""
        return f"{self.key}.{self.num_starts}"

    @property
    def is_seen(self) -> bool:
        """Whether anything was looked at yet: until then the page has nothing of this run to show."""
        return self.seen.fit is not None

    def know(self, levels: Levels | None) -> None:
        """Learn the reference levels of the task family from another run, before the first chunk brings them."""
        self.levels = self.levels or levels

    @property
    def metric(self) -> Metric:
        """Of the curves."""
        return self._metric if self.config.classifies else "loss"

    @property
    def shown(self) -> Shown:
        """What the sidebar shows of the run."""
        if self._called is not None and self._called[1] == self.config:
            preset: str | None = self._called[0]
        else:
            preset = next((preset.name for preset in PRESETS if preset.config == self.config), None)
        return Shown(self.config, preset, self.scratch)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Changes while training, and roll-backs, oldest first."""
        return self._marks.all

    @property
    def task_ranges(self) -> tuple[tuple[float, float], ...]:
        """What the numbers that define a task may be: amplitude and phase, or w; images are defined by none."""
        match self.config.tasks:
            case SinusoidConfig(amplitude=amplitude, phase_rad=phase_rad):
                return (amplitude, phase_rad)
            case LinearConfig(num_features=num_features):
                return ((-1e6, 1e6),) * num_features
            case _:
                return ()

    @property
    def has_begun(self) -> bool:
        """Whether an outer step was taken, or is being taken; until then every setting is that of the start."""
        return self.step > 0 or self._sent.moves or self.status.kind != "ok"

    @property
    def locked(self) -> dict[str, str]:
        """Live settings that cannot change now, each with the reason."""
        if not (self.has_begun and learns_rates(self.config)):
            return {}
        return {"alpha": "The inner step sizes are learned; α is only where they started. Reset to start elsewhere."}

    @property
    def sentence(self) -> str:
        """Why the run stands still by itself; empty where it does not."""
        return self.failure or self.status.sentence

    @property
    def status_kind(self) -> StatusKind:
        """The status in one word."""
        if self.status.kind != "ok":
            return self.status.kind
        if self.playing:
            return "replaying" if self.scheduled else "running"
        return "ready" if self.step == 0 else "paused"

    def slider_ranges(self) -> dict[str, tuple[float, float]]:
        """Where the live sliders begin and end."""
        return slider_ranges(self.config)


def _parted(saved: SavedRun) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """A saved run's timeline with its roll-backs, up to its state; and what is still to come."""
    asked = (entry for entry in saved.timeline if entry.kind != "rollback")
    timeline = sorted((*saved.records.events, *asked), key=lambda entry: entry.step)
    past = [entry for entry in timeline if entry.step < saved.step]
    now = [entry for entry in timeline if entry.step == saved.step]
    if saved.status.kind != "ok":  # Play makes its own
        now = [entry for entry in now if entry.kind != "resume"]
    reached = saved.start
    for entry in (*past, *now):
        reached = replace(reached, entry.changes) if entry.kind == "change" else reached
    # Saved before the changes of its own step were made: `maml train` does so before it begins.
    waiting = [entry for entry in now if entry.kind == "change"] if reached != saved.config else []
    past += [entry for entry in now if entry not in waiting]
    return tuple(past), (*waiting, *(entry for entry in timeline if entry.step > saved.step))
