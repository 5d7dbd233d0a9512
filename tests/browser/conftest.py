"""The real server and a real browser. Without a browser these tests skip, or fail where MAML_REQUIRE_BROWSER is 1."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from maml_core.presets import DEFAULT_PRESET
from tests.browser.live_page import LivePage
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WAIT_MS = 30_000
"""How long a test waits for anything: much longer than it takes, for busy machines."""

VIEWPORT = {"width": 1440, "height": 900}
OPENED_WITH = {name: getattr(DEFAULT_PRESET.config, name) for name in ("alpha", "beta", "num_inner_steps")}

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

OpenPage = Callable[..., LivePage]


def browser_path() -> str | None:
    """An installed Chromium or Chrome."""
    return next((path for name in BROWSER_NAMES if (path := shutil.which(name))), None)


def launch_options(path: str) -> dict[str, Any]:
    """Of a browser that stays on this machine and treats every page as the one in front."""
    arguments = (
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
    )
    return {"executable_path": path, "args": list(arguments)}


def _missing(reason: str) -> None:
    if os.environ.get("MAML_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason}, and MAML_REQUIRE_BROWSER is 1", pytrace=False)
    pytest.skip(reason)


# Package scope: Playwright's synchronous interface keeps an event loop in this thread, and tests elsewhere start their own.
@pytest.fixture(scope="package", autouse=True)
def browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("the browser tests need playwright: pip install -e '.[test]'")
    path = browser_path()
    if path is None:
        _missing("the browser tests need an installed Chromium, for example from apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(path))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def server(browser: Browser) -> Iterator[Server]:
    server = Server()
    yield server
    left = server.stop()
    assert left == [], "processes outlived the server that started them"


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[OpenPage]:
    """Opens pages, each in a browser profile of its own; no page may have thrown an error by the end of the test."""
    opened: list[LivePage] = []

    def open_page(address: str = "", *, ready: bool = True, **options: Any) -> LivePage:
        live = new_page(browser, **options)
        opened.append(live)
        if ready:
            live.open(server.url + address)
        else:
            live.page.goto(server.url + address)
        return live

    yield open_page
    for live in opened:
        live.context.close()
    assert [error for live in opened for error in live.errors] == []


def new_page(browser: Browser, **options: Any) -> LivePage:
    """A page that is not anywhere yet, in a profile of its own."""
    context = browser.new_context(**{"viewport": VIEWPORT, **options})
    context.set_default_timeout(WAIT_MS)
    return LivePage(context.new_page())


@pytest.fixture(scope="package")
def shared_page(browser: Browser, server: Server) -> Iterator[LivePage]:
    live = new_page(browser)
    live.open(server.url)
    yield live
    live.context.close()
    assert live.errors == []


@pytest.fixture
def live(shared_page: LivePage) -> LivePage:
    """A page at outer step 0 with the settings it opened with. Opening one takes seconds: tests share it, and it is put right here."""
    live = shared_page
    live.page.set_viewport_size(VIEWPORT)
    live.page.emulate_media(reduced_motion="no-preference")
    live.page.mouse.move(0, 0)
    live.page.evaluate("document.activeElement?.blur()")
    live.page.get_by_label("Speed").select_option("")
    live.set(**{name: value for name, value in OPENED_WITH.items() if float(live.field(name).input_value()) != value})
    live.action("reset").click()
    live.wait(
        "() => mamlStep() === 0 && document.querySelector('.maml-pill').textContent === 'Ready' && mamlLive.lastStep === 0"
    )
    live.wait_steady()
    return live
