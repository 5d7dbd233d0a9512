"""What a live run keeps to go back to: the states that its chunks bring, not more often than somebody could tell apart, and what was measured of
held-out tasks at each, so that whoever goes back sees that without its being computed again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from dashboard.charts.results import EdgePoint
from maml_core.chunks import ChunkResult
from maml_core.config import RunConfig
from maml_core.moments import Moment, Moments, max_bytes
from maml_core.records import Entry, Snapshot
from maml_core.store.measured import measured_only

KEEP_S = 0.25
"""Least time between two states that are kept. One of which held-out tasks were not looked at is waited for as long again: the next may be."""


class Keeping:
    """The kept states of one run.

    Args:
        config: Of the run.
        kept: Those that there are already.
        measured: What was measured at them, by outer step.
    """

    def __init__(
        self,
        config: RunConfig,
        kept: Iterable[Moment] = (),
        measured: Mapping[int, Snapshot] = MappingProxyType({}),
    ) -> None:
        self._max_bytes = max_bytes(config)
        self.moments = Moments(self._max_bytes, kept)
        self._kept_at = -math.inf
        self._measured = {
            moment.step: (moment, measured[moment.step]) for moment in self.moments if moment.step in measured
        }
        """What was measured, by outer step, of the moments that are kept."""

    def is_due(self, now: float, *, measures: bool = True) -> bool:
        """Whether it is time for another one.

        Args:
            now: The clock.
            measures: The chunk that would bring it looks at held-out tasks.
        """
        return self.moments.newest is None or now - self._kept_at >= (KEEP_S if measures else 2.0 * KEEP_S)

    def take(self, result: ChunkResult, timeline: Sequence[Entry], now: float) -> None:
        """Keep the state that a chunk has brought, where it was asked for one.

        Args:
            result: What came out.
            timeline: All that acted before it.
            now: The clock.
        """
        if result.light is None or result.status.kind != "ok" or self._kept_of(result) is not None:
            return
        self._kept_at = now
        asked = sum(entry.kind != "rollback" for entry in timeline)
        moment = Moment(result.step, result.config, result.light, asked)
        self.moments.add(moment)
        if result.snapshot is not None:
            self.learn(moment, result.snapshot)

    def measure(self, result: ChunkResult) -> None:
        """Remember what was measured at the newest kept state, if that is the one that was looked at."""
        moment = self._kept_of(result)
        if moment is not None and result.snapshot is not None:
            self.learn(moment, result.snapshot)

    def _kept_of(self, result: ChunkResult) -> Moment | None:
        """The newest kept state, where that is the one of a result."""
        newest = self.moments.newest
        is_it = newest is not None and (newest.step, newest.config) == (result.step, result.config)
        return newest if is_it else None

    def learn(self, moment: Moment, found: Snapshot) -> None:
        """Remember what was measured at a moment."""
        before = self.measured(moment)
        kept = {each.step for each in self.moments}
        self._measured = {step: known for step, known in self._measured.items() if step in kept}
        self._measured[moment.step] = (moment, measured_only(found, before))

    def measured(self, moment: Moment) -> Snapshot | None:
        """What was measured at a moment of held-out tasks; None where that is nothing."""
        of, found = self._measured.get(moment.step, (None, None))
        return found if of is moment else None

    @property
    def all_measured(self) -> Mapping[int, Snapshot]:
        """What was measured at the moments that are kept, by outer step."""
        return {moment.step: found for moment in self.moments if (found := self.measured(moment)) is not None}

    @property
    def edge(self) -> list[EdgePoint]:
        """What the gauge showed at those moments."""
        return [
            EdgePoint(step=moment.step, alpha=moment.config.alpha_at_test, curvature=found.curvature)
            for moment in self.moments
            if (found := self.measured(moment)) is not None and found.curvature is not None
        ]

    def limit(self, num_bytes: int) -> None:
        """Keep no more than this, if that is less than a run may keep."""
        self.moments.limit(min(num_bytes, self._max_bytes))
