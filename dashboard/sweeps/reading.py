"""What a sweep's results say, read again as settings finish, though never for more than a small share of a processor.

Of ten thousand settings a reading takes seconds, and one is finished every few tenths of a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.findings import read
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.standing import Standings

READING_SHARE = 0.05
"""Share of a processor, at most, that goes into readings while a sweep is computed."""


class Findings(NamedTuple):
    """What the results say."""

    sentences: tuple[str, ...]
    standings: Standings
    """How each setting stands beside another."""
    is_read: bool = True
    """False while that is being read of a sweep that was just opened."""


def unread(sweep: SweepConfig) -> Findings:
    """What is said of a sweep whose results nobody has read yet."""
    return Findings(("What the settings say together is being read.",), Standings(sweep, ()), is_read=False)


def findings_of(sweep: SweepConfig, results: Sequence[SettingResult]) -> Findings:
    """Read the results, with how each setting stands beside the best one: here, where no page waits for it."""
    standings = Standings(sweep, results)
    standings.against(None)
    return Findings(read(sweep, results, standings.comparison), standings)


class Reader:
    """Reads one sweep's results, at most as often as `READING_SHARE` allows.

    Args:
        clock: Seconds that only grow.
        processor_s: Processor seconds of the calling thread.
        find: Reads them.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        processor_s: Callable[[], float] = time.thread_time,
        find: Callable[[SweepConfig, Sequence[SettingResult]], Findings] = findings_of,
    ) -> None:
        self._clock, self._processor_s, self._find = clock, processor_s, find
        self._newest: Findings | None = None
        self._num_done = -1
        """Settings that were done at the newest reading."""
        self._rests_until = 0.0

    def findings(self, sweep: SweepConfig, results: Sequence[SettingResult], *, at_once: bool = False) -> Findings:
        """What the results say, or said at the newest reading.

        Args:
            sweep: That they are of.
            results: All settings as far as they are known.
            at_once: Nothing more comes for a while: read what has not been read, whatever it takes.
        """
        num_done = sum(result.is_done for result in results)
        is_due = at_once or self._clock() >= self._rests_until
        if self._newest is None or (is_due and num_done != self._num_done):
            begun = self._processor_s()
            self._newest, self._num_done = self._find(sweep, results), num_done
            self._rests_until = self._clock() + (self._processor_s() - begun) / READING_SHARE
        return self._newest
