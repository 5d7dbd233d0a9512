"""What a live run keeps to go back to: the states that its chunks bring, not more often than somebody could tell apart, and what was measured of
held-out tasks at each, so that whoever goes back sees that without its being computed again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from maml_core.chunks import ChunkResult
from maml_core.config import RunConfig
from maml_core.moments import Moment, Moments, max_bytes
from maml_core.records import Entry, Snapshot

KEEP_S = 0.25
"""Least time between two states that are kept. One of which held-out tasks were not looked at is waited for as long again: the next may be."""


class Keeping:
    """The kept states of one run.

    Args:
        config: Of the run.
        kept: Those that there are already.
    """

    def __init__(self, config: RunConfig, kept: Iterable[Moment] = ()) -> None:
        self._max_bytes = max_bytes(config)
        self.moments = Moments(self._max_bytes, kept)
        self._kept_at = -math.inf
        self._measured: dict[int, tuple[Moment, Snapshot]] = {}
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
        newest = self.moments.newest
        is_known = newest is not None and (newest.step, newest.config) == (result.step, result.config)
        if result.light is None or result.status.kind != "ok" or is_known:
            return
        self._kept_at = now
        asked = sum(entry.kind != "rollback" for entry in timeline)
        moment = Moment(result.step, result.config, result.light, asked)
        self.moments.add(moment)
        if result.snapshot is not None:
            self.learn(moment, result.snapshot)

    def learn(self, moment: Moment, found: Snapshot) -> None:
        """Remember what was measured at a moment, without what depends on who looks: its task, and the plane of the paths."""
        before = self.measured(moment) or found
        kept = {each.step for each in self.moments}
        self._measured = {step: known for step, known in self._measured.items() if step in kept}
        self._measured[moment.step] = (
            moment,
            Snapshot(
                step=moment.step,
                fits=(),
                paths=None,
                trajectories=found.trajectories or before.trajectories,
                curvature=found.curvature or before.curvature,
                descent=found.descent or before.descent,
                rates=found.rates or before.rates,
            ),
        )

    def measured(self, moment: Moment) -> Snapshot | None:
        """What was measured at a moment of held-out tasks; None where that is nothing."""
        of, found = self._measured.get(moment.step, (None, None))
        return found if of is moment else None

    def limit(self, num_bytes: int) -> None:
        """Keep no more than this, if that is less than a run may keep."""
        self.moments.limit(min(num_bytes, self._max_bytes))
