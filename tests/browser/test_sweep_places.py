"""Sweeps that others have computed: settings that are left out say why, and a database is read where somebody types its address."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from maml_core.config import FolderConfig, MLPConfig, RunConfig
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import open_study
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_moved_images import pictures
from tests.maml_core.sweeps.test_left_out import computed

if TYPE_CHECKING:
    from playwright.sync_api import Locator

POINT = """(node, said) => {
    const trace = node.data.find(({ name }) => name === "settings");
    const at = trace.text.findIndex((text) => text.includes(said));
    const { xaxis, yaxis } = node._fullLayout;
    const { left, top } = node.getBoundingClientRect();
    return [left + xaxis._offset + xaxis.l2p(trace.x[at]), top + yaxis._offset + yaxis.l2p(trace.y[at])];
}"""
"""Where the first setting of which this is said lies on the map, in pixels of the window."""

IS_DRAWN = """(said) => document.querySelector("[data-chart=map] .maml-plot").data
    .some(({ name, text }) => name === "settings" && text?.some((each) => each.includes(said)))"""

ODD = "<b>a & θ_0</b>"


def shown(open_page: OpenPage, name: str) -> LivePage:
    live = open_page(f"sensitivity?sweep={name}", ready=False)
    live.wait("(name) => document.querySelector('.maml-sweep-name')?.textContent === name", name)
    live.wait("() => mamlSweeps.drawn > 0 && document.querySelector('[data-chart=map] .maml-plot').data?.length")
    live.wait_synced()
    return live


def pointed_at(live: LivePage, what: str) -> str:
    """All that the map's hover box says of a setting of which this is said."""
    live.wait(IS_DRAWN, what)
    x, y = live.plot("map").evaluate(POINT, what)
    live.page.mouse.move(x - 3, y)
    live.page.mouse.move(x, y, steps=3)
    box = live.page.locator("[data-chart=map] .hoverlayer .hovertext").first
    box.wait_for()
    return box.evaluate("node => [...node.querySelectorAll('.line')].map((line) => line.textContent).join('|')")


def rows(table: Locator) -> list[list[str]]:
    return table.locator("tr").evaluate_all(
        "rows => rows.map((row) => [...row.children].map((cell) => cell.textContent))"
    )


def test_a_setting_that_is_left_out_says_why_and_names_stay_as_they_are(open_page: OpenPage, tmp_path: Path) -> None:
    folders = (str(pictures(tmp_path / ODD)), str(pictures(tmp_path / "plain")))
    base = RunConfig(
        tasks=FolderConfig(folder=folders[0], ways=2, size=8),
        model=MLPConfig(hidden_widths=(4,)),
        num_query=1,
        meta_batch_size=2,
        evaluation_tasks=4,
        joint_baseline=False,
    )
    axes = (Axis(name="tasks.folder", values=folders), Axis(name="shots", values=(1, 4)))
    sweep = SweepConfig(base=base, axes=axes, num_steps=2, num_rungs=1)
    left_out = [one.number for one in computed(sweep, "odd-folders") if one.status == "refused"]
    assert len(left_out) == 2  # of classes of four images

    live = shown(open_page, "odd-folders")
    page = live.page
    page.locator("[data-chart=map] .maml-legend", has_text="left out").wait_for()
    expect(page.locator(".maml-sweep-count")).to_contain_text("2 left out")
    why = "shots = 4 is not accepted: shots + num_query at most 4"
    said = pointed_at(live, "left out")
    assert said.replace("|", " ").startswith(
        f"folder {folders[0]} · shots 4 left out: {why}"
    )  # long names take several lines
    row = page.locator(".maml-settings tbody tr[data-kind='left out']").first
    state = row.locator("[data-column=kind]")
    expect(state).to_have_text("left out")
    expect(state).to_have_attribute("title", re.compile(re.escape(why)))
    row.locator("button").click()
    page.locator(".maml-detail", has_text=why).wait_for()
    live.until(lambda: folders[0] in page.locator(".maml-detail").inner_text().replace("\u2060", ""))

    page.get_by_role("button", name="Save or read the map chart").click()
    page.get_by_role("button", name="Show table").click()
    table = page.locator("[data-chart=map] .maml-table table")
    table.locator("tr").nth(1).wait_for()
    head, *body = rows(table)
    assert head[:6] == ["setting", "folder", "shots", "accuracy", "± over tasks", "± over seeds"]
    assert head[-4:] == ["tasks worse", "tasks diverged", "2/λmax", "state"]
    assert table.locator("th sub").all_inner_texts() == ["max"]
    assert {row[1].replace("\u2060", "") for row in body} == set(folders)
    assert [row[-1].startswith(f"left out: {why}") for row in body].count(True) == 2


@pytest.mark.thorough
def test_an_address_of_a_database_is_typed_and_nothing_is_made(open_page: OpenPage, tmp_path: Path) -> None:
    there, typo = tmp_path / "sweeps.db", tmp_path / "sweps.db"
    base = RunConfig(model=MLPConfig(hidden_widths=(4,)), meta_batch_size=2, evaluation_tasks=4, joint_baseline=False)
    sweep = SweepConfig(base=base, axes=(Axis(name="alpha", values=(0.01, 0.1)),), num_steps=2, num_rungs=1)
    computed(sweep, "of-others", storage=f"sqlite:///{there}")
    files = sorted(path.name for path in tmp_path.iterdir())

    live = open_page("sensitivity", ready=False)
    page = live.page
    live.wait("() => window.mamlSweeps?.frames > 0")
    live.wait_synced()

    body = page.locator("[data-testid=stPopoverBody]")

    def close() -> None:
        body.press("Escape")
        body.wait_for(state="detached")

    def typed(text: str) -> None:
        """Types an address, and looks at the sweeps that are there."""
        page.get_by_role("button", name="Past one machine").click()
        field = page.get_by_role("textbox", name="Storage URL")
        field.fill("")
        field.press_sequentially(text)
        assert sorted(path.name for path in tmp_path.iterdir()) == files
        field.press("Enter")
        live.wait_synced()
        close()
        page.get_by_role("button", name="Earlier sweeps").click()

    typed(f"sqlite:///{typo}")
    body.get_by_text(f"No sweeps are kept in sqlite:///{typo} yet").wait_for()
    close()
    typed(f"sqlit:///{there}")
    body.get_by_text("or the URL of a PostgreSQL or SQLite database").wait_for()
    close()
    typed(f"sqlite:///{there}")
    body.locator("button", has_text="Open").click()
    live.wait("() => document.querySelector('.maml-sweep-name').textContent === 'of-others'")
    assert sorted(path.name for path in tmp_path.iterdir()) == files


def test_the_list_shows_the_sweep_that_its_buttons_are_of(open_page: OpenPage) -> None:
    sweep = SweepConfig(base=RunConfig(), axes=(Axis(name="alpha", values=(0.01, 0.1)),))
    for name in ("earlier", "later"):
        open_study(sweep, name, storage=Path(os.environ["MAML_SWEEPS"])).close()
    live = open_page("sensitivity", ready=False)
    page = live.page
    live.wait_synced()
    page.get_by_role("button", name="Earlier sweeps").click()
    panel = page.get_by_test_id("stPopoverBody")
    chosen = panel.get_by_role("combobox")
    before = chosen.input_value()
    panel.get_by_role("button", name="Delete").click()
    expect(panel.get_by_role("button", name=f"Bring back {before}")).to_be_visible()
    expect(chosen).not_to_have_value(before)
    after = chosen.input_value()
    panel.get_by_text("Open", exact=True).click()
    live.wait("(name) => document.querySelector('.maml-sweep-name')?.textContent === name", after)
