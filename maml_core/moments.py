"""States of a run that are kept while it trains, so that one can go back to them: bounded in memory, and the thinner the older they are.

Nothing here imports torch: whoever keeps them has the bytes of states, not the states.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from safetensors.numpy import load, save

from maml_core.config import RunConfig, replace
from maml_core.headers import facts_of
from maml_core.records import Entry

CHECKPOINTS = ("good/", "candidate/")
"""Where a state's bytes hold what a roll-back goes back to."""

MAX_BYTES, MAX_IMAGE_BYTES = 4 * 2**20, 32 * 2**20
"""Bytes kept of a run, and of one whose tasks are of images."""

MAX_PINNED = 20
"""Moments of a run that stay where others go."""


class Moment(NamedTuple):
    """A run as it was after some outer steps."""

    step: int
    """Outer steps taken."""
    config: RunConfig
    """The set-up that held then."""
    state: bytes
    """The state without its checkpoints (`light`)."""
    num_entries: int
    """Lines of the timeline, in the order in which they act and roll-backs not counted, that acted before it."""


class Moments:
    """The kept moments of one run. The first and the newest always stay; between them the distance grows in proportion to the age.

    Args:
        max_bytes: What all states together may take.
        kept: Of a run that goes on, oldest first.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, kept: Iterable[Moment] = ()) -> None:
        self._max_bytes = max_bytes
        self._all = list(kept)
        self._pinned: tuple[int, ...] = ()
        self._num_bytes = sum(len(moment.state) for moment in self._all)
        self._thin()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Moment]:
        return iter(self._all)

    def add(self, moment: Moment) -> None:
        """Keep one more, which is not older than the newest; in its place where both are of the same outer step."""
        if self._all and self._all[-1].step == moment.step:
            self._num_bytes -= len(self._all.pop().state)
        self._all.append(moment)
        self._num_bytes += len(moment.state)
        self._thin()

    def pin(self, moment: Moment) -> None:
        """Keep one that is known, or not older than the newest, as long as others can go; so the newest `MAX_PINNED` that were asked for."""
        self._pinned = (*(step for step in self._pinned if step != moment.step), moment.step)[-MAX_PINNED:]
        if all(known[:2] != moment[:2] for known in self._all):
            self.add(moment)

    @property
    def newest(self) -> Moment | None:
        """The newest; None where none is kept."""
        return self._all[-1] if self._all else None

    def limit(self, max_bytes: int) -> None:
        """Keep no more than this from now on."""
        self._max_bytes = max_bytes
        self._thin()

    def nearest(self, step: int) -> Moment | None:
        """The kept moment nearest to an outer step, the earlier one of two; None where none is kept."""
        return min(self._all, key=lambda moment: (abs(moment.step - step), moment.step), default=None)

    def before(self, step: int) -> Moment | None:
        """The newest moment of an earlier outer step than this; None where none is kept."""
        return next((moment for moment in reversed(self._all) if moment.step < step), None)

    def beside(self, step: int, by: int) -> Moment | None:
        """The moment so many places after the one nearest to a step; negative for before it. It stops at the first and the newest."""
        if not self._all:
            return None
        nearest = self.nearest(step)
        place = next(place for place, moment in enumerate(self._all) if moment is nearest)
        return self._all[max(0, min(len(self._all) - 1, place + by))]

    def _thin(self) -> None:
        while self._num_bytes > self._max_bytes and len(self._all) > 2:
            dropped = self._all.pop(_least_missed([moment.step for moment in self._all], self._pinned))
            self._num_bytes -= len(dropped.state)


def _least_missed(steps: Sequence[int], pinned: Collection[int]) -> int:
    """The place, neither first nor last, whose neighbours would be nearest to each other for their age if it went; of a pinned step only where all are."""
    newest = steps[-1]
    inner = range(1, len(steps) - 1)
    places = [place for place in inner if steps[place] not in pinned] or inner
    return min(places, key=lambda place: (steps[place + 1] - steps[place - 1]) / (newest - steps[place]))


def light(state: bytes) -> bytes:
    """A state's bytes without what a roll-back goes back to: a third of them. A run that goes on from them goes back to this state.

    Args:
        state: From `state_to_bytes`.

    Raises:
        ValueError, KeyError, TypeError: The bytes are not those of a state.
    """
    facts = dict(facts_of(state, "run_state"))
    facts |= {"good_step": facts["step"], "candidate_step": facts["step"]}
    facts["optimizer_steps"] = {
        name: count for name, count in facts["optimizer_steps"].items() if not name.startswith(CHECKPOINTS)
    }
    arrays = {name: value for name, value in load(state).items() if not name.startswith(CHECKPOINTS)}
    return save(arrays, metadata={"run_state": json.dumps(facts)})


def max_bytes(config: RunConfig) -> int:
    """What the kept moments of a run may take."""
    return MAX_IMAGE_BYTES if config.classifies else MAX_BYTES


def asked(timeline: Iterable[Entry]) -> list[Entry]:
    """The lines of a timeline in the order in which they act, without the notes of roll-backs."""
    return sorted((entry for entry in timeline if entry.kind != "rollback"), key=lambda entry: entry.step)


def set_ups(start: RunConfig, timeline: Iterable[Entry]) -> Iterator[RunConfig]:
    """The set-ups after 0, 1, 2 and more lines of a timeline, roll-backs not counted."""

    def after(config: RunConfig, entry: Entry) -> RunConfig:
        return replace(config, entry.changes) if entry.kind == "change" else config

    return accumulate(asked(timeline), after, initial=start)
