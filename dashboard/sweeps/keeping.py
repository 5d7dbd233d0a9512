"""Whether the sweeps that the server holds are still kept where they were: a command may have deleted or renamed one, or somebody its folder."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dashboard.sweeps.job import ENDED, SweepJob
from dashboard.sweeps.quotas import JobKey
from maml_core.errors import ConfigError, StoreError
from maml_core.sweeps.catalog import is_kept
from maml_core.sweeps.places import is_url

LOOK_S = 2.0
"""Between two looks at the folders."""


class Keeping:
    """Looks at them every now and then."""

    def __init__(self) -> None:
        self._looked_at = -math.inf

    def gone(self, jobs: Mapping[JobKey, SweepJob], now: float) -> list[JobKey]:
        """The sweeps that have ended and are not there any more; those that are computed no command deletes."""
        if now - self._looked_at < LOOK_S:
            return []
        self._looked_at = now
        return [key for key, job in jobs.items() if job.status in ENDED and not _is_there(key)]


def _is_there(key: JobKey) -> bool:
    """Whether a sweep is in its folder; of a database, or a disk that does not answer, that it is."""
    try:
        return is_url(key.place) or is_kept(key.name, storage=key.place)
    except (ConfigError, OSError, StoreError):
        return True
