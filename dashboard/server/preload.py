"""Lets the browser fetch the live page's scripts while Streamlit itself still starts: half a second less until the first chart."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.server.routes import OWN_FILES, WEB, web_address
from dashboard.theme import DARK, LIGHT, css

# Opened below the page's root, Streamlit looks for its server there first, and its console fills with errors. Where that root lies for whoever
# reads the page only the browser knows: a proxy may have taken a part of the path away.
_SERVER = "window.mamlRoot = location.origin + location.pathname.replace(/(sensitivity|lessons)\\/?$/, ''); window.__streamlit = { BACKEND_BASE_URL: mamlRoot };"
# In a lesson, in a class, and in presenter mode, the sidebar is folded.
_FOLDED = (
    'try { if (/[?&](lesson|class)=/.test(location.search) || (!location.pathname.endsWith("sensitivity") && localStorage["maml-presenter"] === "1")) '
    'document.documentElement.dataset.mamlFolded = ""; } catch {}'
)
_PLOTLY = "plotly/plotly.min.js"
_SCHEME, _STREAM, _UNREACHABLE = "common/scheme.js", "common/stream.js", "common/unreachable.js"
"""Stand in the document itself."""
_NO_DOCUMENTS = ("/_stcore", "/maml/", "/media/", "/component/", "/static/")
_TYPES_ALONE = "protocol.js"
_OPENING, _CLASS = "opening", "class"
"""The folders of the first minute and of a class, which few who come are shown."""
MODULES = sorted(
    name
    for name in OWN_FILES
    if name.endswith(".js")
    and name not in (_PLOTLY, _SCHEME, _STREAM, _UNREACHABLE)
    and not name.endswith(f"/{_TYPES_ALONE}")
    and not name.startswith((f"{_OPENING}/", f"{_CLASS}/"))
)
_OPENING_MODULES = [name for name in OWN_FILES if name.endswith(".js") and name.startswith(f"{_OPENING}/")]
STYLES = {
    "/": ("common/style.css", "live/style.css", "live/ghosts.css", "live/presenter.css"),
    "/sensitivity": ("common/style.css", "sweeps/style.css"),
    "/lessons": ("common/style.css", "lessons/style.css"),
}
"""Style sheets that a screen waits for before it is seen (the last lines of each `page.js` in `web/`), by its address."""
WIDGETS = ("BidiComponent", "ButtonGroup", "Html", "NumberInput", "PageLink", "Selectbox", "TextInput")
"""What Streamlit draws on the live page with modules of their own, which it asks for only when a script has told it of them."""
FRAMED_BY = "MAML_FRAMED_BY"
"""The environment variable with the origins, apart by spaces, of pages that may show this one in a frame; others could lay theirs over it."""
_HEAD = b"<head>"
_SEEN = "maml_seen"
"""The cookie of whoever has seen the first minute."""
_COVER = (
    '<script>document.documentElement.dataset.mamlOpening = "";</script>'
    f"<style>:root {{ {css(LIGHT)} }} :root[data-maml-scheme='dark'] {{ {css(DARK)} }}"
    # Nothing of what loads behind the first minute shows before it.
    " :root[data-maml-opening]::before { content: ''; position: fixed; inset: 0; z-index: 1000005; background: var(--maml-page); }</style>"
)


@lru_cache(maxsize=1)
def widget_modules() -> tuple[str, ...]:
    """Streamlit's modules of `WIDGETS` and all that they import, beside those that its document asks for; by their addresses in its folder.

    There are none where Streamlit does not say what it is made of.
    """
    known = Path(streamlit.__file__).parent / "static" / "manifest.json"
    manifest: dict[str, dict[str, Any]] = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
    asked_for = set(_with_imports(manifest, [key for key in manifest if manifest[key].get("isEntry")]))
    drawn = [key for key in manifest if key.endswith(tuple(f"/{name}/{name}.tsx" for name in WIDGETS))]
    return tuple(manifest[key]["file"] for key in _with_imports(manifest, drawn) if key not in asked_for)


def _with_imports(manifest: dict[str, dict[str, Any]], keys: list[str]) -> list[str]:
    """These modules and all that they import, each once."""
    found: dict[str, None] = {}
    waiting = keys[::-1]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found[key] = None
            waiting += manifest[key].get("imports", [])
    return list(found)


def hints(path: str, *, first_time: bool = False) -> bytes:
    """What stands at the start of the page's own document at an address. Whoever comes for the first time is shown the first minute: its files come
    before all others, and the charts' library, which is behind it, when it is asked for.
    """
    base = f"./{web_address()}"
    scripts = "".join(f'<link rel="modulepreload" href="{base}/{name}">' for name in MODULES)
    styles = "".join(f'<link rel="preload" as="style" href="{base}/{name}">' for name in STYLES[path])
    return (
        f"<script>{_SERVER} {_FOLDED} window.mamlWeb = mamlRoot + {web_address()!r};</script>"  # which the components' loaders read
        + "".join(f"<script>{(WEB / name).read_text(encoding='utf-8')}</script>" for name in (_SCHEME, _STREAM))
        + f"<script>{_unreachable()}</script>"
        + f"<style>{(WEB / 'common' / 'frame.css').read_text(encoding='utf-8')}</style>"
        + (
            _first_minute(base)
            if first_time
            else f'<script async src="{base}/{_PLOTLY}" onerror="this.remove()"></script>{styles}{scripts}'
        )
        + "".join(f'<link rel="modulepreload" crossorigin href="./{name}">' for name in widget_modules())
    ).encode()


def _unreachable() -> str:
    return (WEB / _UNREACHABLE).read_text(encoding="utf-8")


def _first_minute(base: str) -> str:
    return (
        _COVER
        + f'<link rel="stylesheet" href="{base}/{_OPENING}/style.css">'
        + f'<script type="module" async src="{base}/{_OPENING}/begin.js"></script>'
        + "".join(f'<link rel="modulepreload" href="{base}/{name}">' for name in _OPENING_MODULES)
        + f'<link rel="preload" as="fetch" crossorigin href="{base}/{_OPENING}/curves.json">'
    )


def _is_first_time(scope: Scope, path: str) -> bool:
    """Whether a document is asked for by somebody who has not been here, at an address without a set-up."""
    seen = any(name.strip().startswith(f"{_SEEN}=") for name in Headers(scope=scope).get("cookie", "").split(";"))
    return bool(path == "/" and not scope["query_string"] and not seen)


class Preload:
    """Middleware that puts `hints` behind the first ``<head>`` of the page's own document, and into every other one what says why it stays empty.

    Args:
        app: What it stands before.
        base: Stands before each path; see `base_path`.
    """

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        self._app, self._base = app, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        added = self._added(scope) if scope["type"] == "http" and scope["method"] == "GET" else b""
        if not added:
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def gather(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                if not _is_plain_html(message):  # not to be read: pass it on as it comes
                    await send(message)
                return
            if start is None or not _is_plain_html(start) or message["type"] != "http.response.body":
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                await _send_with_hints(start, body, added, send)

        # Without this extension the document comes as bytes.
        extensions = {
            key: value for key, value in scope.get("extensions", {}).items() if key != "http.response.pathsend"
        }
        # With these it would come compressed, or not at all to a browser that has kept what another time was added to.
        left_out = (b"accept-encoding", b"if-none-match", b"if-modified-since")
        headers = [(name, value) for name, value in scope["headers"] if name not in left_out]
        await self._app({**scope, "extensions": extensions, "headers": headers}, receive, gather)

    def _added(self, scope: Scope) -> bytes:
        """What to put into the document at an address; nothing where there is none."""
        path = scope["path"].removeprefix(self._base)
        if path in STYLES:
            # A lesson is the live page, at an address below the list's.
            is_lesson = path == "/lessons" and b"lesson=" in scope.get("query_string", b"")
            return hints("/" if is_lesson else path, first_time=_is_first_time(scope, path))
        is_file = "." in path.rpartition("/")[2] or path.startswith(_NO_DOCUMENTS)
        return b"" if is_file else f"<script>{_unreachable()}</script>".encode()


def _is_plain_html(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers


async def _send_with_hints(start: Message, body: bytes, added: bytes, send: Send) -> None:
    with_hints = body.replace(_HEAD, _HEAD + added, 1)
    headers = MutableHeaders(raw=list(start["headers"]))
    if "content-length" in headers:
        headers["content-length"] = str(len(with_hints))
    for name in ("etag", "last-modified"):
        del headers[name]
    headers["cache-control"] = "no-store"
    headers["content-security-policy"] = f"frame-ancestors 'self' {os.environ.get(FRAMED_BY, '')}".strip()
    await send({**start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": with_hints})
