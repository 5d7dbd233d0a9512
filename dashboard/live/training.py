"""The run that is there now, from its start on: its state, and the chunks that are computed. What people ask of it is in `transport`.

It has no clock, no threads and no sockets: whoever runs it asks `next_request`, has the chunk computed, and hands the result to `finished`.
What is looked at on the way is in `audience`, the timeline in `changes`, when outer steps are taken in `playback`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from dashboard.live.audience import Audience
from dashboard.live.changes import Changes
from dashboard.live.history import History
from dashboard.live.keeping import Keeping
from dashboard.live.meanwhile import Look, Meanwhile
from dashboard.live.pacing import Pace
from dashboard.live.playback import Playback
from dashboard.live.recording import Recording
from dashboard.live.transport import Transport
from dashboard.live.viewer import Viewer
from dashboard.setups.own_code import named_code
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.records import Levels, Status
from maml_core.store import SavedRun

StatusKind = Literal["ready", "running", "waiting", "paused", "diverged", "dead", "replaying"]

LONG_STEP_S = 0.015
"""Somebody who waits for an answer does not wait for an outer step that takes longer."""


class Training(Transport):
    """See the module.

    Args:
        changes: The start of the run, and what is scheduled.
    """

    def __init__(self, changes: Changes) -> None:
        self.audience = Audience()
        self.playback = Playback()
        self.levels: Levels | None = None
        """Reference levels of its tasks."""
        self.generation = 0
        """Grows at each restart, so that a chunk of the run before is recognised and dropped."""
        self._start(changes)

    def _start(self, changes: Changes) -> None:
        """Stand at outer step 0 of a run."""
        self.changes = changes
        self.config: RunConfig = changes.start
        """The set-up that is asked for."""
        self.state: bytes | None = None
        self.state_config: RunConfig = changes.start
        """The set-up of the held state: without the changes that no chunk has applied yet."""
        self.images: TrainedImages | None = None
        """What it is trained on, where that is images in files."""
        self.code = named_code(changes.start)
        """The Python code that it is computed with, where that is a problem of one's own."""
        self._sent_steps: int | None = 0
        """Outer steps that the chunk in flight takes; None for as many as it can."""
        self.step = 0
        self.status = self._held_status = Status()
        self.playback.restart()
        self.history, self.recording = History(), Recording()
        self.kept = Keeping(changes.start)
        """What one can go back to."""
        self.meanwhile = Meanwhile()
        """The look that another worker takes while it trains on."""
        self.num_lost = 0
        """Chunks lost in a row."""
        self.failure = ""
        """Why the last chunk could not be computed, in a sentence."""
        self.seconds_per_step = math.nan
        self._answered = False
        """The last chunk only looked, because somebody waited for an answer."""
        self.audience.start_over(changes.start)

    def _go_on_from(self, saved: SavedRun, history: History) -> None:
        """Stand where a saved run does."""
        self.config = self.state_config = saved.config
        self.state, self.step, self.images, self.history = saved.state, saved.step, saved.images, history
        self.code = self.code._replace(losses=saved.first_losses) if self.code is not None else None
        self.status = self._held_status = saved.status
        self.recording.add(saved.records)
        self.kept = Keeping(saved.start, saved.moments, saved.measured)
        self.audience.seen.edge = self.kept.edge

    # What is computed

    def is_due(self, now: float) -> bool:
        """Whether there is something to compute now."""
        if self.audience.waits or self.playback.has_single or self.changes.waits or self.audience.pacing.owed:
            return True
        return self.playback.trains and self.playback.may_step(now)

    def next_request(
        self,
        now: float,
        *,
        budget_s: float,
        pace: Pace,
        watching: Sequence[Viewer] | None = None,
        meanwhile: bool = False,
    ) -> ChunkRequest:
        """The chunk to compute next, and what to look at afterwards.

        Args:
            now: The clock.
            budget_s: Processor seconds of the chunk.
            pace: Least times between two looks.
            watching: Whose tasks are looked at; None for all viewers.
            meanwhile: A worker is free to look while the chunk after this one trains.
        """
        audience, playing, waits = self.audience, self.playback.trains, self.audience.waits
        is_stopped = self.status.kind != "ok" and not self.changes.resumes
        num_steps = 0 if is_stopped else self.playback.next_steps(now, self.step)
        answers = waits and not self._answered and num_steps != 0 and self.seconds_per_step > LONG_STEP_S
        if answers and num_steps != 1:
            num_steps = 0  # the answer does not wait for a step; the chunk after it trains, however often is asked
        self._answered, self._sent_steps = answers, num_steps
        audience.pass_over()
        audience.pacing.meanwhile = meanwhile
        view, at_once = None, waits or num_steps in (0, 1)
        is_due = (
            not self.playback.jumping and not self.meanwhile.is_wanted and audience.is_due(now, pace, playing=playing)
        )
        if at_once or is_due:
            view = audience.look(now, pace, self.config, playing=playing, watching=watching)
        self.meanwhile.plan(view if meanwhile and not at_once else None)
        return ChunkRequest(
            config=self.state_config,
            state=self.state,
            timeline=self.changes.send(self.step),
            num_steps=num_steps,
            budget_s=budget_s if num_steps is None or num_steps > 1 else None,
            view=None if self.meanwhile.is_planned else view,
            images=self.images,
            code=self.code,
            keep=self.kept.is_due(now, measures=view is not None and view.trajectories),
        )

    def finished(self, result: ChunkResult, now: float) -> None:
        """Take in the result of the last request."""
        self.playback.took(self._sent_steps)
        self._sent_steps = 0
        self.changes.take(result, self.state_config, now)
        self.state, self.levels, self.state_config = result.state, result.levels, result.config
        self.images, self.code = self.images or result.images, result.code or self.code
        self.config = self.changes.asked_of(result.config)
        taken, self.step = result.step - self.step, result.step
        self._held_status, self.num_lost = result.status, 0
        self.audience.pacing.trained_s += result.advance_s
        if taken > 0:
            self.seconds_per_step = result.advance_s / taken
        if result.records is not None:
            self.history.add(result.records)
            self.recording.add(result.records)
        if result.status.kind != "ok" and self.status.kind == "ok" and not self.changes.resumes:
            self._stopped(result.status)
        self.kept.take(result, self.changes.done, now)
        if self.playback.is_over(self.step):
            self.pause()
        if result.snapshot is not None:
            self.audience.take(result.snapshot, now, config=self.config, computed=self.state_config)
            for second in filter(None, (viewer.second for viewer in self.audience.viewers)):
                second.see(self, result.snapshot)
            if result.snapshot.trajectories and self.step == 0:
                self.history.open(self.audience.seen.trajectories["maml"], self.state_config.num_inner_steps)
        if not self.playback.trains:
            self.audience.settle(self.step, self.state_config)
        self.meanwhile.begin(self.audience, result, goes_on=self.playback.trains and not self.audience.waits)

    def looked(self, look: Look, result: ChunkResult, now: float) -> bool:
        """Take in a look that was taken while it trained on; False where a newer one was taken, or it is another run by now."""
        if not self.meanwhile.end(look, self.audience) or result.snapshot is None:
            return False
        self.audience.take(result.snapshot, now, config=self.config, computed=result.config, sent=look.sent)
        self.kept.measure(result)
        return True

    def lost(self) -> None:
        """The chunk in flight was lost with its worker: ask for it again from the held state."""
        self.changes.lost()
        self.audience.lost()
        self._sent_steps, self.num_lost = 0, self.num_lost + 1

    def _fall_back(self, why: str) -> bool:
        """The chunk in flight cannot be computed: keep the last state and its settings, and go on with them where the chunk brought a change,
        which is then what could not be computed; else stand still and say why.

        Returns:
            Whether it goes on.
        """
        brought_change = self.changes.drop()
        goes_on = self.playback.playing and brought_change and self._held_status.kind == "ok"
        self._sent_steps = self.num_lost = 0
        self.config = self.state_config
        if not goes_on:
            self.pause()
            self.failure = why
        self.status = self._held_status
        self.audience.give_up()
        return goes_on

    def _resume(self) -> None:
        """Go on from the last good state with the next chunk."""
        self.changes.resume()
        self.status = Status()

    def _stopped(self, status: Status) -> None:
        self.changes.marks.note(self.step, status.kind)
        self.audience.hurry()
        if self.changes.waits:  # changed while the chunk was under way: it stopped for what is no longer set
            self._resume()
            return
        self.status = status
        self.playback.interrupt()

    def _begin_with(self, config: RunConfig) -> None:
        """Another set-up at outer step 0, before anything happened."""
        self.generation += 1
        self.changes, self.kept = Changes(config, ()), Keeping(config)
        self.config = self.state_config = config
        self.state = self.images = None
        self._held_status, self._sent_steps = Status(), 0

    # What it is

    def saved(self, name: str) -> SavedRun | None:
        """The run at the newest finished step, as it is kept on disk; None while its first chunk is under way."""
        records = self.recording.records()
        if self.state is None or records is None:
            return None
        return SavedRun(
            name=name,
            start=self.changes.start,
            config=self.state_config,
            timeline=tuple(entry for entry in self.changes.all if entry.kind != "rollback"),
            records=records,
            state=self.state,
            step=self.step,
            status=self._held_status,
            images=self.images,
            first_losses=self.code.losses if self.code is not None else (),
            moments=tuple(self.kept.moments),
            measured=self.kept.all_measured,
        )

    @property
    def has_begun(self) -> bool:
        """Whether an outer step was taken, or is being taken; until then every setting is that of the start."""
        return self.step > 0 or self.is_stepping or self.status.kind != "ok"

    @property
    def is_stepping(self) -> bool:
        """Whether the chunk in flight takes outer steps."""
        return self._sent_steps != 0

    @property
    def sentence(self) -> str:
        """Why the run stands still by itself; empty where it does not."""
        in_line = self.playback.in_line
        return self.failure or self.status.sentence or (in_line.sentence if in_line is not None else "")


def status_kind(run: Training) -> StatusKind:
    """The status of a run in one word."""
    if run.status.kind != "ok":
        return run.status.kind
    if run.playback.in_line is not None:
        return "waiting"
    if run.playback.playing:
        return "replaying" if run.changes.scheduled or run.playback.jumping else "running"
    return "ready" if run.step == 0 else "paused"
