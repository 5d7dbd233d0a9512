"""How many sockets may be open, and how fast sessions begin."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dashboard.server import doors
from dashboard.server.doors import HELD_S, MOST_OF_PAGE, TRY_LATER, Doors
from dashboard.server.requests import Rates
from dashboard.wire.rate import BURST, OPENING


class Inside:
    """An app that keeps each socket open until the test lets it go."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.leave = asyncio.Event()

    async def __call__(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.came.append(scope["client"][0])
        await self.leave.wait()


class Visitors:
    """Browsers before the doors."""

    def __init__(self) -> None:
        self.inside = Inside()
        self.rates = Rates(lambda token: token.startswith("page"))
        self.doors = Doors(self.inside, rates=self.rates)
        self.sent: list[Any] = []

    def come(
        self, address: str, path: str = "/maml/live", kind: str = "websocket", token: str = ""
    ) -> asyncio.Task[None]:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            self.sent.append(message)

        query = f"token={token}".encode()
        scope = {"type": kind, "path": path, "client": (address, 1), "query_string": query}
        return asyncio.ensure_future(self.doors(scope, receive, send))


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("limit", "addresses"), [("MOST_OF_ONE", ["a"] * 4), ("MOST", ["a", "b", "c", "d"])])
def test_one_too_many_is_turned_away_until_another_leaves(
    monkeypatch: pytest.MonkeyPatch, limit: str, addresses: list[str]
) -> None:
    monkeypatch.setattr(doors, limit, 3)

    async def scene() -> None:
        visitors = Visitors()
        first = [visitors.come(address) for address in addresses[:3]]
        await turns()
        assert visitors.inside.came == addresses[:3]
        await visitors.come(addresses[3])
        assert [(message["type"], message["code"]) for message in visitors.sent] == [("websocket.close", TRY_LATER)]
        visitors.inside.leave.set()
        await asyncio.gather(*first)
        await visitors.come(addresses[3])
        assert visitors.inside.came == addresses

    asyncio.run(scene())


def test_sockets_of_one_address_take_no_room_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "MOST_OF_ONE", 1)

    async def scene() -> None:
        visitors = Visitors()
        tasks = [visitors.come("a"), visitors.come("b")]
        await turns()
        assert visitors.inside.came == ["a", "b"]
        visitors.inside.leave.set()
        await asyncio.gather(*tasks)

    asyncio.run(scene())


def test_what_is_no_socket_has_no_doors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "MOST", 0)

    async def scene() -> None:
        visitors = Visitors()
        visitors.inside.leave.set()
        await visitors.come("a", "/_stcore/stream", kind="http")
        assert visitors.inside.came == ["a"]

    asyncio.run(scene())


def test_sessions_begin_one_after_the_other_and_addresses_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "SPACING_S", 0.0)

    async def scene() -> None:
        visitors = Visitors()
        visitors.inside.leave.set()
        many = [visitors.come("many", "/_stcore/stream") for _ in range(4)]
        one = visitors.come("one", "/_stcore/stream")
        gone = visitors.come("gone", "/_stcore/stream")
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(*many, one)
        assert visitors.inside.came == ["many", "one", "many", "many", "many"]

    asyncio.run(scene())


def test_between_two_sessions_there_is_time_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "SPACING_S", 3600.0)

    async def scene() -> None:
        visitors = Visitors()
        tasks = [visitors.come("a", "/_stcore/stream") for _ in range(3)]
        live = visitors.come("a")
        await turns()
        assert visitors.inside.came == ["a", "a"]  # one session, and a page's own socket, which does not wait
        for task in [*tasks, live]:
            task.cancel()
        await asyncio.gather(*tasks, live, return_exceptions=True)

    asyncio.run(scene())


class TestPages:
    """A budget is a page's, and never its address's: a whole class may sit behind one."""

    @pytest.mark.parametrize("path", ["/maml/live", "/maml/sweeps", "/maml/lessons"])
    def test_a_page_has_so_many_sockets_and_its_neighbours_have_theirs(self, path: str) -> None:
        async def scene() -> None:
            visitors = Visitors()
            first = [visitors.come("a", path, token="page 1") for _ in range(MOST_OF_PAGE)]
            await turns()
            await visitors.come("a", path, token="page 1")
            assert [message["code"] for message in visitors.sent] == [TRY_LATER]
            neighbour = visitors.come("a", path, token="page 2")
            await turns()
            assert len(visitors.inside.came) == MOST_OF_PAGE + 1
            visitors.inside.leave.set()
            await asyncio.gather(*first, neighbour)
            await visitors.come("a", path, token="page 1")
            assert len(visitors.inside.came) == MOST_OF_PAGE + 2

        asyncio.run(scene())

    def test_who_opens_one_after_the_other_waits_before_the_handshake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        waited = slept(monkeypatch)

        async def scene() -> None:
            visitors = Visitors()
            visitors.inside.leave.set()
            for _ in range(int(BURST / OPENING)):
                await visitors.come("a", token="page 1")
            assert max(waited) == 0.0
            await visitors.come("a", token="page 1")
            assert waited[-1] > 0.0
            await visitors.come("a", token="page 2")
            assert waited[-1] == 0.0

        asyncio.run(scene())

    def test_one_that_was_cut_off_is_held_and_turned_away_for_a_while(self, monkeypatch: pytest.MonkeyPatch) -> None:
        waited = slept(monkeypatch)

        async def scene() -> None:
            visitors = Visitors()
            visitors.inside.leave.set()
            rate = visitors.rates.of("page 1")
            assert rate is not None
            rate.cut_off(doors.time.monotonic())
            await visitors.come("a", token="page 1")
            assert waited[-1] == pytest.approx(HELD_S, abs=1.0)
            assert [message["code"] for message in visitors.sent] == [TRY_LATER]
            await visitors.come("a", token="page 2")
            assert len(visitors.inside.came) == 1

        asyncio.run(scene())

    def test_a_whole_class_of_pages_of_the_server_before_comes_back_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited = slept(monkeypatch)

        async def scene() -> None:
            visitors = Visitors()
            visitors.inside.leave.set()
            for number in range(100):
                await visitors.come("a", token=f"forgotten {number}")
            assert len(visitors.inside.came) == 100
            assert max(waited) == 0.0
            for _ in range(250):
                await visitors.come("a", token="forgotten")
            assert max(waited) > 1.0

        asyncio.run(scene())


def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long the doors had somebody wait; nobody waits really."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(doors.asyncio, "sleep", sleep)
    return waited


def test_a_session_asks_for_its_script_no_faster_than_it_may_run(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = slept(monkeypatch)

    async def scene() -> None:
        async def receive() -> Any:
            return {"type": "websocket.receive", "bytes": b""}

        paced = doors._paced(receive)
        for _ in range(int(doors.RERUNS_AT_ONCE)):
            await paced()
        assert max(waited) == 0.0
        await paced()
        assert waited[-1] == pytest.approx(1.0 / doors.RERUNS_PER_S, rel=0.1)

    asyncio.run(scene())


def test_nothing_more_is_read_from_a_socket_that_was_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or whoever floods it and hears nothing would be read for ten seconds more, without any limit."""
    monkeypatch.setattr(doors, "FAREWELL_S", 0.0)

    class Connection:
        """As the server's own, which a message is asked of by one of its methods."""

        def __init__(self) -> None:
            self.done: list[str] = []
            self.transport = self

        def pause_reading(self) -> None:
            self.done.append("reads no more")

        def abort(self) -> None:
            self.done.append("ended")

        async def receive(self) -> Any:
            return {"type": "websocket.connect"}

        async def send(self, message: Any) -> None:
            self.done.append(message["type"])

    async def inside(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "websocket.send"})
        await send({"type": "websocket.close"})

    async def scene() -> None:
        connection = Connection()
        scope = {"type": "websocket", "path": "/maml/live", "client": ("a", 1), "query_string": b""}
        await Doors(inside)(scope, connection.receive, connection.send)
        await asyncio.sleep(0.01)
        assert connection.done == ["websocket.send", "websocket.close", "reads no more", "ended"]

    asyncio.run(scene())
