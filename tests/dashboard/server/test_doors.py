"""How many sockets may be open, and how fast sessions begin."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dashboard.server import doors
from dashboard.server.doors import TRY_LATER, Doors


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
        self.doors = Doors(self.inside)
        self.sent: list[Any] = []

    def come(self, address: str, path: str = "/maml/live", kind: str = "websocket") -> asyncio.Task[None]:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            self.sent.append(message)

        scope = {"type": kind, "path": path, "client": (address, 1)}
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
