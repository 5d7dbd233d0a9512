"""Saved runs in a real browser: a run is saved, found again after a reload, opened, trained on, downloaded and deleted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from maml_core.store import RunStore
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

if TYPE_CHECKING:
    from playwright.sync_api import Locator


class Panel:
    """The open panel of saved runs."""

    def __init__(self, live: LivePage) -> None:
        self.live = live
        live.page.get_by_role("button", name="Runs", exact=True).click()
        self.body = live.page.get_by_test_id("stPopoverBody")
        self.body.get_by_label("Save this run as").wait_for()

    def press(self, name: str) -> None:
        # The first: those of runs that were kept before a restart stand below.
        self.body.get_by_role("button", name=name, exact=True).first.click()

    def says(self, sentence: str) -> None:
        self.body.get_by_text(sentence).wait_for()

    def save(self, name: str) -> None:
        field = self.body.get_by_label("Save this run as")
        field.fill(name)
        field.press("Enter")

    def run(self, name: str) -> Locator:
        return self.body.get_by_role("radio", name=name)

    def download(self, name: str, *, index: int) -> Path:
        with self.live.page.expect_download() as waiting:
            self.body.get_by_role("button", name=name).nth(index).click()
        return Path(waiting.value.path())

    def close(self) -> None:
        self.live.page.keyboard.press("Escape")
        self.body.wait_for(state="detached")


def test_a_run_is_saved_found_again_opened_trained_on_and_deleted(open_page: OpenPage):
    live = open_page()
    live.run_until(40)
    live.wait_step(40)
    panel = Panel(live)
    panel.save("from the browser")
    panel.says("Saved from the browser at outer step 40.")
    panel.close()
    live.run_until(60)
    before = live.wait_trace("loss", "training, raw", lambda trace: trace[0][-1] == 59.0)

    live.page.reload()
    live.wait_drawn()
    panel = Panel(live)
    panel.run("from the browser").wait_for()
    panel.press("Open")
    panel.body.wait_for(state="detached")  # it would lie over the charts
    live.page.get_by_text("Opened from the browser, paused at outer step 40.").wait_for()
    live.wait("() => mamlStep() === 40 && document.querySelector('.maml-pill').textContent === 'Paused'")
    live.run_until(60)
    again = live.wait_trace("loss", "training, raw", lambda trace: trace[0][-1] == 59.0)
    assert again.tolist() == before.tolist()
    live.page.reload()
    live.wait_drawn()
    live.wait_step(60)

    panel = Panel(live)
    panel.press("Delete")
    panel.says("Deleted from the browser.")
    panel.run("from the browser").wait_for(state="detached")
    assert "from the browser" not in [info.name for info in RunStore().list()]
    panel.press("Bring back from the browser")
    panel.says("from the browser is back.")
    panel.press("Delete")
    panel.says("Deleted from the browser.")


def test_enter_and_then_save_make_one_run_and_a_pasted_name_is_never_another(open_page: OpenPage):
    live = open_page()
    live.run_until(6)
    live.wait_step(6)
    live.wait_steady()
    before = {info.name for info in RunStore().list()}
    panel = Panel(live)
    panel.save("once")
    panel.says("Saved once at outer step 6.")
    panel.press("Save")
    panel.says("once is saved already, at outer step 6.")
    assert {info.name for info in RunStore().list()} - before == {"once"}
    field = panel.body.get_by_label("Save this run as")
    field.fill("")
    long = "a name that somebody pasted " * 4
    live.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live.page.evaluate("(text) => navigator.clipboard.writeText(text)", long)
    field.press("Control+V")
    expect(field).to_have_value(long)
    panel.press("Save")
    panel.says("is not accepted: 1 to 80 letters or digits")
    assert {info.name for info in RunStore().list()} - before == {"once"}
    RunStore().delete("once")


def test_curves_and_script_are_downloaded(open_page: OpenPage):
    live = open_page()
    live.run_until(12)
    live.wait_step(12)
    live.wait_steady()
    panel = Panel(live)
    panel.save("downloaded")
    panel.says("Saved downloaded at outer step 12.")
    panel.run("downloaded").wait_for()
    for index in (0, 1):  # the live run, the saved one
        rows = list(csv.DictReader(panel.download("Curves (CSV)", index=index).read_text().splitlines()))
        losses = [float(row["query_loss"]) for row in rows]
        assert losses == RunStore().load("downloaded").records.query_loss.tolist()
        text = panel.download("Python script", index=index).read_text()
        compile(text, "script.py", "exec")
        assert "for step in range(12):" in text
        archive = panel.download("Run folder (zip)", index=index)
    panel.press("Delete")
    panel.says("Deleted downloaded.")
    upload = {"name": "downloaded (1).zip", "mimeType": "application/zip", "buffer": archive.read_bytes()}
    for sentence in ("Imported downloaded, at outer step 12.", "downloaded is here already, at outer step 12."):
        panel.body.locator("input[type=file]").set_input_files(upload)
        panel.says(sentence)
    RunStore().rename("downloaded", "elsewhere")  # as another tab, or the command line, does
    panel.body.get_by_role("button", name="Curves (CSV)").nth(1).click()
    panel.says("there is no run called 'downloaded' any more; it may have been deleted or renamed in another tab.")
    panel.run("elsewhere").wait_for()
    expect(panel.body.get_by_text("Failed to generate")).to_be_hidden()
    panel.press("Delete")
    panel.says("Deleted elsewhere.")


def test_a_shared_server_knows_a_tab_again_after_a_reload(open_page: OpenPage):
    live = open_page()
    tab = live.page.evaluate("sessionStorage.getItem('maml-tab')")
    assert len(tab) == 22
    assert tab not in live.page.url
    live.page.reload()
    live.wait_drawn()
    assert live.page.evaluate("sessionStorage.getItem('maml-tab')") == tab
    assert open_page().page.evaluate("sessionStorage.getItem('maml-tab')") != tab


def test_the_panel_is_used_without_a_mouse(open_page: OpenPage):
    live = open_page()
    button = live.page.get_by_role("button", name="Runs", exact=True)
    button.focus()
    live.page.keyboard.press("Enter")
    live.page.get_by_label("Save this run as").wait_for()
    live.wait("() => document.activeElement.matches('[data-testid=stPopoverBody]')")
    live.page.keyboard.press("Tab")
    live.page.keyboard.type("by keys")
    live.page.keyboard.press("Enter")
    live.page.get_by_text("Saved by keys at outer step 0.").wait_for()
    live.page.keyboard.press("Escape")
    live.wait("() => document.activeElement.matches('[data-testid=stPopoverButton]')")
    assert RunStore().load("by keys").step == 0
    RunStore().delete("by keys")
