"""The classes that follow a teacher's page on this server, in memory alone: nothing of them outlives their end.

A page that follows watches the teacher's run through the teacher's viewer: it is sent the same bytes, and nothing is computed for it. Who looks
for themselves have a viewer of their own, which pays for what it asks. None of them changes the run, but for the one whom the teacher gives the dials.
"""

from __future__ import annotations

import dataclasses
import math
import secrets
from collections.abc import Mapping
from typing import Any

from dashboard.live.feed import Feed
from dashboard.live.history import History
from dashboard.live.lesson_guide import ASKS_FIRST
from dashboard.live.messages import OF_THE_SOCKET, obey
from dashboard.live.page import Page
from dashboard.live.poll import Poll, asked
from dashboard.live.run import LiveRun
from dashboard.live.travel import cut
from dashboard.server.classroom import Classroom
from dashboard.server.pages import Pages
from maml_core.lessons.reading import DIALS

LETTERS, CODE_LENGTH = "BCFGHJKMNPRSTWXZ", 5
"""Letters and length of a code: without vowels, which make words, and without letters that look or sound like others."""

MAX_TRIES, TRIES_S = 20, 60.0
"""Wrong codes that one client may try in so many seconds: all of a million would take it a month."""

MAX_CLASSES, MAX_MEMBERS = 50, 100
"""On one server, and in one class."""

EMPTY_S, AWAY_S = 300.0, 1800.0
"""A class ends by itself when nobody was there for so long, or the teacher was not."""

TIDY_S = 0.5

OVER_S = 3600.0
"""For so long a code that was one is told from one that never was."""

LOOKS = frozenset({"task", "own_task", "own_points", "example_task", "travel", "travel_by", "metric", "weights_chart", "tasks_chart", "ghost"})  # fmt: skip
"""What somebody who follows may ask for, and then looks at for themselves."""

TRAINS = frozenset({"play", "pause", "outer_step", "run_until", "speed"})
"""What the one may ask for who has the dials, besides turning them."""

NOT_YOURS = (
    "this is the class’s run, which the teacher changes: take a copy of it to change what you like, or raise a hand"
)
NO_CLASS = "this class has ended"
ELSEWHERE = "your own page is not there any more: reload this one"


class Classes:
    """See the module.

    Args:
        pages: The open pages.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._rooms: dict[str, Classroom] = {}
        self._over: dict[str, float] = {}
        """Codes of classes that have ended, with the time."""
        self._tries: dict[str, dict[str, float]] = {}
        """The codes that each client tried and that are none, with the time: a class that sits behind one address, and was told a wrong code, tries it once."""
        self._tidied = -math.inf

    # Who comes and goes

    def of(self, page: Page) -> Classroom | None:
        """The class that a page teaches or follows; None for none."""
        return next((room for room in self._rooms.values() if room.page is page or page.token in room.seats), None)

    def leads(self, run: LiveRun) -> bool:
        """Whether a class follows a run."""
        return any(room.page.run is run and room.seats for room in self._rooms.values())

    def keeps(self, page: Page) -> bool:
        """Whether a page is a teacher's, who is waited for: the one that is followed, or that which waits for it while a lesson is."""
        return any(page is room.page or page.token == room.page.home for room in self._rooms.values())

    def changed(self, page: Page) -> None:
        """Something may have changed on a page: a class that it teaches is told at once."""
        if not page.in_class and (room := self.of(page)) is not None:
            room.tell()

    def join(self, code: str, *, home: str, client: str, now: float) -> str:
        """A page for somebody who follows a class; gives its token.

        Args:
            code: As somebody typed it.
            home: Token of the visitor's live page.
            client: From where it is asked for.
            now: The clock.

        Raises:
            ValueError: There is no such class, or no room in it; says so in a sentence.
        """
        code = code.strip().upper()
        tries = {tried: at for tried, at in self._tries.get(client, {}).items() if now - at < TRIES_S}
        if len(tries) >= MAX_TRIES:
            raise ValueError("Too many wrong codes came from where you are: wait a minute, and try again.")
        room = self._rooms.get(code)
        if room is None and code in self._over:
            raise ValueError("This class has ended. Your own page is where it was.")
        if room is None:
            self._tries[client] = {**tries, code[: CODE_LENGTH + 1]: now}
            raise ValueError(
                "There is no class with this code. Compare it with the teacher’s page; it has five letters."
            )
        if len(room.seats) >= MAX_MEMBERS:
            self._let_go(room, room.empty_for_longest)
        if len(room.seats) >= MAX_MEMBERS:
            raise ValueError("This class is full.")
        page = Page(room.page.run, now)
        page.turn_to(room.page.feed)
        page.in_class, page.home = True, home
        room.seats[page.token] = page
        self._pages.add(page)
        return page.token

    def _let_go(self, room: Classroom, seat: Page | None) -> None:
        """Forget a seat, if there is such a one; whoever comes back to it takes another."""
        if seat is not None:
            room.forget(seat.token)
            self._pages.forget(seat)

    def arrived(self, page: Page, *, before: str = "") -> None:
        """A page has a new socket: one of a class, or one on which a teacher goes on, who was on another.

        Args:
            page: Which.
            before: Of a student: token of the page that the tab had before.
        """
        room = self.of(page) or next((room for room in self._rooms.values() if _goes_on(room, page)), None)
        if room is None:
            return
        if page.in_class:
            self._let_go(room, room.left_for(page, before))
        elif room.page is not page:
            self._move(room, page)
        room.arrived(page)
        room.tell()

    def _move(self, room: Classroom, page: Page) -> None:
        """The class follows its teacher to another page."""
        room.page = page
        for seat in room.seats.values():
            if seat.feed is not page.feed:
                seat.turn_to(page.feed)
        self._pages.tell(page.run)

    def left(self, page: Page) -> None:
        """A page has lost its socket."""
        if (room := self.of(page)) is not None:
            room.tell()

    def tidy(self, now: float) -> None:
        """End the classes that nobody comes back to, and forget the pages that have gone; once in a while is enough."""
        if now - self._tidied < TIDY_S:
            return
        self._tidied = now
        for room in list(self._rooms.values()):
            for token in [token for token in room.seats if self._pages.get(token) is None]:
                room.forget(token)
            if room.page.connected:
                room.seen_at = room.taught_at = now
            elif room.present:
                room.seen_at = now
            room.look_for_holder(now)
            if now - room.seen_at > EMPTY_S or now - room.taught_at > AWAY_S:
                self._end(room, now)
            else:
                room.tell()
        self._over = {code: at for code, at in self._over.items() if now - at < OVER_S}
        self._tries = {who: tries for who, tries in self._tries.items() if now - max(tries.values()) < TRIES_S}

    # What they ask for

    def takes(self, page: Page, message: Mapping[str, Any]) -> bool:
        """Whether what a page asks for is decided here."""
        return page.in_class or str(message.get("type")).startswith("class_")

    def obey(self, page: Page, message: Mapping[str, Any], now: float) -> None:
        """Do what a page asks for that follows a class, or what a teacher asks of one.

        Raises:
            ConfigError, KeyError, ValueError, TypeError: As `messages.obey`.
        """
        room = self.of(page)
        if message.get("type") == "class_start" and not page.in_class:
            address = message["address"]
            room = room or self._started(page, address, now)
        elif room is None:
            raise ValueError(NO_CLASS)
        elif page.in_class:
            self._follow(room, page, message, now)
        else:
            self._teach(room, message, now)
        if room.code in self._rooms:
            room.tell()

    def _started(self, page: Page, address: object, now: float) -> Classroom:
        if not (isinstance(address, str) and address.startswith(("http://", "https://")) and len(address) <= 200):
            raise ValueError("a class has an address that others can open")
        if len(self._rooms) >= MAX_CLASSES:
            raise ValueError("there are too many classes on this server now")
        while (code := "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))) in self._rooms | self._over:
            pass
        self._rooms[code] = Classroom(code, page, address, now)
        return self._rooms[code]

    def _teach(self, room: Classroom, message: Mapping[str, Any], now: float) -> None:
        match message["type"]:
            case "class_end":
                self._end(room, now)
            case "class_ask":
                room.ask(Poll(asked(message), room.next_number()))
            case "class_ask_step":
                guide = room.page.viewer.guide
                if guide is None or guide.pupil.step.prediction is None:
                    raise ValueError("this step of the lesson asks for nothing")
                room.ask(Poll(guide.pupil.step.prediction, room.next_number()), (guide.pupil, guide.pupil.at))
            case "class_reveal":
                if room.poll is None:
                    raise ValueError("nothing is asked now")
                room.poll.revealed = True
            case "class_close":
                room.poll = None
            case "class_give":
                whom = room.hands[:1] if message["to"] == "hand" else list(room.present)
                if not whom:
                    raise ValueError("nobody has raised a hand" if message["to"] == "hand" else "no student is there")
                room.give(secrets.choice(whom))
            case "class_take":
                room.holder = None
            case kind:
                raise ValueError(f"the page sent {str(kind)[:40]!r}, which a class does not know; reload the page")

    def _follow(self, room: Classroom, page: Page, message: Mapping[str, Any], now: float) -> None:
        kind, tab = message.get("type"), page.tab or ""
        guide = room.page.viewer.guide
        if kind in OF_THE_SOCKET:
            obey(page, message, now)
            return
        if room.holder == tab and _is_turning(message):
            turns = room.page if guide is not None else page  # a lesson's rules hold for whoever has the dials
            obey(turns, {**message, "id": None} if turns.viewer is room.page.viewer else message, now)
            return
        if kind in LOOKS | {"class_copy"} and guide is not None and guide.pupil.asks:
            raise ValueError(ASKS_FIRST)
        match kind:
            case "class_hand":
                room.raise_hand(tab, message["up"] is True)
            case "class_answer":
                if room.poll is None or room.poll.number != message["number"]:
                    raise ValueError("this question is closed: your answer came too late")
                room.poll.answer(tab, message["answer"])
            case "class_follow":
                if not page.follows:
                    page.turn_to(room.page.feed)
            case "class_copy":
                self._copy(page)
            case _ if kind in LOOKS:
                if page.follows:
                    feed = Feed(page.run, page.viewer.beside(), page.feed.reach)
                    page.run.audience.join(feed.viewer)
                    page.turn_to(feed)
                obey(page, message, now)
            case _:
                raise ValueError(NOT_YOURS)

    def _copy(self, page: Page) -> None:
        """Put the run, as it is where its page looks at it, into the place of the visitor's own."""
        home = self._pages.get(page.home)
        whole = page.run.saved("from the class")
        if home is None:
            raise ValueError(ELSEWHERE)
        if whole is None:
            raise ValueError("nothing of this run is computed yet: ask again in a moment")
        moment = page.viewer.travel.target
        taken = dataclasses.replace(whole, moments=()) if moment is None else cut(whole, moment)
        home.run.open(taken, History.from_records(taken.records))
        home.drawn, home.follow = None, True
        self._pages.tell(home.run)
        page.put({"type": "class_copied"})

    def _end(self, room: Classroom, now: float) -> None:
        del self._rooms[room.code]
        self._over[room.code] = now
        for page in (room.page, *room.seats.values()):
            page.put({"type": "class_over"})
        for page in room.seats.values():
            if self._pages.get(page.token) is page:
                page.connection.close()
                self._pages.forget(page)


def _is_turning(message: Mapping[str, Any]) -> bool:
    """Whether a message turns dials, or trains: what else may be changed of a run starts it again."""
    kind = message.get("type")
    return kind in TRAINS or (kind == "set" and set(message["changes"]) <= set(DIALS))


def _goes_on(room: Classroom, page: Page) -> bool:
    """Whether a page is where the teacher of a class goes on: on the same run after a reload, in a lesson or back from it, or with another run."""
    if page.in_class:
        return False
    if page.feed is room.page.feed or page.home == room.page.token or room.page.home == page.token:
        return True
    if page.home and page.home == room.page.home:  # from one lesson to another
        return True
    return page.tab is not None and page.tab == room.page.tab and not room.page.connected
