"""What a driver does for a journey, whatever its engine: go somewhere, run a function of JavaScript, press, type, take a picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeVar

Way = Sequence[tuple[float, float]]
"""Places in the window, in CSS pixels from its upper left corner."""

ENTER = "\ue007"
"""The Enter key, as WebDriver writes it."""

PART_MS = 20
"""Time that a finger or a mouse takes from one place of a way to the next."""

Found = TypeVar("Found")


class Driver(Protocol):
    """One window of a browser engine."""

    name: str
    """As people call it: Chromium, Firefox, WebKit."""

    def go(self, url: str) -> None:
        """Open an address, and wait until its document is there."""

    def call(self, function: str, argument: str) -> str:
        """Call a function of the page, async or not, that takes a text and gives one.

        Raises:
            ScriptError: It threw an error.
        """

    def press(self, kind: Literal["mouse", "touch"], way: Way) -> None:
        """Down at the first place, on to each of the others, and up at the last one."""

    def keys(self, text: str) -> None:
        """Press the keys of a text, one after the other, in whatever has the focus."""

    def resize(self, width: int, height: int) -> None:
        """Make the window so large, without its bars, in CSS pixels."""

    def picture(self) -> bytes:
        """What is seen, as PNG."""

    def errors(self) -> list[str]:
        """Errors that the page threw, or wrote to its console, and nobody caught."""

    def close(self) -> None:
        """End the window, and what was started for it."""


class ScriptError(AssertionError):
    """A function that a driver called in the page threw an error."""


class EngineMissing(Exception):
    """This machine has no such browser; the message says how to get it."""


def retried(make: Callable[[], Found], error: type[Exception], *, seconds: float) -> Found:
    """What `make` gives once it raises no such error any more; what it raised last, where it goes on doing so for so long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return make()
        except error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def as_actions(kind: Literal["mouse", "touch"], way: Way) -> list[dict[str, object]]:
    """The way of a pointer as WebDriver's actions, which BiDi has too."""
    moves = [
        {"type": "pointerMove", "x": round(x), "y": round(y), "duration": PART_MS, "origin": "viewport"} for x, y in way
    ]
    steps = [{**moves[0], "duration": 0}, {"type": "pointerDown", "button": 0}, *moves[1:]]
    up = {"type": "pointerUp", "button": 0}
    return [{"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": [*steps, up]}]


def as_key_actions(text: str) -> list[dict[str, object]]:
    """Keys as WebDriver's actions."""
    steps = [{"type": what, "value": key} for key in text for what in ("keyDown", "keyUp")]
    return [{"type": "key", "id": "keys", "actions": steps}]
