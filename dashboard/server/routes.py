"""The routes beside Streamlit's own: the page's socket, and the static files of the component.

Streamlit checks the origin of its own routes only; the socket checks the origin and a random token by itself. All lie below the server's base path, if
it has one.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import json
import time
from collections.abc import Callable, Container, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.live.page import Page
from dashboard.server.hub import Hub
from dashboard.server.requests import Requests
from dashboard.sweeps.page import SweepPage
from dashboard.wire.connection import FLOODING, FLOODS, REFUSED, Outbox
from dashboard.wire.incoming import message_of
from dashboard.wire.rate import Rate, cost
from maml_core.lessons.exporting import lesson_notebook, lesson_script
from maml_core.lessons.reading import shipped

P = TypeVar("P")

WEB = Path(__file__).parents[1] / "web"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
_LESSON_FILES = {"py": lesson_script, "ipynb": lesson_notebook}
OWN_FILES = {path.relative_to(WEB).as_posix(): path for path in sorted(WEB.glob("*/*")) if path.suffix in _TYPES}
"""The component's scripts, style sheets and data, by their names in the address."""
_GONE = 4404
_PONG = json.dumps({"type": "pong"})
_HELLO_S = 30.0
_FAREWELL_S = 1.0


class Screen(Protocol[P]):
    """What a socket feeds."""

    def connect(self, token: str, hello: Mapping[str, Any]) -> tuple[P, Outbox]:
        """A page with this token has said hello."""

    def receive(self, page: P, message: Mapping[str, Any]) -> None:
        """It asks for something."""

    def disconnect(self, page: P, outbox: Outbox) -> None:
        """Its socket has gone."""


class LiveScreen:
    """The live page."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def connect(self, token: str, hello: Mapping[str, Any]) -> tuple[Page, Outbox]:
        """As `Screen`."""
        resume, tab, home = (str(hello.get(name, "")) for name in ("resume", "tab", "home"))
        return self._hub.connect(token, resume=resume, released=hello.get("released") is True, tab=tab, home=home)

    def receive(self, page: Page, message: Mapping[str, Any]) -> None:
        """As `Screen`."""
        self._hub.receive(page, message)

    def disconnect(self, page: Page, outbox: Outbox) -> None:
        """As `Screen`."""
        self._hub.disconnect(page, outbox)


class SweepsScreen:
    """The sensitivity screen."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def connect(self, token: str, hello: Mapping[str, Any]) -> tuple[tuple[str, SweepPage], Outbox]:
        """As `Screen`."""
        page, outbox = self._hub.connect_sweeps(
            token, resume=str(hello.get("resume", "")), tab=str(hello.get("tab", ""))
        )
        return (token, page), outbox

    def receive(self, page: tuple[str, SweepPage], message: Mapping[str, Any]) -> None:
        """As `Screen`."""
        self._hub.receive_sweeps(*page, message)

    def disconnect(self, page: tuple[str, SweepPage], outbox: Outbox) -> None:
        """As `Screen`."""
        self._hub.sweeps.disconnect(page[1], outbox)


class LessonsScreen(LiveScreen):
    """The list of lessons: it asks for nothing, and while it is there its visitor is."""

    def connect(self, token: str, hello: Mapping[str, Any]) -> tuple[Page, Outbox]:
        """As `Screen`."""
        return self._hub.connect_lessons(token, resume=str(hello.get("resume", "")), tab=str(hello.get("tab", "")))


def routes(hub: Hub, base: str = "") -> list[BaseRoute]:
    """The routes that `st.App` mounts.

    Args:
        hub: Whom the sockets feed.
        base: Stands before each of their paths; see `base_path`.
    """

    live_requests, sweeps_requests, lessons_requests = (Requests(hub.knows) for _ in range(3))

    async def live(socket: WebSocket) -> None:
        await _serve(hub, LiveScreen(hub), live_requests, socket)

    async def sweeps(socket: WebSocket) -> None:
        await _serve(hub, SweepsScreen(hub), sweeps_requests, socket)

    async def lessons(socket: WebSocket) -> None:
        await _serve(hub, LessonsScreen(hub), lessons_requests, socket)

    return [
        WebSocketRoute(f"{base}/maml/live", live),
        WebSocketRoute(f"{base}/maml/sweeps", sweeps),
        WebSocketRoute(f"{base}/maml/lessons", lessons),
        Route(f"{base}/maml/arrived", _arrived),
        Route(f"{base}/maml/lessons/{{file}}", _lesson_file),
        Route(f"{base}/maml/web/at/{{version}}/{{name:path}}", _web_file),
        Route(f"{base}/maml/web/{{name:path}}", _web_file),
    ]


async def _serve(hub: Hub, screen: Screen[Any], requests: Requests, socket: WebSocket) -> None:
    """One page's socket, from its hello to its end."""
    await socket.accept()
    if not _is_own(socket.headers, hub.origins):
        await _end(socket, REFUSED, "this socket serves its own page only")
        return
    token = socket.query_params.get("token", "")
    hello: dict[str, Any] | None = {}
    if hub.knows(token):
        try:
            async with asyncio.timeout(_HELLO_S):
                hello = await _receive(socket)
        except TimeoutError:
            await _end(socket, REFUSED, "no hello")
            return
    if hello is None:
        return
    if not hub.knows(token):  # from the start, or forgotten while the page said hello
        await _end(socket, _GONE, "unknown page", last=json.dumps({"type": "gone"}))
        return
    if (rate := hub.rates.of(token)) is None:
        return
    hub.came(token, socket.headers)
    page, outbox = screen.connect(token, hello)
    outbox.put_nowait(requests.begin(token, str(hello.get("sender", ""))))

    def receive(message: dict[str, Any]) -> None:
        if message.get("type") == "ping":  # of no page's business: it tells that somebody is here
            outbox.put_nowait(_PONG)
            return
        is_new, taken = requests.take(token, message)
        if is_new:
            screen.receive(page, message)
        if taken:
            outbox.put_nowait(taken)

    reader = asyncio.create_task(_read(socket, outbox, rate, receive))
    writer = asyncio.create_task(_write(socket, outbox))
    over = asyncio.create_task(outbox.is_over.wait())
    try:
        await asyncio.wait({reader, over}, return_when=asyncio.FIRST_COMPLETED)
        if reader.done():
            reader.result()
    finally:
        screen.disconnect(page, outbox)
        for task in (reader, writer, over):
            task.cancel()
    if outbox.is_over.is_set():
        await _end(socket, *outbox.why)


async def _end(socket: WebSocket, code: int, why: str, *, last: str | None = None) -> None:
    """End a socket from here, with a last message. The other end may have gone, even before this server said that it may come in; whoever does not
    read holds up the word on why: then the connection ends without it.
    """
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(_FAREWELL_S):
            if last is not None:
                await socket.send_text(last)
            await socket.close(code, why)


async def _read(socket: WebSocket, outbox: Outbox, rate: Rate, receive: Callable[[dict[str, Any]], None]) -> None:
    """Take in what a page asks for, until it ends, no faster than it may ask; who never stops asking for more is cut off."""
    while (found := await _receive_text(socket)) is not None:
        now = time.monotonic()
        wait_s = rate.take(cost(found), now)
        if rate.floods(now):
            rate.cut_off(now)
            outbox.end(FLOODING, FLOODS)
            return
        if wait_s > 0.0:
            await asyncio.sleep(wait_s)
        receive(message_of(found))


async def _write(socket: WebSocket, outbox: Outbox) -> None:
    """Send what the hub puts out, one message after the other."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the reading side sees the end as well, and cleans up
        while True:
            message = await outbox.get()
            await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))


async def _receive(socket: WebSocket) -> dict[str, Any] | None:
    """A page's next message, None at the end."""
    found = await _receive_text(socket)
    return None if found is None else message_of(found)


async def _receive_text(socket: WebSocket) -> str | None:
    """A page's next message as it came, None at the end; empty where it is no text."""
    received = await socket.receive()
    return None if received["type"] == "websocket.disconnect" else received.get("text") or ""


async def _lesson_file(request: Request) -> Response:
    """A lesson to take along: its script, or its notebook."""
    name, _, ending = request.path_params["file"].rpartition(".")
    lesson, write = shipped().get(name), _LESSON_FILES.get(ending)
    if lesson is None or write is None:
        return Response("no such file", status_code=404)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return Response(write(lesson), media_type="text/plain; charset=utf-8", headers=headers)


def _is_own(headers: Mapping[str, str], origins: Container[str]) -> bool:
    """Whether the page that opened a socket came from this server. Programs that are no browsers send no origin.

    Args:
        headers: Of the request.
        origins: Others from which pages came that Streamlit's own socket has let in.
    """
    origin = headers.get("origin")
    # An origin is scheme://host[:port] and nothing else, so there is no need to parse it.
    return origin is None or origin.partition("://")[2] == headers.get("host") or origin in origins


async def _arrived(request: Request) -> Response:
    """What of a request arrives here: a page that cannot reach its server says by it what is missing on the way (`web/common/unreachable.js`)."""
    said = {"host": request.headers.get("host", ""), "limits_hosts": bool(st.get_option("server.allowedHosts"))}
    return JSONResponse(said, headers={"Cache-Control": "no-store"})


def web_address() -> str:
    """Where the component's files are found as they are now, seen from the page: elsewhere as soon as one of them is edited."""
    state = [(name, path.stat().st_mtime_ns) for name, path in OWN_FILES.items()]
    return f"maml/web/at/{hashlib.sha256(repr(state).encode()).hexdigest()[:16]}"


async def _web_file(request: Request) -> Response:
    """A file of the component, compressed once."""
    name = request.path_params["name"]
    path = OWN_FILES.get(name)
    if path is None:
        return Response("no such file", status_code=404)
    modified_ns = path.stat().st_mtime_ns
    version = f'"{name}-{modified_ns}"'
    # What is asked for at the address of its version never changes: browsers keep it, in its compiled form too, and do not ask again.
    caching = "public, max-age=31536000, immutable" if "version" in request.path_params else "no-cache"
    headers = {"ETag": version, "Vary": "Accept-Encoding", "Cache-Control": caching}
    if request.headers.get("if-none-match") == version:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = await asyncio.to_thread(_compressed, path, modified_ns)
    else:
        body = await asyncio.to_thread(path.read_bytes)
    return Response(body, media_type=_TYPES[path.suffix], headers=headers)


@lru_cache(maxsize=256)  # more than there are files, or each opening would compress them all anew
def _compressed(path: Path, _modified_ns: int) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=6)
