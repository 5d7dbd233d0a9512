"""A change that is refused leaves the run, the fields, the form and the name as they were, and a sentence says what is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from dashboard.setups import address
from maml_core.sweeps.catalog import list_sweeps
from tests.browser.conftest import OpenPage
from tests.browser.test_folder import config_of
from tests.browser.test_moved_images import pictures


@pytest.mark.parametrize("label", ["Shots", "Query / class"])
def test_a_change_that_the_images_do_not_allow_leaves_the_run_as_it_was(
    open_page: OpenPage, tmp_path: Path, label: str
) -> None:
    live = open_page("?" + address.write(config_of(pictures(tmp_path / "birds"), "grey")))
    live.train(5)
    before = live.page.evaluate("mamlLive.config")
    field = live.page.get_by_label(label, exact=True)
    shown = field.input_value()
    field.fill("9")
    field.press("Enter")
    live.page.locator(".maml-sentence", has_text="The run goes on as it was.").wait_for()
    live.wait_synced()
    live.wait_step(live.step + 5)  # it trains on
    assert live.page.evaluate("mamlLive.config") == before
    expect(field).to_have_value(shown)


def test_a_restart_that_the_images_do_not_allow_brings_the_run_back(open_page: OpenPage, tmp_path: Path) -> None:
    live = open_page("?" + address.write(config_of(pictures(tmp_path / "birds"), "grey")))
    live.run_until(25)
    live.wait_step(25)
    live.wait_steady()
    before = live.page.evaluate("mamlLive.config")
    field = live.page.get_by_label("Ways", exact=True)
    field.fill("9")
    field.press("Enter")
    live.page.locator(".maml-sentence", has_text="The settings from before are back.").wait_for()
    live.shows("mamlLive.config", before)
    live.wait("() => mamlStep() === 25")
    live.wait_synced()
    expect(field).to_have_value("2")


def test_a_sweep_that_cannot_be_drawn_is_refused_and_its_name_stays_free(open_page: OpenPage, tmp_path: Path) -> None:
    live = open_page("?" + address.write(config_of(pictures(tmp_path / "birds"), "grey")))
    page = live.page
    page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.drawn > 0")
    live.wait_synced()
    page.get_by_role("combobox", name="Axes").click()
    page.get_by_role("option", name="shots").first.click()
    page.keyboard.press("Escape")
    live.wait_synced()
    shots = page.get_by_label("shots", exact=False).last
    for label, text in (("α values", "2"), ("β values", "2"), ("Name", "undrawable")):
        page.get_by_label(label, exact=True).fill(text)
        page.get_by_label(label, exact=True).press("Enter")
        live.wait_synced()
    shots.fill("8, 9")
    shots.press("Enter")
    live.wait_synced()
    page.get_by_role("button", name="Start").click()
    page.get_by_text("none of them can be computed").or_(page.get_by_text("is not accepted")).first.wait_for()
    expect(shots).to_have_value("8, 9")
    expect(page.get_by_label("Name", exact=True)).to_have_value("undrawable")
    assert "undrawable" not in [info.name for info in list_sweeps()]
