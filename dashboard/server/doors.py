"""The doors of the server: how many sockets may be open, and how fast Streamlit's sessions begin, each of which runs the page's script."""

from __future__ import annotations

import asyncio
from collections import Counter, deque

from starlette.types import ASGIApp, Receive, Scope, Send

MOST, MOST_OF_ONE = 2000, 300
"""Sockets that may be open, and those of one address: a page has two, and a class of a hundred may sit behind one."""

SPACING_S = 0.1
"""Between two sessions that begin. A script takes about as long, in a thread beside those who feed the pages: thirty at once would hold all of these up."""

TRY_LATER = 1013


class Doors:
    """Middleware before all sockets. Who is one too many is turned away; whoever opens many pages at once takes turns with the others.

    Args:
        app: What it stands before.
        base: Stands before each path; see `base_path`.
    """

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        self._app, self._streams = app, f"{base}/_stcore/stream"
        self._open: Counter[str] = Counter()
        """Sockets by the address that they came from."""
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Sessions that are to begin, by address; the address whose turn it is stands first."""
        self._calling: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        address = str((scope.get("client") or ("",))[0])
        if self._open.total() >= MOST or self._open[address] >= MOST_OF_ONE:
            await receive()
            await send({"type": "websocket.close", "code": TRY_LATER, "reason": "too many sockets are open"})
            return
        self._open[address] += 1
        try:
            if scope["path"] == self._streams:
                await self._turn(address)
            await self._app(scope, receive, send)
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    async def _turn(self, address: str) -> None:
        """Wait until a session from this address may begin."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append(turn)
        if self._calling is None or self._calling.done():
            self._calling = asyncio.create_task(self._call())
        await turn

    async def _call(self) -> None:
        """Let one after the other in, of each address in turn."""
        while self._waiting:
            address = next(iter(self._waiting))
            line = self._waiting.pop(address)
            turn = line.popleft()
            if line:
                self._waiting[address] = line
            if not turn.done():  # or it has gone meanwhile
                turn.set_result(None)
                await asyncio.sleep(SPACING_S)
