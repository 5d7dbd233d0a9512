"""What a live run keeps to go back to: the states that its chunks bring, not more often than somebody could tell apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from maml_core.chunks import ChunkResult
from maml_core.config import RunConfig
from maml_core.moments import Moment, Moments, max_bytes
from maml_core.records import Entry

KEEP_S = 0.25
"""Least time between two states that are kept."""


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

    def is_due(self, now: float) -> bool:
        """Whether it is time for another one."""
        return self.moments.newest is None or now - self._kept_at >= KEEP_S

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
        self.moments.add(Moment(result.step, result.config, result.light, asked))

    def limit(self, num_bytes: int) -> None:
        """Keep no more than this, if that is less than a run may keep."""
        self.moments.limit(min(num_bytes, self._max_bytes))
