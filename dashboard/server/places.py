"""Who may train: as many runs at a time as this server serves well. The others stand in line, and whoever came first has the next free place.

A place is a run's, and its visitor takes it along to another screen and over a reload. While somebody waits, it is given back by who has gone, who
is out of sight, who has paused for a while, and last by who has not touched anything for long. A run that a class follows always has one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dashboard.live.page import Page
from dashboard.live.playback import InLine
from dashboard.live.run import LiveRun

PLACES = "MAML_PAGES"
"""The environment variable with the number of pages that may train at a time."""

PER_WORKER = 15
"""Pages that train at a time for each worker, where nothing else is said: thirty on two processors still had a frame a second each."""

RELOAD_S = 15.0
"""For so long a place is kept for a page without a socket: it is loaded again, or has lost its connection."""

OUT_OF_SIGHT_S = 60.0
"""Who is hidden for so long trains for nobody."""

IDLE_S = 60.0
"""Who stands still for so long does not need a place."""

UNTOUCHED_S = 1800.0
"""Who has asked for nothing for so long may have left the page open."""

HIDDEN = "This run paused at outer step {step:,}: its page was out of sight while others waited for a place to train."
UNTOUCHED = "This run paused at outer step {step:,}: nobody had touched the page for half an hour, and others waited for a place to train. Play asks for the next one."
"""What is said to whoever lost a place."""


def num_places(num_workers: int, environment: Mapping[str, str] = os.environ) -> int:
    """How many pages may train at a time.

    >>> num_places(2, {}), num_places(2, {"MAML_PAGES": "12"})
    (30, 12)

    Args:
        num_workers: Chunks that are computed at a time.
        environment: Where `MAML_PAGES` may be set.

    Raises:
        ValueError: It is set to something else than a whole number from 1 on.
    """
    said = environment.get(PLACES, "").strip()
    if not said:
        return PER_WORKER * num_workers
    if not said.isdecimal() or int(said) < 1:
        raise ValueError(f"{PLACES}: a whole number of pages from 1 on, not {said[:20]!r}")
    return int(said)


class Claim(NamedTuple):
    """What is known of a run when places are given."""

    tab: str | None
    """What its visitor's tab proves itself with; None where that is not known."""
    is_here: bool
    """A socket feeds a page of it."""
    is_seen: bool
    """Somebody sees one."""
    leads: bool = False
    """A class follows it."""
    touched_at: float = -math.inf
    """When its visitor last asked for something; seconds of the hub's clock."""

    def with_page(self, page: Page, now: float) -> Claim:
        """What is known with one more of the pages that watch the run."""
        return Claim(
            tab=self.tab if page.in_class else self.tab or page.tab,
            is_here=self.is_here or page.connected,
            is_seen=self.is_seen or page.is_seen(now),
            leads=self.leads,
            touched_at=max(self.touched_at, page.touched_at),
        )


@dataclass(slots=True)
class _Place:
    """When the run in a place was last here, seen, and training; seconds of the hub's clock."""

    tab: str | None
    here_at: float
    seen_at: float
    trained_at: float
    touched_at: float


class Places:
    """See the module.

    Args:
        most: Runs that may train at a time.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: dict[LiveRun, _Place] = {}
        self._line: dict[LiveRun, float] = {}
        """Who waits, the first first, each with when its page was last here."""

    def has(self, run: LiveRun) -> bool:
        """Whether a run has a place."""
        return run in self._taken

    def look(self, claims: Mapping[LiveRun, Claim], now: float) -> list[LiveRun]:
        """Give places to who waits, as far as there are any; gives the runs whose pages must be told of it.

        Args:
            claims: Every run that is known.
            now: The clock.
        """
        before = {run: run.playback.in_line for run in claims}
        self._note(claims, now)
        self._queue(claims, now)
        left = self._free(claims, now) if self._line else []
        while self._line and (len(self._taken) < self.most or claims[next(iter(self._line))].leads):
            self._take(run := next(iter(self._line)), claims[run], now)
        for ahead, run in enumerate(self._line):
            run.playback.in_line = InLine(len(self._taken), ahead)
        return [*left, *(run for run, was in before.items() if run.playback.in_line != was and run not in left)]

    def _note(self, claims: Mapping[LiveRun, Claim], now: float) -> None:
        """Remember who is here, is seen and trains."""
        for run in [run for run in self._taken if run not in claims]:
            del self._taken[run]
        for run, place in self._taken.items():
            claim = claims[run]
            place.tab, place.touched_at = claim.tab, claim.touched_at
            place.here_at = now if claim.is_here else place.here_at
            place.seen_at = now if claim.is_seen else place.seen_at
            place.trained_at = now if run.playback.playing else place.trained_at

    def _queue(self, claims: Mapping[LiveRun, Claim], now: float) -> None:
        """Who plays without a place stands in line, who came first in front, behind the runs of classes."""
        for run in [run for run in self._line if run not in claims or not run.playback.playing]:
            self._leave(run)
        for run, claim in claims.items():
            if claim.is_here and run.playback.playing and run not in self._taken:
                self._line[run] = now
            elif now - self._line.get(run, now) > RELOAD_S:
                self._leave(run)
        self._line = dict(sorted(self._line.items(), key=lambda one: not claims[one[0]].leads))

    def _leave(self, run: LiveRun) -> None:
        self._line.pop(run, None)
        run.playback.in_line = None

    def _free(self, claims: Mapping[LiveRun, Claim], now: float) -> list[LiveRun]:
        """Take places back for those who wait, as many as they need; gives the runs that stand still for it."""
        for run in list(self._line):  # a visitor who went to another screen brings the place along
            mine = (old for old, place in self._taken.items() if place.tab == claims[run].tab is not None)
            if (old := next((old for old in mine if not claims[old].is_here), None)) is not None:
                del self._taken[old]
                self._take(run, claims[run], now)
        needed = len(self._line) - (self.most - len(self._taken))
        stopped = []
        for run, why in self._spare(claims, now)[: max(0, needed)]:
            del self._taken[run]
            if why and run.playback.playing:
                (run.hold if why is HIDDEN else run.pause)()
                run.notice = why.format(step=run.step)
                stopped.append(run)
        return stopped

    def _spare(self, claims: Mapping[LiveRun, Claim], now: float) -> list[tuple[LiveRun, str]]:
        """The runs whose places can be taken back, who needs them least first, each with what is said to it."""
        found = []
        for run, place in self._taken.items():
            if now - place.here_at > RELOAD_S:
                found.append((0, run, ""))
            elif claims[run].leads:
                continue
            elif now - place.trained_at > IDLE_S:
                found.append((1, run, ""))
            elif now - place.seen_at > OUT_OF_SIGHT_S:
                found.append((2, run, HIDDEN))
            elif now - place.touched_at > UNTOUCHED_S:
                found.append((3, run, UNTOUCHED))
        return [(run, why) for _, run, why in sorted(found, key=lambda one: one[0])]

    def _take(self, run: LiveRun, claim: Claim, now: float) -> None:
        self._leave(run)
        self._taken[run] = _Place(claim.tab, now, now, now, claim.touched_at)
