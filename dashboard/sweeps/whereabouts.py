"""Whether the sweeps that the server holds are still kept where they were: a command may have deleted or renamed one, or somebody its folder."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping

from dashboard.sweeps.job import ENDED, SweepJob
from dashboard.sweeps.quotas import JobKey
from maml_core.errors import ConfigError, StoreError
from maml_core.sweeps.catalog import is_kept
from maml_core.sweeps.places import is_url

LOOK_S = 2.0
"""Between two looks at the folders."""


class Whereabouts:
    """Looks at them every now and then, in a thread: a disk may take its time.

    Args:
        forget: Called, on the loop, with each that has ended and is not there any more; those that are computed no command deletes.
    """

    def __init__(self, forget: Callable[[JobKey], object]) -> None:
        self._forget = forget
        self._looked_at, self._is_looking = -math.inf, False

    def is_due(self, now: float) -> bool:
        """Whether it is time for another look."""
        return not self._is_looking and now - self._looked_at >= LOOK_S

    async def look(self, jobs: Mapping[JobKey, SweepJob], now: float) -> None:
        """Look at all of them."""
        self._looked_at = now
        at_rest = {key: job for key, job in jobs.items() if job.status in ENDED}
        if not at_rest:
            return
        self._is_looking = True
        try:
            missing = await asyncio.to_thread(_missing, at_rest)
        finally:
            self._is_looking = False
        for key in missing:
            job = at_rest[key]
            if (
                jobs.get(key) is job and job.status in ENDED
            ):  # what somebody has gone on with meanwhile, or begun anew, is there
                self._forget(key)


def _missing(keys: Collection[JobKey]) -> list[JobKey]:
    return [key for key in keys if not _is_there(key)]


def _is_there(key: JobKey) -> bool:
    """Whether a sweep is in its folder; of a database, or a disk that does not answer, that it is."""
    try:
        return is_url(key.place) or is_kept(key.name, storage=key.place)
    except (ConfigError, OSError, StoreError):
        return True
