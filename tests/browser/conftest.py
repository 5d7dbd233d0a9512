"""The real server and a real browser. Without a browser these tests skip, or fail where MAML_REQUIRE_BROWSER is 1."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from maml_core.presets import DEFAULT_PRESET
from tests.browser.live_page import WAIT_MS, LivePage
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, SetCookieParam

VIEWPORT = {"width": 1440, "height": 900}
OPENED_WITH = {name: getattr(DEFAULT_PRESET.config, name) for name in ("alpha", "beta", "num_inner_steps")}

HAS_BEEN_HERE: list[SetCookieParam] = [
    {"name": "maml_seen", "value": "1", "domain": host, "path": "/"}
    for host in ("127.0.0.1", "localhost", "class.localhost", "[::1]")
]
"""The cookies of somebody who has seen the first minute."""

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HEADLESS_NAMES = ("chromium-headless-shell", *BROWSER_NAMES)
"""What tests take: Chromium without its window takes a fifth less of the processors. Benchmarks take what people have."""

STANDS = """() => Object.fromEntries([
  ...[...document.querySelectorAll('.maml-live select')].map((list) => [list.ariaLabel, list.value]),
  ...[...document.querySelectorAll('.maml-live :is(:not(.maml-legend) > [aria-pressed], .maml-legend [aria-pressed=false])')].map((button) => [button.title || button.textContent, button.ariaPressed]),
  ...[...document.querySelectorAll('[data-chart] :is(.maml-plot, .maml-table)')].filter((seen) => seen.checkVisibility()).map((seen) => [seen.closest('[data-chart]').dataset.chart, seen.className.split(' ')[0]]),
])"""
"""What is chosen, pressed and shown on a live page, by its name."""

OpenPage = Callable[..., LivePage]


def browser_path(names: Sequence[str] = BROWSER_NAMES) -> str | None:
    """An installed Chromium or Chrome."""
    return next((path for name in names if (path := shutil.which(name))), None)


def launch_options(path: str) -> dict[str, Any]:
    """Options of a browser that stays on this machine and treats every page as the one in front."""
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


class Unexcused(AssertionError):
    """What no unlucky moment of a test explains: an error that a page threw, a process that outlived its server."""


def hold_none(found: list[Any], what: str) -> None:
    """Hold that nothing of a kind was found.

    Raises:
        Unexcused: Something was; the test is not run once more.
    """
    if found:
        raise Unexcused(f"{what}: {found}")


LONGEST = ("walk", "restart", "travel", "closer", "robustness", "axe", "recipe", "saved", "sensitivity")
"""Files that come first: what takes a minute is not begun when all else has ended. xdist's own order is by the number of tests, not by their time."""


def pytest_configure(config: pytest.Config) -> None:
    """Files are dealt in the order below."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test of this folder may fail once, on a machine that is so busy that it waits in vain; the report says which did.

    Not the walks: they wait until all agrees, and what they find is found by luck.
    """
    first = [Path(__file__).parent / f"test_{name}.py" for name in LONGEST]
    items.sort(key=lambda item: first.index(item.path) if item.path in first else len(first))
    if not config.pluginmanager.hasplugin("rerunfailures"):
        return
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name != "test_walk.py":
            item.add_marker(pytest.mark.flaky(reruns=1, rerun_except=[Unexcused.__name__]))


FOUND = pytest.StashKey[set[Path]]()


def _stored() -> set[Path]:
    """Every saved run and every sweep."""
    return {path for name in ("MAML_RUNS", "MAML_SWEEPS") for path in Path(os.environ[name]).glob("*")}


@pytest.fixture(autouse=True)
def stores_as_found(request: pytest.FixtureRequest) -> None:
    """A second try finds the saved runs and sweeps that the first one found, not those that it left."""
    found = request.node.stash.setdefault(FOUND, _stored())
    for path in _stored() - found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


SAID_CHARACTERS = 1500
"""How much the report of a test that failed holds of each page and of the server."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """What every page said when a test failed: the line that failed seldom tells, least of all one that waited in vain."""
    report = yield
    browser = getattr(item, "funcargs", {}).get("browser")
    if call.when == "call" and report.failed and browser is not None:
        pages = [page for context in browser.contexts for page in context.pages]
        report.sections += [(f"the page {page.url}", _said(page)) for page in pages]
        server = item.funcargs.get("server")
        report.sections += [("the server's log", server.log()[-SAID_CHARACTERS:])] if server is not None else []
    return report


def _said(page: Page) -> str:
    try:
        lines = page.locator("body").inner_text(timeout=WAIT_MS / 10).split("\n")
        return " | ".join(filter(str.strip, lines))[:SAID_CHARACTERS]
    except Exception as error:
        return f"It could not be read: {error}"


# Package scope: Playwright's synchronous interface keeps an event loop in this thread, and tests elsewhere start their own.
@pytest.fixture(scope="package", autouse=True)
def browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        _missing("the browser tests need playwright: pip install -e '.[test]'")
    path = browser_path(HEADLESS_NAMES)
    if path is None:
        _missing(
            "the browser tests need an installed Chromium, for example from apt-get install chromium-headless-shell"
        )
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(path))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def server(browser: Browser) -> Iterator[Server]:
    server = Server()
    yield server
    hold_none(server.stop(), "processes that outlived the server that started them")


MEDIA = {"color_scheme": "light", "reduced_motion": "no-preference", "forced_colors": "none"}
"""What a page takes its reader to want, where a test does not say."""


class Pages:
    """Pages that tests open one after the other. What a browser has loaded and compiled once makes the next opening less than half the work,
    so a page is cleared and used again.

    Args:
        browser: Where they are opened.
        home: Address of the server.
    """

    def __init__(self, browser: Browser, home: str) -> None:
        self._browser, self._home = browser, home
        self._cleared: list[LivePage] = []
        self._used_again: set[LivePage] = set()

    def take(self, *, fresh: bool, **options: Any) -> LivePage:
        """A page that is not anywhere yet, in a profile of its own that knows nothing.

        Args:
            fresh: Take none that was used before: for tests that listen to it or put a script into it.
            options: Of `Browser.new_context`; a page with others than its size and its media is always a new one.
        """
        if fresh or not options.keys() <= {"viewport", *MEDIA}:
            return new_page(self._browser, **options)
        live = self._cleared.pop() if self._cleared else new_page(self._browser)
        self._used_again.add(live)
        live.page.set_viewport_size(options.get("viewport", VIEWPORT))
        live.page.emulate_media(**{name: options.get(name, usual) for name, usual in MEDIA.items()})
        live.errors.clear()
        live.sockets.clear()
        return live

    def give_back(self, live: LivePage) -> None:
        """Close a page that `take` gave, or clear all that it and its profile know."""
        page, context = live.page, live.context
        if live not in self._used_again or page.is_closed():
            context.close()
            return
        for other in context.pages:
            if other is not page:
                other.close()
        page.mouse.up()
        page.mouse.move(-1, -1)  # outside, where it hovers over nothing
        page.goto(f"{self._home}_stcore/health")  # what leaving writes is cleared too
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
        page.goto("about:blank")
        context.clear_cookies()
        context.add_cookies(HAS_BEEN_HERE)
        context.clear_permissions()
        context.set_default_timeout(WAIT_MS)
        self._cleared.append(live)


@pytest.fixture(scope="package")
def pages(browser: Browser, server: Server) -> Pages:
    return Pages(browser, server.url)


@pytest.fixture
def open_page(pages: Pages, server: Server) -> Iterator[OpenPage]:
    """Opens pages, each in a browser profile of its own; no page may have thrown an error by the end of the test."""
    opened: list[LivePage] = []

    def open_page(address: str = "", *, ready: bool = True, fresh: bool = False, **options: Any) -> LivePage:
        live = pages.take(fresh=fresh, **options)
        opened.append(live)
        if ready:
            live.open(server.url + address)
        else:
            live.page.goto(server.url + address)
        return live

    yield open_page
    errors = [error for live in opened for error in live.errors]
    for live in opened:
        pages.give_back(live)
    hold_none(errors, "errors of pages")


def visitor(browser: Browser, *, first_time: bool = False, **options: Any) -> BrowserContext:
    """A browser profile of its own: of somebody who has been here before, unless it is the first time."""
    context = browser.new_context(**{"viewport": VIEWPORT, **options})
    context.set_default_timeout(WAIT_MS)
    if not first_time:
        context.add_cookies(HAS_BEEN_HERE)
    return context


def new_page(browser: Browser, **options: Any) -> LivePage:
    """A page that is not anywhere yet, in a profile of its own, with the options of `visitor`."""
    return LivePage(visitor(browser, **options).new_page())


@contextlib.contextmanager
def opened_page(browser: Browser, **options: Any) -> Iterator[LivePage]:
    """A page of `new_page`, closed at the end, also of a test that failed: one that goes on training takes the processors from all tests that follow.
    It may have thrown no error.
    """
    live = new_page(browser, **options)
    try:
        yield live
    finally:
        live.context.close()
    hold_none(live.errors, "errors of the page")


@pytest.fixture(scope="package")
def shared_page(browser: Browser, server: Server) -> Iterator[tuple[LivePage, dict[str, str]]]:
    """A page, and how it stood when it was opened."""
    with opened_page(browser) as live:
        live.open(server.url)
        yield live, live.page.evaluate(STANDS)


@pytest.fixture
def live(shared_page: tuple[LivePage, dict[str, str]]) -> Iterator[LivePage]:
    """A page at outer step 0 with the settings it opened with, and no ghost. Opening one takes seconds: tests share it, and it is put right here."""
    from playwright.sync_api import expect

    live, stood = shared_page
    live.page.set_viewport_size(VIEWPORT)
    live.page.emulate_media(reduced_motion="no-preference")
    live.page.mouse.move(0, 0)
    live.page.evaluate("document.activeElement?.blur()")
    live.page.get_by_label("Speed").select_option("")
    for place in ("Chart in this place", "Chart in the place of held-out tasks"):
        live.page.get_by_label(place).select_option(index=0)
    live.set(**{name: value for name, value in OPENED_WITH.items() if float(live.field(name).input_value()) != value})
    live.action("reset").click()
    live.wait(
        "() => mamlStep() === 0 && document.querySelector('.maml-pill').textContent === 'Ready' && mamlLive.lastStep === 0"
    )
    ghosts = live.page.locator(".maml-ghost")
    if ghosts.count():
        # The last button is the one that removes all, where there are several.
        live.page.locator(
            ".maml-ghosts button[title^='Remove ghost']:visible, [data-action=remove-ghosts]:visible"
        ).last.click()
        expect(ghosts).to_have_count(0)
    live.wait_steady()
    assert live.page.evaluate(STANDS) == stood, "an earlier test has left the page otherwise than it was opened"
    yield live
    if live.status == "Training":  # what nobody looks at would take time from the tests that follow
        live.action("play").click()
