"""Frames that carry no message, against the library that reads them: a few are answered, a flood is cut off, and whatever carries one is read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dashboard.server import control_frames, doors
from dashboard.server.control_frames import BURST
from dashboard.server.doors import Doors
from dashboard.server.requests import Rates
from dashboard.wire.connection import FLOODING, FLOODS
from dashboard.wire.incoming import MAX_MESSAGE
from tests.browser.protocol import PIECE, PING, frames


class Rooms:
    """A server whose sockets say how long each message is."""

    def __init__(self) -> None:
        self.rates = Rates(lambda token: token.startswith("page"))
        self.port = 0

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": str(len(message["text"]))})

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Rooms]:
        guarded = Doors(self.app, rates=self.rates)
        server = uvicorn.Server(
            uvicorn.Config(
                guarded, port=0, ws="websockets-sansio", lifespan="off", log_level="error", ws_ping_interval=None
            )
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.should_exit = True
            await serving

    def socket(self, page: str) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/maml/live?token={page}", proxy=None, ping_interval=None)


def put(socket: ClientConnection, data: bytes) -> None:
    socket.transport.write(data)


async def length_of(socket: ClientConnection, text: str) -> int:
    await socket.send(text)
    return int(await asyncio.wait_for(socket.recv(), 10.0))


@pytest.fixture
def pongs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pings each look of the server at a connection has found."""
    found: list[int] = []
    limit = control_frames.limit_frames

    def spied(protocol: Any, *rest: Any) -> None:
        limit(protocol, *rest)
        answer = protocol.handle_ping
        protocol.handle_ping = lambda: (found.append(1), answer())

    monkeypatch.setattr(doors, "limit_frames", spied)
    return found


def test_as_many_pings_as_anybody_sends_are_answered(pongs: list[int]) -> None:
    async def scene() -> None:
        async with Rooms().open() as rooms, rooms.socket("page-1") as socket:
            put(socket, frames(PING, b"", int(BURST)))
            assert await length_of(socket, "still here") == 10
        assert len(pongs) == BURST

    asyncio.run(scene())


@pytest.mark.parametrize(
    "flood", [frames(PING, b"x" * 125, 4000), frames(1, b"a", 1, last=False) + frames(PIECE, b"", 4000, last=False)]
)
def test_a_flood_is_cut_off_with_a_word_and_neighbours_are_not(pongs: list[int], flood: bytes) -> None:
    async def scene() -> None:
        async with Rooms().open() as rooms, rooms.socket("page-2") as neighbour:
            async with rooms.socket("page-1") as socket:
                assert await length_of(socket, "before") == 6
                put(socket, flood)
                with pytest.raises(ConnectionClosed) as closed:
                    await asyncio.wait_for(socket.recv(), 10.0)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (FLOODING, FLOODS)
            rate = rooms.rates.of("page-1")
            assert rate is not None
            assert rate.seconds_out(doors.time.monotonic()) > 0.0
            assert await length_of(neighbour, "neighbour") == 9
        assert len(pongs) <= BURST

    asyncio.run(scene())


def test_the_longest_message_is_read_whole_in_one_frame_or_in_large_pieces() -> None:
    async def scene() -> None:
        async with Rooms().open() as rooms, rooms.socket("page-1") as socket:
            assert await length_of(socket, "x" * MAX_MESSAGE) == MAX_MESSAGE
            piece = b"y" * 10_000
            put(socket, frames(1, piece, 1, last=False) + frames(PIECE, piece, 78, last=False) + frames(PIECE, b"", 1))
            assert int(await asyncio.wait_for(socket.recv(), 10.0)) == 790_000

    asyncio.run(scene())
