"""A kept sweep on the page: another name, a file of it, and a sweep from that file."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import expect

from maml_core.sweeps.archive import zip_sweep
from maml_core.sweeps.catalog import delete_sweep
from maml_core.sweeps.study import load_sweep, open_study
from tests.browser.conftest import OpenPage
from tests.browser.test_sensitivity import start, wait_status
from tests.dashboard.sweeps.results import grid, sweep


def test_a_sweep_is_renamed_saved_as_a_file_and_taken_in_from_it(open_page: OpenPage, tmp_path: Path) -> None:
    place = Path(os.environ["MAML_SWEEPS"])
    with open_study(sweep(), "before", storage=place) as study:
        study.take(6)
        study.put(*grid(sweep()))
    live = open_page("sensitivity?sweep=before", ready=False)
    page = live.page
    shown = page.locator(".maml-sweep-name")
    expect(shown).to_have_text("before")
    live.wait_synced()
    page.get_by_role("button", name="Earlier sweeps").click()
    panel = page.get_by_test_id("stPopoverBody")
    panel.get_by_role("combobox").click()  # of a server that other tests use there are others
    page.get_by_role("option", name="before", exact=True).click()
    expect(panel.get_by_role("combobox")).to_have_value("before")
    panel.get_by_role("textbox", name="New name").fill("after")
    panel.get_by_role("button", name="Rename").click()
    expect(panel.get_by_text("before is now called after.")).to_be_visible()
    expect(shown).to_have_text("after")
    with page.expect_download() as download:
        panel.get_by_role("button", name="Whole sweep (zip)").click()
    assert download.value.suggested_filename == "after.zip"
    download.value.save_as(tmp_path / "after.zip")
    panel.locator("input[type=file]").set_input_files(tmp_path / "after.zip")
    expect(panel.get_by_text("after.zip")).to_be_visible()
    panel.get_by_role("button", name="Import", exact=True).click()
    expect(panel.get_by_text("there is a sweep called 'after' already; choose another name.")).to_be_visible()
    panel.get_by_role("textbox", name="Name of the import").fill("theirs")
    panel.get_by_role("button", name="Import", exact=True).click()
    expect(panel.get_by_text("Imported theirs: Open shows it.")).to_be_visible()
    panel.get_by_text("Open", exact=True).click()
    expect(shown).to_have_text("theirs")
    with load_sweep("after", storage=place) as one, load_sweep("theirs", storage=place) as other:
        assert repr(one.results()) == repr(other.results())
    assert len(zip_sweep("theirs", storage=place)) > 1000
    for name in ("after", "theirs"):
        delete_sweep(name, storage=place)


def test_a_refused_rename_is_no_longer_said_once_the_sweep_is_cancelled(open_page: OpenPage) -> None:
    """It says to wait for the sweep's end, or to cancel it: then it is of what was."""
    live = open_page("sensitivity", ready=False)
    page = live.page
    live.wait_synced()
    start(live, "busy", steps=5000)
    page.get_by_role("button", name="Earlier sweeps").click()
    panel = page.get_by_test_id("stPopoverBody")
    panel.get_by_role("combobox").click()
    page.get_by_role("option", name="busy", exact=True).click()
    expect(panel.get_by_role("combobox")).to_have_value("busy")
    panel.get_by_role("textbox", name="New name").fill("idle")
    panel.get_by_role("button", name="Rename").click()
    refusal = panel.get_by_text("busy is being computed; wait for its end, or cancel it")
    expect(refusal).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("[data-action=cancel]").click()
    wait_status(page, "Stopped")
    page.get_by_role("button", name="Earlier sweeps").click()
    expect(panel.get_by_role("button", name="Rename")).to_be_visible()
    live.wait_synced()
    expect(refusal).to_have_count(0)
    panel.get_by_role("textbox", name="New name").fill("idle")
    panel.get_by_role("button", name="Rename").click()
    expect(panel.get_by_text("busy is now called idle.")).to_be_visible()
    delete_sweep("idle", storage=Path(os.environ["MAML_SWEEPS"]))
