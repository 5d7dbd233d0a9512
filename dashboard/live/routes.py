"""The routes beside Streamlit's own: the page's socket, and the static files of the component.

Streamlit checks the origin of its own routes only; the socket checks the origin and a random token by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import plotly
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.live.hub import Hub
from dashboard.live.page import Outbox, Page
from dashboard.live.sweep_page import SweepPage

P = TypeVar("P")

STATIC = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css"}
_MAX_MESSAGE = 800_000
"""A drawn task of 26 images of 84 x 84 pixels in three channels, as base64; everything else is far shorter."""
_GONE, _FORBIDDEN = 4404, 4403
_HELLO_S = 30.0


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
        resume, tab = str(hello.get("resume", "")), str(hello.get("tab", ""))
        return self._hub.connect(token, resume=resume, released=hello.get("released") is True, tab=tab)

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


def routes(hub: Hub) -> list[BaseRoute]:
    """The routes that `st.App` mounts."""

    async def live(socket: WebSocket) -> None:
        await _serve(hub, LiveScreen(hub), socket)

    async def sweeps(socket: WebSocket) -> None:
        await _serve(hub, SweepsScreen(hub), socket)

    return [
        WebSocketRoute("/maml/live", live),
        WebSocketRoute("/maml/sweeps", sweeps),
        Route("/maml/static/{name}", _static),
    ]


async def _serve(hub: Hub, screen: Screen[Any], socket: WebSocket) -> None:
    """One page's socket, from its hello to its end."""
    await socket.accept()
    if not _same_origin(socket):
        await socket.close(_FORBIDDEN, "this socket serves its own page only")
        return
    token = socket.query_params.get("token", "")
    hello: dict[str, Any] | None = {}
    if hub.knows(token):
        try:
            async with asyncio.timeout(_HELLO_S):
                hello = await _receive(socket)
        except TimeoutError:
            await socket.close(_FORBIDDEN, "no hello")
            return
    if hello is None:
        return
    if not hub.knows(token):  # from the start, or forgotten while the page said hello
        await socket.send_text(json.dumps({"type": "gone"}))
        await socket.close(_GONE, "unknown page")
        return
    page, outbox = screen.connect(token, hello)
    writer = asyncio.create_task(_write(socket, outbox))
    try:
        while (message := await _receive(socket)) is not None:
            screen.receive(page, message)
    finally:
        screen.disconnect(page, outbox)
        writer.cancel()


async def _write(socket: WebSocket, outbox: Outbox) -> None:
    """Send what the hub puts out, one message after the other."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the reading side sees the end as well, and cleans up
        while True:
            message = await outbox.get()
            await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))


async def _receive(socket: WebSocket) -> dict[str, Any] | None:
    """A page's next message, None at the end. What is no JSON object becomes an empty one, which the hub refuses with a sentence."""
    received = await socket.receive()
    if received["type"] == "websocket.disconnect":
        return None
    text = received.get("text")
    if text is None or len(text) > _MAX_MESSAGE:
        return {}
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _same_origin(socket: WebSocket) -> bool:
    """Whether the page that opened the socket came from this server. Programs that are no browsers send no origin."""
    origin = socket.headers.get("origin")
    # An origin is scheme://host[:port] and nothing else, so there is no need to parse it.
    return origin is None or origin.partition("://")[2] == socket.headers.get("host")


async def _static(request: Request) -> Response:
    """A file of the component, or Plotly's own script, compressed once."""
    name = request.path_params["name"]
    path = _files().get(name)
    if path is None:
        return Response("no such file", status_code=404)
    modified_ns = path.stat().st_mtime_ns
    version = f'"{name}-{modified_ns}"'
    # Browsers keep the files but ask each time, so that an update is seen at once; what is asked for by its version never changes,
    # and only of such a script do they keep the compiled form.
    caching = "public, max-age=31536000, immutable" if "v" in request.query_params else "no-cache"
    headers = {"ETag": version, "Vary": "Accept-Encoding", "Cache-Control": caching}
    if request.headers.get("if-none-match") == version:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = await asyncio.to_thread(_compressed, path, modified_ns)
    else:
        body = await asyncio.to_thread(path.read_bytes)
    return Response(body, media_type=_TYPES[path.suffix], headers=headers)


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    files = {path.name: path for path in STATIC.iterdir() if path.suffix in _TYPES}
    return {**files, "plotly.min.js": Path(plotly.__file__).parent / "package_data" / "plotly.min.js"}


@lru_cache(maxsize=32)
def _compressed(path: Path, _modified_ns: int) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=6)
