"""One class that follows its teacher: who is in it, what it is asked, who has the dials, and what each of its pages is told of that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dashboard.live.page import Page
from dashboard.live.poll import Poll

CODE = "class"
"""What an address says of a class: `?class=BKRTW`."""

MAX_MEMBERS_KEPT = 500
"""People who came to a class of whom it is known what they have asked for, at most."""

AWAY_MOMENT_S = 3.0
"""Who has the dials and is gone for less, as in a reload, is not said to be away."""


@dataclass
class Member:
    """One who follows: of a person nothing is known but what only their browser tab knows."""

    hand: int = 0
    """When they raised their hand, counted in hands; 0 for not."""


class Classroom:
    """See the module.

    Args:
        code: By which others find it.
        page: The teacher's.
        address: Of the teacher's page, as others can reach it.
        now: The clock.
    """

    def __init__(self, code: str, page: Page, address: str, now: float) -> None:
        self.code = code
        self.page = page
        self.address = f"{address}?{CODE}={code}"
        self.seats: dict[str, Page] = {}
        """The pages that follow, by their tokens."""
        self.members: dict[str, Member] = {}
        """By what only their browser tab knows."""
        self.poll: Poll | None = None
        self.holder: str | None = None
        """The member who has the dials; None for the teacher."""
        self.seen_at = self.taught_at = now
        """When somebody was there last, and when the teacher was."""
        self._holder_seen_at = -math.inf
        self._is_holder_missed = False
        self._num_hands = self._num_polls = 0
        self._step: tuple[object, int] | None = None
        """Who goes through the lesson that the question is of, and its step; None for a question of the teacher's own."""
        self._told: dict[str, dict[str, Any]] = {}
        """What each page was told last."""

    # Who is there

    @property
    def present(self) -> dict[str, list[Page]]:
        """The members that a socket feeds a page of, with these pages."""
        found: dict[str, list[Page]] = {}
        for page in self.seats.values():
            if page.connected and page.tab is not None:
                found.setdefault(page.tab, []).append(page)
        return found

    def arrived(self, page: Page) -> None:
        """A page of the class has a new socket, and knows nothing."""
        self._told.pop(page.token, None)
        if page.in_class and page.tab is not None:
            self.members.setdefault(page.tab, Member())
            self._forget_who_left()

    @property
    def empty_for_longest(self) -> Page | None:
        """The seat that was left first, of those that nobody is on."""
        empty = [seat for seat in self.seats.values() if not seat.connected]
        return min(empty, key=lambda seat: seat.last_seen, default=None)

    def left_for(self, page: Page, before: str) -> Page | None:
        """The seat that a tab has left for the one of this page by a reload; a tab that was duplicated is in the class twice, with a seat for each.

        Args:
            page: The new seat.
            before: Token of the seat that the tab says it had.
        """
        seat = self.seats.get(before)
        is_left = seat is not None and seat is not page and seat.tab == page.tab and not seat.connected
        return seat if is_left else None

    def forget(self, token: str) -> None:
        """A page that follows has gone for good; its member's hand and dials wait until the tab is there again, as long as the class lasts."""
        self.seats.pop(token)
        self._told.pop(token, None)

    def _forget_who_left(self) -> None:
        """Forget those who came first and have no page any more, where more came than are kept."""
        tabs = {page.tab for page in self.seats.values()}
        gone = [tab for tab in self.members if tab not in tabs]
        for tab in gone[: max(0, len(self.members) - MAX_MEMBERS_KEPT)]:
            self.members.pop(tab)
            if self.holder == tab:
                self.holder = None

    # Hands and dials

    def look_for_holder(self, now: float) -> None:
        """Notice that who has the dials has been away for a moment."""
        if self.holder is None or self.holder in self.present:
            self._holder_seen_at = now
        self._is_holder_missed = now - self._holder_seen_at >= AWAY_MOMENT_S

    @property
    def _dials(self) -> str:
        """Who has the dials, as the teacher and all but that student are told."""
        if self.holder is None:
            return "teacher"
        return "away" if self._is_holder_missed and self.holder not in self.present else "student"

    def raise_hand(self, tab: str, up: bool) -> None:
        """A member asks for the dials, or no longer."""
        self._num_hands += 1
        self.members[tab].hand = (self.members[tab].hand or self._num_hands) if up else 0

    @property
    def hands(self) -> list[str]:
        """The members who are there and ask for the dials, the first one first."""
        raised = [(self.members[tab].hand, tab) for tab in self.present if self.members[tab].hand]
        return [tab for _, tab in sorted(raised)]

    def give(self, tab: str) -> None:
        """A member has the dials from now on, and no hand raised."""
        self.holder, self.members[tab].hand = tab, 0

    # Questions

    def ask(self, poll: Poll, step: tuple[object, int] | None = None) -> None:
        """Ask all of them, in the place of the question before.

        Args:
            poll: The question.
            step: Of a lesson: who goes through it, and the place of its step.
        """
        self.poll, self._step = poll, step

    def next_number(self) -> int:
        """Number of the next question."""
        self._num_polls += 1
        return self._num_polls

    def _judge(self) -> None:
        """What came out of the step that the question is of, once the teacher's page says so."""
        guide = self.page.viewer.guide
        if self.poll is not None and guide is not None and self._step == (guide.pupil, guide.pupil.at):
            self.poll.said = self.poll.said or guide.pupil.verdict

    # What its pages are told

    def tell(self) -> None:
        """Tell every page what has changed for it."""
        self._judge()
        for page in (self.page, *self.seats.values()):
            told = self._of(page)
            if page.connected and self._told.get(page.token) != told:
                self._told[page.token] = told
                page.put(told)

    def _of(self, page: Page) -> dict[str, Any]:
        teaches, tab = not page.in_class, page.tab or ""
        member = self.members.get(tab, Member())
        return {
            "type": "class",
            "code": self.code,
            "teaches": teaches,
            "here": self.page.connected,
            "follows": page.follows,
            "dials": "mine" if self.holder == tab and not teaches else self._dials,
            "hand": not teaches and member.hand > 0,
            "hands": len(self.hands) if teaches else 0,
            "students": len(self.present) if teaches else 0,
            "address": self.address if teaches else "",
            "picture": _picture(self.address) if teaches else "",
            "question": self.poll.told(None if teaches else tab) if self.poll is not None else None,
        }


@lru_cache(maxsize=64)
def _picture(address: str) -> str:
    """An address as a QR code: an SVG, as the address of an image."""
    import segno  # few servers ever have a class

    return str(segno.make(address, error="m", micro=False).svg_data_uri(scale=4, border=3, light="white", dark="black"))
