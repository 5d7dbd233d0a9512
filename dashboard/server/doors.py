"""The doors of the server: how many sockets may be open, how fast Streamlit's sessions begin, each of which runs the page's script, and how often they
run it again. Whoever has to wait does so before the handshake, which costs most.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.server.control_frames import limit_frames
from dashboard.server.requests import Rates
from dashboard.wire.connection import FLOODING, FLOODS
from dashboard.wire.rate import OPENING, Rate

MOST, MOST_OF_ONE = 2000, 300
"""Sockets that may be open, and those of one address: a page has two, and a class of a hundred may sit behind one."""

MOST_OF_PAGE = 6
"""Sockets of one page, within or before the door: it has one, and lays another beside it where nobody answers on that."""

SCREENS = ("live", "sweeps", "lessons")
"""What a page's own socket feeds, as the address says."""

HELD_S = 5.0
"""For so long a page that was cut off stands before the door at most, before it is told that it is not let in: it asks again at once."""

STRANGERS_PER_S, STRANGERS_AT_ONCE = 30.0, 300.0
"""Sockets of pages that are not known, of all addresses together: those of a whole class come back when the server was started again."""

RERUNS_PER_S, RERUNS_AT_ONCE = 4.0, 40.0
"""What a session may ask its script for in a second, and at once."""

FAREWELL_S = 0.5
"""For so long a connection stays after the word on why it ends."""

SPACING_S = 0.1
"""Between two sessions that begin. A script takes about as long, in a thread beside those who feed the pages: thirty at once would hold all of these up."""

TRY_LATER = 1013


class Doors:
    """Middleware before all sockets. Who is one too many is turned away; whoever opens many pages at once takes turns with the others.

    Args:
        app: What it stands before.
        base: Stands before each path; see `base_path`.
        rates: What each page may ask for.
    """

    def __init__(self, app: ASGIApp, base: str = "", rates: Rates | None = None) -> None:
        self._app, self._streams = app, f"{base}/_stcore/stream"
        self._screens = {f"{base}/maml/{screen}" for screen in SCREENS}
        self._rates = rates or Rates(lambda _: False)
        self._strangers = Rate(STRANGERS_PER_S, STRANGERS_AT_ONCE)
        self._open: Counter[str] = Counter()
        """Sockets by the address that they came from."""
        self._of_page: Counter[str] = Counter()
        """Pages' own sockets, by the page's token."""
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Sessions that are to begin, by address; the address whose turn it is stands first."""
        self._calling: asyncio.Task[None] | None = None
        self._saying: set[asyncio.Task[None]] = set()
        """Words on why a socket ends that are on their way."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        address, page = str((scope.get("client") or ("",))[0]), self._page(scope)
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        is_full = self._open.total() >= MOST or self._open[address] >= MOST_OF_ONE
        if is_full or self._of_page[page] >= MOST_OF_PAGE:
            await _turn_away(receive, send)
            return
        self._open[address] += 1
        self._of_page[page] += page != ""
        try:
            answer = _hanging_up(transport, send)
            limit_frames(getattr(receive, "__self__", None), self._cutting_off(page, transport, answer))
            if scope["path"] == self._streams:
                await self._turn(address)
                receive = _paced(receive)
            if scope["path"] in self._screens and not await self._is_let_in(page):
                await _turn_away(receive, send)
                return
            await self._app(scope, receive, answer)
        finally:
            for count, key in ((self._open, address), (self._of_page, page)):
                count[key] -= 1
                if count[key] <= 0:
                    del count[key]

    def _cutting_off(self, page: str, transport: asyncio.Transport | None, send: Send) -> Callable[[], None]:
        """What ends a socket that sends too many frames without a message: its page is not let in again for a while, as whoever asks for too much."""

        async def say_why() -> None:
            with contextlib.suppress(RuntimeError):  # it is not open yet, or has ended meanwhile
                await send({"type": "websocket.close", "code": FLOODING, "reason": FLOODS})

        def cut_off() -> None:
            if (rate := self._rates.of(page)) is not None:
                rate.cut_off(time.monotonic())
            if transport is not None:
                transport.pause_reading()
                asyncio.get_running_loop().call_later(FAREWELL_S, transport.abort)
            saying = asyncio.create_task(say_why())
            self._saying.add(saying)
            saying.add_done_callback(self._saying.discard)

        return cut_off

    def _page(self, scope: Scope) -> str:
        """Token of the page whose own socket this is to be; empty for any other socket, and where the page is not known."""
        if scope["path"] not in self._screens:
            return ""
        token = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        return token if self._rates.of(token) is not None else ""

    async def _is_let_in(self, page: str) -> bool:
        """Wait until a page may open a socket; whether it may at all.

        Args:
            page: Its token; empty where it is not known: it is told so, and opened anew.
        """
        rate, now = self._rates.of(page) or self._strangers, time.monotonic()
        if (out_s := rate.seconds_out(now)) > 0.0:
            await asyncio.sleep(min(out_s, HELD_S))
            return False
        await asyncio.sleep(rate.take(OPENING if page else 1.0, now))
        return True

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


async def _turn_away(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": TRY_LATER, "reason": "too many sockets are open"})


def _paced(receive: Receive) -> Receive:
    """What a session asks for, no faster than its script may run."""
    rate = Rate(RERUNS_PER_S, RERUNS_AT_ONCE)

    async def next_message() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive":
            await asyncio.sleep(rate.take(1.0, time.monotonic()))
        return message

    return next_message


def _hanging_up(transport: asyncio.Transport | None, send: Send) -> Send:
    """Sends to a socket; reads nothing more once it was told that it ends.

    The server would read on for ten seconds, as fast as it can, from somebody who sends without end and hears nothing; nothing public leads to the
    connection.

    Args:
        transport: The connection, where that is known.
        send: What sends.
    """

    async def sent(message: Message) -> None:
        await send(message)
        if message["type"] == "websocket.close" and transport is not None:
            transport.pause_reading()
            asyncio.get_running_loop().call_later(FAREWELL_S, transport.abort)

    return sent
