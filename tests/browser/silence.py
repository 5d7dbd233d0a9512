"""A line between a server and its visitors that falls silent without ending: what a laptop that slept and a Wi-Fi that went leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Literal

Way = Literal["up", "down"]
"""To the server, or to the visitor."""

START_S = 20.0


class Line:
    """What passes between a server and its visitors.

    Args:
        to: Port of the server.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self._loop = asyncio.new_event_loop()
        self._opens: dict[Way, asyncio.Event] = {}
        self._forgotten: set[asyncio.Task[None]] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def host(self) -> str:
        """Where visitors come."""
        return f"127.0.0.1:{self.port}"

    def fall_silent(self, *ways: Way) -> None:
        """Hold back all that comes, also of connections that are opened meanwhile; both ways where none is named."""
        self._do(lambda: [self._opens[way].clear() for way in ways or ("up", "down")])

    def speak(self) -> None:
        """Pass on what was held back, and all that comes."""
        self._do(lambda: [opens.set() for opens in self._opens.values()])

    def forget(self) -> None:
        """Never pass on another byte of the connections that there are now, and end none of them: only new ones work."""
        self._do(lambda: self._forgotten.update(self._passing))

    @property
    def num_connections(self) -> int:
        """Those that something can still pass through."""
        return len(self._passing - self._forgotten) // 2

    def _do(self, action: Callable[[], object]) -> None:
        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(START_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        ends: tuple[tuple[Way, asyncio.StreamReader, asyncio.StreamWriter], ...] = (
            ("up", reader, back),
            ("down", there, writer),
        )
        tasks = [asyncio.create_task(self._pass_on(*end)) for end in ends]
        self._passing.update(tasks)
        with contextlib.suppress(asyncio.CancelledError):  # at the end of all
            await asyncio.gather(*tasks)
        self._passing.difference_update(tasks)

    async def _pass_on(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while True:
                data = await reader.read(65_536)
                await self._opens[way].wait()
                if asyncio.current_task() in self._forgotten:
                    await asyncio.Event().wait()  # not even the end of it passes
                if not data:
                    return
                writer.write(data)
                await writer.drain()

    def _turn(self, listening: socket.socket, is_ready: threading.Event) -> None:
        async def until_cancelled() -> None:
            for way in ("up", "down"):
                self._opens[way] = asyncio.Event()
                self._opens[way].set()
            async with await asyncio.start_server(self._serve, sock=listening) as server:
                is_ready.set()
                await server.start_serving()
                await self._ended.wait()

        self._ended = asyncio.Event()
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(until_cancelled())
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        finally:
            self._loop.close()


@contextlib.contextmanager
def line(*, to: int) -> Iterator[Line]:
    """A line to the server at a port of this machine."""
    passes = Line(to)
    listening = socket.create_server(("127.0.0.1", 0))
    passes.port = listening.getsockname()[1]
    is_ready = threading.Event()
    thread = threading.Thread(target=passes._turn, args=(listening, is_ready))
    thread.start()
    try:
        assert is_ready.wait(START_S)
        yield passes
    finally:
        passes._loop.call_soon_threadsafe(passes._ended.set)
        thread.join()
