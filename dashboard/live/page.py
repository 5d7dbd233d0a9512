"""One open page: the run that it watches, perhaps with others, what it looks at, the connection that feeds it, and what it has been told."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dashboard.charts.all import CHARTS, CLOSER, SHARING, charts_of, figures_json, layouts, why_empty
from dashboard.charts.images import is_ink
from dashboard.charts.style import Looks
from dashboard.charts.symbols import in_greek
from dashboard.live.chart_data import looks, results
from dashboard.live.closer import Wanted
from dashboard.live.drawings import MAX_CLASSES, MAX_EXAMPLES
from dashboard.live.frames import FrameMaker
from dashboard.live.ghosts import told as ghosts_told
from dashboard.live.own_points import told as told_of_points
from dashboard.live.run import LiveRun
from dashboard.live.switches import now
from dashboard.live.training import status_kind
from dashboard.live.viewer import SHAPE, Viewer, shape_of
from dashboard.setups import address
from dashboard.setups.algorithms import IDEAS, choice_of
from dashboard.setups.reach import Reach
from dashboard.setups.settings import slider_ranges
from dashboard.wire.connection import Connection, Outbox
from maml_core.analysis_records import LayerChanges
from maml_core.config import RunConfig, SinusoidConfig, at_test, learns_rates, replace, to_dict
from maml_core.records import TaskFit

MAX_UNACKNOWLEDGED = 2
"""Frames that a browser may have received without drawing."""

HIDDEN_MOMENT_S = 2.0
"""A page that is hidden for less, because somebody looks something up, goes on."""

PROGRESS_S = 0.25
"""Between two words on how far a jump is."""

_CALLED = {"glyphs": "glyphs", "omniglot": "characters", "folder": "images"}
"""What the images of each task family are called, on the button that copies some."""

_ALONE = "A query alone is no batch: batch norm judges it by the examples' statistics."


class Page:
    """A page, the run that it watches, and its viewer."""

    def __init__(self, run: LiveRun, now: float) -> None:
        self.token = secrets.token_urlsafe(16)
        self.run = run
        self.viewer = Viewer()
        run.audience.join(self.viewer)
        self.tab: str | None = None
        """What only this browser tab knows, also after a reload; None until its socket has said hello."""
        self.workspace = ""
        """Name of the workspace whose runs are shown; empty for the tab's own."""
        self.connection = Connection(MAX_UNACKNOWLEDGED)
        self.elsewhere = Connection(MAX_UNACKNOWLEDGED)
        """Its visitor reads the list of lessons."""
        self.home = ""
        """Of a lesson: token of its visitor's live page."""
        self.recovering = False
        """The run that the tab had is being read from its copy."""
        self.waiting: list[Mapping[str, Any]] = []
        """What was asked for meanwhile."""
        self.reach: Reach | None = None
        """Where the server can be reached; None where nobody knows."""
        self.visible = True
        self.hidden_at = now
        """When it was last hidden."""
        self.pauses_hidden = False
        """The visitor wants the run to pause while all its pages are hidden."""
        self.last_seen = now
        """When the page was last connected and visible."""
        self.notice = ""
        """A sentence to show once."""
        self.follow = False
        """The sidebar may show settings that are no longer the run's."""
        self.drawn: Mapping[str, Any] | None = None
        """What the sidebar shows; None before it is drawn, and while it is being drawn again."""
        self.steps_per_s = math.nan
        self._rate_from = (now, 0)
        self._told_progress = now
        self._frames = FrameMaker()
        self._owes_frame = False
        self._looks: Looks | None = None
        self._figured: frozenset[str] = frozenset()
        """The charts whose figures it has, with these looks."""
        self._told: dict[str, Any] = {}
        self._laid_out: tuple[Any, ...] = ()
        self._shared: tuple[tuple[RunConfig, int, int, str], str] | None = None

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
        self._frames.forget()
        self._looks, self._told, self._laid_out, self._shared = None, {}, (), None
        self.viewer.waits = True
        self.put({"type": "welcome", "run_key": self.run.key, "tab": self.tab})
        return outbox

    def take_over(self, before: Page) -> None:
        """Go on with the run that another page had, and with what it looked at."""
        self.run.audience.leave(self.viewer)
        self.run, self.viewer, self.follow = before.run, before.viewer, True
        self.viewer.apart.close()  # nobody knows in which of its stages the step is that a page begins with
        self.run.playback.held = None

    def acknowledge(self, frame: int) -> None:
        """The browser has drawn this frame and those before it."""
        self.connection.acknowledge(frame)
        if self._owes_frame:
            self.send_frame()

    def measure_rate(self, now: float) -> None:
        """Outer steps per second over the last second or so."""
        since, step = self._rate_from
        if not self.run.playback.playing or self.run.step < step:
            self._rate_from, self.steps_per_s = (now, self.run.step), math.nan
        elif now - since >= 1.0:
            self.steps_per_s = (self.run.step - step) / (now - since)
            self._rate_from = (now, self.run.step)

    def set_visible(self, visible: bool, now: float) -> None:
        """The page is shown or hidden. A run that paused because nobody saw it goes on, where nobody has touched it since."""
        if self.visible and not visible:
            self.hidden_at = now
        self.visible, run = visible, self.run
        self.viewer.waits = self.viewer.waits or visible
        if visible and run.release():
            run.notice = f"The run paused at outer step {run.step:,} while this page was hidden, and goes on."

    def wants_pause(self, now: float) -> bool:
        """Whether it has been hidden for a moment, and the run is to pause where that holds of all its pages."""
        return not self.visible and self.pauses_hidden and now - self.hidden_at >= HIDDEN_MOMENT_S

    def wants_look(self) -> Wanted | None:
        """The closer look that its viewer has open, at the run as it is there; None where none is, or where there is none to be had yet."""
        run, viewer, chart = self.run, self.viewer, SHARING[self.viewer.weights_chart]
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
        )

    def put(self, message: Mapping[str, Any]) -> None:
        """Send a message, if anybody listens."""
        self.connection.put(message)

    def send_frame(self) -> None:
        """Send the newest numbers, now or as soon as the browser has caught up."""
        if not self.connected or not self.visible:
            return
        self._owes_frame = self.connection.is_behind
        if self._owes_frame:
            return
        numbers = {
            "steps_per_s": self.steps_per_s,
            "step_ms": self.run.seconds_per_step * 1e3,
            **self.run.history.newest(self.viewer.metric(self.run.config))._asdict(),
        }
        frame = self._frames.frame(self.run, self.viewer, numbers)
        self.connection.put_frame(self._frames.number, frame)

    def show_now(self) -> None:
        """Show the newest numbers again at once, where its viewer is not at an earlier outer step any more."""
        if self.viewer.travel.target is None:
            self.send_frame()

    def tell(self) -> None:
        """Send what is not a number in a frame, where it differs from what the page was told last."""
        if not self.connected:
            return
        run = self.run
        self.viewer.apart.follow(run)
        if run.levels is not None:  # no figure before they are known: they are part of it
            look = looks(
                run.config,
                run.levels,
                metric=self.viewer.metric(run.config),
                scratch=run.audience.shows_scratch(run.config),
                since=run.changes.late_baselines,
            )
            if look != self._looks:
                self._looks, self._told, self._laid_out, self._figured = look, {}, (), frozenset()
                self._frames.forget()
                self.connection.forget_frames()  # the page draws nothing until it has the new figures' numbers
            if missing := self._figures_needed() - self._figured:
                self.connection.put_text(_figures_message(look, missing))
                self._figured |= missing
        share = self._share()
        state = self._state(share)
        shown = self.run.shown.values
        if self.drawn is not None and self.drawn != shown:
            self.drawn, self.follow = shown, True
        told, self._told = self._told, {key: value for key, value in state.items() if key not in ("step", "notice")}
        if self._told == told and not self.notice and not self.follow:
            return
        # All that `layouts` is made of: a figure's own reference levels are replaced by it.
        laid_out = (run.name, self._looks, state["marks"], state["tensors"], state["layers"])
        if laid_out != self._laid_out:
            state["layout"], self._laid_out = layouts(results(run, self.viewer)), laid_out
        if told.get("run") != run.name:
            state["now"] = now(run)
        self.put({**state, "controls_changed": self.follow})
        self.notice, self.follow = "", False
        if told.get("run") == run.name and _drawn(told) != _drawn(state):
            self.send_frame()

    def _figures_needed(self) -> frozenset[str]:
        """The charts whose figures the page must have: of closer looks only the one that is open."""
        closed = {chart.id for chart in CLOSER} - {self.viewer.weights_chart}
        return frozenset(chart.id for chart in CHARTS if chart.id not in closed)

    def tell_progress(self, now: float) -> None:
        """Send the step of a run that jumps, which draws nothing on its way."""
        if self.run.playback.jumping and now - self._told_progress >= PROGRESS_S:
            self._told_progress = now
            self.put({"type": "progress", "step": self.run.step})

    def _state(self, share: str) -> dict[str, Any]:
        run, viewer, seen = self.run, self.viewer, self.run.audience.seen
        return {
            "type": "state",
            "run": run.name,
            "computing": not viewer.is_seen and not run.sentence,
            "playing": run.playback.playing,
            "step": run.step,
            "status": {"kind": status_kind(run), "sentence": in_greek(run.sentence)},
            "notice": self.notice,
            "config": to_dict(run.config),
            "ranges": slider_ranges(run.config),
            "task": _task(run.config, viewer),
            "own": _own(run.config, viewer),
            "points": told_of_points(viewer.points, run.config),
            "speed": run.playback.steps_per_s,
            "share": share,
            "idea": _idea(run),
            "offer": run.origin.offer(run.step, jumping=run.playback.jumping),
            "reach": self.reach._asdict() if self.reach is not None else None,
            "locked": {**run.locked, **(viewer.guide.locked if viewer.guide is not None else {})},
            "left": run.num_left,
            "before": run.before.step if run.before is not None else None,
            "metric": viewer.metric(run.config) if run.config.classifies else None,
            "charts": charts_of(run.config, viewer.weights_chart),
            "empty": {**viewer.closer.why_nothing(viewer.weights_chart), **why_empty(run.config, viewer.weights_chart)},
            "tensors": seen.rates.names if seen.rates is not None else (),
            "layers": _layers(run, viewer),
            "then": viewer.travel.target.step if viewer.travel.target is not None else None,
            "apart": viewer.apart.told,
            "lesson": viewer.guide.told(run, viewer) if viewer.guide is not None else None,
            "ghosts": ghosts_told(run.ghosts, viewer.hidden, start=run.changes.start, config=run.config),
            "removals": run.ghosts.num_removals,
            "removed": run.ghosts.removed,
            "marks": [{"step": mark.step, "text": mark.text} for mark in run.changes.marks.all],
        }

    def _share(self) -> str:
        """The address of the run, and of what is looked at; written again only when these, or its timeline, changed."""
        run = self.run
        changes, awaited = run.changes, run.origin.awaited(run.changes)
        start = awaited.config if awaited is not None else changes.start  # a reload asks for the images again
        look = self.viewer.look
        key = (start, len(changes.done), len(changes.scheduled), look)
        if self._shared is None or self._shared[0] != key:
            query = address.write(start, changes.all, look=look)
            if changes.done and "&t=" not in query and self._shared is not None and "&t=" in self._shared[1]:
                self.notice = (
                    "There are more changes than fit into an address: from now on it holds the start of the run only."
                )
            self._shared = (key, query)
        return self._shared[1]


def _drawn(state: Mapping[str, Any]) -> list[int]:
    """Numbers of the ghosts that a page shows when it was told this."""
    return [ghost["number"] for ghost in state["ghosts"] if ghost["shown"]]


@lru_cache(maxsize=64)
def _figures_message(look: Looks, ids: frozenset[str]) -> str:
    charts = [chart for chart in CHARTS if chart.id in ids]
    return json.dumps({"type": "figures", **figures_json(look, charts)}, separators=(",", ":"))


def _layers(run: LiveRun, viewer: Viewer) -> tuple[str, ...]:
    """The layers that a chart has columns of, if any does."""
    looked, moves = viewer.closer.looked, run.audience.seen.moves
    if looked is not None and isinstance(looked.found, LayerChanges):
        return looked.found.layers
    return moves.layers if moves is not None else ()


def _idea(run: LiveRun) -> str:
    """What the algorithm is about, and what to do now; of a run that somebody shared, what its address holds."""
    config, shared = run.config, run.origin.shared
    if shared is not None and run.step == 0 and not run.origin.has_left_shared:
        count = shared.num_changes
        changes = f"{count} change{'s' if count > 1 else ''}"
        if not shared.at:
            return f"This run has {changes}: Play replays it."
        has = f"has {changes} and " if count else ""
        return (
            f"This run {has}was at outer step {shared.at:,}: Jump goes there at full speed and pauses, Play replays it."
        )
    dials = "β and N" if learns_rates(config) else "α, β and N"
    return f"{IDEAS[choice_of(config)]} Press Play, then drag {dials} while it trains."


def _task(config: RunConfig, viewer: Viewer) -> dict[str, Any] | None:
    """The demonstration task's sliders, without values until the task was looked at; None for families that have none."""
    tasks = at_test(config.tasks)
    if not isinstance(tasks, SinusoidConfig):
        return None
    names = shape_of(tasks)
    fit = viewer.fit if isinstance(viewer.fit, TaskFit) and len(viewer.fit.parameters) == len(names) else None
    values = dict(zip(names, map(float, fit.parameters), strict=True)) if fit else {}
    return {
        **{name: values.get(name) for name in SHAPE},
        "amplitude_range": list(tasks.amplitude),
        "phase_range": list(tasks.phase_rad),
        "frequency_range": list(tasks.frequency) if tasks.has_frequency else None,
    }


def _own(config: RunConfig, viewer: Viewer) -> dict[str, Any] | None:
    """What the page needs for drawing characters; None where tasks are not of images."""
    hand = viewer.own.hand
    if config.image_shape is None or hand is None:
        return None
    return {
        "active": viewer.own.task is not None,
        "shape": list(config.image_shape),
        "max_classes": min(MAX_CLASSES, config.num_outputs),
        "max_examples": MAX_EXAMPLES,
        "share": round(hand.share, 2),
        "width": round(hand.width, 2),
        "dark": hand.dark,
        "ink": is_ink(config.tasks),
        "called": _CALLED[config.tasks.kind],
        "note": _ALONE if config.model.batch_norm and config.batch_norm_treatment == "batch" else "",
    }
