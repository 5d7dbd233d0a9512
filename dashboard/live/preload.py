"""Lets the browser fetch the live page's scripts while Streamlit itself still starts: half a second less until the first chart."""

from __future__ import annotations

import plotly
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.live.routes import STATIC

# Opened below the page's root, Streamlit looks for its server there first, and its console fills with errors.
_SERVER = "<script>window.__streamlit = { BACKEND_BASE_URL: location.origin + location.pathname.replace(/sensitivity\\/?$/, '') };</script>"
HINTS = (
    _SERVER
    + f"<style>{(STATIC / 'frame.css').read_text(encoding='utf-8')}</style>"
    + f'<script async src="/maml/static/plotly.min.js?v={plotly.__version__}"></script><link rel="preload" as="style" href="/maml/static/style.css">'
    + "".join(f'<link rel="modulepreload" href="/maml/static/{path.name}">' for path in sorted(STATIC.glob("*.js")))
).encode()
PATHS = ("/", "/sensitivity")
"""Of the page's own document."""
_HEAD = b"<head>"


class Preload:
    """Middleware that puts `HINTS` behind the first ``<head>`` of the page's own document; everything else passes untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] not in PATHS or scope["method"] != "GET":
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
                await _send_with_hints(start, body, send)

        # Without this extension the document comes as bytes.
        extensions = {
            key: value for key, value in scope.get("extensions", {}).items() if key != "http.response.pathsend"
        }
        headers = [
            (name, value) for name, value in scope["headers"] if name != b"accept-encoding"
        ]  # or it comes compressed
        await self._app({**scope, "extensions": extensions, "headers": headers}, receive, gather)


def _is_plain_html(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers


async def _send_with_hints(start: Message, body: bytes, send: Send) -> None:
    with_hints = body.replace(_HEAD, _HEAD + HINTS, 1)
    headers = MutableHeaders(raw=list(start["headers"]))
    if "content-length" in headers:
        headers["content-length"] = str(len(with_hints))
    await send({**start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": with_hints})
