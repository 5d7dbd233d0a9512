"""What of each page's requests is taken: one that is sent again over a new socket once, and no more in a time than a page may ask for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from dashboard.wire.rate import Rate


class Rates:
    """How much each page may still ask for, whichever of its sockets it comes by.

    Args:
        is_known: Whether a page with a token is open; what others asked for is forgotten.
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self._is_known = is_known
        self._rates: dict[str, Rate] = {}

    def of(self, token: str) -> Rate | None:
        """That of a page; None where it is not known."""
        if not self._is_known(token):
            self._rates.pop(token, None)
            return None
        if token not in self._rates:
            self._rates = {known: rate for known, rate in self._rates.items() if self._is_known(known)}
        return self._rates.setdefault(token, Rate())


class Requests:
    """Which requests of each page were taken. One for each screen.

    Args:
        is_known: Whether a page with a token is open; what others asked for is forgotten.
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self._is_known = is_known
        self._taken: dict[str, tuple[str, int]] = {}
        """By the page's token: who sends its requests, and the number of the last one."""

    def begin(self, token: str, sender: str) -> str:
        """A page has a new socket; gives the message that says which of this sender's requests were taken."""
        self._taken = {known: taken for known, taken in self._taken.items() if self._is_known(known)}
        before, taken = self._taken.get(token, (sender, 0))
        self._taken[token] = (sender, taken if before == sender else 0)
        return _message(self._taken[token][1])

    def take(self, token: str, message: Mapping[str, Any]) -> tuple[bool, str]:
        """Whether a page's message is to be obeyed, and the message that it was taken; empty for one without a number."""
        number = message.get("request")
        if not isinstance(number, int) or isinstance(number, bool):
            return True, ""
        sender, taken = self._taken.get(token, ("", 0))
        self._taken[token] = (sender, max(taken, number))
        return number > taken, _message(max(taken, number))


def _message(number: int) -> str:
    return json.dumps({"type": "taken", "request": number})
