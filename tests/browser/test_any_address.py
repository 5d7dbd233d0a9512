"""The page wherever it is put: below a path, behind nginx with and without the host that was asked for, behind a proxy that takes the path away, in another
page, on IPv6, and behind https that ends at the proxy. Where it cannot work it says which line to add where.
"""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import hold_none, opened_page
from tests.browser.proxies import PASSES_HOST, UPGRADES, certificate, nginx, stripping
from tests.browser.server import Server, free_port

Way = Callable[[Path, contextlib.ExitStack, Server], str]
"""Starts what stands before a server, or one with other settings; gives the address of its page."""


def _server(stack: contextlib.ExitStack, address: str = "127.0.0.1", **settings: str) -> Server:
    server = Server(settings=settings, address=address)
    stack.callback(lambda: hold_none(server.stop(), "processes that outlived the server that started them"))
    return server


def below_a_path(folder: Path, stack: contextlib.ExitStack, server: Server) -> str:
    return f"{_server(stack, STREAMLIT_SERVER_BASE_URL_PATH='class').url}class/"


def behind_nginx(folder: Path, stack: contextlib.ExitStack, server: Server) -> str:
    own, port = _server(stack, STREAMLIT_SERVER_BASE_URL_PATH="group/class"), free_port()
    location = f"location /group/class/ {{ proxy_pass http://{own.host}; {UPGRADES} {PASSES_HOST} }}"
    stack.enter_context(nginx(folder, location, port=port))
    return f"http://127.0.0.1:{port}/group/class/"


def behind_nginx_without_the_host(folder: Path, stack: contextlib.ExitStack, server: Server) -> str:
    port = free_port()
    own = _server(stack, STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS=f"http://class.localhost:{port}")
    stack.enter_context(nginx(folder, f"location / {{ proxy_pass http://{own.host}; {UPGRADES} }}", port=port))
    return f"http://class.localhost:{port}/"


def behind_a_proxy_that_takes_the_path_away(folder: Path, stack: contextlib.ExitStack, server: Server) -> str:
    port = free_port()
    prefix = f"/user/ada/proxy/{server.port}"
    stack.enter_context(stripping(prefix, to=server.port, port=port))
    return f"http://127.0.0.1:{port}{prefix}/"


def on_ipv6(folder: Path, stack: contextlib.ExitStack, server: Server) -> str:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    return _server(stack, address="::1").url


def behind_https_that_ends_at_the_proxy(folder: Path, stack: contextlib.ExitStack, server: Server) -> str:
    port = free_port()
    location = f"location / {{ proxy_pass http://{server.host}; {UPGRADES} {PASSES_HOST} }}"
    stack.enter_context(nginx(folder, location, port=port, secure=certificate(folder)))
    return f"https://127.0.0.1:{port}/"


WAYS = {
    way.__name__: way
    for way in (
        below_a_path,
        behind_nginx,
        behind_nginx_without_the_host,
        behind_a_proxy_that_takes_the_path_away,
        on_ipv6,
        behind_https_that_ends_at_the_proxy,
    )
}


ALWAYS = ("behind_nginx_without_the_host", "behind_a_proxy_that_takes_the_path_away")
"""Ways that are gone at every commit; the others take turns."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.thorough) for name in WAYS]
)
def test_it_trains_goes_to_its_other_screens_and_is_found_again(
    browser: Browser, server: Server, tmp_path: Path, name: str
) -> None:
    with contextlib.ExitStack() as stack:
        address = WAYS[name](tmp_path, stack, server)
        live = stack.enter_context(opened_page(browser, ignore_https_errors=True))
        failed: list[str] = []
        live.page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        live.open(address)
        live.train(3)
        live.pause()
        before = live.step
        live.page.reload()
        live.wait_drawn()
        live.becomes(lambda: live.step, before)
        live.page.get_by_role("link", name="Sensitivity").click()
        live.wait("() => window.mamlSweeps?.drawn > 0")
        live.page.reload()
        live.wait("() => window.mamlSweeps?.drawn > 0")
        live.page.get_by_role("link", name="Lessons").click()
        live.page.locator("[data-lesson=a-start-not-a-curve]").click()
        live.wait_drawn()
        assert live.page.url.startswith(f"{address}lessons?lesson=a-start-not-a-curve")
        script = live.page.locator("a[href$='a-start-not-a-curve.py']").first.get_attribute("href")
        assert "def " in live.page.evaluate("async (address) => (await fetch(address)).text()", script)
        hold_none(failed, "answers that failed")


def test_in_a_page_that_may_show_it_and_in_no_other(browser: Browser, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        port = free_port()
        server = _server(stack, MAML_FRAMED_BY=f"http://localhost:{port}")
        (tmp_path / "index.html").write_text(f"<iframe src='{server.url}' width=1300 height=800></iframe>")
        stack.enter_context(_pages(tmp_path, port))
        live = stack.enter_context(opened_page(browser))
        live.page.goto(f"http://localhost:{port}/")
        frame = live.page.frame_locator("iframe")
        frame.get_by_role("button", name="The whole page").click()
        frame.locator("[data-action=play]").click()
        expect(frame.locator(".maml-pill").first).to_have_text("Training")
        live.page.goto(f"http://127.0.0.1:{port}/")  # the same page by a name that is not allowed
        live.page.wait_for_timeout(1000)
        assert [frame.url for frame in live.page.frames[1:]] == ["chrome-error://chromewebdata/"]


@contextlib.contextmanager
def _pages(folder: Path, port: int) -> Iterator[None]:
    """Files on a server of their own."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as pages:
        thread = threading.Thread(target=pages.serve_forever)
        thread.start()
        try:
            yield
        finally:
            pages.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("path", "location", "words", "lines"),
    [
        ("", "location / {{ proxy_pass http://{host}; }}", "but not its WebSockets", "proxy_set_header Upgrade"),
        (
            "",
            f"location / {{{{ proxy_pass http://{{host}}; {UPGRADES} }}}}",
            "as if they were for 127.0.0.1",
            "Host $http_host",
        ),
        (
            "class",
            f"location /class {{{{ proxy_pass http://{{host}}; {UPGRADES} {PASSES_HOST} }}}}",
            "its server does not know of that path",
            "--server.baseUrlPath=class",
        ),
    ],
    ids=["no WebSockets", "no host", "no path"],
)
def test_where_it_cannot_work_it_says_what_to_add(
    browser: Browser, server: Server, tmp_path: Path, path: str, location: str, words: str, lines: str
) -> None:
    port = free_port()
    with nginx(tmp_path, location.format(host=server.host), port=port), opened_page(browser) as live:
        live.page.goto(f"http://class.localhost:{port}/{path}")
        box = live.page.locator(".maml-unreachable")
        expect(box).to_contain_text(words)
        expect(box.locator("pre").first).to_contain_text(lines)
