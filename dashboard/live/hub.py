"""The hub: every open page with its run, and which chunk is computed next.

All of it lives on the server's event loop and needs no locks. Scripts of Streamlit sessions run in other threads: what they ask for is
done on the loop while they wait, so that the sidebar that they draw next shows what the run then is.

Fairness: at most one chunk a run is in flight and only a few are given to the executor; the next one is of the run whose settings just
changed, else of the run that has trained for the least processor time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from dashboard import address, limits
from dashboard.live.desk import Desk, JobKey
from dashboard.live.drawings import own_task
from dashboard.live.history import History
from dashboard.live.pacing import Pace
from dashboard.live.page import Outbox, Page
from dashboard.live.run import LiveRun
from dashboard.live.sweep_job import SweepJob
from dashboard.live.sweep_page import SweepPage
from dashboard.settings import Shown
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import FolderConfig, RunConfig, TaskConfig
from maml_core.errors import ClusterError, ConfigError, DataError, StateError, StoreError
from maml_core.records import Entry, Levels
from maml_core.store import SavedRun

T = TypeVar("T")

_log = logging.getLogger(__name__)

KEEP_S = 120.0
"""How long a run is kept without a page, so that a reload finds it again."""

HIDDEN_PAUSE_S = 600.0
"""A run whose page nobody has seen for so long pauses."""

MAX_CREDIT_S = 0.2
"""How far behind the others a run may be counted; more would let one that paused take all processors when it goes on."""

MAX_LEAD_S = 0.1
"""How far ahead of a run that is being computed another may get; a free place is left free rather than given to it."""

MAX_LOST = 3
"""A run whose chunks are lost more often in a row stops, instead of killing one worker after the other."""

MIN_CHUNK_S, MAX_CHUNK_S, ROUND_S = 0.010, 0.030, 0.120
"""A chunk takes its share of a round of all runs that train, within these bounds, in processor seconds."""

ANSWER_S = 60.0
"""How long a script waits for the loop or for a worker."""

_TAB = re.compile("[A-Za-z0-9_-]{22}")
"""What `secrets.token_urlsafe(16)` gives."""

CROWDED_PACE = Pace(frame_s=0.024, trajectories_s=0.12, slow_s=0.3)
"""For each run that trains and each worker: looking must leave time for training, however many pages are open."""


class Hub:
    """See the module. One per server.

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
        self._in_flight: dict[str, Page] = {}
        """By the run's key."""
        self._turn = 0.0
        self._levels: dict[TaskConfig, Levels] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.sweeps = Desk(
            executor,
            num_workers=num_workers,
            clock=clock,
            wake=self._wake.set,
            is_present=self.is_present,
            is_known=self.knows,
        )

    # From any thread

    def is_present(self, token: str) -> bool:
        """Whether a page's visitor is still there, on this screen or on the sweeps'."""
        page, sweeps = self._pages.get(token), self.sweeps.page(token)
        return page is not None and (page.connected or (sweeps is not None and sweeps.connected))

    def open_page(self, config: RunConfig, timeline: Sequence[Entry] = ()) -> str:
        """A new page with a run of its own; gives the token that its socket must show."""
        page = Page(LiveRun(config, timeline), self._clock())
        self._pages[page.token] = page
        return page.token

    def knows(self, token: str) -> bool:
        """Whether a page with this token is open."""
        return token in self._pages

    def config(self, token: str) -> RunConfig | None:
        """The current settings of a page's run; None where the page is no longer known."""
        page = self._pages.get(token)
        return page.run.config if page is not None else None

    def sidebar(self, token: str) -> Shown | None:
        """What the sidebar of a page is to show; None where the page is no longer known."""
        page = self._pages.get(token)
        return page.run.shown if page is not None else None

    def drawn(self, token: str, shown: Shown) -> None:
        """The sidebar of a page shows this now; it is drawn again when the run has come to differ from it."""

        def note(page: Page) -> None:
            page.drawn = shown.values

        self._on_loop(note, token)

    def change(self, token: str, changes: Mapping[str, Any]) -> None:
        """Change settings of a page's run, for its sidebar; what cannot change while training restarts it.

        Raises:
            ConfigError: A value is not accepted; nothing changed.
            StoreError: The loop does not answer.
        """
        self._from_sidebar(lambda page: page.run.change(changes, now=self._clock()), token)

    def restart(self, token: str, build: Callable[[RunConfig], RunConfig]) -> None:
        """Start a page's run again with another set-up, made from the current one, for its sidebar.

        Raises:
            ConfigError: The set-up is not accepted; nothing changed.
            StoreError: The loop does not answer.
        """
        self._from_sidebar(lambda page: page.run.restart(build(page.run.config)), token)

    def show_scratch(self, token: str, wanted: bool) -> None:
        """Show training from scratch beside a page's run, or no longer, for its sidebar.

        Raises:
            ConfigError: That would take too long with this set-up; nothing changed.
            StoreError: The loop does not answer.
        """
        self._from_sidebar(lambda page: page.run.show_scratch(wanted), token)

    def step(self, token: str) -> int:
        """Outer steps that a page's run has taken; 0 where the page is no longer known."""
        page = self._pages.get(token)
        return page.run.step if page is not None else 0

    def tab(self, token: str) -> str | None:
        """What the browser tab of a page proves itself with; None until its socket has said hello."""
        page = self._pages.get(token)
        return page.tab if page is not None else None

    def workspace(self, token: str) -> str:
        """Name of the workspace that a page's visitor has entered; empty for none."""
        page = self._pages.get(token)
        return page.workspace if page is not None else ""

    def enter_workspace(self, token: str, name: str) -> None:
        """Remember the workspace of a page, as long as its tab is there."""
        page = self._pages.get(token)
        if page is not None:
            page.workspace = name

    def saved_run(self, token: str, name: str) -> SavedRun | None:
        """A page's run as it can be saved; None where there is nothing yet. Waits for the loop: for other threads only.

        Raises:
            StoreError: The loop does not answer.
        """
        return self._ask(lambda page: page.run.saved(name), token)

    def open_run(self, token: str, saved: SavedRun, *, called: str = "") -> None:
        """Put a saved run in the place of a page's run, paused. Waits for a worker and for the loop: for other threads only.

        Args:
            token: Of the page.
            saved: The run.
            called: What it is called among the presets, if it stands there.

        Raises:
            ConfigError: The set-up is too large for a live page.
            StoreError: It has a problem of its own, or the run's state cannot be used. The page's run is as it was, as with any other error.
        """
        saved.need_settings("opened")
        limits.check(saved.start)
        limits.check(saved.config)
        try:
            request = ChunkRequest(config=saved.config, state=saved.state, images=saved.images)
            result: ChunkResult = self._executor.submit(run_chunk, request).result(ANSWER_S)
            if result.step != saved.step:
                raise StateError(f"its state is of outer step {result.step}, not {saved.step}")
        except DataError as error:
            where = "; where they lie now is said with: maml train --resume NAME --folder PATH"
            sentence = f"{saved.name} cannot be opened: {error}"
            raise StoreError(
                "refused", sentence + (where if isinstance(saved.config.tasks, FolderConfig) else "")
            ) from error
        except (StateError, ConfigError) as error:
            raise StoreError("damaged", f"{saved.name} cannot be opened: {error}") from error
        except Exception as error:
            _log.exception("a saved run could not be opened")
            sentence = f"{saved.name} could not be opened just now ({type(error).__name__}); try again"
            raise StoreError("refused", sentence) from error
        history = History.of(saved.records)
        self._from_sidebar(lambda page: page.run.open(saved, history, called=called), token)

    def before(self, token: str) -> SavedRun | None:
        """The run before the last restart of a page's run; None where there is none."""
        page = self._pages.get(token)
        return page.run.before if page is not None else None

    def undo(self, token: str) -> None:
        """Bring the run before the last restart back, for a page's sidebar.

        Raises:
            ValueError: There is none.
            StoreError: The loop does not answer.
        """
        self._from_sidebar(lambda page: page.run.undo(), token)

    def start_sweep(self, token: str, key: JobKey, job: SweepJob) -> None:
        """Compute a sweep and show it on a page; of one that is held already, go on."""

        def start() -> None:
            self.sweeps.add(key, job).resume()
            self.sweeps.watch(token, key)

        self._post(start)

    def show_sweep(self, token: str, key: JobKey | None, job: SweepJob | None = None) -> None:
        """Show a sweep on a page, at rest if it is not held already; None for none."""

        def show() -> None:
            if key is not None and job is not None:
                self.sweeps.add(key, job)
            self.sweeps.watch(token, key)

        self._post(show)

    def inherit_sweep(self, old: str, new: str) -> None:
        """Show the sweep of a page on the one that takes its place."""
        self._post(lambda: self.sweeps.inherit(old, new))

    def forget_sweep(self, key: JobKey) -> None:
        """Let go of a sweep that is about to be deleted. Waits for the loop: for other threads only.

        Raises:
            StoreError: The loop does not answer.
        """
        self._answer(lambda: self.sweeps.forget(key))

    def _post(self, act: Callable[[], None]) -> None:
        """Have the loop do something."""
        if self._loop is None:  # no server (tests of the script): nothing runs beside us
            act()
        else:
            self._loop.call_soon_threadsafe(act)

    def _ask(self, action: Callable[[Page], T], token: str) -> T | None:
        """Have the loop do something with a page, and wait for what comes out; None where the page is not known."""

        def act() -> T | None:
            page = self._pages.get(token)
            if page is None:
                return None
            try:
                return action(page)
            finally:
                self._tell(page)

        return self._answer(act)

    def _answer(self, act: Callable[[], T]) -> T:
        """Have the loop do something, and wait for what comes out."""
        answer: Future[T] = Future()

        def done() -> None:
            try:
                answer.set_result(act())
            except Exception as error:
                answer.set_exception(error)

        self._post(done)
        try:
            return answer.result(ANSWER_S)
        except TimeoutError as error:
            raise StoreError("refused", "the server is too busy to answer; try again") from error

    def _from_sidebar(self, action: Callable[[Page], None], token: str) -> None:
        """Have the loop do what a page's sidebar asks for; the sidebar is drawn right afterwards and need not be told."""

        def act(page: Page) -> None:
            page.drawn = None
            action(page)

        self._ask(act, token)

    def _on_loop(self, action: Callable[[Page], None], token: str) -> None:
        def act() -> None:
            page = self._pages.get(token)
            if page is not None:
                self._attempt(page, lambda: action(page))

        self._post(act)

    # The loop

    async def run(self) -> None:
        """Compute until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                now = self._clock()
                try:
                    self._tidy(now)
                    self.sweeps.tidy(now)
                    self._submit(now)
                except Exception:  # a fault of ours with one page must not stop all the others
                    _log.exception("the hub stumbled")
                # Not `asyncio.wait_for`: before Python 3.12 it may swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds_to_sleep(now)):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            for task in self._tasks:
                task.cancel()
            self._loop = None

    def _active(self) -> list[Page]:
        # A copy: a script's thread may open a page meanwhile.
        return [page for page in list(self._pages.values()) if page.connected]

    def _submit(self, now: float) -> None:
        """Give the executor the next chunks: one more than it runs at a time, so that it never waits for us."""
        while len(self._in_flight) < self._num_workers + 1:
            active = self._active()
            page = self._next(active, now)
            if page is None:
                self._submit_sweeps()
                return
            crowd = max(1, sum(other.run.playing for other in active)) / self._num_workers
            budget_s = min(MAX_CHUNK_S, max(MIN_CHUNK_S, ROUND_S / crowd))
            if page.run.urgent:  # whoever waits for an answer gets it before more training
                budget_s = MIN_CHUNK_S
            request = page.run.next_request(now, budget_s=budget_s, pace=_pace(page, crowd))
            try:
                future = asyncio.wrap_future(self._executor.submit(run_chunk, request))
            except Exception as error:  # told to the page like an error of the chunk itself
                future = asyncio.get_running_loop().create_future()
                future.set_exception(error)
            self._in_flight[page.run.key] = page
            task = asyncio.get_running_loop().create_task(self._finish(page.run, page.run.generation, future))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _submit_sweeps(self) -> None:
        """No live run waits, neither here nor in the executor's queue: let sweeps have what is left."""
        while len(self._in_flight) <= self._num_workers and self.sweeps.submit_next():
            pass

    def _next(self, active: list[Page], now: float) -> Page | None:
        """The page whose run is computed next."""
        ready = [page for page in active if page.run.key not in self._in_flight and page.run.is_due(now)]
        for page in ready:  # who did nothing for a while does not catch up on what the others have used since
            page.turn = max(page.turn, self._turn - MAX_CREDIT_S)
        behind = min((page.turn for page in self._in_flight.values() if page.run.playing), default=math.inf)
        ready = [page for page in ready if page.run.urgent or page.turn <= behind + MAX_LEAD_S]
        page = min(ready, key=lambda page: (not page.run.urgent, page.turn), default=None)
        if page is not None:
            self._turn = max(self._turn, page.turn)
        return page

    async def _finish(self, run: LiveRun, generation: int, future: asyncio.Future[ChunkResult]) -> None:
        """Take a chunk's result to its run, and what it shows to the page that watches it."""
        result: ChunkResult | None = None
        problem: Exception | None = None
        try:
            result = await future
        except Exception as error:
            problem = error
        finally:
            page = self._in_flight.pop(run.key, None)
            self._wake.set()
        page = next((p for p in list(self._pages.values()) if p.run is run), page)
        if page is None:
            return
        if result is not None:
            page.turn += result.advance_s  # looking is paced by the clock, the same for all
        if generation != run.generation:
            return  # the run was started again meanwhile
        try:
            self._take(page, run, result, problem)
        except Exception as error:
            _log.exception("a result could not be taken in")
            run.failed(_failure(error))
            self._tell(page)

    def _take(self, page: Page, run: LiveRun, result: ChunkResult | None, problem: Exception | None) -> None:
        if result is not None:
            run.finished(result, self._clock())
            self._levels[result.config.tasks] = result.levels
            page.follow = page.follow or run.replayed
            run.replayed = False
        elif isinstance(problem, BrokenProcessPool) and run.num_lost < MAX_LOST:
            run.lost()
            page.notice = f"A worker process ended; a new one goes on from outer step {run.step}."
        else:
            _log.error("a chunk failed", exc_info=problem)
            run.failed(_failure(problem))
        page.measure_rate(self._clock())
        self._tell(page)
        if result is not None and result.snapshot is not None:
            page.send_frame()

    def _seconds_to_sleep(self, now: float) -> float:
        waiting = [page.run.seconds_until_due(now) for page in self._active() if page.run.key not in self._in_flight]
        return max(0.001, min([self.sweeps.seconds_to_sleep(now), *(wait for wait in waiting if wait > 0.0)]))

    def _tidy(self, now: float) -> None:
        """Pause what nobody sees, forget what nobody came back to."""
        for token, page in list(self._pages.items()):
            if (page.connected and page.visible) or (not page.connected and self.is_present(token)):
                page.last_seen = now
            elif page.connected and page.run.playing and now - page.last_seen > HIDDEN_PAUSE_S:
                page.run.pause()
                page.notice = "Paused, because this page was out of sight for ten minutes."
                self._tell(page)
            elif not page.connected and now - page.last_seen > KEEP_S:
                del self._pages[token]

    # The socket

    def connect(self, token: str, *, resume: str, released: bool, tab: str = "") -> tuple[Page, Outbox]:
        """Feed a page through a new socket, which sends what comes out of the outbox.

        Args:
            token: Of `open_page`; it must be known.
            resume: Key of the run that the browser tab had before; taken over if its page has gone.
            released: The tab says that it left that page itself (a reload, not a duplicate of a tab).
            tab: What the tab was told to prove itself with; empty for a new one.
        """
        page = self._met(token, tab)
        before = next((p for p in list(self._pages.values()) if p.run.key == resume and p is not page), None)
        if before is not None and (released or not before.connected) and _continues(page.run, before.run):
            page.run, page.turn, page.follow = before.run, before.turn, True
            before.outbox = None
            del self._pages[before.token]
        outbox = page.connect(self._clock())
        self._tell(page)
        return page, outbox

    def connect_sweeps(self, token: str, *, resume: str, tab: str = "") -> tuple[SweepPage, Outbox]:
        """Feed the sensitivity screen of a page through a new socket.

        Its live run stays what it was before a reload: this screen's address names none.
        """
        page = self._met(token, tab)
        before = next((p for p in list(self._pages.values()) if p.run.key == resume and p is not page), None)
        if before is not None and not self.is_present(before.token) and page.run.step == 0:
            page.run, page.turn, page.follow = before.run, before.turn, True
            del self._pages[before.token]
        sweeps, outbox = self.sweeps.connect(token)
        sweeps.put({"type": "welcome", "run_key": page.run.key, "tab": page.tab})
        return sweeps, outbox

    def _met(self, token: str, tab: str) -> Page:
        """A page whose browser tab has said who it is."""
        page = self._pages[token]
        page.tab = tab if _TAB.fullmatch(tab) else page.tab or secrets.token_urlsafe(16)
        page.workspace = page.workspace or self._workspace_of(page.tab)
        return page

    def _workspace_of(self, tab: str) -> str:
        return next((page.workspace for page in list(self._pages.values()) if page.tab == tab and page.workspace), "")

    def disconnect(self, page: Page, outbox: Outbox) -> None:
        """The socket has gone: no chunk is computed for the page until it comes back."""
        if page.outbox is outbox:
            page.outbox = None
            page.last_seen = self._clock()

    def receive(self, page: Page, message: Mapping[str, Any]) -> None:
        """Do what the page asks for; what is refused is answered with a sentence."""
        self._attempt(page, lambda: self._obey(page, message))

    def receive_sweeps(self, token: str, page: SweepPage, message: Mapping[str, Any]) -> None:
        """Do what the sensitivity screen of a page asks for."""
        visitor = self._pages.get(token)
        if message.get("type") == "freeze" and visitor is not None:
            run = visitor.run
            self.sweeps.freeze(token, run.state_config, run.state, f"The live run's θ_0 at outer step {run.step:,}")
        else:
            self.sweeps.receive(page, message)

    def _attempt(self, page: Page, action: Callable[[], None]) -> None:
        try:
            action()
        except KeyError as error:
            page.put({"type": "error", "message": f"The page's message lacks {error}; reload the page."})
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            page.put({"type": "error", "message": f"{error}."})
        self._tell(page)

    def _tell(self, page: Page) -> None:
        page.run.know(self._levels.get(page.run.config.tasks))
        page.tell()
        self._wake.set()

    def _obey(self, page: Page, message: Mapping[str, Any]) -> None:
        run, now = page.run, self._clock()
        match message.get("type"):
            case "ack":
                page.acknowledge(message["frame"])
            case "visible":
                page.visible = message["visible"] is True
                run.urgent = run.urgent or page.visible
            case "set":
                run.change(dict(message["changes"]), now=now, change_id=_id(message))
            case "play":
                run.play()
            case "pause":
                run.pause()
            case "outer_step":
                run.take_one_step()
            case "reset":
                run.restart()
            case "undo":
                run.undo()
            case "run_until":
                run.run_until(message["step"])
            case "speed":
                run.set_speed(message["steps_per_s"])
            case "metric":
                run.choose_metric(message["metric"])
                self._tell(page)
                page.send_frame()
            case "weights_chart":
                run.choose_weights_chart(message["chart"])
            case "task" if message.get("redraw") is True:
                run.choose_task(None)
            case "task":
                run.choose_task((float(message["amplitude"]), float(message["phase_rad"])))
            case "own_task" if message.get("clear") is True:
                run.choose_own_task(None, change_id=_id(message))
            case "own_task":
                run.choose_own_task(own_task(message, run.config), change_id=_id(message))
            case "example_task":
                page.put({"type": "example_task", **run.own.example()})
            case kind:
                raise ValueError(f"the page sent {str(kind)[:40]!r}, which this server does not know; reload the page")


def _id(message: Mapping[str, Any]) -> int | None:
    """The number that a page gives to what it asks for, so that it knows the frame that has seen it."""
    found = message.get("id")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _pace(page: Page, crowd: float) -> Pace:
    """How often to look at a page's run, when `crowd` runs share a worker."""
    if not page.visible:
        return Pace(frame_s=math.inf)
    pace = Pace(*(max(least, share * crowd) for least, share in zip(Pace(), CROWDED_PACE, strict=True)))
    return pace._replace(frame_s=max(1.0, pace.frame_s)) if page.is_behind else pace


def _continues(opened: LiveRun, before: LiveRun) -> bool:
    """Whether a page just opened asks for the run that its tab had: the same start, and no change that the run does not have."""
    new, old = (address.folded(run.start, [*run.timeline, *run.scheduled]) for run in (opened, before))
    return opened.step == 0 and new.config == old.config and new.timeline == old.timeline[: len(new.timeline)]


def _failure(problem: Exception | None) -> str:
    """Why a chunk could not be computed, and what to do."""
    if isinstance(problem, BrokenProcessPool):
        why = f"The worker process ended {MAX_LOST + 1} times in a row; this set-up may need more memory than there is."
    elif isinstance(problem, ConfigError | DataError | ClusterError):
        why = f"{problem}."
    else:
        why = f"This set-up could not be computed ({type(problem).__name__}; the server's log says more)."
    return f"{why} The run stands at its last good step: choose other settings, or reset."
