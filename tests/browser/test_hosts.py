"""Nothing leaves the server's host: a page opens, trains and sweeps in a room without internet."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import opened_page
from tests.browser.server import Server


@pytest.mark.parametrize("path", ["", "sensitivity", "lessons?lesson=a-start-not-a-curve"])
def test_no_request_goes_to_another_host_and_none_fails(browser: Browser, server: Server, path: str) -> None:
    with opened_page(browser) as live:
        asked: list[str] = []
        failed: list[str] = []
        live.page.on("request", lambda request: asked.append(request.url))
        live.page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        live.page.goto(server.url + path)
        live.wait("() => window.mamlLive?.lastFrame || window.mamlSweeps?.drawn > 0")
        live.wait_synced()
        live.page.wait_for_timeout(500)
        icon = live.page.evaluate("document.querySelector('link[rel~=icon]').href")
        hosts = {urlsplit(url).netloc for url in [*asked, icon] if urlsplit(url).scheme.startswith(("http", "ws"))}
    assert hosts == {server.host}
    assert urlsplit(icon).scheme in ("http", "data")
    assert failed == []
