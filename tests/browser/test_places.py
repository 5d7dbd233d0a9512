"""A server that has as many pages training as it may: what the next one is told, and that a reload keeps its place in the line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import hold_none, opened_page
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TINY = "?v=1&model.hidden_widths=8&evaluation_tasks=10&meta_batch_size=3&joint_baseline=no&alpha=0.02"


@pytest.fixture
def full(browser: Browser) -> Iterator[Server]:
    """A server on which one page may train."""
    server = Server(settings={"MAML_PAGES": "1"})
    yield server
    hold_none(server.stop(), "processes that outlived the server that started them")


def test_the_next_page_waits_in_line_is_told_so_and_may_look_meanwhile(browser: Browser, full: Server) -> None:
    with opened_page(browser) as first, opened_page(browser) as second:
        for live in (first, second):
            live.open(full.url + TINY)
        first.train(5)
        second.action("play").click()
        expect(second.pill).to_have_text("Waiting")
        words = second.page.locator(".maml-live .maml-sentence")
        expect(words).to_contain_text("1 page trains here, all that there is room for. Yours is the next in line")
        assert second.page.evaluate(FITS) is True
        assert second.step == 0
        drawn = second.page.evaluate("mamlLive.drawn.fit")
        second.page.keyboard.press("t")  # another task
        second.wait("(drawn) => mamlLive.drawn.fit > drawn", drawn)
        second.page.reload()
        second.wait_drawn()
        expect(second.pill).to_have_text("Waiting")
        expect(words).to_contain_text("Yours is the next in line")
        second.action("play").click()
        expect(second.pill).to_have_text("Ready")
        second.action("outer").click()
        second.until(lambda: second.step == 1)
        first.pause()


FITS = """() => {
  const { bottom } = document.querySelector(".maml-line").getBoundingClientRect();
  return document.querySelector(".maml-live .maml-sentence").getBoundingClientRect().bottom <= bottom + 12;
}"""
