"""A database that goes away in the middle of a sweep: what it does not answer is asked again until it is back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from maml_core.sweeps.databases import is_away, reason_of

T = TypeVar("T")

AWAY_S = 600.0
"""How long a database may not answer before a sweep ends: a server that is restarted, or moved, is back by then."""

PAUSE_S, LONGEST_S = 0.2, 5.0
"""Between two attempts, at first and at most."""

_log = logging.getLogger(__name__)


class Patience:
    """See the module.

    Args:
        where: The storage, as people may read it.
        away_s: See `AWAY_S`.
    """

    def __init__(self, where: str, away_s: float = AWAY_S) -> None:
        self.tell: Callable[[str], None] = _say
        """Is told in a sentence, without a stop, what is waited for, and nothing once it is back; by the thread that waits."""
        self.goes_on: Callable[[], bool] = lambda: True
        """Whether anybody still wants it."""
        self._where, self._away_s = where, away_s

    def tried(self, act: Callable[[], T]) -> T:
        """What an action gives, which may be done twice.

        Raises:
            Exception: As of the action, where the database refuses, or has not come back.
        """
        began: float | None = None
        pause_s = PAUSE_S
        while True:
            try:
                found = act()
            except Exception as error:
                began = time.monotonic() if began is None else began
                if not is_away(error) or time.monotonic() - began > self._away_s or not self.goes_on():
                    raise
                if pause_s == PAUSE_S:
                    self.tell(
                        f"the sweep's storage {self._where} does not answer ({reason_of(error)}); the sweep waits for it, "
                        f"for {self._away_s / 60:.0f} minutes at most, and then goes on"
                    )
                time.sleep(pause_s)
                pause_s = min(LONGEST_S, 1.5 * pause_s)
            else:
                if began is not None:
                    self.tell("")
                return found


def _say(sentence: str) -> None:
    if sentence:
        _log.warning(sentence)
