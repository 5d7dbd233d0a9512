"""Runs before this one as ghosts: what people do with several of them, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OPENED_WITH, VIEWPORT, OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_layout import preset_address

SHOWN = """() => {
  const { data, layout } = document.querySelector("[data-chart=loss] .maml-plot");
  return Object.fromEntries(layout.meta.traces.flatMap((name, at) => (/^ghost_\\d/.test(name) && data[at].x.length ? [[data[at].name, data[at].line.dash]] : [])));
}"""
OVERFLOW = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  return main.scrollHeight - main.clientHeight;
}"""
NUMBERS = """() => {
  const plot = document.querySelector("[data-chart=loss] .maml-plot");
  return [...plot.querySelectorAll(".textpoint")].map((node) => node.textContent).sort();
}"""

CRAMPED = """() => {
  const box = (node) => node.getBoundingClientRect();
  const entries = [...document.querySelectorAll(".legend .traces")].map((entry) => ({
    name: entry.textContent, text: box(entry.querySelector(".legendtext")), room: box(entry.querySelector(".legendtoggle")),
  }));
  const title = box(document.querySelector(".gtitle"));
  const axes = box(document.querySelector(".bglayer rect, .plot .xgrid, .xgrid"));
  return [entries.length > 0, entries.filter(({ text, room }) => text.right > room.right || text.top < title.bottom || text.bottom > axes.top).map(({ name }) => name)];
}"""
"""Whether a picture has a legend, and its entries that run out of their room, into the title above or the axes below."""


def ghosts(live: LivePage) -> Locator:
    return live.page.get_by_role("group", name="Ghosts: runs before this one")


def trained(live: LivePage, steps: int) -> None:
    live.run_until(steps)
    live.wait_step(steps)
    live.wait_steady()


def reset(live: LivePage, **settings: float) -> None:
    live.action("reset").click()
    live.wait("() => mamlStep() === 0")
    live.set(**settings)


@pytest.mark.thorough
def test_several_runs_are_compared_hidden_removed_and_found_again(open_page: OpenPage) -> None:
    live = open_page()
    expect(ghosts(live)).to_be_hidden()
    trained(live, 60)
    reset(live, alpha=0.05)
    trained(live, 60)
    reset(live, num_inner_steps=2)
    trained(live, 80)
    live.drag(live.dial("travel"), 0.5)
    live.page.get_by_role("button", name="Go on from here").click()
    live.until(lambda: 0 < live.step < 80)
    step = live.step
    trained(live, 80)
    alpha, n = f"α {OPENED_WITH['alpha']:g}", f"N {OPENED_WITH['num_inner_steps']}"
    names = [f"ghost 1: {alpha}, {n}", f"ghost 2: {n}", f"ghost 3: before step {step}"]
    live.becomes(lambda: list(live.page.evaluate(SHOWN)), names)
    assert len(set(live.page.evaluate(SHOWN).values())) == 3  # dashes
    live.shows(NUMBERS, ["1", "2", "3"])
    expect(live.plot("adaptation").locator(".textpoint")).to_have_text(["3"])

    # With three of them a tablet's page still fits, and the curve has room.
    live.page.set_viewport_size({"width": 1024, "height": 768})
    live.wait_steady()
    assert live.page.evaluate(OVERFLOW) == 0
    box = live.plot("loss").bounding_box()
    assert box is not None
    assert box["height"] >= 110
    live.page.set_viewport_size(VIEWPORT)
    live.wait_steady()

    # One is hidden, by the keyboard.
    toggle = live.page.locator("[data-ghost='2'] .maml-series")
    toggle.focus()
    live.page.keyboard.press("Enter")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    live.shows(NUMBERS, ["1", "3"])

    # One is removed, and the focus stays in the row; Undo brings it back.
    live.page.get_by_role("button", name="Remove ghost 1").focus()
    live.page.keyboard.press("Enter")
    live.shows(NUMBERS, ["3"])
    expect(live.page.get_by_role("button", name="Remove ghost 2")).to_be_focused()
    expect(live.words).to_contain_text("Ghost 1 removed")
    live.action("undo").click()
    live.shows(NUMBERS, ["1", "3"])
    expect(live.action("undo")).to_be_hidden()

    # All of it is there after a reload, also what was hidden.
    live.page.reload()
    live.wait_drawn()
    live.becomes(lambda: list(live.page.evaluate(SHOWN)), [names[0], names[2]])
    expect(toggle).to_have_attribute("aria-pressed", "false")

    # On a phone the names are read whole, and the curve keeps its room.
    live.page.set_viewport_size({"width": 390, "height": 844})
    live.page.locator("[data-chart=loss]").scroll_into_view_if_needed()
    live.wait_steady()
    assert live.page.evaluate(
        "() => [...document.querySelectorAll('.maml-ghost-name')].every((node) => node.scrollWidth <= node.clientWidth)"
    )
    box = live.plot("loss").bounding_box()
    assert box is not None
    assert box["height"] >= 150

    live.action("remove-ghosts").click()
    expect(ghosts(live)).to_be_hidden()
    live.shows(NUMBERS, [])
    live.page.keyboard.press("u")
    live.shows(NUMBERS, ["1", "3"])


def test_a_saved_picture_has_room_for_the_names_of_ghosts(open_page: OpenPage, tmp_path: Path) -> None:
    """Opened by itself, since an image has none of the page's own fonts."""
    live = open_page("?v=1&model.hidden_widths=8&evaluation_tasks=4")
    trained(live, 20)
    reset(live, alpha=0.05)
    trained(live, 10)
    image = live.context.new_page()
    for chart in ("loss", "adaptation"):
        with live.page.expect_download() as downloading:
            live.menu(chart, "Save SVG")
        downloading.value.save_as(path := tmp_path / f"{chart}.svg")
        image.goto(path.as_uri())
        assert image.evaluate(CRAMPED) == [True, []], chart


AXES_HEIGHT = """() => Math.round(document.querySelector("[data-chart=loss] .maml-plot .nsewdrag").getBoundingClientRect().height)"""


@pytest.mark.parametrize("preset", ["Fast demo", "Glyphs, fast demo"])
def test_names_of_ghosts_give_way_to_the_curves_on_a_tablet(open_page: OpenPage, preset: str) -> None:
    live = open_page(preset_address(preset), viewport={"width": 1024, "height": 768})
    expect(live.page.locator("[data-chart=adaptation] .maml-tabs")).to_be_visible()
    for number, (alpha, beta) in enumerate([(0.05, 0.004), (0.03, 0.002), (0.04, 0.005), (0.06, 0.006)], 1):
        trained(live, 2)
        reset(live, alpha=alpha, beta=beta, num_inner_steps=number)
        expect(live.page.locator(".maml-ghost")).to_have_count(number)
        live.until(lambda number=number: live.page.evaluate(AXES_HEIGHT) >= (70 if number <= 2 else 55))
        live.becomes(lambda: live.page.evaluate(OVERFLOW), 0)
    last = live.page.locator(".maml-ghost .maml-icon").last
    last.click()  # within reach, if it has to be scrolled to
    expect(live.page.locator(".maml-ghost")).to_have_count(3)


NAMES_CUT = """() => [...document.querySelectorAll(".maml-ghost-name")].filter((node) => node.scrollWidth > node.clientWidth).map(({ textContent }) => textContent)"""

BEYOND = """() => {
  const card = document.querySelector("[data-chart=loss]").getBoundingClientRect();
  return [...document.querySelectorAll("[data-chart=loss] :is(.maml-ghost, .maml-stage, .maml-travel)")].filter((node) => node.checkVisibility())
    .filter((node) => node.getBoundingClientRect().bottom > card.bottom).map(({ className }) => className);
}"""
"""Parts of the loss card that end below it."""


@pytest.mark.parametrize("preset", ["Fast demo", "Glyphs, fast demo"])
def test_names_of_ghosts_are_whole_on_a_tablet_that_stands_and_the_curves_keep_their_room(
    open_page: OpenPage, preset: str
) -> None:
    live = open_page(preset_address(preset), viewport={"width": 820, "height": 1180})
    for number, (alpha, beta) in enumerate([(0.05, 0.004), (0.03, 0.002), (0.04, 0.005), (0.06, 0.006)], 1):
        trained(live, 2)
        reset(live, alpha=alpha, beta=beta, num_inner_steps=number)
        expect(live.page.locator(".maml-ghost")).to_have_count(number)
    for width, height in ((820, 1180), (768, 1024), (600, 900)):
        live.page.set_viewport_size({"width": width, "height": height})
        live.shows(NAMES_CUT, [])
        live.shows(BEYOND, [])
        live.until(lambda: live.page.evaluate(AXES_HEIGHT) >= 70)
