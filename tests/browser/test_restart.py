"""A server that ends, and one that takes its place on the same port: open pages go on without a click."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect

from dashboard.server.keeper import read_copy
from maml_core.errors import StoreError
from tests.browser.conftest import hold_none, new_page
from tests.browser.live_page import LivePage
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ADDRESS = "?v=1&model.hidden_widths=8&evaluation_tasks=10&meta_batch_size=3&alpha=0.02"
COUNT_DIALOGS = """() => {
    window.dialogs = 0;
    const counted = (records) => records.forEach(({ addedNodes }) =>
        addedNodes.forEach((node) => (window.dialogs += node.dataset?.testid === "stDialog")));
    new MutationObserver(counted).observe(document.body, { childList: true });
}"""
OPEN = "() => document.querySelector('.maml-live')?.dataset.link === 'open'"


class Site:
    """A server on one port, as often as it is started, and the pages that are open."""

    def __init__(self, browser: Browser, runs: Path) -> None:
        self.runs = runs
        self._browser = browser
        self._settings = {"MAML_RUNS": str(runs)}
        self.server = Server(settings=self._settings)
        self.pages: list[LivePage] = []

    def open(self) -> LivePage:
        live = new_page(self._browser)
        self.pages.append(live)
        return live.open(self.server.url + ADDRESS)

    def start_again(self, how: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        """End the server and start another in its place; in between people go on."""
        tokens = [live.token for live in self.pages]
        self.server.end(how)
        meanwhile()
        self.server = Server(self.server.port, self._settings)
        for live, token in zip(self.pages, tokens, strict=True):
            live.until(lambda live=live, token=token: live.token != token)  # type: ignore[misc]
            live.wait(OPEN)

    def kept_steps(self) -> list[int]:
        """The outer steps of the copies on the disk."""
        found = []
        for folder in (self.runs / ".pages").glob("*"):
            try:
                found.append(read_copy(folder).run.step)
            except StoreError:  # it is being written
                continue
        return sorted(found)


@pytest.fixture
def site(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    site = Site(browser, tmp_path / "runs")
    yield site
    for live in site.pages:
        live.context.close()
    site.server.stop()
    hold_none([error for live in site.pages for error in live.errors], "errors of pages")


def taken_up(live: LivePage, condition: str, argument: object = None) -> None:
    """Until a condition holds on a page whose server has only just been started: its workers load the engine first."""
    live.page.wait_for_function(condition, arg=argument, polling=50, timeout=120_000)


def test_a_page_goes_on_where_it_was_without_a_click(site: Site) -> None:
    live = site.open()
    live.train(60)
    step = live.pause()
    live.becomes(site.kept_steps, [step])
    curve, first = live.trace("loss", "training, raw"), live.wait_address(rf"at={step}\b")
    live.page.keyboard.press("g")
    live.action("class-start").click()
    expect(live.page.locator(".maml-class-address")).to_be_visible()
    live.page.keyboard.press("Escape")
    site.start_again(signal.SIGTERM)
    taken_up(
        live, "(step) => mamlStep() === step && document.querySelector('.maml-pill').textContent === 'Paused'", step
    )
    live.wait_drawn()
    live.wait_steady()
    assert live.step == step
    expect(live.page.locator(".maml-class")).to_be_hidden()  # no class outlives its server, and its page says so
    expect(live.pill).to_have_text("Paused")
    assert np.array_equal(live.trace("loss", "training, raw"), curve)
    assert live.wait_address(rf"at={step}\b") == first
    live.train(10)
    assert live.pause() > step


@pytest.mark.thorough
def test_what_is_pressed_while_the_server_is_away_is_done_by_the_next_one_with_the_run_that_was_kept(
    site: Site,
) -> None:
    live = site.open()
    live.train(60)
    step = live.pause()
    live.becomes(site.kept_steps, [step])

    live.page.evaluate(COUNT_DIALOGS)

    def presses() -> None:
        live.wait("() => document.querySelector('.maml-live').dataset.link === 'lost'")
        live.wait("() => window.dialogs > 0")  # Streamlit's own, which would lie over all of this
        expect(live.page.get_by_test_id("stDialog")).to_have_count(0)
        live.action("outer").click()
        live.set(alpha=0.05)
        live.action("outer").click()

    site.start_again(signal.SIGTERM, presses)
    taken_up(live, "(step) => mamlStep() === step && mamlLive.config.alpha === 0.05", step + 2)
    assert live.wait_steady() == step + 2
    expect(live.field("alpha")).to_have_value("0.05")


@pytest.mark.thorough
def test_a_page_that_trains_goes_on_training(site: Site) -> None:
    live = site.open()
    live.train(60)
    site.start_again(signal.SIGTERM)
    taken_up(live, "() => document.querySelector('.maml-pill').textContent === 'Training'")
    step = live.step
    assert step >= 60
    live.wait_step(step + 20)


@pytest.mark.thorough
def test_two_tabs_of_a_server_that_is_killed_take_up_their_own_runs_and_a_damaged_copy_is_said(site: Site) -> None:
    one, other = site.open(), site.open()
    steps = []
    for live, count in ((one, 30), (other, 60)):
        live.train(count)
        steps.append(live.pause())
    assert steps[0] != steps[1]
    curve = one.trace("loss", "training, raw")
    one.becomes(site.kept_steps, sorted(steps))
    for folder in (site.runs / ".pages").glob("*"):
        if read_copy(folder).run.step == steps[1]:
            (state,) = folder.rglob("state-*.safetensors")
            state.write_bytes(state.read_bytes()[:-100])
    site.start_again(signal.SIGKILL)
    taken_up(
        other,
        "() => document.querySelector('.maml-sentence').textContent.includes('The copy that was kept of this run is damaged')",
    )
    taken_up(one, "(step) => mamlStep() === step", steps[0])
    one.wait_trace("loss", "training, raw", lambda found: np.array_equal(found, curve))
    expect(one.pill).to_have_text("Paused")
    one.train(10)
    other.wait("() => mamlStep() === 0 && document.querySelector('.maml-pill').textContent === 'Ready'")
