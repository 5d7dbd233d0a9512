"""A problem of one's own on the page of a server that was started with its name: trained, saved, opened again; and on servers without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from maml_core.families.own import VARIABLE
from tests.browser.conftest import opened_page
from tests.browser.live_page import LivePage
from tests.browser.server import REPOSITORY, Server
from tests.browser.test_saved import Panel
from tests.maml_core.own_module import CLASSES, CODE, CURVES, written

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.thorough


@contextmanager
def started(browser: Browser, folder: Path, problem: str, address: str = "") -> Iterator[LivePage]:
    """A page of a server that was started with a problem; with none where its name is empty. The folder has its code, and the saved runs."""
    path = os.pathsep.join((str(REPOSITORY), str(folder)))
    server = Server(settings={"MAML_RUNS": str(folder / "runs"), "PYTHONPATH": path, VARIABLE: problem})
    try:
        with opened_page(browser) as live:
            live.page.goto(server.url + address)
            live.wait("() => window.mamlLive?.lastFrame")
            yield live
    finally:
        server.stop()


def trained(live: LivePage) -> list[list[float]]:
    """What its curve shows once it was trained, changed on the way, and saved."""
    live.run_until(20)
    live.wait_step(20)
    live.set(alpha=0.05, num_inner_steps=2)
    live.run_until(40)
    live.wait_step(40)
    live.wait_steady()
    panel = Panel(live)
    panel.save("mine")
    panel.says("Saved mine at outer step 40.")
    panel.close()
    losses: list[list[float]] = live.trace("loss", "training, raw").tolist()
    return losses


def opened(live: LivePage) -> None:
    """Press *Open* beside the run that was saved."""
    panel = Panel(live)
    panel.run("mine").wait_for()
    live.wait_synced()
    panel.press("Open")


def test_it_is_trained_saved_and_found_again_after_a_reload_and_by_the_next_server(
    browser: Browser, tmp_path: Path
) -> None:
    curves = f"{written(tmp_path, CURVES)}:problem"
    with started(browser, tmp_path, curves) as live:
        live.wait_drawn()
        live.wait_address("tasks=own")
        assert curves.partition(":")[0] not in live.page.url
        losses = trained(live)
        live.page.reload()
        live.wait_drawn()
        live.wait_step(40)
        assert live.trace("loss", "training, raw").tolist() == losses
    with started(browser, tmp_path, curves) as live:
        opened(live)
        live.page.get_by_text("Opened mine, paused at outer step 40.").wait_for()
        live.wait_step(40)
        live.wait_drawn()
        assert live.trace("loss", "training, raw").tolist() == losses


def test_a_task_of_ones_own_classes_is_drawn_and_walked_through(browser: Browser, tmp_path: Path) -> None:
    with started(browser, tmp_path, f"{written(tmp_path, CLASSES)}:problem") as live:
        live.wait_drawn()
        live.run_until(20)
        live.wait_step(20)
        live.wait_steady()
        card = live.page.locator('[data-chart="classes"]')
        expect(card).to_be_visible()
        expect(live.page.locator('[data-chart="fit"]')).to_be_hidden()
        expect(card.locator(".maml-subtitle")).to_contain_text("% right before, ")
        expect(card.get_by_role("row", name="right")).to_be_visible()
        expect(card.locator(".annotation")).to_have_text(["0", "1", "2"])
        slider = card.get_by_role("slider", name="Inner step k")
        ends = {"0": "before adapting", "3": "after N steps"}
        drawn = {at: live.trace("classes", name)[1].tolist() for at, name in ends.items()}
        assert drawn["0"] != drawn["3"]
        for at, values in drawn.items():
            slider.fill(at)
            live.wait_trace("classes", "at k", lambda found, values=values: found[1].tolist() == values)
        live.page.keyboard.press("t")
        live.wait_trace("classes", "before adapting", lambda found: found[1].tolist() != drawn["0"])


def test_a_server_without_it_and_one_with_another_say_what_to_do(browser: Browser, tmp_path: Path) -> None:
    curves, planes = f"{written(tmp_path, CURVES)}:problem", f"{written(tmp_path, CODE)}:problem"
    with started(browser, tmp_path, curves) as live:
        live.wait_drawn()
        trained(live)
        query = live.page.url.partition("?")[2]
    with started(browser, tmp_path, "", f"?{query}") as live:
        expect(live.page.get_by_text("in Python code, which no address names")).to_be_visible()
        panel = Panel(live)
        expect(panel.body.get_by_text(f"start the page with: maml dashboard --problem {curves}").first).to_be_visible()
        expect(panel.body.get_by_role("button", name="Open", exact=True).first).to_be_disabled()
    with started(browser, tmp_path, planes) as live:
        no_curve = live.page.locator("[data-chart=fit]").get_by_text("2 inputs: there is no curve over one x")
        expect(no_curve).to_be_visible()
        opened(live)
        expect(live.page.get_by_text("it is another problem than the one that this was begun with")).to_be_visible()
