"""How many frames that carry no message a socket may send: pings, pongs, and small pieces of a message.

The server's library answers or keeps each of them as it comes, whatever else waits, so that they are not among what a page may ask for
(`wire.rate`): a tab that sends nothing else would have the loop busy, or fill its memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from dashboard.wire.rate import Rate

PER_S, BURST = 5.0, 50.0
"""Frames without a message that a socket may send in a second, and at once. The server asks for one pong in ten seconds, and a proxy may ask as often."""

SMALL = 1000
"""Bytes: a piece of a message that is shorter counts too. Browsers cut a long message into pieces of tens of thousands."""

SLICE = 2048
"""Bytes that are read at once: so many pings, a few hundred, are answered before somebody is found out."""

_PIECE, _PING, _PONG = 0, 9, 10
"""Kinds of frames (RFC 6455, 11.8)."""


def limit_frames(protocol: Any, flooded: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
    """Have a connection read in slices, and no further once its frames without a message are too many.

    Nothing public leads there: where the library is another one, which waits for each of its answers, nothing is changed.

    Args:
        protocol: What serves the connection in uvicorn.
        flooded: Called once, when there are too many.
        clock: Seconds that only grow.
    """
    receive: Any = getattr(protocol, "data_received", None)
    events: Any = getattr(protocol, "conn", None)
    if receive is None or not hasattr(events, "events_received"):
        return
    rate, found, is_over = Rate(PER_S, BURST), events.events_received, False

    def counted() -> Sequence[Any]:
        nonlocal is_over
        frames = found()
        idle = sum(_carries_no_message(frame) for frame in frames)
        if idle and rate.take(float(idle), clock()) > 0.0 and not is_over:
            is_over = True
            flooded()
        return () if is_over else frames

    def sliced(data: bytes) -> None:
        for start in range(0, len(data), SLICE):
            if is_over:
                return
            receive(data[start : start + SLICE])

    events.events_received, protocol.data_received = counted, sliced


def _carries_no_message(frame: Any) -> bool:
    opcode = getattr(frame, "opcode", None)
    return opcode in (_PING, _PONG) or (opcode == _PIECE and len(frame.data) < SMALL)
