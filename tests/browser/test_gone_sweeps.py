"""A sweep that goes while somebody looks at it: by another tab, or by a command in a terminal."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import expect

from maml_core.sweeps.catalog import delete_sweep, rename_sweep
from maml_core.sweeps.study import open_study
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.dashboard.sweeps.results import grid, sweep

NAME = "my-alphas θ_0"
JOINER = "\u2060"


def _seen(live: LivePage, name: str) -> None:
    live.wait("(name) => document.querySelector('.maml-sweep-name')?.textContent === name", name)
    expect(live.page.locator(".maml-settings tbody tr:not(.maml-settings-group)")).to_have_count(6)


def test_a_sweep_that_goes_elsewhere_is_told_and_what_was_looked_at_stays(open_page: OpenPage) -> None:
    place = Path(os.environ["MAML_SWEEPS"])
    of = sweep()
    with open_study(of, NAME, storage=place) as study:
        study.take(of.size)
        study.put(*grid(of))
    tabs = [open_page(f"sensitivity?sweep={NAME}", ready=False) for _ in range(2)]
    for live in tabs:
        _seen(live, NAME)
        live.wait_synced()
    first, second = (live.page for live in tabs)
    second.locator(".maml-settings tbody th button").first.click()
    first.get_by_role("button", name="Earlier sweeps").click()
    panel = first.get_by_test_id("stPopoverBody")
    panel.get_by_role("combobox").click()  # of a server that other tests use there are others
    first.get_by_role("option", name=NAME, exact=True).click()
    expect(panel.get_by_role("combobox")).to_have_value(NAME)
    panel.get_by_role("button", name="Delete").click()
    expect(panel.get_by_role("button", name=f"Bring back {NAME}")).to_be_visible()
    tabs[0].wait("() => document.querySelector('.maml-sweeps').dataset.sweep === 'false'")
    sentence = second.locator(".maml-sweeps .maml-sentence")
    expect(sentence).to_contain_text(f"{NAME.replace('_', JOINER + '_')} was deleted on another page.")
    expect(sentence).to_contain_text("The best of 6 trainings")
    expect(second.locator(".maml-sweeps .maml-pill").first).to_have_text("Not kept")
    expect(second.locator("[data-action=resume]")).to_be_hidden()
    expect(second.locator(".maml-detail")).to_contain_text("α 0.01 · β 0.001")
    panel.get_by_role("button", name="Bring back").click()
    panel.get_by_text("Open", exact=True).click()
    _seen(tabs[0], NAME)
    rename_sweep(NAME, "another", storage=place)
    expect(first.locator(".maml-sweeps .maml-sentence")).to_contain_text("is no longer kept under this name")
    delete_sweep("another", storage=place)
