"""Whose chunk the executor is given next: of the runs that are watched, and of sweeps beside them. By what it is decided is in `turns`; what each
has used is kept here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from dashboard.server import turns
from dashboard.server.classes import Classes
from dashboard.server.looks import Looks
from dashboard.setups.limits import is_long
from dashboard.sweeps.hub import SweepHub
from maml_core.chunks import ChunkResult


class Turn(NamedTuple):
    """Whose turn it is."""

    run: LiveRun
    leads: bool
    """It comes before others, because a class follows it; what it uses does not count beside theirs."""


class Order:
    """See the module.

    Args:
        classes: Say which runs are followed.
        sweeps: All of them count as one who waits.
        looks: Whoever has one under way pays for it.
        num_workers: Chunks that the executor runs at a time.
    """

    def __init__(self, classes: Classes, sweeps: SweepHub, looks: Sequence[Looks[Any]], num_workers: int) -> None:
        self._classes, self._sweeps, self._looks, self._num_workers = classes, sweeps, looks, num_workers
        self._newest_s = self._newest_led_s = 0.0
        """What the run of the newest turn had used; and of those that come first."""
        self._led_s: WeakKeyDictionary[LiveRun, float] = WeakKeyDictionary()
        """Processor seconds that runs used while they came first."""
        self._of_sweeps_s = self._sweeps_seen_s = 0.0
        self._held_since: float | None = None

    def next(
        self,
        watched: Mapping[LiveRun, Sequence[Page]],
        computing: Mapping[LiveRun, bool],
        ready: Collection[LiveRun],
    ) -> Turn | None:
        """Whose turn it is; None where it is nobody's.

        Args:
            watched: The runs that a socket feeds a page of.
            computing: The runs that a chunk is computed of, and whether they came first.
            ready: Of the watched ones those that have something to compute.
        """
        pays = {page.run for looks in self._looks for page in looks.looking if len(watched) > 1}
        rests = {run for run in pays if len(watched.get(run, ())) == 1 and not run.audience.waits}
        found = [run for run in ready if run not in rests and run not in computing]
        is_led = sum(computing.values()) < turns.most_leading(self._num_workers)
        leading = [is_led and self._classes.leads(run) for run in found]
        for run, leads in zip(found, leading, strict=True):
            if leads:
                self._led_s[run] = turns.counted(self._led_s.get(run, 0.0), self._newest_led_s)
            else:
                run.turn = turns.counted(run.turn, self._newest_s)
        waiting = [
            turns.Waiting(self._led_s[run] if leads else run.turn, run.audience.waits, leads)
            for run, leads in zip(found, leading, strict=True)
        ]
        # One that keeps its worker for long holds nobody back: what it uses is known only afterwards.
        behind = [
            run.turn
            for run, leads in computing.items()
            if run.playback.trains and not leads and not is_long(run.config)
        ]
        chosen = turns.next_turn(waiting, behind)
        if chosen is None:
            return None
        if leading[chosen]:
            self._newest_led_s = max(self._newest_led_s, waiting[chosen].used_s)
        else:
            self._newest_s = max(self._newest_s, waiting[chosen].used_s)
        return Turn(found[chosen], leading[chosen])

    def used(self, turn: Turn, result: ChunkResult, *, is_answer: bool) -> None:
        """A run has had its turn. Looking is paced by the clock, the same for all, and does not count, but for whoever asks and asks, and whose looks
        are long.

        Args:
            turn: Whose it was.
            result: What was computed.
            is_answer: It only looked, since somebody waited for an answer.
        """
        seconds = result.cpu_s if is_answer or is_long(turn.run.config) else result.advance_s
        if turn.leads:
            self._led_s[turn.run] = self._led_s.get(turn.run, 0.0) + seconds
        else:
            turn.run.turn += seconds

    def gives_way(self, turn: Turn, num_training: int) -> bool:
        """Whether a sweep has had less than its share, and comes before this run.

        Args:
            turn: Whose turn it would be.
            num_training: Runs that train.
        """
        used_s = self._sweeps.used_s
        taken_s = (used_s - self._sweeps_seen_s) / turns.weight_of_sweeps(num_training)
        self._sweeps_seen_s = used_s
        most_s = self._newest_s + turns.MAX_LEAD_S  # what they used while nobody waited is forgiven
        self._of_sweeps_s = min(most_s, turns.counted(self._of_sweeps_s + taken_s, self._newest_s))
        return not (turn.leads or turn.run.audience.waits) and self._of_sweeps_s <= turn.run.turn

    def holds_sweeps(self, watched: Collection[LiveRun], computing: Collection[LiveRun], now: float) -> bool:
        """Whether no chunk of a sweep is begun, since somebody waits for an answer: worker, server and browser have the processors for that. Among
        more runs than there are workers somebody always waits.

        Args:
            watched: The runs that a socket feeds a page of.
            computing: The runs that a chunk is computed of.
            now: The clock.
        """
        waits = any(run.audience.waits for run in watched) or any(run.audience.is_answered for run in computing)
        if not waits or len(watched) > self._num_workers:
            self._held_since = None
            return False
        self._held_since = now if self._held_since is None else self._held_since
        return now - self._held_since < turns.MAX_HELD_S
