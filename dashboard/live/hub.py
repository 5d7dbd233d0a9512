"""The hub: every live run, the pages that watch them, and which chunk is computed next.

All of it lives on the server's event loop and needs no locks. Scripts of Streamlit sessions run in other threads: they open pages and
hand over settings through `open_page`, `change` and `restart`, which only leave a note for the loop.

Fairness: at most one chunk a run is in flight and only a few are given to the executor; the next one is of the run whose settings just
changed, else of the run that has used the least processor time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from typing import Any

from dashboard import address, charts
from dashboard.charts import Levels
from dashboard.live.frames import FrameMaker, looks, marks_layout
from dashboard.live.run import LiveRun
from maml_core.chunks import run_chunk
from maml_core.config import RunConfig, SinusoidConfig, TaskConfig, to_dict
from maml_core.errors import ConfigError, StateError
from maml_core.records import Entry
from maml_core.records import Levels as EngineLevels

_log = logging.getLogger(__name__)

KEEP_S = 120.0
"""How long a run is kept without a page, so that a reload finds it again."""

HIDDEN_PAUSE_S = 600.0
"""A run whose page nobody has seen for so long pauses."""

FRAME_S = 0.11
"""Least time between two frames of a page while its run trains."""

MAX_CREDIT_S = 0.2
"""How far behind the others a run may be counted; more would let one that paused take all processors when it goes on."""

MAX_LOST = 3
"""A run whose chunks are lost more often in a row stops, instead of killing one worker after the other."""

MAX_UNACKNOWLEDGED = 2
"""Frames that a page may have received without drawing; a slow browser skips frames instead of falling behind."""

Send = Callable[[str | bytes], Awaitable[None]]


class Page:
    """One open page: a run, and the socket that feeds it (None until it connects, and after it has gone)."""

    def __init__(self, run: LiveRun, now: float) -> None:
        self.token = secrets.token_urlsafe(16)
        self.run = run
        self.send: Send | None = None
        self.visible = True
        self.last_seen = now
        """When the page was last connected and visible."""
        self.frames = FrameMaker()
        self.unacknowledged: list[int] = []
        self.owes_frame = False
        self.notice = ""
        self.looks: Any = None
        self.said: dict[str, Any] = {}
        self.outbox: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.steps_per_s = math.nan
        self.turn = 0.0
        """Processor seconds that count when it is decided who is next."""
        self._rate_from = (now, 0)

    @property
    def connected(self) -> bool:
        """Whether a socket feeds the page."""
        return self.send is not None

    def measure_rate(self, now: float) -> None:
        """Outer steps per second over the last second or so."""
        since, step = self._rate_from
        if not self.run.playing or self.run.step < step:
            self._rate_from, self.steps_per_s = (now, self.run.step), math.nan
        elif now - since >= 1.0:
            self.steps_per_s = (self.run.step - step) / (now - since)
            self._rate_from = (now, self.run.step)


class Hub:
    """See the module. One per server; `executor` runs the chunks.

    Args:
        executor: Any `concurrent.futures.Executor` whose workers can import `maml_core`.
        num_workers: Chunks that it runs at a time.
        clock: Seconds that only grow.
    """

    def __init__(
        self, executor: Executor, *, num_workers: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._executor = executor
        self._num_workers = num_workers
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pages: dict[str, Page] = {}
        self._in_flight: dict[str, int] = {}
        self._turn = 0.0
        self._levels: dict[TaskConfig, EngineLevels] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.lost_chunks = 0
        """Chunks that were lost with their worker and computed again."""

    # From any thread

    def open_page(self, config: RunConfig, timeline: Sequence[Entry] = ()) -> str:
        """A new page with a run of its own; gives the token that its socket must show."""
        page = Page(LiveRun(config, timeline), self._clock())
        self._pages[page.token] = page
        return page.token

    def config(self, token: str) -> RunConfig | None:
        """The current settings of a page's run; None where the page is no longer known."""
        page = self._pages.get(token)
        return page.run.config if page is not None else None

    def step(self, token: str) -> int:
        """Outer steps that a page's run has taken."""
        page = self._pages.get(token)
        return page.run.step if page is not None else 0

    def change(self, token: str, changes: Mapping[str, Any]) -> None:
        """Change settings of a page's run; what cannot change while training restarts it."""
        self._on_loop(lambda page: page.run.change(changes, now=self._clock()), token)

    def restart(self, token: str, config: RunConfig) -> None:
        """Start a page's run again with another set-up."""
        self._on_loop(lambda page: page.run.restart(config), token)

    def _on_loop(self, action: Callable[[Page], None], token: str) -> None:
        def act() -> None:
            page = self._pages.get(token)
            if page is not None:
                action(page)
                self._state_changed(page)

        if self._loop is None:  # no server (tests of the script): nothing runs beside us
            act()
        else:
            self._loop.call_soon_threadsafe(act)

    # The loop

    async def run(self) -> None:
        """Compute until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                now = self._clock()
                self._tidy(now)
                self._submit(now)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._seconds_to_sleep(now))
                self._wake.clear()
        finally:
            for task in self._tasks:
                task.cancel()
            self._loop = None

    def _active(self) -> list[Page]:
        return [page for page in self._pages.values() if page.connected]

    def _submit(self, now: float) -> None:
        """Give the executor the next chunks: one more than it runs at a time, so that it never waits for us."""
        while sum(self._in_flight.values()) < self._num_workers + 1:
            ready = [page for page in self._active() if page.run.key not in self._in_flight and page.run.is_due(now)]
            if not ready:
                return
            playing = max(1, sum(page.run.playing for page in self._active()))
            for page in ready:  # who did nothing for a while does not catch up on what the others have used since
                page.turn = max(page.turn, self._turn - MAX_CREDIT_S)
            page = min(ready, key=lambda page: (not page.run.urgent, page.turn))
            self._turn = max(self._turn, page.turn)
            budget_s = min(0.040, max(0.010, 0.200 * self._num_workers / playing))
            frame_s = FRAME_S if len(page.unacknowledged) < MAX_UNACKNOWLEDGED else 1.0
            request = page.run.next_request(now, budget_s=budget_s, frame_s=frame_s if page.visible else math.inf)
            self._in_flight[page.run.key] = 1
            try:
                future = asyncio.wrap_future(self._executor.submit(run_chunk, request))
            except BrokenProcessPool:
                future = asyncio.get_running_loop().create_future()
                future.set_exception(BrokenProcessPool())
            task = asyncio.get_running_loop().create_task(self._finish(page.run, page.run.generation, future))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _finish(self, run: LiveRun, generation: int, future: asyncio.Future[Any]) -> None:
        """Take a chunk's result to its run, and what it shows to the page that watches it."""
        notice = ""
        result = None
        try:
            result = await future
        except BrokenProcessPool:
            self.lost_chunks += 1
            notice = (
                f"A worker process ended; a new one took over at outer step {run.step}. Nothing is lost but one chunk."
            )
        except (ConfigError, StateError) as error:
            notice = f"{error}. The run was started again."
        except (
            Exception
        ):  # a fault of ours: one run must not take the hub down, and its page must not stand still silently
            _log.exception("a chunk failed")
            notice = "This set-up could not be computed (the server's log says why). The run was started again; choose other settings."
        finally:
            self._in_flight.pop(run.key, None)
            self._wake.set()
        if generation != run.generation:
            return  # the run was started again meanwhile
        if result is not None:
            run.finished(result, self._clock())
        elif isinstance(future.exception(), BrokenProcessPool) and run.num_lost < MAX_LOST:
            run.lost()
        else:
            if isinstance(future.exception(), BrokenProcessPool):
                notice = (
                    f"The worker process ended {MAX_LOST + 1} times in a row with this set-up; it may need more memory than there is. "
                    "The run was started again; choose smaller settings."
                )
            run.restart()
        page = self._page_of(run)
        if page is None:
            return
        if result is not None:
            page.turn += result.cpu_s
        page.notice = notice or page.notice
        page.measure_rate(self._clock())
        self._state_changed(page)
        if result is not None and result.snapshot is not None:
            self._send_frame(page)

    def _page_of(self, run: LiveRun) -> Page | None:
        return next((page for page in self._pages.values() if page.run is run), None)

    def _seconds_to_sleep(self, now: float) -> float:
        due = [page.run.seconds_until_due(now) for page in self._active() if page.run.key not in self._in_flight]
        return max(0.001, min([1.0, *(wait for wait in due if wait > 0.0)]))

    def _tidy(self, now: float) -> None:
        """Pause what nobody sees, forget what nobody came back to."""
        for token, page in list(self._pages.items()):
            if page.connected and page.visible:
                page.last_seen = now
            elif page.connected and page.run.playing and now - page.last_seen > HIDDEN_PAUSE_S:
                page.run.pause()
                page.notice = "Paused, because this page was out of sight for ten minutes."
                self._state_changed(page)
            elif not page.connected and now - page.last_seen > KEEP_S:
                del self._pages[token]

    # The socket

    def knows(self, token: str) -> bool:
        """Whether a page with this token is open."""
        return token in self._pages

    def connect(self, token: str, send: Send, *, resume: str, released: bool) -> Page:
        """Feed a page through a new socket.

        Args:
            token: Of `open_page`.
            send: Sends one message.
            resume: Key of the run that the browser tab had before; taken over if its page has gone.
            released: The tab says that it left that page itself (a reload, not a duplicate of a tab).
        """
        page = self._pages[token]
        now = self._clock()
        taken_over = False
        before = (
            next((p for p in self._pages.values() if p.run.key == resume and p is not page), None) if resume else None
        )
        if before is not None and (released or not before.connected) and _continues(page.run, before.run):
            page.run, taken_over = before.run, True
            before.send = None
            del self._pages[before.token]
        page.send, page.last_seen, page.visible = send, now, True
        page.unacknowledged.clear()
        page.outbox = asyncio.Queue()
        page.frames.forget()
        page.looks, page.said = None, {}
        page.run.urgent = True
        self._put(page, {"type": "welcome", "run_key": page.run.key})
        self._state_changed(page, controls_changed=taken_over)
        return page

    def disconnect(self, page: Page, send: Send) -> None:
        """The socket has gone: no chunk is computed for the page until it comes back."""
        if page.send is send:
            page.send = None
            page.last_seen = self._clock()

    def receive(self, page: Page, message: Mapping[str, Any]) -> None:
        """Do what the page asks for; what is refused is answered with a sentence."""
        try:
            self._obey(page, message)
        except ConfigError as error:
            self._put(page, {"type": "error", "message": f"{error}."})
        except (ValueError, TypeError, KeyError) as error:
            self._put(page, {"type": "error", "message": str(error)})
        if message.get("type") not in ("ack", "visible"):
            self._state_changed(page)
        self._wake.set()

    def _obey(self, page: Page, message: Mapping[str, Any]) -> None:
        run, now = page.run, self._clock()
        match message.get("type"):
            case "ack":
                page.unacknowledged = [n for n in page.unacknowledged if n > message["frame"]]
                if page.owes_frame and len(page.unacknowledged) < MAX_UNACKNOWLEDGED:
                    self._send_frame(page)
            case "visible":
                page.visible = message["visible"] is True
                if page.visible:
                    run.urgent = True
            case "set":
                change_id = message.get("id")
                run.change(
                    dict(message["changes"]), now=now, change_id=change_id if isinstance(change_id, int) else None
                )
            case "play":
                run.play()
            case "pause":
                run.pause()
                run.urgent = True
            case "outer_step":
                run.take_one_step()
            case "reset":
                run.restart()
            case "run_until":
                run.run_until(message["step"])
            case "speed":
                run.set_speed(message["steps_per_s"])
            case "task":
                parameters = (
                    None if message.get("redraw") else (float(message["amplitude"]), float(message["phase_rad"]))
                )
                run.choose_task(parameters)
            case kind:
                raise ValueError(f"The page sent {str(kind)[:40]!r}, which this server does not know; reload the page.")

    # What the page is told

    def _put(self, page: Page, message: Mapping[str, Any]) -> None:
        if page.connected:
            page.outbox.put_nowait(json.dumps(message, separators=(",", ":"), allow_nan=False))

    def _send_frame(self, page: Page) -> None:
        if not page.connected or not page.visible:
            return
        if len(page.unacknowledged) >= MAX_UNACKNOWLEDGED:
            page.owes_frame = True
            return
        page.owes_frame = False
        run = page.run
        numbers = {
            "steps_per_s": page.steps_per_s,
            "step_ms": run.seconds_per_step * 1e3,
            "train_loss": run.history.train_loss,
            "before": run.history.before,
            "after": run.history.after,
        }
        frame = page.frames.frame(run, numbers)
        page.unacknowledged.append(page.frames.number)
        page.outbox.put_nowait(frame)

    def _state_changed(self, page: Page, *, controls_changed: bool = False) -> None:
        """Tell the page what is not a number in a frame, if it differs from what it was told last."""
        self._wake.set()
        if not page.connected:
            return
        run = page.run
        if run.levels is not None:
            self._levels[run.config.tasks] = run.levels
        levels = self._levels.get(run.config.tasks)
        if levels is not None:  # else the first chunk will tell, in a moment
            look = looks(run.config, levels)
            if look != page.looks:
                page.looks = look
                page.frames.forget()
                page.outbox.put_nowait(_figures_message(look))
                page.said = {}
        state = self._state(page)
        said = page.said
        page.said = {key: value for key, value in state.items() if key != "step"}
        if page.said == said and not controls_changed:
            return
        if said.get("marks") != state["marks"] or not said:
            state["layout"] = marks_layout(run)
        replayed = said and run.status_kind == "replaying" and said.get("config") != state["config"]
        self._put(page, {**state, "controls_changed": controls_changed or bool(replayed)})
        page.notice = ""

    def _state(self, page: Page) -> dict[str, Any]:
        run = page.run
        return {
            "type": "state",
            "playing": run.playing,
            "step": run.step,
            "status": {"kind": run.status_kind, "sentence": run.status.sentence},
            "notice": page.notice,
            "config": to_dict(run.config),
            "ranges": run.slider_ranges(),
            "task": _task(run),
            "speed": run.steps_per_s,
            "share": address.write(run.start, [*run.timeline, *run.scheduled]),
            "marks": [{"step": mark.step, "text": mark.text} for mark in run.marks],
        }


def _continues(opened: LiveRun, before: LiveRun) -> bool:
    """Whether a page just opened asks for the run that its tab had: the same start, and no change that the run does not have."""
    new, old = (address.folded(run.start, [*run.timeline, *run.scheduled]) for run in (opened, before))
    return opened.step == 0 and new.config == old.config and new.timeline == old.timeline[: len(new.timeline)]


@lru_cache(maxsize=16)
def _figures_message(look: Levels) -> str:
    return json.dumps({"type": "figures", **charts.figures_json(look)}, separators=(",", ":"))


def _task(run: LiveRun) -> dict[str, Any] | None:
    """The demonstration task's sliders; None for families that have none."""
    tasks = run.config.tasks
    if not isinstance(tasks, SinusoidConfig):
        return None
    amplitude, phase = (
        (float(value) for value in run.fit.parameters) if run.fit is not None else (tasks.amplitude[1], 0.0)
    )
    return {
        "amplitude": amplitude,
        "phase_rad": phase,
        "amplitude_range": list(tasks.amplitude),
        "phase_range": list(tasks.phase_rad),
    }
