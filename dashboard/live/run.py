"""One live run as the page's server holds it: a state machine between what people ask for and the chunks that are computed.

It has no clock, no threads and no sockets: the hub asks `next_request`, runs the chunk, and hands the result to `finished`.
"""

from __future__ import annotations

import dataclasses
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from dashboard.info import AdaptationInfo, Curves, FitInfo, GaugeInfo, LossInfo, Mark, PathInfo, Trajectory
from dashboard.live.history import History
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import CHANGEABLE, RunConfig, SinusoidConfig, replace
from maml_core.presets import slider_ranges
from maml_core.records import Curvature, Entry, Floats, InnerPaths, Levels, Plane, Status, Summary, TaskFit, View

StatusKind = Literal["ready", "running", "paused", "diverged", "dead", "finished", "replaying"]

DRAG_S = 1.2
"""Changes of one setting that follow each other within this time are one drag: one mark on the curve."""

SLOW_VIEW_S, PATHS_REFIT_S = 1.0, 5.0
"""Time between two looks at what moves slowly (curvature, the joint baseline); least time between two fits of the path plane."""

TRAJECTORY_S = 0.2
"""Time between two held-out trajectories."""

MAX_TRAIL = 256


class _Sent(NamedTuple):
    """What the chunk in flight was given."""

    pending: tuple[Entry, ...] = ()
    scheduled: tuple[Entry, ...] = ()
    change_id: int | None = None
    num_steps: int | None = None


class _Drag(NamedTuple):
    """The setting that is being dragged; its mark is the newest one."""

    name: str
    at: float
    old: Any


class LiveRun:
    """A run, its timeline, and everything that its page shows.

    Args:
        config: The set-up at outer step 0.
        timeline: Changes to make when their step is reached (a shared run is replayed this way).
    """

    def __init__(self, config: RunConfig, timeline: Sequence[Entry] = ()) -> None:
        self.key = secrets.token_urlsafe(16)
        """Whoever knows it may take the run over after a reload."""
        self.ghost = Curves()
        self.task_parameters: tuple[float, ...] | None = None
        self.task_draw = 0
        self.steps_per_s: float | None = None
        """The speed asked for; None is as fast as possible."""
        self.cpu_s = 0.0
        """Processor time that the run has used."""
        self.advance_s = 0.0
        self.generation = 0
        """Grows at each restart, so that a chunk of the run before is recognised and dropped."""
        self.levels: Levels | None = None
        self._start(config, timeline)

    def _start(self, config: RunConfig, timeline: Sequence[Entry]) -> None:
        self.start = self.config = config
        self.scheduled = sorted(timeline, key=lambda entry: entry.step)
        self.timeline: list[Entry] = []
        self.state: bytes | None = None
        self._state_config = config
        """The set-up of the held state: without the changes that no chunk has applied yet."""
        self._sent = _Sent()
        self.step = 0
        self.status = Status()
        self.playing = False
        self.stop_at: int | None = None
        self.history = History()
        self.marks: list[Mark] = []
        self.num_lost = 0
        """Chunks lost in a row."""
        self.change_id: int | None = None
        """The newest change that the page asked for and that a chunk has seen."""
        self.fit: TaskFit | None = None
        self.trajectories: dict[str, Summary] = {}
        self.paths: InnerPaths | None = None
        self.curvature: Curvature | None = None
        self.seconds_per_step = math.nan
        self.urgent = True
        """Something changed that its page waits to see: goes before other runs, and is looked at at once."""
        self._pending: list[Entry] = []
        self._pending_id: int | None = None
        self._waiting_steps = 0
        self._resume_when_changed = False
        self._drag: _Drag | None = None
        self._plane: Plane | None = None
        self._fitted_explained = 0.0
        self._thetas: list[Floats] = []
        self._next_due = 0.0
        self._seen = {"trajectories": -math.inf, "slow": -math.inf, "fit": -math.inf, "plane": -math.inf}

    # What people ask for

    def change(self, changes: Mapping[str, Any], *, now: float, change_id: int | None = None) -> None:
        """Change settings while training: from the next chunk on, marked on the curve and noted on the timeline.

        Raises:
            ConfigError: A value is not accepted; nothing changed.
        """
        new = replace(self.config, changes)
        changed = {name: getattr(new, name) for name in changes if getattr(new, name) != getattr(self.config, name)}
        if not changed.keys() <= CHANGEABLE:
            self.restart(new)
            return
        if change_id is not None:
            self._pending_id = change_id
        self.urgent = True
        if not changed:
            return
        self._mark(changed, self.config, step=self.step, now=now)
        self.scheduled.clear()  # from here on this is a run of its own, not the replay of a shared one
        self.config = new
        self._pending.append(Entry(step=self.step, kind="change", changes=changed))
        if self._resume_when_changed and self.status.kind != "ok":
            self.play()

    def restart(self, config: RunConfig | None = None, timeline: Sequence[Entry] = ()) -> None:
        """Back to outer step 0, by default with the current settings; the curves so far stay as a ghost."""
        if self.step > 0:
            self.ghost = self.history.curves()
        same_family = config is None or config.tasks == self.config.tasks
        if not same_family:
            self.ghost, self.task_parameters = Curves(), None
        self.generation += 1
        self._start(config or self.config, timeline)

    def play(self) -> None:
        """Train until paused; after a roll-back, go on from the last good state."""
        if self.status.kind != "ok":
            self._pending.append(Entry(step=self.step, kind="resume"))
            self.status = Status()
        self.playing, self.stop_at, self._resume_when_changed = True, None, False

    def pause(self) -> None:
        """Stop after the chunk in flight."""
        self.playing, self.stop_at, self._resume_when_changed = False, None, False

    def take_one_step(self) -> None:
        """One outer step, then stand still; presses add up."""
        if self.status.kind != "ok":
            self.play()
        self.pause()
        self._waiting_steps += 1
        self.urgent = True

    def run_until(self, step: int) -> None:
        """Train until outer step `step`, then pause.

        Raises:
            ValueError: The run is already there or beyond.
        """
        if isinstance(step, bool) or not isinstance(step, int) or not self.step < step <= 10_000_000:
            raise ValueError(
                f"run until step {step}: give a whole number above the current step {self.step}, at most 10,000,000"
            )
        self.play()
        self.stop_at = step

    def set_speed(self, steps_per_s: float | None) -> None:
        """Outer steps a second; None for as fast as possible.

        Raises:
            ValueError: Not a number from 0.1 to 1000.
        """
        if steps_per_s is not None and not (isinstance(steps_per_s, int | float) and 0.1 <= steps_per_s <= 1000.0):
            raise ValueError(
                f"speed {steps_per_s!r}: give outer steps per second from 0.1 to 1000, or nothing for real time"
            )
        self.steps_per_s = steps_per_s

    def choose_task(self, parameters: tuple[float, ...] | None) -> None:
        """Show the task with these parameters (amplitude and phase); None draws a new task with new points.

        Raises:
            ValueError: Not as many finite numbers as a task of this family has.
        """
        if parameters is None:
            self.task_draw += 1
        elif len(parameters) != self.num_task_parameters or not all(math.isfinite(value) for value in parameters):
            raise ValueError(f"task {parameters}: {self.num_task_parameters} finite numbers are needed")
        self.task_parameters = parameters
        self.urgent = True

    # What is computed

    def is_due(self, now: float) -> bool:
        """Whether there is something to compute now."""
        if self.urgent or self._waiting_steps > 0 or self._pending:
            return True
        return self.playing and (self.steps_per_s is None or now >= self._next_due)

    def seconds_until_due(self, now: float) -> float:
        """How long the chosen speed makes a playing run wait; inf when it is not playing."""
        return max(0.0, self._next_due - now) if self.playing else math.inf

    def next_request(self, now: float, *, budget_s: float, frame_s: float) -> ChunkRequest:
        """The chunk to compute next. `frame_s` is the least time between two looks at the run."""
        num_steps: int | None = 0
        moves = self.status.kind == "ok" or any(entry.kind == "resume" for entry in self._pending)
        if self._waiting_steps > 0 and moves:
            num_steps = 1
        elif self.playing and moves:
            slow = self.steps_per_s is not None
            num_steps = 1 if slow else None
            if self.stop_at is not None and not slow:
                num_steps = self.stop_at - self.step
            if self.steps_per_s is not None:
                self._next_due = max(self._next_due + 1.0 / self.steps_per_s, now)
        pending = tuple(dataclasses.replace(entry, step=self.step) for entry in self._pending)
        view = self._view(now, frame_s) if self.urgent or num_steps == 1 or now - self._seen["fit"] >= frame_s else None
        request = ChunkRequest(
            config=self._state_config,
            state=self.state,
            timeline=(*pending, *self.scheduled),
            num_steps=num_steps,
            budget_s=None if num_steps is not None and num_steps <= 1 else budget_s,
            view=view,
        )
        self._sent = _Sent(pending, tuple(self.scheduled), self._pending_id, request.num_steps)
        self._pending = []
        self.urgent = False
        return request

    def finished(self, result: ChunkResult, now: float) -> None:
        """Take in the result of the last request."""
        sent = self._sent
        if self._waiting_steps > 0 and sent.num_steps == 1:
            self._waiting_steps -= 1
        # What was sent counts, not what is scheduled now: a change may have cut the replay short while the chunk was under way.
        done = [entry for entry in sent.scheduled if entry.step <= result.step and entry.kind != "rollback"]
        self.scheduled = [entry for entry in self.scheduled if entry.step > result.step]
        config = self._state_config
        for entry in [*sent.pending, *done]:
            if entry in done and entry.kind == "change":
                self._mark({n: v for n, v in entry.changes.items() if v != getattr(config, n)}, config, step=entry.step)
            config = replace(config, entry.changes)
        self.timeline.extend([*sent.pending, *done])
        self.state, self.levels = result.state, result.levels
        self._state_config = self.config = result.config
        for entry in self._pending:
            self.config = replace(self.config, entry.changes)
        taken, self.step = result.step - self.step, result.step
        self.num_lost = 0
        self.change_id = sent.change_id
        self.cpu_s += result.cpu_s
        if taken > 0:
            self.seconds_per_step = result.advance_s / taken
        if result.records is not None:
            self.history.add(result.records)
            self.timeline.extend(result.records.events)
        if result.status.kind != "ok" and not any(entry.kind == "resume" for entry in self._pending):
            self._stopped(result.status)
        if self.stop_at is not None and self.step >= self.stop_at:
            self.pause()
        if result.snapshot is not None:
            self._look(result, now)

    def lost(self) -> None:
        """The chunk in flight was lost with its worker: ask for it again from the held state."""
        self._pending = [*self._sent.pending, *self._pending]
        self.urgent = True
        self.num_lost += 1

    def _stopped(self, status: Status) -> None:
        self._resume_when_changed = self.playing or self._resume_when_changed
        self.status = status
        self.playing, self.stop_at, self._waiting_steps = False, None, 0
        self.marks.append(Mark(step=self.step, text=status.kind))
        self._drag = None

    def _view(self, now: float, frame_s: float) -> View:
        slow = now - self._seen["slow"] >= SLOW_VIEW_S
        trajectories = self.urgent or slow or now - self._seen["trajectories"] >= max(TRAJECTORY_S, frame_s)
        self._seen["fit"] = now
        if slow:
            self._seen["slow"] = now
        if trajectories:
            self._seen["trajectories"] = now
        return View(
            task_parameters=self.task_parameters,
            task_draw=self.task_draw,
            trajectories=trajectories,
            joint_trajectory=slow,
            curvature=slow,
            plane=None if self._plane_is_stale(now) else self._plane,
            previous_plane=self._plane,
        )

    def _plane_is_stale(self, now: float) -> bool:
        if self._plane is None or self.paths is None:
            return True
        return self.paths.explained < 0.5 * self._fitted_explained and now - self._seen["plane"] >= PATHS_REFIT_S

    def _look(self, result: ChunkResult, now: float) -> None:
        snapshot = result.snapshot
        assert snapshot is not None
        self.fit = snapshot.fit
        if snapshot.trajectories:
            kept = (
                {"joint": self.trajectories["joint"]}
                if "joint" in self.trajectories and self.config.joint_baseline
                else {}
            )
            self.trajectories = {**kept, **snapshot.trajectories}
            if self.step == 0:
                mean = self.trajectories["maml"].mean
                self.history.open(float(mean[0]), float(mean[min(self._state_config.num_inner_steps, len(mean) - 1)]))
        self.curvature = snapshot.curvature or self.curvature
        if snapshot.paths is not None:
            if snapshot.paths.plane is not self._plane:
                refitted = self._plane is None or not np.array_equal(snapshot.paths.plane.basis, self._plane.basis)
                if refitted:
                    self._plane, self._fitted_explained = snapshot.paths.plane, snapshot.paths.explained
                    self._seen["plane"] = now
            self.paths = snapshot.paths
            self._thetas.append(snapshot.paths.theta_0)
            if len(self._thetas) > MAX_TRAIL:
                self._thetas = self._thetas[:-1:2] + self._thetas[-1:]

    # What is shown

    @property
    def num_task_parameters(self) -> int:
        """How many numbers define a task."""
        return 2 if isinstance(self.config.tasks, SinusoidConfig) else self.config.num_inputs

    @property
    def status_kind(self) -> StatusKind:
        """The status in one word."""
        if self.status.kind != "ok":
            return self.status.kind
        if self.playing:
            return "replaying" if self.scheduled else "running"
        return "ready" if self.step == 0 else "paused"

    def loss_info(self) -> LossInfo:
        """The loss chart."""
        return LossInfo(
            curves=self.history.curves(),
            ghost=self.ghost,
            marks=tuple(self.marks),
            zero_level=self.levels.zero if self.levels else None,
            non_adapting_level=self.levels.non_adapting if self.levels else None,
        )

    def fit_info(self) -> FitInfo | None:
        """The chart of theta_0 against theta_N."""
        fit = self.fit
        if fit is None:
            return None
        return FitInfo(
            grid=fit.grid,
            truth=fit.truth,
            curves=fit.curves,
            support_x=fit.support_x,
            support_y=fit.support_y,
            query_x=fit.query_x,
            query_y=fit.query_y,
            support_loss=fit.support_loss,
            query_loss=fit.query_loss,
            num_inner_steps=min(self._state_config.num_inner_steps, len(fit.curves) - 1),
        )

    def adaptation_info(self) -> AdaptationInfo:
        """The chart of held-out loss against the inner step."""
        order = ("maml", "joint", "random")
        return AdaptationInfo(
            num_inner_steps=self._state_config.num_inner_steps,
            trajectories={name: _trajectory(self.trajectories[name]) for name in order if name in self.trajectories},  # type: ignore[misc]
        )

    def path_info(self) -> PathInfo | None:
        """The chart of inner paths."""
        if self.paths is None or self._plane is None:
            return None
        trail = (np.stack(self._thetas) - self._plane.origin) @ self._plane.basis.T
        return PathInfo(paths=self.paths.paths, trail=trail, explained=self.paths.explained)

    def gauge_info(self) -> GaugeInfo | None:
        """The stability gauge."""
        if self.curvature is None:
            return None
        limit = Curvature.stability_limit
        return GaugeInfo(
            alpha=self.config.alpha,
            limit=limit(self.curvature.median),
            limit_low=limit(self.curvature.high),
            limit_high=limit(self.curvature.low),
        )

    def slider_ranges(self) -> dict[str, tuple[float, float]]:
        """Where the live sliders begin and end."""
        return slider_ranges(self.config)

    def _mark(self, changed: Mapping[str, Any], before: RunConfig, *, step: int, now: float = -math.inf) -> None:
        """Mark a change on the curve; the changes of one drag share a mark, and a drag back to its start leaves none."""
        if not changed or self.state is None or (self.step == 0 and step == 0):
            return  # before the first step a change is not an event of the run
        olds = {name: getattr(before, name) for name in changed}
        name = next(iter(changed))
        if len(changed) == 1 and self._drag is not None and self._drag.name == name and now - self._drag.at <= DRAG_S:
            olds[name] = self._drag.old
            step = self.marks.pop().step
        texts = [
            f"{LABELS.get(name, name)} {_short(olds[name])} -> {_short(new)}"
            for name, new in changed.items()
            if new != olds[name]
        ]
        if texts:
            self.marks.append(Mark(step=step, text=", ".join(texts)))
        self._drag = _Drag(name, now, olds[name]) if texts and len(changed) == 1 else None


LABELS = {
    "num_inner_steps": "N",
    "meta_batch_size": "tasks per step",
    "num_query": "query points",
    "outer_optimizer": "optimiser",
    "clip_norm": "clip norm",
}
"""Short names of settings on marks."""


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "off" if value is None else str(value)


def _trajectory(summary: Summary) -> Trajectory:
    known = np.isfinite(summary.ci95)  # an infinite mean has no interval
    mean, ci95 = summary.mean, np.where(known, summary.ci95, 0.0)
    return Trajectory(
        mean=mean,
        low=np.where(known, np.maximum(mean - ci95, 1e-12), np.nan),
        high=np.where(known, mean + ci95, np.nan),
        median=summary.median,
        diverged_share=summary.diverged_share,
    )
