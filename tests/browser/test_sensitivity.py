"""The sensitivity screen in a real browser: it fills in, a cell opens as a live run, Cancel and a reload keep what is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import VIEWPORT, WAIT_MS
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Small enough to be through in seconds on a busy machine.
TINY = "?v=1&model.hidden_widths=8&evaluation_tasks=10&meta_batch_size=3&joint_baseline=no&alpha=0.02"

SLOW_MS = 3 * WAIT_MS

OpenScreen = Callable[[], "Page"]


@pytest.fixture
def open_screen(browser: Browser, server: Server) -> Iterator[OpenScreen]:
    """Opens the live page with a small set-up and walks over; no page may have thrown an error by the end of the test."""
    errors: list[str] = []
    contexts = []

    def open_screen() -> Page:
        context = browser.new_context(viewport=VIEWPORT)
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.url + TINY)
        page.wait_for_function("() => window.mamlLive?.lastFrame")
        page.get_by_role("link", name="Sensitivity").click()
        page.wait_for_function("() => window.mamlSweeps?.frames > 0")
        return page

    yield open_screen
    for context in contexts:
        context.close()
    assert errors == []


def number(page: Page, label: str, value: Any) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Enter")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def start(page: Page, name: str, *, points: int = 3, steps: int = 40) -> None:
    number(page, "α values", points)
    number(page, "β values", points)
    number(page, "Outer steps", steps)
    number(page, "Name", name)
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("(name) => document.querySelector('.maml-sweep-name').textContent === name", arg=name)


def wait_status(page: Page, status: str) -> None:
    page.wait_for_function(
        "(status) => document.querySelector('.maml-sweeps .maml-pill').textContent === status",
        arg=status,
        timeout=SLOW_MS,
    )


def settled(page: Page) -> int:
    """Settings that need no more work, as the page counts them."""
    return int(page.locator(".maml-sweep-count").inner_text().split(" of ")[0].replace("\u202f", ""))


def test_the_frozen_map_is_there_before_any_sweep(open_screen: OpenScreen) -> None:
    page = open_screen()
    cells = page.evaluate("document.querySelector('[data-chart=frozen] .maml-plot').data[4].x.length")
    assert cells > 100
    assert "outer step 0" in page.locator("[data-chart=frozen] .maml-subtitle").inner_text()


def test_the_map_fills_in_while_it_trains_and_keeps_its_node(open_screen: OpenScreen) -> None:
    page = open_screen()
    start(page, "fills", steps=200)
    page.wait_for_function("() => mamlSweeps.log.some(({ count }) => count?.lane_steps > 0)")
    page.evaluate("window.node = document.querySelector('[data-chart=map] .maml-plot')")
    frames = page.evaluate("mamlSweeps.frames")
    wait_status(page, "Done")
    page.wait_for_function("() => document.querySelector('[data-chart=map] .maml-plot').data[7].x.length === 9")
    assert page.evaluate("mamlSweeps.frames") > frames + 1
    assert page.evaluate("window.node === document.querySelector('[data-chart=map] .maml-plot')")
    page.wait_for_function("() => document.querySelector('.maml-sweep-count').textContent.startsWith('9 of 9')")
    assert "fills" in page.url


def test_a_cell_opens_as_a_live_run_with_its_set_up(open_screen: OpenScreen) -> None:
    page = open_screen()
    start(page, "opens")
    wait_status(page, "Done")
    page.locator(".maml-settings tbody button", has_text=re.compile("^0$")).click()
    link = page.locator("[data-action=open-live][href]")
    assert "alpha=0.003" in (link.get_attribute("href") or "")
    link.click()
    page.wait_for_function("() => window.mamlLive?.lastFrame && document.querySelector('.maml-live [data-dial=alpha]')")
    page.wait_for_function("() => location.search.includes('alpha=0.003')")
    assert "beta=0.0003" in page.url


def test_what_is_selected_is_selected_everywhere(open_screen: OpenScreen) -> None:
    page = open_screen()
    start(page, "selects")
    wait_status(page, "Done")
    page.wait_for_function("() => document.querySelector('[data-chart=map] .maml-plot').data[7].x.length === 9")
    page.locator("[data-chart=map] .maml-plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.maml-settings tr[data-selected=true]').length === 1")
    page.wait_for_function("() => document.querySelector('[data-chart=map] .maml-plot').data[8].x.length === 1")
    page.locator(".maml-settings tbody tr[data-selected=false] button").first.click(modifiers=["Shift"])
    page.wait_for_function("() => document.querySelector('[data-chart=map] .maml-plot').data[8].x.length === 2")
    page.get_by_text("of the 2 selected settings").wait_for()


def test_cancel_keeps_what_is_done_a_reload_finds_it_and_resume_goes_on(open_screen: OpenScreen) -> None:
    page = open_screen()
    start(page, "keeps", points=6, steps=1200)
    page.wait_for_function("() => mamlSweeps.log.some(({ count }) => count?.lane_steps > 0)", timeout=SLOW_MS)
    page.locator("[data-action=cancel]").click()
    page.wait_for_function(
        "() => ['Stopped', 'Done'].includes(document.querySelector('.maml-sweeps .maml-pill').textContent)"
    )
    kept = settled(page)
    page.reload()
    page.wait_for_function("() => document.querySelectorAll('.maml-settings tbody tr').length === 36")
    page.wait_for_function(
        "(kept) => parseInt(document.querySelector('.maml-sweep-count').textContent) === kept", arg=kept
    )
    if page.locator("[data-action=resume]").is_visible():
        page.locator("[data-action=resume]").click()
    wait_status(page, "Done")
    page.wait_for_function("() => document.querySelector('.maml-sweep-count').textContent.startsWith('36 of 36')")


def test_an_empty_axis_is_refused_before_anything_starts(open_screen: OpenScreen) -> None:
    page = open_screen()
    number(page, "α from", 0)
    page.get_by_text("a logarithmic axis begins above 0").wait_for()
    assert page.get_by_role("button", name="Start").is_disabled()
