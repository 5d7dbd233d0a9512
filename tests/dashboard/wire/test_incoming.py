"""Messages as they come over a socket."""

from __future__ import annotations

import json

import pytest

from dashboard.wire import incoming
from dashboard.wire.incoming import MAX_MESSAGE, message_of


def test_the_longest_drawing_is_read_and_one_character_more_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = json.dumps({"type": "draw", "text": ""})
    longest = longest.replace('""', f'"{"x" * (MAX_MESSAGE - len(longest))}"')
    assert len(longest) == MAX_MESSAGE
    assert message_of(longest)["type"] == "draw"
    monkeypatch.setattr(incoming.json, "loads", lambda _: pytest.fail("parsed"))
    assert message_of(longest + " ") == {}


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000, "1" * 5000, "null", '"type"'])
def test_what_is_no_object_says_nothing(text: str) -> None:
    assert message_of(text) == {}
