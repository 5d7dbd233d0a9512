"""Who may train: places are given in the order of asking, kept over a reload, and given back by who does not need them."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.live.page import DRAWS_S
from dashboard.live.playback import InLine
from dashboard.live.run import LiveRun
from dashboard.live.training import status_kind
from dashboard.server.hub import HIDDEN_PAUSE_S, Hub
from dashboard.server.places import (
    HIDDEN,
    IDLE_S,
    OUT_OF_SIGHT_S,
    RELOAD_S,
    UNTOUCHED,
    UNTOUCHED_S,
    Claim,
    Places,
    num_places,
)
from tests.dashboard.server.clients import TINY, Client, Clock, Priced, on_loop, states, turns, until, wake


class Room:
    """A server with so many places, and the pages that want them: what a hub knows of each, as a test sets it."""

    def __init__(self, most: int, count: int) -> None:
        self.places = Places(most)
        self.runs = [LiveRun(TINY) for _ in range(count)]
        self.claims = {run: Claim(f"tab {i}", True, True, touched_at=0.0) for i, run in enumerate(self.runs)}
        self.now = 0.0

    def look(self) -> list[int]:
        """Give places; gives the numbers of the runs that are told."""
        return [self.runs.index(run) for run in self.places.look(self.claims, self.now)]

    def play(self, *numbers: int) -> None:
        for number in numbers:
            self.runs[number].play()
            self.look()

    def set(self, number: int, **fields: object) -> None:
        run = self.runs[number]
        self.claims[run] = self.claims[run]._replace(**fields)  # type: ignore[arg-type]  # names of its fields

    @property
    def training(self) -> list[int]:
        return [number for number, run in enumerate(self.runs) if run.playback.trains]

    @property
    def ahead(self) -> list[int | None]:
        return [None if run.playback.in_line is None else run.playback.in_line.ahead for run in self.runs]


def test_who_comes_when_all_places_are_taken_waits_and_knows_how_many_are_before_it() -> None:
    room = Room(2, 5)
    room.play(0, 1, 2, 3, 4)
    assert room.training == [0, 1]
    assert room.ahead == [None, None, 0, 1, 2]
    assert status_kind(room.runs[2]) == "waiting"


def test_who_came_first_has_the_next_place_by_itself_and_the_others_are_told() -> None:
    room = Room(2, 5)
    room.play(0, 1, 2, 3, 4)
    room.runs[0].pause()
    room.now += IDLE_S + 1
    assert room.look() == [2, 3, 4]
    assert room.training == [1, 2]
    assert room.ahead == [None, None, None, 0, 1]


def test_a_pause_keeps_the_place_for_a_while() -> None:
    room = Room(1, 2)
    room.play(0, 1)
    room.runs[0].pause()
    room.look()
    room.now += IDLE_S - 1
    room.look()
    assert room.training == []
    room.play(0)
    assert room.training == [0]
    assert room.ahead == [None, 0]


def test_who_pauses_while_it_waits_leaves_the_line() -> None:
    room = Room(1, 3)
    room.play(0, 1, 2)
    room.runs[1].pause()
    assert room.runs[1].playback.in_line is None
    room.look()
    assert room.ahead == [None, None, 0]
    room.play(1)
    assert room.ahead == [None, 1, 0]  # behind who stayed


def test_a_closed_page_gives_its_place_back_and_a_reload_keeps_it() -> None:
    room = Room(1, 2)
    room.play(0, 1)
    room.set(0, is_here=False, is_seen=False)
    room.now += RELOAD_S - 1
    room.look()
    assert room.training == [0]  # as far as it is concerned
    assert room.ahead == [None, 0]
    room.set(0, is_here=True, is_seen=True)
    room.look()
    room.now += RELOAD_S - 1
    assert room.look() == []
    room.set(0, is_here=False, is_seen=False)
    room.now += RELOAD_S + 1
    assert room.look() == [1]
    assert room.runs[1].playback.trains


def test_who_comes_back_after_its_place_was_given_away_stands_in_line() -> None:
    room = Room(1, 2)
    room.play(0, 1)
    room.set(0, is_here=False, is_seen=False)
    room.now += RELOAD_S + 1
    room.look()
    room.set(0, is_here=True, is_seen=True)
    room.look()
    assert room.ahead == [0, None]


def test_a_forgotten_page_leaves_at_once_its_place_and_the_line() -> None:
    room = Room(1, 3)
    room.play(0, 1, 2)
    del room.claims[room.runs[0]], room.claims[room.runs[1]]
    room.look()
    assert room.runs[2].playback.trains


def test_a_reload_keeps_its_place_in_the_line() -> None:
    room = Room(1, 3)
    room.play(0, 1, 2)
    room.set(1, is_here=False, is_seen=False)
    room.now += RELOAD_S - 1
    room.look()
    assert room.ahead == [None, 0, 1]
    room.now += 2
    room.look()
    assert room.ahead == [None, None, 0]


@pytest.mark.parametrize(
    ("fields", "wait_s", "says"),
    [({"is_seen": False}, OUT_OF_SIGHT_S, HIDDEN), ({}, UNTOUCHED_S, UNTOUCHED)],
    ids=["out of sight", "untouched"],
)
def test_who_trains_for_nobody_gives_way_and_is_told(fields: dict[str, bool], wait_s: float, says: str) -> None:
    room = Room(1, 2)
    room.play(0)
    room.set(0, **fields)
    room.look()
    room.now += wait_s + 1
    room.look()
    assert room.training == [0]  # while nobody waits
    room.play(1)
    assert room.training == [1]
    assert room.runs[0].notice == says.format(step=0)


def test_who_was_out_of_sight_stands_in_line_again_once_somebody_sees_it() -> None:
    room = Room(1, 2)
    room.play(0)
    room.set(0, is_seen=False)
    room.now += OUT_OF_SIGHT_S + 1
    room.play(1)
    room.set(0, is_seen=True)
    assert room.runs[0].release()
    room.look()
    assert room.ahead == [0, None]


def test_only_as_many_give_way_as_wait_and_first_those_who_are_gone() -> None:
    room = Room(3, 4)
    room.play(0, 1, 2)
    room.runs[1].pause()
    room.set(0, is_seen=False)
    room.set(2, is_here=False, is_seen=False)
    room.now += OUT_OF_SIGHT_S + 1
    room.play(3)
    assert [room.places.has(run) for run in room.runs] == [True, True, False, True]


def test_a_class_has_a_place_however_many_train_and_loses_it_to_nobody() -> None:
    room = Room(1, 3)
    room.play(0)
    room.set(1, leads=True)
    room.play(1)
    assert room.training == [0, 1]
    room.play(2)
    room.set(1, is_seen=False)
    room.now += UNTOUCHED_S + 1
    room.set(0, touched_at=room.now)
    room.look()
    assert room.places.has(room.runs[1])


def test_a_visitor_takes_the_place_along_to_another_screen() -> None:
    room = Room(1, 3)
    room.play(0, 1)
    room.set(2, tab="tab 0")
    room.play(2)
    assert room.ahead == [None, 0, 1]  # both are open: a tab that was duplicated
    room.set(0, is_here=False, is_seen=False)
    room.look()
    assert room.training == [0, 2]  # of which the first has no socket any more
    assert room.ahead == [None, 0, None]
    assert not room.places.has(room.runs[0])


@pytest.mark.parametrize(("said", "expected"), [("", 30), ("  7 ", 7)])
def test_the_environment_may_say_how_many(said: str, expected: int) -> None:
    assert num_places(2, {"MAML_PAGES": said}) == expected


@pytest.mark.parametrize("said", ["0", "-3", "many", "2.5"])
def test_a_number_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="MAML_PAGES: a whole number of pages from 1 on"):
        num_places(2, {"MAML_PAGES": said})


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (InLine(30, 0), "30 pages train here, all that there is room for. Yours is the next in line, and begins by itself."),
        (InLine(30, 2), "Yours waits behind 2 others, and begins by itself."),
        (InLine(1, 1), "1 page trains here, all that there is room for. Yours waits behind 1 other, and begins by itself."),
    ],
)  # fmt: skip
def test_what_is_said_of_the_place_in_line(place: InLine, says: str) -> None:
    assert says in place.sentence


def send_frames(client: Client, number: int = 0) -> int:
    """As many frames as a browser may have without drawing them; gives the number of the last one."""
    while not client.page.connection.is_behind:
        number += 1
        client.page.connection.put_frame(number, b"\x02\x00\x00\x00{}")
    return number


class TestHub:
    def test_a_page_that_waits_is_shown_its_run_and_trains_by_itself_when_there_is_a_place(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            first = Client(hub, hub.open_page(TINY))
            second = Client(hub, hub.open_page(TINY))
            first.say("play")
            await until(lambda: first.page.run.step > 3)
            second.take()
            second.say("play")
            told = states(second.take())[-1]
            assert told["status"]["kind"] == "waiting"
            assert told["status"]["sentence"].startswith("1 page trains here")
            assert told["playing"] is True
            await until(lambda: first.page.run.step > 10)
            assert second.page.run.step == 0
            second.say("task", redraw=True)  # it can still look
            asked = len(executor.requests)
            await until(lambda: any(request.num_steps == 0 for request in executor.requests[asked:]))
            first.close()
            clock.now += RELOAD_S + 1
            await wake(hub)
            await until(lambda: second.page.run.step > 3)
            assert states(second.take())[-1]["status"] == {"kind": "running", "sentence": ""}

        on_loop(scene, Priced(), most_training=1)

    def test_a_reload_keeps_the_place_of_a_page_in_the_line(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            pages = [Client(hub, hub.open_page(TINY)) for _ in range(3)]
            for page in pages:
                page.say("play")
            waiting = pages[1]
            waiting.close()
            again = Client(hub, hub.open_page(TINY), resume=waiting.page.run.key, tab=waiting.page.tab or "")
            await turns()
            assert again.page.run.playback.in_line == InLine(1, 0)
            assert pages[2].page.run.playback.in_line == InLine(1, 1)

        on_loop(scene, Priced(), most_training=1)

    def test_a_single_step_needs_no_place(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            first, second = (Client(hub, hub.open_page(TINY)) for _ in range(2))
            first.say("play")
            second.say("outer_step")
            await until(lambda: second.page.run.step == 1)

        on_loop(scene, Priced(), most_training=1)

    @pytest.mark.parametrize("draws", [True, False])
    def test_a_page_that_draws_nothing_of_what_it_is_sent_gives_its_place_back_and_is_told(self, draws: bool):
        """Its socket is open, and it has not said that it is hidden: its browser sleeps, or is a program that only takes places."""

        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            first, second = (Client(hub, hub.open_page(TINY)) for _ in range(2))
            first.say("play")
            await until(lambda: first.page.run.step > 3)
            sent = send_frames(first)
            second.say("play")
            assert second.page.run.playback.in_line == InLine(1, 0)
            told: list[dict[str, Any]] = []
            for _ in range(4):
                clock.now += (DRAWS_S + OUT_OF_SIGHT_S) / 3
                if draws:
                    first.say("ack", frame=sent)
                    sent = send_frames(first, sent)
                await wake(hub)
                told += first.take()
            notices = [message["notice"] for message in states(told) if message["notice"]]
            assert len(notices) == (not draws)
            assert all(str(notice).endswith(HIDDEN.partition("}: ")[2]) for notice in notices)
            assert first.page.run.playback.playing is draws
            await until(lambda: (second.page.run.step > 3) is not draws)
            if not draws:
                first.say("play")  # somebody is there again, and stands in line
                assert first.page.run.playback.in_line == InLine(1, 0)

        on_loop(scene, Priced(), most_training=1)

    def test_the_run_of_a_page_that_draws_nothing_pauses_after_ten_minutes(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            await until(lambda: client.page.run.step > 3)
            send_frames(client)
            clock.now += DRAWS_S + 1
            await wake(hub)
            clock.now += HIDDEN_PAUSE_S - DRAWS_S - 2
            await wake(hub)
            assert client.page.run.playback.playing
            clock.now += DRAWS_S + 2
            await wake(hub)
            assert not client.page.run.playback.playing
            assert "out of sight for ten minutes" in str(states(client.take())[-1]["notice"])

        on_loop(scene, Priced())
