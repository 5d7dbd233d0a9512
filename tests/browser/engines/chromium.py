"""Chromium, as the other tests of the page have it: by Playwright."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tests.browser.conftest import visitor
from tests.browser.engines.driver import ENTER, PART_MS, ScriptError, Way

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Chromium:
    """A window of a browser that Playwright started, in a profile of its own.

    Args:
        browser: Where it is opened.
    """

    name = "Chromium"

    def __init__(self, browser: Browser) -> None:
        self._page = visitor(browser, first_time=True).new_page()
        self._errors: list[str] = []
        self._page.on("pageerror", lambda error: self._errors.append(str(error)))

    def go(self, url: str) -> None:
        self._page.goto(url, wait_until="domcontentloaded")

    def call(self, function: str, argument: str) -> str:
        from playwright.sync_api import Error

        try:
            return self._page.evaluate(function, argument)
        except Error as error:
            raise ScriptError(str(error)) from None

    def press(self, kind: Literal["mouse", "touch"], way: Way) -> None:
        if kind == "touch":
            self._touch(way)
            return
        mouse = self._page.mouse
        mouse.move(*way[0])
        mouse.down()
        for place in way[1:]:
            mouse.move(*place)
            self._page.wait_for_timeout(PART_MS)
        mouse.up()

    def _touch(self, way: Way) -> None:
        session = self._page.context.new_cdp_session(self._page)
        ends = [("touchStart", way[:1]), *(("touchMove", [place]) for place in way[1:]), ("touchEnd", [])]
        for kind, places in ends:
            session.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in places]}
            )
            self._page.wait_for_timeout(PART_MS)
        session.detach()

    def keys(self, text: str) -> None:
        for key in text:
            self._page.keyboard.press("Enter" if key == ENTER else key)

    def resize(self, width: int, height: int) -> None:
        self._page.set_viewport_size({"width": width, "height": height})

    def picture(self) -> bytes:
        return self._page.screenshot()

    def errors(self) -> list[str]:
        return self._errors

    def close(self) -> None:
        self._page.context.close()
