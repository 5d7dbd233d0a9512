"""The page's document asks for the live page's scripts early; nothing else is touched."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
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


def get(
    handler: Any,
    path: str = "/",
    *,
    query: bytes = b"",
    cookie: bytes = b"maml_seen=1",
    also: Sequence[tuple[bytes, bytes]] = (),
    base: str = "",
) -> tuple[dict[str, str], bytes]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "root_path": ""}
    scope["headers"] = [(b"cookie", cookie), *also]
    asyncio.run(Preload(Starlette(routes=[Route(path, handler)]), base)(scope, receive, send))
    start, *bodies = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return headers, b"".join(body["body"] for body in bodies)


@pytest.mark.parametrize("path", STYLES)
def test_the_hints_stand_at_the_start_of_the_head_once(path: str) -> None:
    headers, body = get(page, path)
    assert body == DOCUMENT.encode().replace(b"<head>", b"<head>" + hints(path), 1)
    assert headers["content-length"] == str(len(body))


@pytest.mark.parametrize(
    ("path", "query", "cookie", "shown"),
    [
        ("/", b"", b"", True),
        ("/", b"", b"other=1; maml_seen_not=1", True),
        ("/", b"", b"other=1; maml_seen=1", False),
        ("/", b"alpha=0.1", b"", False),
        ("/sensitivity", b"", b"", False),
    ],
)
def test_the_first_minute_is_for_who_comes_for_the_first_time_and_without_a_setup(
    path: str, query: bytes, cookie: bytes, shown: bool
) -> None:
    _, body = get(page, path, query=query, cookie=cookie)
    assert (b"/opening/begin.js" in body) == shown
    assert (b"mamlOpening" in body) == shown


def test_the_document_is_asked_for_anew_each_time() -> None:
    async def kept(request: Request) -> Response:
        return HTMLResponse(
            DOCUMENT,
            status_code=304 if "if-none-match" in request.headers else 200,
            headers={"etag": "1", "last-modified": "now"},
        )

    headers, body = get(kept, also=[(b"if-none-match", b"1"), (b"if-modified-since", b"now")])
    assert b"mamlWeb" in body
    assert headers["cache-control"] == "no-store"
    assert not headers.keys() & {"etag", "last-modified"}


def test_the_first_minute_comes_before_all_that_is_behind_it() -> None:
    found = hints("/", first_time=True).decode()
    assert found.index("/opening/curves.json") < found.index('modulepreload" crossorigin')
    assert "plotly" not in found
    assert "live/page.js" not in found
    names = re.findall(r"/opening/(\w+\.js)\"", found)
    assert sorted(names[1:]) == sorted(path.name for path in (WEB / "opening").glob("*.js"))
    assert names[0] == "begin.js"


def test_below_a_path_the_document_is_the_same() -> None:
    _, body = get(page, "/class/sensitivity", base="/class")
    assert body == DOCUMENT.encode().replace(b"<head>", b"<head>" + hints("/sensitivity"), 1)
    assert b'="/maml' not in body  # all of it is found from the document, wherever a proxy puts that


@pytest.mark.parametrize("path", ["/class", "/other", "/class/lessons"])
def test_a_document_at_an_address_that_is_none_says_why_it_stays_empty(path: str) -> None:
    _, body = get(page, path)
    script = (WEB / "common" / "unreachable.js").read_bytes()
    assert body == DOCUMENT.encode().replace(b"<head>", b"<head><script>" + script + b"</script>", 1)
    assert script in hints("/")


@pytest.mark.parametrize("path", ["/static/other", "/_stcore/host-config", "/other.js"])
def test_what_is_no_document_is_passed_on_at_once(path: str) -> None:
    _, body = get(page, path)
    assert body == DOCUMENT.encode()


@pytest.mark.parametrize(("handler", "path"), [(page, "/static/other"), (data, "/"), (compressed, "/")])
def test_everything_else_passes_untouched(handler: Any, path: str) -> None:
    _, body = get(handler, path)
    assert b"mamlWeb" not in body


def test_every_module_of_the_component_is_hinted_at() -> None:
    for name in ("live/page.js", "live/charts.js", "common/socket.js", "common/style.css", "plotly/plotly.min.js"):
        assert f"{web_address()}/{name}".encode() in hints("/")


@pytest.mark.parametrize(
    ("path", "query", "screen"),
    [
        ("/", b"", "live"),
        ("/sensitivity", b"", "sweeps"),
        ("/lessons", b"", "lessons"),
        ("/lessons", b"lesson=over-the-edge", "live"),
    ],
)
def test_the_style_sheets_that_a_screen_waits_for_are_hinted_at_and_no_others(
    path: str, query: bytes, screen: str
) -> None:
    (names,) = re.findall(r"mounter\(Page, \[(.*)\]\)", (WEB / screen / "page.js").read_text(encoding="utf-8"))
    hinted = re.findall(rb'as="style" href="\./maml/web/at/\w+/([^"]*)"', get(page, path, query=query)[1])
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
