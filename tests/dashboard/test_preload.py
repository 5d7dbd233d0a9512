"""The page's document asks for the live page's scripts early; nothing else is touched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dashboard.live.preload import HINTS, Preload

DOCUMENT = "<!doctype html><html><head><title>x</title></head><body><head></body></html>"


async def page(_: Request) -> Response:
    return HTMLResponse(DOCUMENT)


async def compressed(_: Request) -> Response:
    return HTMLResponse(DOCUMENT, headers={"content-encoding": "gzip"})


async def data(_: Request) -> Response:
    return JSONResponse({"head": "<head>"})


def get(handler: Any, path: str = "/") -> tuple[dict[str, str], bytes]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "root_path": ""}
    asyncio.run(Preload(Starlette(routes=[Route(path, handler)]))(scope, receive, send))
    start, *bodies = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return headers, b"".join(body["body"] for body in bodies)


def test_the_hints_stand_at_the_start_of_the_head_once() -> None:
    headers, body = get(page)
    assert body == DOCUMENT.encode().replace(b"<head>", b"<head>" + HINTS, 1)
    assert headers["content-length"] == str(len(body))


@pytest.mark.parametrize(("handler", "path"), [(page, "/other"), (data, "/"), (compressed, "/")])
def test_everything_else_passes_untouched(handler: Any, path: str) -> None:
    _, body = get(handler, path)
    assert HINTS not in body


def test_every_module_of_the_component_is_hinted_at() -> None:
    for name in (b"main.js", b"charts.js", b"socket.js", b"style.css", b"plotly.min.js?v="):
        assert b"/maml/static/" + name in HINTS
