"""Whether the sweeps that the server holds are still kept where they were: a command may have deleted or renamed one, or somebody its folder."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping

from dashboard.sweeps.job import ENDED, SweepJob
from dashboard.sweeps.quotas import JobKey
from maml_core.errors import ConfigError, StoreError
from maml_core.sweeps.catalog import is_kept
from maml_core.sweeps.places import is_url

LOOK_S = 2.0
"""Between two looks at the folders."""


class Whereabouts:
    """Looks at them every now and then, in a thread: a disk may take its time."""

    def __init__(self) -> None:
        self._looked_at, self._is_looking = -math.inf, False

    def is_due(self, now: float) -> bool:
        """Whether it is time for another look."""
        return not self._is_looking and now - self._looked_at >= LOOK_S

    async def gone(self, jobs: Mapping[JobKey, SweepJob], now: float) -> list[JobKey]:
        """The sweeps that have ended and are not there any more; those that are computed no command deletes."""
        self._looked_at = now
        at_rest = {key: job for key, job in jobs.items() if job.status in ENDED}
        if not at_rest:
            return []
        self._is_looking = True
        try:
            missing = await asyncio.to_thread(_missing, at_rest)
        finally:
            self._is_looking = False
        # What somebody has gone on with meanwhile, or begun anew, is there.
        return [key for key in missing if jobs.get(key) is at_rest[key] and at_rest[key].status in ENDED]


def _missing(keys: Collection[JobKey]) -> list[JobKey]:
    return [key for key in keys if not _is_there(key)]


def _is_there(key: JobKey) -> bool:
    """Whether a sweep is in its folder; of a database, or a disk that does not answer, that it is."""
    try:
        return is_url(key.place) or is_kept(key.name, storage=key.place)
    except (ConfigError, OSError, StoreError):
        return True
