"""The page's document asks for the live page's scripts early; nothing else is touched."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dashboard.server import preload
from dashboard.server.preload import STYLES, WIDGETS, Preload, hints, widget_modules
from dashboard.server.routes import OWN_FILES, WEB, web_address

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


@pytest.mark.parametrize("path", STYLES)
def test_the_hints_stand_at_the_start_of_the_head_once(path: str) -> None:
    headers, body = get(page, path)
    assert body == DOCUMENT.encode().replace(b"<head>", b"<head>" + hints(path), 1)
    assert headers["content-length"] == str(len(body))


@pytest.mark.parametrize(("handler", "path"), [(page, "/other"), (data, "/"), (compressed, "/")])
def test_everything_else_passes_untouched(handler: Any, path: str) -> None:
    _, body = get(handler, path)
    assert b"mamlWeb" not in body


def test_every_module_of_the_component_is_hinted_at() -> None:
    for name in ("live/page.js", "live/charts.js", "common/socket.js", "common/style.css", "plotly/plotly.min.js"):
        assert f"{web_address()}/{name}".encode() in hints("/")


@pytest.mark.parametrize(("path", "screen"), [("/", "live"), ("/sensitivity", "sweeps")])
def test_the_style_sheets_that_a_screen_waits_for_are_hinted_at_and_no_others(path: str, screen: str) -> None:
    (names,) = re.findall(r"mounter\(Page, \[(.*)\]\)", (WEB / screen / "page.js").read_text(encoding="utf-8"))
    hinted = re.findall(rb'as="style" href="/maml/web/at/\w+/([^"]*)"', hints(path))
    assert [name.decode() for name in hinted] == re.findall(r'"([^"]*)"', names)


def test_what_no_module_imports_is_not_hinted_at() -> None:
    assert b"protocol.js" not in hints("/")


def test_an_edited_file_has_all_asked_for_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.js"
    addresses = set()
    monkeypatch.setitem(OWN_FILES, "live/page.js", path)
    for second in (1, 2):
        path.write_text("let it;")
        os.utime(path, (second, second))
        addresses.add(web_address())
        assert web_address().encode() in hints("/")
    assert len(addresses) == 2


def test_streamlits_modules_of_the_pages_widgets_are_hinted_at_and_lie_there() -> None:
    static = Path(streamlit.__file__).parent / "static"
    assert all((static / name).is_file() for name in widget_modules())
    for widget in WIDGETS:
        assert any(f"/{widget}." in name for name in widget_modules())
    document = (static / "index.html").read_text(encoding="utf-8")
    assert not any(name in document for name in widget_modules())


def test_a_streamlit_that_does_not_say_what_it_is_made_of_is_served_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preload.streamlit, "__file__", str(tmp_path / "__init__.py"))
    assert widget_modules.__wrapped__() == ()
