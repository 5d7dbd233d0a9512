"""A page's end of its socket, the same for every screen: what it must send, and which frames the browser has not drawn yet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

MAX_WAITING = 8_000_000
"""Characters and bytes that may wait for a browser which does not read. All that a new socket is told first is less than a tenth of it."""

REPLACED, BEHIND, FLOODING, REFUSED = 4409, 4408, 4429, 4403
"""Why a socket is closed: another one feeds its page, it does not read, it asks for too much, it may not be there."""

FLOODS = "this page asks for too much"
"""What is said to a page that does."""


class Outbox(asyncio.Queue[str | bytes]):
    """What a socket must send, in order. Whoever does not read is cut off, and is told everything by its next socket."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = asyncio.Event()
        """The socket is to be closed."""
        self.why = (0, "")
        """Code and reason."""
        self._size = 0

    def end(self, code: int, reason: str) -> None:
        """Send nothing more, and close the socket."""
        if not self.is_over.is_set():
            self.why = (code, reason)
            self.is_over.set()

    def put_nowait(self, item: str | bytes) -> None:
        """Send this after all that waits."""
        if self._size > MAX_WAITING:
            self.end(BEHIND, "this page does not read what it is sent")
        if not self.is_over.is_set():
            super().put_nowait(item)

    def _put(self, item: str | bytes) -> None:
        self._size += len(item)
        super()._put(item)

    def _get(self) -> str | bytes:
        item = super()._get()
        self._size -= len(item)
        return item


def as_json(message: Mapping[str, Any]) -> str:
    """A message as its socket sends it."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


class Connection:
    """What feeds one page. It outlives the sockets: one comes, goes, and another takes its place.

    Args:
        max_unacknowledged: Frames that a browser may have received without drawing; a slow one skips frames instead of falling behind.
    """

    def __init__(self, max_unacknowledged: int) -> None:
        self._max_unacknowledged = max_unacknowledged
        self._outbox: Outbox | None = None
        self._unacknowledged: list[int] = []

    @property
    def is_open(self) -> bool:
        """Whether there is a socket."""
        return self._outbox is not None

    @property
    def is_behind(self) -> bool:
        """Whether the browser has yet to draw what it was sent."""
        return len(self._unacknowledged) >= self._max_unacknowledged

    def open(self) -> Outbox:
        """Begin with a new socket, which sends whatever comes out of the queue; one that is there still ends."""
        if self._outbox is not None:
            self._outbox.end(REPLACED, "another socket feeds this page now")
        self._outbox, self._unacknowledged = Outbox(), []
        return self._outbox

    def close(self, outbox: Outbox | None = None) -> bool:
        """End with a socket, by default with whichever there is; not where another has taken its place.

        Returns:
            Whether it was the newest.
        """
        if outbox is not None and self._outbox is not outbox:
            return False
        self._outbox = None
        return True

    def put(self, message: Mapping[str, Any]) -> None:
        """Send a message, if anybody listens."""
        if self.is_open:
            self.put_text(as_json(message))

    def put_text(self, message: str) -> None:
        """Send a message that is JSON already, if anybody listens."""
        if self._outbox is not None:
            self._outbox.put_nowait(message)

    def put_frame(self, number: int, frame: bytes) -> None:
        """Send a frame, if anybody listens.

        Args:
            number: By which the browser says that it has drawn it; grows from frame to frame.
            frame: As `wire.packing` packs one.
        """
        if self._outbox is not None:
            self._unacknowledged.append(number)
            self._outbox.put_nowait(frame)

    def acknowledge(self, number: int) -> None:
        """The browser has drawn this frame and those before it."""
        self._unacknowledged = [frame for frame in self._unacknowledged if frame > number]

    def forget_frames(self) -> None:
        """Expect no word on the frames so far: what they drew is replaced as a whole."""
        self._unacknowledged = []
