"""One open page: the run that it watches, the socket that feeds it, and what it has been told."""

from __future__ import annotations

import asyncio
import json
import math
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dashboard import address, charts
from dashboard.algorithms import IDEAS, choice_of
from dashboard.charts import Looks
from dashboard.charts.words import in_greek
from dashboard.live.drawings import MAX_CLASSES, MAX_EXAMPLES, is_ink
from dashboard.live.frames import FrameMaker, layouts, looks
from dashboard.live.infos import charts_of, why_empty
from dashboard.live.now import now
from dashboard.live.run import LiveRun
from maml_core.config import RunConfig, SinusoidConfig, learns_rates, to_dict
from maml_core.records import TaskFit

MAX_UNACKNOWLEDGED = 2
"""Frames that a page may have received without drawing; a slow browser skips frames instead of falling behind."""

_CALLED = {"glyphs": "glyphs", "omniglot": "characters", "folder": "images"}
"""What the images of each task family are called, on the button that copies some."""

_ALONE = "A query alone is no batch: batch norm judges it by the examples' statistics."

Outbox = asyncio.Queue[str | bytes]


class Page:
    """A page and its run; `outbox` is None until a socket connects, and after it has gone."""

    def __init__(self, run: LiveRun, now: float) -> None:
        self.token = secrets.token_urlsafe(16)
        self.run = run
        self.tab: str | None = None
        """What only this browser tab knows, also after a reload; None until its socket has said hello."""
        self.workspace = ""
        """Name of the workspace whose runs are shown; empty for the tab's own."""
        self.outbox: Outbox | None = None
        self.visible = True
        self.last_seen = now
        """When the page was last connected and visible."""
        self.notice = ""
        """A sentence to show once."""
        self.turn = 0.0
        """Processor seconds of training that count when it is decided who is next."""
        self.follow = False
        """The sidebar may show settings that are no longer the run's."""
        self.drawn: Mapping[str, Any] | None = None
        """What the sidebar shows; None before it is drawn, and while it is being drawn again."""
        self.steps_per_s = math.nan
        self._rate_from = (now, 0)
        self._frames = FrameMaker()
        self._unacknowledged: list[int] = []
        self._owes_frame = False
        self._looks: Looks | None = None
        self._told: dict[str, Any] = {}
        self._laid_out: tuple[Any, ...] = ()
        self._shared: tuple[tuple[RunConfig, int, int], str] | None = None

    @property
    def connected(self) -> bool:
        """Whether a socket feeds the page."""
        return self.outbox is not None

    @property
    def is_behind(self) -> bool:
        """Whether the browser has yet to draw what it was sent."""
        return len(self._unacknowledged) >= MAX_UNACKNOWLEDGED

    def connect(self, now: float) -> Outbox:
        """A new socket: tell it everything from the start. What it must send comes out of the queue."""
        self.outbox = asyncio.Queue()
        self.last_seen, self.visible = now, True
        self._rate_from, self.steps_per_s = (now, self.run.step), math.nan
        self._unacknowledged, self._owes_frame = [], False
        self._frames.forget()
        self._looks, self._told, self._laid_out, self._shared = None, {}, (), None
        self.run.urgent = True
        self.put({"type": "welcome", "run_key": self.run.key, "tab": self.tab})
        return self.outbox

    def acknowledge(self, frame: int) -> None:
        """The browser has drawn this frame and those before it."""
        self._unacknowledged = [number for number in self._unacknowledged if number > frame]
        if self._owes_frame:
            self.send_frame()

    def measure_rate(self, now: float) -> None:
        """Outer steps per second over the last second or so."""
        since, step = self._rate_from
        if not self.run.playing or self.run.step < step:
            self._rate_from, self.steps_per_s = (now, self.run.step), math.nan
        elif now - since >= 1.0:
            self.steps_per_s = (self.run.step - step) / (now - since)
            self._rate_from = (now, self.run.step)

    def put(self, message: Mapping[str, Any]) -> None:
        """Send a message, if anybody listens."""
        if self.outbox is not None:
            self.outbox.put_nowait(json.dumps(message, separators=(",", ":"), allow_nan=False))

    def send_frame(self) -> None:
        """Send the newest numbers, now or as soon as the browser has caught up."""
        if self.outbox is None or not self.visible:
            return
        self._owes_frame = self.is_behind
        if self._owes_frame:
            return
        numbers = {
            "steps_per_s": self.steps_per_s,
            "step_ms": self.run.seconds_per_step * 1e3,
            **self.run.history.newest(self.run.metric)._asdict(),
        }
        frame = self._frames.frame(self.run, numbers)
        self._unacknowledged.append(self._frames.number)
        self.outbox.put_nowait(frame)

    def tell(self) -> None:
        """Send what is not a number in a frame, where it differs from what the page was told last."""
        if self.outbox is None:
            return
        run = self.run
        if run.levels is not None:  # no figure before they are known: they are part of it
            look = looks(run.config, run.levels, metric=run.metric, scratch=run.shows_scratch)
            if look != self._looks:
                self._looks, self._told, self._laid_out = look, {}, ()
                self._frames.forget()
                self._unacknowledged.clear()  # the page draws nothing until it has the new figures' numbers
                self.outbox.put_nowait(_figures_message(look))
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
            state["layout"], self._laid_out = layouts(run), laid_out
        if told.get("run") != run.name:
            state["now"] = now(run)
        self.put({**state, "controls_changed": self.follow})
        self.notice, self.follow = "", False

    def _state(self, share: str) -> dict[str, Any]:
        run = self.run
        return {
            "type": "state",
            "run": run.name,
            "computing": not run.is_seen and not run.sentence,
            "playing": run.playing,
            "step": run.step,
            "status": {"kind": run.status_kind, "sentence": in_greek(run.sentence)},
            "notice": self.notice,
            "config": to_dict(run.config),
            "ranges": run.slider_ranges(),
            "task": _task(run),
            "own": _own(run),
            "speed": run.steps_per_s,
            "share": share,
            "idea": _idea(run.config),
            "locked": run.locked,
            "left": run.num_left,
            "before": run.before.step if run.before is not None else None,
            "metric": run.metric if run.config.classifies else None,
            "charts": charts_of(run.config, run.weights_chart),
            "empty": why_empty(run.config),
            "tensors": run.seen.rates.names if run.seen.rates is not None else (),
            "layers": run.seen.moves.layers if run.seen.moves is not None else (),
            "marks": [{"step": mark.step, "text": mark.text} for mark in run.marks],
        }

    def _share(self) -> str:
        """The address of the run; written again only when its start or its timeline changed."""
        run = self.run
        key = (run.start, len(run.timeline), len(run.scheduled))
        if self._shared is None or self._shared[0] != key:
            query = address.write(run.start, [*run.timeline, *run.scheduled])
            if run.timeline and "&t=" not in query and self._shared is not None and "&t=" in self._shared[1]:
                self.notice = (
                    "There are more changes than fit into an address: from now on it holds the start of the run only."
                )
            self._shared = (key, query)
        return self._shared[1]


@lru_cache(maxsize=16)
def _figures_message(look: Looks) -> str:
    return json.dumps({"type": "figures", **charts.figures_json(look)}, separators=(",", ":"))


def _idea(config: RunConfig) -> str:
    """What the algorithm is about, and what to do now."""
    dials = "β and N" if learns_rates(config) else "α, β and N"
    return f"{IDEAS[choice_of(config)]} Press Play, then drag {dials} while it trains."


def _task(run: LiveRun) -> dict[str, Any] | None:
    """The demonstration task's sliders, without values until the task was looked at; None for families that have none."""
    tasks = run.config.tasks
    if not isinstance(tasks, SinusoidConfig):
        return None
    fit = run.seen.fit if isinstance(run.seen.fit, TaskFit) and len(run.seen.fit.parameters) == 2 else None
    amplitude, phase = (float(v) for v in fit.parameters) if fit else (None, None)
    return {
        "amplitude": amplitude,
        "phase_rad": phase,
        "amplitude_range": list(tasks.amplitude),
        "phase_range": list(tasks.phase_rad),
    }


def _own(run: LiveRun) -> dict[str, Any] | None:
    """What the page needs for drawing characters; None where tasks are not of images."""
    config, hand = run.config, run.own.hand
    if config.image_shape is None or hand is None:
        return None
    return {
        "active": run.own.task is not None,
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
