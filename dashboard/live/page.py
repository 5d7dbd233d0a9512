"""One open page: the run that it watches, perhaps with others, what it looks at, the connection that feeds it, and what it has been told."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from typing import Any

from dashboard.charts.all import SHARING
from dashboard.charts.chart import Chart
from dashboard.charts.style import Looks
from dashboard.live.closer import Closer, Wanted, draw_for
from dashboard.live.feed import Feed, Told, figures_message
from dashboard.live.frames import Content
from dashboard.live.run import LiveRun
from dashboard.live.viewer import Viewer
from dashboard.setups.reach import Reach
from dashboard.wire.connection import Connection, Outbox
from maml_core.config import replace

MAX_UNACKNOWLEDGED = 2
"""Frames that a browser may have received without drawing."""

HIDDEN_MOMENT_S = 2.0
"""A page that is hidden for less, because somebody looks something up, goes on."""

DRAWS_S = 60.0
"""A page that has drawn nothing of what it was sent for so long is seen by nobody: its browser sleeps, or is none."""

PROGRESS_S = 0.25
"""Between two words on how far a jump is."""


class Page:
    """A page, the run that it watches, and its viewer.

    Args:
        run: What it watches.
        now: The clock.
        reach: Where the server can be reached; None where nobody knows.
    """

    def __init__(self, run: LiveRun, now: float, reach: Reach | None = None) -> None:
        self.token = secrets.token_urlsafe(16)
        self.feed = Feed(run, Viewer(), reach)
        run.audience.join(self.viewer)
        self.tab: str | None = None
        """What only this browser tab knows, also after a reload; None until its socket has said hello."""
        self.workspace = ""
        """Name of the workspace whose runs are shown; empty for the tab's own."""
        self.entered: set[str] = set()
        """Names of the workspaces that were entered on it."""
        self.is_shared = False
        """Its visitor is one of several who use this server, and sees runs of its own."""
        self.connection = Connection(MAX_UNACKNOWLEDGED)
        self.elsewhere = Connection(MAX_UNACKNOWLEDGED)
        """Its visitor reads the list of lessons."""
        self.home = ""
        """In a lesson, and in a class: token of its visitor's live page."""
        self.in_class = False
        """Its visitor follows a class: the run is another's."""
        self.recovering = False
        """The run that the tab had is being read from its copy."""
        self.waiting: list[Mapping[str, Any]] = []
        """What was asked for meanwhile."""
        self.visible = True
        self.hidden_at = now
        """When it was last hidden."""
        self.pauses_hidden = False
        """The visitor wants the run to pause while all its pages are hidden."""
        self.drew_at = now
        """When it was last known to draw what it is sent."""
        self.last_seen = now
        """When the page was last connected and seen."""
        self.touched_at = now
        """When its visitor last asked for something."""
        self.notice = ""
        """A sentence to show once."""
        self.follow = False
        """The sidebar may show settings that are no longer the run's."""
        self.drawn: Mapping[str, Any] | None = None
        """What the sidebar shows; None before it is drawn, and while it is being drawn again."""
        self.steps_per_s = math.nan
        self._rate_from = (now, 0)
        self._told_progress = now
        self._owes_frame = False
        self._shows: Content | None = None
        """What it was sent last of the charts; None where it needs all of it."""
        self._told: Told | None = None
        self._owes_answer = False
        self._figured: frozenset[str] = frozenset()
        """The charts whose figures it has."""
        self._looks: Looks | None = None
        """What these were made for."""
        self._laid_out: tuple[Any, ...] = ()

    @property
    def run(self) -> LiveRun:
        """The run that it watches."""
        return self.feed.run

    @property
    def viewer(self) -> Viewer:
        """Who looks at it."""
        return self.feed.viewer

    @property
    def connected(self) -> bool:
        """Whether a socket feeds the page."""
        return self.connection.is_open

    def connect(self, now: float) -> Outbox:
        """A new socket: tell it everything from the start. What it must send comes out of the queue."""
        outbox = self.connection.open()
        self.last_seen, self.visible = now, True
        self._rate_from, self.steps_per_s = (now, self.run.step), math.nan
        self._owes_frame = False
        self._forget()
        self.viewer.waits = self.viewer.waits or not self.follows
        key = self.token if self.in_class else self.run.key  # the class's run is another's
        self.put({"type": "welcome", "run_key": key, "tab": self.tab})
        return outbox

    @property
    def follows(self) -> bool:
        """Whether it shows what another's page shows, and nothing is computed for it."""
        return self.in_class and self.viewer.aside is None

    @property
    def awaits_second(self) -> bool:
        """Whether its run trains on only once the run that it is compared with has come to where it is."""
        run, second = self.run, self.viewer.second
        asks = run.audience.waits or run.playback.has_single or run.playback.jumping
        return second is not None and second.is_behind and not asks

    def turn_to(self, feed: Feed) -> None:
        """Show what another feed is of. The figures that it has stay."""
        if self.viewer in self.run.audience.viewers and not self.follows:
            self.run.audience.leave(self.viewer)
        self.feed = feed
        self._owes_frame = False
        self._shows = self._told = None
        self._laid_out = ()
        self.connection.forget_frames()

    def _forget(self) -> None:
        """The browser knows nothing."""
        self._shows = self._told = self._looks = None
        self._laid_out = ()
        self.feed.outdate()

    def take_over(self, before: Page) -> None:
        """Go on with the run that another page had, and with what it looked at."""
        self.run.audience.leave(self.viewer)
        self.feed, self.follow = before.feed, True
        self.viewer.apart.close()  # nobody knows in which of its stages the step is that a page begins with
        self.run.playback.held = None

    def is_seen(self, now: float) -> bool:
        """Whether somebody may see it: a socket feeds it, it is not hidden, and draws what it is sent, however slowly."""
        if not self.connection.is_behind:
            self.drew_at = now
        return self.connected and self.visible and now - self.drew_at <= DRAWS_S

    def acknowledge(self, frame: int) -> None:
        """The browser has drawn this frame and those before it."""
        self.connection.acknowledge(frame)
        if self._owes_frame:
            self.catch_up()

    def measure_rate(self, now: float) -> None:
        """Outer steps per second over the last second or so."""
        since, step = self._rate_from
        if not self.run.playback.trains or self.run.step < step:
            self._rate_from, self.steps_per_s = (now, self.run.step), math.nan
        elif now - since >= 1.0:
            self.steps_per_s = (self.run.step - step) / (now - since)
            self._rate_from = (now, self.run.step)

    def set_visible(self, visible: bool, now: float) -> None:
        """The page is shown or hidden. A run that paused because nobody saw it goes on, where nobody has touched it since."""
        if self.visible and not visible:
            self.hidden_at = now
        self.visible, run = visible, self.run
        self.viewer.waits = self.viewer.waits or (visible and not self.follows)
        if visible and not self.in_class and run.release():
            run.notice = f"The run paused at outer step {run.step:,} while this page was hidden, and goes on."

    def wants_pause(self, now: float) -> bool:
        """Whether it has been hidden for a moment, and the run is to pause where that holds of all its pages."""
        return not self.visible and self.pauses_hidden and now - self.hidden_at >= HIDDEN_MOMENT_S

    def wants_looks(self) -> list[tuple[Closer, Wanted]]:
        """The closer looks that its viewer has open, at the run as it is there; without those that are not to be had yet."""
        wanted = [
            (closer, _wanted(self.run, self.viewer, SHARING[chart])) for chart, closer in self.viewer.open_closers
        ]
        return [(closer, wish) for closer, wish in wanted if wish is not None]

    def put(self, message: Mapping[str, Any]) -> None:
        """Send a message, if anybody listens."""
        self.connection.put(message)

    def send_frame(self) -> None:
        """Send the newest numbers, now or as soon as the browser has caught up."""
        self.feed.content = None
        self.catch_up()

    def catch_up(self) -> None:
        """Send what the charts show by now to a browser that was sent something else, now or as soon as it can take it."""
        feed = self.feed
        if not self.connected or not self.visible or (feed.content is not None and self._shows is feed.content):
            return
        self._owes_frame = self.connection.is_behind
        if self._owes_frame:
            return
        content = feed.content or feed.look(
            {"steps_per_s": self.steps_per_s, "step_ms": self.run.seconds_per_step * 1e3}
        )
        self.connection.put_frame(content.number, content.frame(self._shows))
        self._shows = content

    def show_now(self) -> None:
        """Show the newest numbers again at once, where its viewer is not at an earlier outer step any more."""
        if self.viewer.travel.target is None:
            self.send_frame()

    def answer_travel(self) -> None:
        """Show where its viewer has travelled to, and say which outer step that is even if it is the one of before: whoever asked waits to be told."""
        self._owes_answer = True
        self.show_now()

    def tell(self) -> None:
        """Send what is not a number in a frame, where it differs from what the page was told last."""
        self.feed.outdate()
        self.hear()

    def hear(self) -> None:
        """As `tell`, where what is to be told is made already."""
        if not self.connected:
            return
        told, before = self.feed.told(), self._told
        if told is not before and told.look is not None:  # no figure before the reference levels are known
            if told.look != self._looks:
                self._looks, before, self._laid_out, self._figured = told.look, None, (), frozenset()
                self._shows = None
                self.connection.forget_frames()  # the page draws nothing until it has the new figures' numbers
            if missing := told.figures - self._figured:
                self.connection.put_text(figures_message(told.look, missing))
                self._figured |= missing
        if self.drawn is not None and self.drawn != (shown := self.run.shown.values):
            self.drawn, self.follow = shown, True
        if before is told and not (self.notice or self.follow or self._owes_answer):
            return
        notice = self.notice or (told.notice if before is not told else "")
        own = {"notice": notice, "controls_changed": self.follow}
        with_layout, knows_run = told.laid_out != self._laid_out, before is not None and before.run == told.run
        self.connection.put_text(told.message(own, with_layout=with_layout, with_now=not knows_run))
        self._told, self._laid_out = told, told.laid_out
        self.notice, self.follow, self._owes_answer = "", False, False
        if before is not None and knows_run and before.drawn() != told.drawn():
            self.catch_up()

    def tell_progress(self, now: float) -> None:
        """Send the step of a run that jumps, which draws nothing on its way."""
        if self.run.playback.jumping and now - self._told_progress >= PROGRESS_S:
            self._told_progress = now
            self.put({"type": "progress", "step": self.run.step})


def _wanted(run: LiveRun, viewer: Viewer, chart: Chart[Any]) -> Wanted | None:
    """The closer look that a chart shows, at the run as it is where the viewer looks; None where it is not to be had yet."""
    moment = viewer.travel.target
    state = run.state if moment is None else moment.state
    if not chart.look or state is None or run.playback.jumping or chart.why_empty(run.config):
        return None
    config = run.state_config if moment is None else moment.config
    return Wanted(
        look=chart.look,
        run=run.name,
        config=replace(config, {"evaluation_steps": run.config.evaluation_steps}),
        state=state,
        step=run.step if moment is None else moment.step,
        is_earlier=moment is not None,
        remembers=chart.remembers,
        draw=draw_for(chart.look, viewer.task_draw),
    )
