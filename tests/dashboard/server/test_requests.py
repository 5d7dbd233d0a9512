"""What a page asks for is obeyed once, over however many sockets it is sent."""

from __future__ import annotations

import json
from typing import Any

from dashboard.server.requests import Requests


def ask(requests: Requests, number: Any, token: str = "page") -> tuple[bool, int | None]:
    is_new, said = requests.take(token, {"type": "play", "request": number})
    return is_new, json.loads(said)["request"] if said else None


def begin(requests: Requests, sender: str, token: str = "page") -> int:
    said = json.loads(requests.begin(token, sender))
    assert said.keys() == {"type", "request"}
    assert said["type"] == "taken"
    return int(said["request"])


def test_what_is_sent_again_is_not_obeyed_again():
    requests = Requests(lambda token: True)
    assert begin(requests, "a") == 0
    assert [ask(requests, number) for number in (1, 2, 2, 1, 4)] == [
        (True, 1),
        (True, 2),
        (False, 2),
        (False, 2),
        (True, 4),
    ]
    assert begin(requests, "a") == 4
    assert ask(requests, 4) == (False, 4)  # the old socket had it on its way


def test_a_page_that_was_built_anew_counts_afresh_and_pages_do_not_share_their_numbers():
    requests = Requests(lambda token: True)
    begin(requests, "a")
    ask(requests, 7)
    assert begin(requests, "b") == 0
    assert ask(requests, 1) == (True, 1)
    begin(requests, "b", "another page")
    assert ask(requests, 1, "another page") == (True, 1)


def test_a_message_without_a_number_is_obeyed_and_not_answered():
    requests = Requests(lambda token: True)
    begin(requests, "a")
    assert [ask(requests, number) for number in (None, "3", True)] == [(True, None)] * 3


def test_pages_that_are_gone_are_forgotten():
    known = {"one", "two"}
    requests = Requests(known.__contains__)
    for token in known:
        begin(requests, "a", token)
        ask(requests, 5, token)
    known.remove("one")
    assert begin(requests, "a", "two") == 5
    assert requests._taken.keys() == {"two"}
