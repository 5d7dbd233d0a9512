"""A problem of one's own on the page of a server that was started with its name: trained, saved, reloaded, opened again; and on a server without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from maml_core.families.own import VARIABLE
from tests.browser.conftest import hold_none, new_page
from tests.browser.live_page import LivePage
from tests.browser.server import REPOSITORY, Server
from tests.browser.test_saved import Panel
from tests.maml_core.own_module import CODE, CURVES, written

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Lecturer:
    """Who starts servers with a problem, or without."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser, self._folder = browser, folder
        self._pages: list[LivePage] = []
        self.server: Server | None = None

    def starts(self, problem: str = "") -> Lecturer:
        """One server after the other, on one port."""
        port = self.server.port if self.server is not None else None
        self.ends()
        path = os.pathsep.join((str(REPOSITORY), str(self._folder)))
        settings = {"MAML_RUNS": str(self._folder / "runs"), "PYTHONPATH": path, VARIABLE: problem}
        self.server = Server(port, settings)
        return self

    def opens(self, address: str = "") -> LivePage:
        assert self.server is not None
        live = new_page(self._browser)
        self._pages.append(live)
        live.page.goto(self.server.url + address)
        live.wait("() => window.mamlLive?.lastFrame")
        return live

    def ends(self) -> None:
        if self.server is not None:
            self.server.stop()

    def leaves(self) -> None:
        errors = [error for live in self._pages for error in live.errors]
        for live in self._pages:
            live.context.close()
        self.ends()
        hold_none(errors, "errors of pages")


@pytest.fixture(name="lecturer")
def _lecturer(browser: Browser, tmp_path: Path) -> Iterator[Lecturer]:
    lecturer = Lecturer(browser, tmp_path)
    yield lecturer
    lecturer.leaves()


def test_a_lecturer_shows_a_problem_of_their_own_and_comes_back_to_it(lecturer: Lecturer, tmp_path: Path) -> None:
    curves, planes = f"{written(tmp_path, CURVES)}:problem", f"{written(tmp_path, CODE)}:problem"
    live = lecturer.starts(curves).opens()
    live.wait_drawn()
    assert "tasks=own" in live.page.url
    assert curves.partition(":")[0] not in live.page.url
    live.run_until(20)
    live.set(alpha=0.05, num_inner_steps=2)
    live.run_until(40)
    live.wait_step(40)
    live.wait_steady()
    losses = live.trace("loss", "training, raw").tolist()
    panel = Panel(live)
    panel.save("mine")
    panel.says("Saved mine at outer step 40.")
    panel.close()

    live.page.reload()
    live.wait_drawn()
    live.wait_step(40)
    assert live.trace("loss", "training, raw").tolist() == losses

    lecturer.starts()  # without it
    elsewhere = lecturer.opens("?" + live.page.url.partition("?")[2])
    expect(elsewhere.page.get_by_text("in Python code, which no address names")).to_be_visible()
    panel = Panel(elsewhere)
    expect(panel.body.get_by_text(f"start the page with: maml dashboard --problem {curves}")).to_be_visible()
    expect(panel.body.get_by_role("button", name="Open", exact=True).first).to_be_disabled()

    other = lecturer.starts(planes).opens()
    expect(other.page.locator("[data-chart=fit]").get_by_text("2 inputs: there is no curve over one x")).to_be_visible()
    panel = Panel(other)
    panel.run("mine").wait_for()
    other.wait_synced()
    panel.press("Open")
    panel.says("it is another problem than the one that this was begun with")

    back = lecturer.starts(curves).opens()
    panel = Panel(back)
    panel.run("mine").wait_for()
    back.wait_synced()
    panel.press("Open")
    back.page.get_by_text("Opened mine, paused at outer step 40.").wait_for()
    back.wait_step(40)
    back.wait_drawn()
    assert back.trace("loss", "training, raw").tolist() == losses
