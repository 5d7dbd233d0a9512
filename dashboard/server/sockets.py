"""Who is where: the pages' sockets, and the screens on which a page's visitor may be. On the sensitivity screen, in the list of lessons and in a
lesson, which has a page of its own, the live run of a tab waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

from dashboard.live.lesson_guide import Guide
from dashboard.live.messages import OF_THE_SOCKET, obey
from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from dashboard.server.pages import Pages
from dashboard.server.places import Claim, Places
from dashboard.server.recovery import Recovery, address_of, continues
from dashboard.server.requests import Rates
from dashboard.server.scripts import Scripts
from dashboard.setups.workspaces import is_shared
from dashboard.sweeps.hub import SweepHub
from dashboard.sweeps.page import SweepPage
from dashboard.wire.connection import Outbox
from maml_core.lessons.lesson import Lesson

MAX_WAITING = 1000
"""Requests that wait for a run that is being read; a slider that is dragged makes many."""


class Sockets(Scripts):
    """See the module. The arguments are those of `Scripts`, and who may train."""

    _recovery: Recovery | None = None

    listens_on: str | None = "127.0.0.1"
    """The address that the server listens on; None for all of this machine's."""

    def __init__(
        self, pages: Pages, sweeps: SweepHub, executor: Executor, clock: Callable[[], float], places: Places
    ) -> None:
        super().__init__(pages, sweeps, executor, clock)
        self.places = places
        self.rates = Rates(self.knows)
        """What each page may ask for."""

    def admit(self) -> None:
        """Give the places to train that are free to those who wait for one, and tell them."""
        claims: dict[LiveRun, Claim] = {}
        now = self._clock()
        for page in self.pages.all():
            was = claims.get(page.run) or Claim(None, is_here=False, is_seen=False, leads=self.classes.leads(page.run))
            claims[page.run] = was.with_page(page, now)
        for run in self.places.look(claims, now):
            self.pages.tell(run)

    def came(self, token: str, headers: Mapping[str, str]) -> None:
        """What a page's own request says of where its visitor sits."""
        page = self.pages.get(token)
        if page is not None:
            page.is_shared = is_shared(self.listens_on, headers=headers)

    def visitor(self, token: str) -> str | None:
        """What tells the visitor of a page from all others; None where nobody shares the server, or the page is not known."""
        page = self.pages.get(token)
        return page.tab if page is not None and page.is_shared else None

    def is_present(self, token: str) -> bool:
        """Whether a page's visitor is still there, on this screen or on another one."""
        page, sweeps = self.pages.get(token), self.sweeps.page(token)
        if page is None:
            return False
        is_elsewhere = page.elsewhere.is_open or (sweeps is not None and sweeps.connected)
        return page.connected or is_elsewhere or any(other.connected for other in self.pages.lessons_of(token))

    def draw_again(self, token: str) -> None:
        """Have the sidebar of a page drawn again: something that it shows is not so any more."""

        def ask(page: Page) -> None:
            page.follow = True

        self._on_loop(ask, token)

    def open_lesson(self, lesson: Lesson, *, home: str, at: int = 0, seed: int = 0) -> str:
        """A new page for a lesson, with a run of its own; gives the token that its socket must show.

        Args:
            lesson: Which.
            home: Token of the visitor's live page.
            at: The step at which it begins.
            seed: Added to the seeds of the weights and of the training tasks, for whoever wants to see another run.
        """
        guide = Guide(lesson, at=at, seed=seed)
        run = LiveRun(guide.config)
        page = Page(run, self._clock())
        page.home, page.viewer.guide = home, guide
        guide.enter(run, page.viewer)
        self.pages.add(page)
        return page.token

    def leave_lesson_that_is_over(self, token: str) -> bool:
        """Whether a page's lesson was gone through to its end: then its page is forgotten, unless somebody is there or a class follows it. One that is under way
        waits for whoever opens it again.
        """
        page = self.pages.get(token)
        if page is None or page.viewer.guide is None or not page.viewer.guide.pupil.is_over:
            return False

        def forget(page: Page) -> None:
            if not page.connected and not self.classes.keeps(page):
                self.pages.forget(page)

        self._on_loop(forget, token)
        return True

    def join_class(self, code: str, *, home: str, client: str) -> str:
        """A page for somebody who follows a class; gives its token. Waits for the loop: for other threads only.

        Args:
            code: As somebody typed it.
            home: Token of the visitor's live page.
            client: From where it is asked for.

        Raises:
            ValueError: There is no such class; says so in a sentence.
            StoreError: The loop does not answer.
        """
        return self.loop.answer(lambda: self.classes.join(code, home=home, client=client, now=self._clock()))

    def connect(self, token: str, *, resume: str, released: bool, tab: str = "", home: str = "") -> tuple[Page, Outbox]:
        """Feed a page through a new socket, which sends what comes out of the outbox.

        Args:
            token: Of `open_page` or `open_lesson`; it must be known.
            resume: Key of the run that the browser tab had before; taken over if its page has gone. In a class, the token of its page there.
            released: The tab says that it left that page itself (a reload, not a duplicate of a tab).
            tab: What the tab was told to prove itself with; empty for a new one.
            home: Of a lesson, and in a class: key of the run that the tab has on its live page.
        """
        page = self.pages.meet(token, tab)
        if page.home and self.knows(page.home):
            self._find_again(self.pages.meet(page.home, page.tab or ""), home)
        before = None if page.in_class else self.pages.before(page, resume)
        if before is None and self._recovery is not None and not page.home:
            self._recovery.recover(page, resume, same_address=True)
        elif before is not None:
            has_gone = not before.connected or (released and (before.tab == page.tab or not tab))
            if has_gone and page.run.step == 0 and _asks_for(page, before):
                self.pages.replace(before, page)
        outbox = page.connect(self._clock())
        self.admit()  # before anything is computed: its run may have lost its place meanwhile
        self.pages.tell(page.run)
        self.classes.arrived(page, before=resume if page.in_class else "")
        return page, outbox

    def _find_again(self, page: Page, resume: str) -> None:
        """The live run of a page whose visitor is on another screen stays what it was before a reload: that screen's address names none.

        Args:
            page: The visitor's live page.
            resume: Key of the run that it had.
        """
        before = self.pages.before(page, resume)
        if before is None and self._recovery is not None:
            self._recovery.recover(page, resume, same_address=False)
        elif before is not None and not self.is_present(before.token) and page.run.step == 0:
            self.pages.replace(before, page)

    def connect_sweeps(self, token: str, *, resume: str, tab: str = "") -> tuple[SweepPage, Outbox]:
        """Feed the sensitivity screen of a page through a new socket."""
        page = self.pages.meet(token, tab)
        self._find_again(page, resume)
        sweeps, outbox = self.sweeps.connect(token)
        sweeps.put({"type": "welcome", "run_key": page.run.key, "tab": page.tab})
        return sweeps, outbox

    def connect_lessons(self, token: str, *, resume: str, tab: str = "") -> tuple[Page, Outbox]:
        """A page's visitor reads the list of lessons, which is fed nothing."""
        page = self.pages.meet(token, tab)
        self._find_again(page, resume)
        outbox = page.elsewhere.open()
        page.elsewhere.put({"type": "welcome", "run_key": page.run.key, "tab": page.tab})
        return page, outbox

    def disconnect(self, page: Page, outbox: Outbox) -> None:
        """The socket has gone: nothing is computed for the page until it comes back."""
        if page.connection.close(outbox) or page.elsewhere.close(outbox):
            page.last_seen = self._clock()
            self.classes.left(page)

    def receive(self, page: Page, message: Mapping[str, Any]) -> None:
        """Do what the page asks for; what is refused is answered with a sentence. What is asked of a run that is being read from its copy
        waits for it."""
        if message.get("type") not in OF_THE_SOCKET:
            page.touched_at = self._clock()
        if message.get("type") == "ack":  # comes with every frame, of every page, and is nobody else's business
            page.drew_at = self._clock()
            self.pages.attempt(page, lambda: obey(page, message, self._clock()), tells=False)
        elif self.classes.takes(page, message):
            self.pages.attempt(page, lambda: self.classes.obey(page, message, self._clock()), asked=message.get("id"))
        elif not page.recovering or message.get("type") in OF_THE_SOCKET:
            self.pages.attempt(page, lambda: self._obey(page, message), asked=message.get("id"))
            self.classes.changed(page)
        elif len(page.waiting) < MAX_WAITING:
            page.waiting.append(message)
        else:
            page.put({"type": "error", "message": "The run is still being read, and much was asked for: ask again."})

    def _obey(self, page: Page, message: Mapping[str, Any]) -> None:
        """Do what the page of a run asks for, and see at once whether there is a place for it, if it is to train."""
        obey(page, message, self._clock())
        if page.run.playback.playing and not self.places.has(page.run):
            self.admit()

    def receive_sweeps(self, token: str, page: SweepPage, message: Mapping[str, Any]) -> None:
        """Do what the sensitivity screen of a page asks for."""
        visitor = self.pages.get(token)
        if message.get("type") == "freeze" and visitor is not None:
            run = visitor.run
            self.sweeps.freeze(token, run, f"The live run's θ_0 at outer step {run.step:,}")
        elif message.get("type") == "resume" and (why := self.sweeps.why_no_more(token)):
            page.put({"type": "error", "message": f"{why}."})
        else:
            self.sweeps.receive(page, message)


def _asks_for(page: Page, before: Page) -> bool:
    """Whether a page just opened asks for the run of a page before: for the same lesson, or by an address that this run continues."""
    guide, old = page.viewer.guide, before.viewer.guide
    if guide is not None or old is not None:
        if guide is None or old is None or not guide.continues(old):
            return False
        return guide.pupil.at > 0 or not old.pupil.is_over  # whoever opens one that is over begins it anew
    return continues(address_of(page.run), address_of(before.run))
