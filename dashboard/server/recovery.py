"""Runs that are taken up where they were: those that were saved, and those of tabs that the server before this one, or a page before, had."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from dashboard.live.history import History
from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from dashboard.server.keeper import Copy, Keeper, drop_copy, read_copy
from dashboard.server.loop import ANSWER_S
from dashboard.server.pages import KEY, Pages
from dashboard.setups import address, limits
from dashboard.setups.own_code import in_place_of, named_code, server_code, why_not_opened
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import PythonConfig
from maml_core.errors import ConfigError, DataError, StateError, StoreError
from maml_core.store import SavedRun

_log = logging.getLogger(__name__)


def usable(saved: SavedRun, executor: Executor) -> History:
    """The curves of a saved run that a page can go on with. Waits for a worker: for other threads only.

    Raises:
        ConfigError: The set-up is too large for a live page.
        StoreError: It has a problem of its own that this server was not started with, or its state cannot be used.
    """
    tasks, code = saved.config.tasks, named_code(saved.config)
    if isinstance(tasks, PythonConfig):
        if code is None:
            raise StoreError("own", f"{saved.name} cannot be opened: {why_not_opened(tasks.problem)}")
        code = code._replace(losses=saved.first_losses)
    else:
        saved.need_settings("opened")
    limits.check(saved.start)
    limits.check(saved.config)
    try:
        request = ChunkRequest(config=saved.config, state=saved.state, images=saved.images, code=code)
        result: ChunkResult = executor.submit(run_chunk, request).result(ANSWER_S)
        if result.step != saved.step:
            raise StateError(f"its state is of outer step {result.step}, not {saved.step}")
    except DataError as error:
        raise StoreError("refused", f"{saved.name} cannot be opened: {error}") from error
    except (StateError, ConfigError) as error:
        if isinstance(tasks, PythonConfig):
            why = error.accepted if isinstance(error, ConfigError) else str(error)
            said = f"{saved.name} cannot be opened with {server_code()}: {why}{in_place_of(tasks.problem)}"
            raise StoreError("own", said) from error
        raise StoreError("damaged", f"{saved.name} cannot be opened: {error}") from error
    except Exception as error:
        _log.exception("a saved run could not be opened")
        sentence = f"{saved.name} could not be opened just now ({type(error).__name__}); try again"
        raise StoreError("refused", sentence) from error
    return History.from_records(saved.records)


def address_of(run: LiveRun) -> address.Address:
    """The run as its page's address holds it."""
    return address.folded(run.changes.start, run.changes.all)


def continues(new: address.Address, old: address.Address) -> bool:
    """Whether a page just opened asks for the run that its tab had: the same start, and no change that the run does not have."""
    return new.config == old.config and new.timeline == old.timeline[: len(new.timeline)]


class Recovery:
    """Takes up runs from the copies that a keeper has left.

    Args:
        keeper: Keeps the copies.
        pages: The open pages.
        executor: Whose workers read the states of saved runs.
        receive: Does what a page has asked for while its run was being read.
    """

    def __init__(
        self, keeper: Keeper, pages: Pages, executor: Executor, receive: Callable[[Page, Mapping[str, Any]], None]
    ) -> None:
        self._keeper = keeper
        self._pages = pages
        self._executor = executor
        self._receive = receive
        self._tasks: set[asyncio.Task[None]] = set()

    def end(self) -> None:
        """Read no further."""
        for task in self._tasks:
            task.cancel()

    def recover(self, page: Page, key: str, *, same_address: bool) -> None:
        """Read the run that a tab had from its copy, if this server, or the one before it, left one, and take it up.

        Args:
            page: Its run has taken no step.
            key: Of the run that the tab had.
            same_address: Only where the address asks for that run.
        """
        if page.tab is None or not KEY.fullmatch(key):
            return
        if page.run.has_begun or page.recovering or page.run.key == key:
            return  # it has a run of its own already
        folder = self._keeper.place(page.tab, key)
        if not folder.is_dir():
            return
        page.recovering = True
        page.run.key = key  # by which the copy is found, also by the next server
        task = asyncio.get_running_loop().create_task(self._take_up(page, folder, same_address=same_address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_up(self, page: Page, folder: Path, *, same_address: bool) -> None:
        saved: SavedRun | None = None
        try:
            try:
                copy = await asyncio.to_thread(read_copy, folder)
                saved = copy.run
                if await self._goes_on(page, copy, same_address=same_address):
                    return
            except (StoreError, ConfigError) as error:
                _log.warning("a copy of a run could not be used: %s", error)
                why = "is damaged" if saved is None else "cannot be used now, and stands in Runs"
                page.notice = f"The copy that was kept of this run {why}: the page starts from its address."
                if isinstance(error, StoreError) and error.kind == "own":
                    page.notice += f" {str(error)[:1].upper()}{str(error)[1:]}."
            if saved is not None:
                self._keeper.keep_before(page, saved)
            await asyncio.to_thread(drop_copy, folder)  # its place is that of another run's copy now
        except Exception:
            _log.exception("a run could not be taken up again")
        finally:
            page.recovering = False
            self._pages.tell(page.run)
            waiting, page.waiting = page.waiting, []
            for message in waiting:
                self._receive(page, message)

    async def _goes_on(self, page: Page, copy: Copy, *, same_address: bool) -> bool:
        """Whether a page goes on with a copy: not where its address or its visitor has asked for another run."""
        run, generation, saved = page.run, page.run.generation, copy.run
        history = await asyncio.to_thread(usable, saved, self._executor)
        asked = not same_address or continues(address_of(run), address.folded(saved.start, saved.timeline))
        if not asked or run.generation != generation or run.step > 0:
            return False
        stands_in_for = run.origin.stands_in_for
        run.open(saved, history, called=copy.called)
        run.origin.stands_in_for = stands_in_for
        if copy.playing and saved.status.kind == "ok":
            run.playback.play(until=copy.stop_at)
        if copy.scratch:
            run.audience.show_scratch(True, run.config)
        run.playback.set_speed(copy.steps_per_s)
        page.follow = True
        page.notice = f"This run goes on from outer step {run.step:,}, where it was last kept."
        return True
