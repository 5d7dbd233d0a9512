"""How much a page may ask for in a time: whoever asks for more waits, and whoever does not stop is cut off."""

from __future__ import annotations

import math

PER_S, BURST = 120.0, 400.0
"""What a page may ask for in a second, and at once, in the cost of short messages. A slider that is dragged sends 60 a second; all that waits for a
lost connection is 100 messages."""

CHARACTERS = 4000
"""So many characters of a message cost as much as another short one: a drawn task of 800,000 costs half of a burst."""

OPENING = 40.0
"""Cost of a socket that is opened: its page is told everything anew."""

FLOODING_S = 10.0
"""Who has asked for more than it may for so long without a pause is cut off."""

OUT_S, MOST_OUT_S = 5.0, 60.0
"""Who was cut off is let in again after so long: twice as long each time that it happens again soon, up to the second."""


def cost(message: str) -> float:
    """What a message counts for.

    >>> cost("{}"), cost("x" * 8000)
    (1.0, 3.0)
    """
    return 1.0 + len(message) // CHARACTERS


class Rate:
    """What one page has asked for lately, over all of its sockets.

    Args:
        per_s: What it may ask for in a second, in the long run.
        burst: And at once.
    """

    def __init__(self, per_s: float = PER_S, burst: float = BURST) -> None:
        self._per_s, self._burst = per_s, burst
        self._left = burst
        self._at = -math.inf
        self._since = math.inf
        """When it began to ask for more than it may; it has not paused since, which would have filled half of its burst again."""
        self._out_until, self._out_s = -math.inf, OUT_S

    def take(self, asked: float, now: float) -> float:
        """Seconds to wait before this much is done.

        Args:
            asked: As `cost` gives it.
            now: The clock.
        """
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left >= self._burst / 2.0:
            self._since = math.inf
        self._left -= asked
        if self._left < 0.0:
            self._since = min(self._since, now)
        return max(0.0, -self._left / self._per_s)

    def floods(self, now: float) -> bool:
        """Whether it has not stopped for too long."""
        return now - self._since > FLOODING_S

    def cut_off(self, now: float) -> None:
        """It does not stop, and is not let in for a while."""
        self._out_s = OUT_S if now - self._out_until > MOST_OUT_S else min(MOST_OUT_S, 2.0 * self._out_s)
        self._out_until, self._since = now + self._out_s, math.inf

    def seconds_out(self, now: float) -> float:
        """For how long it is not let in; 0 where it is."""
        return max(0.0, self._out_until - now)
