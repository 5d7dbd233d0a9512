"""The open pages: who is who, which of them watch the same run, and what they are told."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from dashboard.charts.symbols import in_greek
from dashboard.live.feed import Feed
from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from dashboard.setups.settings import refusal
from maml_core.config import RunTasks
from maml_core.errors import ConfigError
from maml_core.records import Levels

KEY = re.compile("[A-Za-z0-9_-]{22}")
"""What `secrets.token_urlsafe(16)` gives."""


class Pages:
    """See the module.

    Args:
        wake: Called whenever there may be something to compute.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._pages: dict[str, Page] = {}
        self.num_forgotten = 0
        """Pages that were there, and are not any more."""
        self._levels: dict[RunTasks, Levels] = {}
        """Reference levels that some run has measured."""

    def add(self, page: Page) -> None:
        """One more is open."""
        self._pages[page.token] = page

    def forget(self, page: Page) -> None:
        """One has gone, and its viewer with it; whoever else watches the run goes on."""
        del self._pages[page.token]
        self.num_forgotten += 1
        if not page.follows:
            page.run.audience.leave(page.viewer)

    def replace(self, old: Page, new: Page) -> None:
        """A page, opened again, takes the place that it had: its run, and what it looked at."""
        new.take_over(old)
        old.connection.close()
        del self._pages[old.token]
        self.num_forgotten += 1

    def get(self, token: str) -> Page | None:
        """The page with this token; None where it is not known."""
        return self._pages.get(token)

    def all(self) -> list[Page]:
        """Every open page, the oldest first."""
        return list(self._pages.values())  # a copy: a script's thread may open a page meanwhile

    def of(self, run: LiveRun) -> list[Page]:
        """The pages that watch a run."""
        return [page for page in self.all() if page.run is run]

    def watched(self) -> dict[LiveRun, list[Page]]:
        """The runs that a socket feeds a page of, with these pages."""
        found: dict[LiveRun, list[Page]] = {}
        for page in self.all():
            if page.connected:
                found.setdefault(page.run, []).append(page)
        return found

    def looking(self) -> list[Page]:
        """One page for each viewer, through which all of a class look: one that a socket feeds, and that is seen if any is."""
        found: dict[Feed, Page] = {}
        for page in self.all():
            if page.connected and (page.feed not in found or (page.visible and not found[page.feed].visible)):
                found[page.feed] = page
        return list(found.values())

    def lessons_of(self, home: str) -> list[Page]:
        """The pages on which the visitor of a live page, by its token, goes through lessons."""
        return [page for page in self.all() if page.home == home]

    def owners(self) -> list[Page]:
        """The page that each run belongs to: of those that are there, the one that has watched it for longest. None of a class, whose run is another's."""

        def order(page: Page) -> tuple[bool, int]:
            return page.tab is None, page.run.audience.viewers.index(page.viewer)

        pages = [page for page in self.all() if not page.in_class]
        own = {run: [page for page in pages if page.run is run] for run in dict.fromkeys(page.run for page in pages)}
        return [min(found, key=order) for found in own.values()]

    # Who is who

    def meet(self, token: str, tab: str) -> Page:
        """A page whose browser tab has said who it is."""
        page = self._pages[token]
        page.tab = tab if KEY.fullmatch(tab) else page.tab or secrets.token_urlsafe(16)
        same = (other.workspace for other in self.all() if other.tab == page.tab and other.workspace)
        page.workspace = page.workspace or next(same, "")
        return page

    def before(self, page: Page, key: str) -> Page | None:
        """The page that a page's tab had before, with the run of this key: its own, if there is one, or one that nobody feeds."""
        found = [other for other in self.all() if other.run.key == key and other is not page and not other.in_class]
        return min(found, key=lambda other: (other.tab != page.tab, other.connected), default=None)

    # What they are told

    def attempt(self, page: Page, action: Callable[[], None], *, tells: bool = True, asked: object = None) -> None:
        """Do what a page asks for; what is refused is answered with a sentence.

        Args:
            page: Who asks.
            action: Does it.
            tells: Whether it may have changed what the pages of the run are told.
            asked: The number under which the page asks, if it does so under one: the answer has it too.
        """
        try:
            action()
        except KeyError as error:
            page.put(_refused(f"The page's message lacks {error}; reload the page.", asked))
        except ConfigError as error:
            page.put(_refused(in_greek(refusal(error, page.run.config)), asked))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            page.put(_refused(in_greek(f"{str(error).removesuffix('.')}."), asked))
        if tells:
            self.tell(page.run)

    def learn(self, tasks: RunTasks, levels: Levels) -> None:
        """The reference levels of a task family, for every run of it."""
        self._levels[tasks] = levels

    def tell(self, run: LiveRun) -> None:
        """Tell all pages of a run what has changed."""
        run.levels = run.levels or self._levels.get(run.config.tasks)
        pages = self.of(run)
        notice, run.notice = run.notice, ""
        for page in pages:
            page.notice = notice or page.notice
            page.feed.outdate()
        for page in pages:
            page.hear()
            if page.follows:
                page.catch_up()
        self._wake()

    def show_looked(self, page: Page) -> None:
        """Tell and show the pages that look through the viewer of one what was looked at for it."""
        page.feed.outdate()
        page.feed.content = None
        for each in self.of(page.run):
            if each.feed is page.feed:
                each.hear()
                each.catch_up()

    def show(self, run: LiveRun, now: float, *, with_frame: bool) -> None:
        """Tell the pages that watch a run how it stands after a chunk, and show them what was looked at."""
        pages = self.of(run)
        for page in pages:
            page.measure_rate(now)
        self.tell(run)
        shown = [
            page for page in pages if with_frame and not page.viewer.travel.waits
        ]  # or what it waits for would be drawn after this
        for page in shown:
            page.feed.content = None
        for page in pages:
            page.tell_progress(now)
        for page in shown:
            page.catch_up()


def _refused(sentence: str, asked: object) -> dict[str, Any]:
    known = {"id": asked} if isinstance(asked, int) and not isinstance(asked, bool) else {}
    return {"type": "error", "message": sentence, **known}
