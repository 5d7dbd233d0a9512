"""A page's end of its socket: messages in order, frames only as fast as they are drawn, one socket after the other."""

from __future__ import annotations

import json

import pytest

from dashboard.wire import connection as connection_module
from dashboard.wire.connection import BEHIND, REPLACED, Connection


def test_messages_and_frames_come_out_in_order() -> None:
    connection = Connection(1)
    outbox = connection.open()
    connection.put({"type": "state", "step": 3})
    connection.put_frame(1, b"numbers")
    connection.put_text('{"type": "progress"}')
    assert json.loads(str(outbox.get_nowait())) == {"type": "state", "step": 3}
    assert outbox.get_nowait() == b"numbers"
    assert outbox.get_nowait() == '{"type": "progress"}'


@pytest.mark.parametrize("allowed", [1, 2])
def test_a_browser_is_behind_until_it_has_drawn(allowed: int) -> None:
    connection = Connection(allowed)
    connection.open()
    seen = []
    for number in (1, 2, 3):
        connection.put_frame(number, b"")
        seen.append(connection.is_behind)
    assert seen == [number >= allowed for number in (1, 2, 3)]
    connection.acknowledge(2)  # and the one before it
    assert connection.is_behind == (allowed == 1)
    connection.acknowledge(3)
    assert not connection.is_behind


@pytest.mark.parametrize("forget", ["forget_frames", "open"])
def test_what_is_replaced_as_a_whole_is_not_waited_for(forget: str) -> None:
    connection = Connection(1)
    connection.open()
    connection.put_frame(1, b"")
    getattr(connection, forget)()
    assert not connection.is_behind


def test_the_socket_that_was_replaced_ends_nothing() -> None:
    connection = Connection(1)
    old, new = connection.open(), connection.open()
    assert not connection.close(old)
    assert connection.is_open
    assert connection.close(new)
    assert not connection.is_open


def test_without_a_socket_nothing_is_kept_for_the_next_one() -> None:
    connection = Connection(1)
    connection.put({"type": "state"})
    connection.put_frame(1, b"")
    assert connection.open().empty()
    assert not connection.is_behind


def test_a_message_is_strict_json() -> None:
    connection = Connection(1)
    connection.open()
    with pytest.raises(ValueError, match="JSON"):
        connection.put({"loss": float("nan")})


def test_a_socket_that_another_replaces_ends_with_a_word() -> None:
    connection = Connection(1)
    old = connection.open()
    assert not old.is_over.is_set()
    new = connection.open()
    assert old.is_over.is_set()
    assert old.why == (REPLACED, "another socket feeds this page now")
    assert not new.is_over.is_set()


def test_whoever_does_not_read_is_cut_off_and_nothing_more_is_kept_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MAX_WAITING", 100)
    connection = Connection(1)
    outbox = connection.open()
    for _ in range(4):
        connection.put_text("x" * 40)
    assert (outbox.qsize(), outbox.is_over.is_set()) == (3, True)
    assert outbox.why[0] == BEHIND
    connection.put_text("x")
    assert outbox.qsize() == 3


def test_whoever_reads_is_sent_any_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MAX_WAITING", 100)
    connection = Connection(1)
    outbox = connection.open()
    for number in range(50):
        connection.put_text("x" * 40)
        connection.put_frame(number, b"y" * 40)
        outbox.get_nowait()
        outbox.get_nowait()
    assert not outbox.is_over.is_set()
