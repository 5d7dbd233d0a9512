"""What was changed of one run and when: what waits for a chunk, what the chunk in flight was given, what is done, and what is scheduled."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from dashboard.charts.results import Learner
from dashboard.live.change_marks import Marks
from maml_core.chunks import ChunkResult
from maml_core.config import RunConfig, replace
from maml_core.records import Entry
from maml_core.store import SavedRun


class _Ask(NamedTuple):
    """A change or a resumption that no chunk has been given yet; the step at which it acts is known when one is."""

    kind: Literal["change", "resume"]
    changes: Mapping[str, Any]
    now: float
    """When it was asked for."""
    drag: Hashable = None
    """The drag that it is part of, if any."""

    def at(self, step: int) -> Entry:
        return Entry(step=step, kind=self.kind, changes=self.changes)


class _Sent(NamedTuple):
    """What the chunk in flight was given."""

    asks: tuple[_Ask, ...] = ()
    entries: tuple[Entry, ...] = ()
    """What was asked for, as entries of the timeline."""
    scheduled: tuple[Entry, ...] = ()


class Changes:
    """The changes of one run, from its start on.

    Args:
        start: The set-up at outer step 0.
        scheduled: Changes to make when their step is reached.
        past: Those that were made, of a run that was saved.
        step: Where that run stands.
    """

    def __init__(
        self, start: RunConfig, scheduled: Sequence[Entry], *, past: Sequence[Entry] = (), step: int = 0
    ) -> None:
        self.start = start
        self.done = list(past)
        """The timeline so far."""
        self.scheduled = sorted(scheduled, key=lambda entry: entry.step)
        self.marks = Marks.from_timeline(start, past, step)
        self.replayed = False
        """A change that was scheduled was made by itself, and whoever shows the settings does not know yet."""
        self._pending: list[_Ask] = []
        self._sent = _Sent()

    @property
    def all(self) -> tuple[Entry, ...]:
        """The timeline so far, and what is still to come of it."""
        return (*self.done, *self.scheduled)

    @property
    def waits(self) -> bool:
        """Whether something was asked for that no chunk has been given yet."""
        return bool(self._pending)

    @property
    def resumes(self) -> bool:
        """Whether a resumption is among it."""
        return any(ask.kind == "resume" for ask in self._pending)

    def ask(self, changes: Mapping[str, Any], now: float, drag: Hashable = None) -> None:
        """Make a change with the next chunk; what is scheduled will not be made.

        Args:
            changes: The fields and their new values.
            now: When it was asked for, in seconds.
            drag: The drag that it is part of, however slow.
        """
        self.scheduled.clear()  # from here on this is a run of its own, not the replay of a shared one
        if self._pending and self._pending[-1].kind == "change":
            changes = {**self._pending.pop().changes, **changes}
        self._pending.append(_Ask("change", changes, now, drag))

    def resume(self) -> None:
        """Go on from the last good state with the next chunk."""
        self._pending.append(_Ask("resume", {}, -math.inf))

    def send(self, step: int) -> tuple[Entry, ...]:
        """What the next chunk, which begins at this outer step, is given."""
        entries = tuple(ask.at(step) for ask in self._pending)
        self._sent = _Sent(tuple(self._pending), entries, tuple(self.scheduled))
        self._pending = []
        return (*entries, *self.scheduled)

    def take(self, result: ChunkResult, config: RunConfig, now: float) -> None:
        """A chunk has made what it was given.

        Args:
            result: What came out.
            config: The set-up before it.
            now: The clock.
        """
        sent, self._sent = self._sent, _Sent()
        # What was sent counts, not what is scheduled now: a change may have cut the replay short while the chunk was under way.
        done = [entry for entry in sent.scheduled if entry.step <= result.step and entry.kind != "rollback"]
        self.scheduled = [entry for entry in self.scheduled if entry.step > result.step]
        for entry, asked, drag in [
            *((entry, ask.now, ask.drag) for entry, ask in zip(sent.entries, sent.asks, strict=True)),
            *((entry, now, None) for entry in done),
        ]:
            if entry.kind == "branch":
                self.marks.note(entry.step, "branch")
            elif entry.kind != "compiled":
                self.marks.add(entry.changes, config, step=entry.step, now=asked, drag=drag)
                config = replace(config, entry.changes)
        self.replayed = self.replayed or any(entry.kind == "change" for entry in done)
        self.done.extend([*result.entries, *sent.entries, *done])
        if result.records is not None:
            self.done.extend(result.records.events)

    def asked_of(self, config: RunConfig) -> RunConfig:
        """A set-up with the changes that no chunk has been given yet."""
        for ask in self._pending:
            config = replace(config, ask.changes)
        return config

    def lost(self) -> None:
        """The chunk in flight was lost: the next one is given the same, and what was asked for since."""
        self._pending = [*self._sent.asks, *self._pending]
        self._sent = _Sent()

    def drop(self) -> bool:
        """Forget what was asked for and what is scheduled: the chunk in flight cannot be computed.

        Returns:
            Whether that chunk was given a change.
        """
        brought_change = any(ask.kind == "change" for ask in self._sent.asks)
        self._sent, self._pending = _Sent(), []
        self.scheduled.clear()
        return brought_change

    @property
    def late_baselines(self) -> dict[Learner, int]:
        """The outer steps at which baselines began that were switched on while the run trained."""
        names: dict[str, Learner] = {"joint_baseline": "joint", "oracle_baseline": "oracle"}
        found: dict[Learner, int] = {}
        for entry in self.done:
            for field in names.keys() & entry.changes.keys():
                found.pop(names[field], None)
                if entry.step > 0 and entry.changes[field]:
                    found[names[field]] = entry.step
        return found


def split_timeline(saved: SavedRun) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """A saved run's timeline with its roll-backs, up to its state; and what is still to come."""
    asked = (entry for entry in saved.timeline if entry.kind != "rollback")
    timeline = sorted((*saved.records.events, *asked), key=lambda entry: entry.step)
    past = [entry for entry in timeline if entry.step < saved.step]
    now = [entry for entry in timeline if entry.step == saved.step]
    if saved.status.kind != "ok":  # Play makes its own
        now = [entry for entry in now if entry.kind != "resume"]
    reached = saved.start
    for entry in (*past, *now):
        reached = replace(reached, entry.changes) if entry.kind == "change" else reached
    # Saved before the changes of its own step were made: `maml train` does so before it begins.
    waiting = [entry for entry in now if entry.kind == "change"] if reached != saved.config else []
    past += [entry for entry in now if entry not in waiting]
    return tuple(past), (*waiting, *(entry for entry in timeline if entry.step > saved.step))
