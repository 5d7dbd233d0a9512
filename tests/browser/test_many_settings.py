"""A sweep of more settings than a table has room for: what people do with one of them draws nothing again but its marks."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from maml_core.sweeps.axes import Axis
from maml_core.sweeps.study import open_study
from tests.benchmarks.settings import made_up
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.server import Server
from tests.browser.test_paired_settings import HAS_AT_LAST
from tests.browser.test_sensitivity import HAS_POINTS, TINY
from tests.dashboard.sweeps.results import grid
from tests.dashboard.sweeps.results import sweep as sweep_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIDE, PAGE_ROWS = 12, 60

# How often the map and the curves were drawn whole, and what Plotly has of a trace.
DRAWN = "() => ['map', 'lanes'].map((chart) => document.querySelector(`[data-chart=${chart}] .maml-plot`).layout.datarevision)"
TRACE = """([chart, name]) => {
    const { x, y, text, opacity } = document.querySelector(`[data-chart=${chart}] .maml-plot`).data.find((trace) => trace.name === name);
    return { x: Array.from(x), y: Array.from(y), text: text ?? null, opacity: opacity ?? null };
}"""
# Whether a mark is really on the screen: Plotly draws one path for each.
CELLS_SEEN = "() => document.querySelectorAll('[data-chart=map] .heatmaplayer image').length"
MARKS_SEEN = "() => document.querySelectorAll('[data-chart=map] .scatterlayer .trace path.point').length"


# What lies where while the screen opens, each time that something else does: the cards that are seen, and the map's top and height.
PLACES = """() => {
    window.places = [];
    const box = (card) => card.getBoundingClientRect();
    const look = () => {
        const screen = document.querySelector(".maml-sweeps");
        const cards = [...(screen?.querySelectorAll(".maml-card") ?? [])].filter((card) => box(card).width > 0);
        const at = JSON.stringify(cards.map((card) => [card.dataset.chart, Math.round(box(card).top), Math.round(box(card).height)]));
        if (screen?.style.visibility === "" && at !== window.places.at(-1)) window.places.push(at);
        requestAnimationFrame(look);
    };
    look();
}"""
SAID = "() => document.querySelector('.maml-sweeps .maml-sentence')?.textContent.startsWith('The best of')"


def trace(page: Page, chart: str, name: str) -> dict[str, Any]:
    """Its numbers."""
    found: dict[str, Any] = page.evaluate(TRACE, [chart, name])
    return found


def kept() -> None:
    """Keep a made-up sweep, `many`."""
    sweep, results = made_up(SIDE)
    with open_study(sweep, "many", storage=Path(os.environ["MAML_SWEEPS"])) as study:
        study.take(sweep.size)
        study.put(*results)


def opened(open_page: OpenPage, server: Server) -> LivePage:
    """The screen with a made-up sweep on it."""
    kept()
    live = open_page(TINY)
    live.page.goto(f"{server.url}sensitivity?sweep=many")
    live.page.locator("[data-chart=map] .maml-plot.js-plotly-plot").wait_for()
    live.page.wait_for_function(HAS_AT_LAST, arg=["map", "settings", SIDE * SIDE])
    live.wait_synced()
    return live


def test_selecting_moving_and_pinning_draw_marks_alone_and_the_table_grows_as_it_is_read(
    open_page: OpenPage, server: Server
) -> None:
    live = opened(open_page, server)
    page = live.page
    rows = page.locator(".maml-settings tbody th[scope=row] button")
    expect(rows).to_have_count(PAGE_ROWS)
    expect(page.locator(".maml-settings-note")).to_have_text(
        f"{PAGE_ROWS} of {SIDE * SIDE} settings; scroll or sort to see others."
    )
    page.wait_for_timeout(1000)  # what opening has drawn by then counts as before
    before, seen, cells = page.evaluate(DRAWN), page.evaluate(MARKS_SEEN), page.evaluate(CELLS_SEEN)
    assert cells > 0
    rows.nth(3).click()
    page.wait_for_function(HAS_POINTS, arg=["map", "selected", 1])
    live.until(lambda: trace(page, "lanes", "selected")["x"] != [])
    live.until(lambda: page.evaluate(MARKS_SEEN) == seen + 1)
    assert trace(page, "lanes", "0.001")["opacity"] is not None
    page.locator("[data-chart=map] .maml-plot").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(HAS_POINTS, arg=["map", "selected", 2])
    ring = trace(page, "map", "selected")
    page.keyboard.press("ArrowUp")
    live.until(lambda: trace(page, "map", "selected") != ring)
    assert page.evaluate(CELLS_SEEN) == cells
    assert page.evaluate(DRAWN) == before
    colours = page.locator(".maml-axes label", has_text=re.compile("^colours")).locator("select")
    colours.focus()
    page.keyboard.press("ArrowDown")  # drawn whole after marks alone
    live.until(lambda: page.evaluate(DRAWN)[0] > before[0])
    assert page.evaluate(CELLS_SEEN) == cells
    expect(colours).to_be_focused()
    for pages in (2, 3):
        page.locator(".maml-settings").evaluate("(table) => table.scrollTo(0, table.scrollHeight)")
        expect(rows).to_have_count(min(PAGE_ROWS * pages, SIDE * SIDE))
    expect(page.locator(".maml-settings-note")).to_be_empty()


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_what_is_there_before_the_results_and_their_sentences_stays_where_it_is(
    open_page: OpenPage, server: Server, width: int, height: int
) -> None:
    kept()
    live = open_page(TINY)
    page = live.page
    page.set_viewport_size({"width": width, "height": height})
    page.add_init_script(f"addEventListener('DOMContentLoaded', {PLACES})")
    for _ in ("the first time", "the second time"):
        page.goto(f"{server.url}sensitivity?sweep=many")
        page.wait_for_function(SAID)
        live.wait_synced()
        (places,) = page.evaluate("places")
        assert [card for card, *_ in json.loads(places)] == ["map", "lanes", "settings"]


def test_the_rest_of_long_sentences_is_a_press_away(open_page: OpenPage, server: Server) -> None:
    live = opened(open_page, server)
    page = live.page
    page.set_viewport_size({"width": 1024, "height": 768})
    page.wait_for_function(SAID)
    said, more = page.locator(".maml-sweeps .maml-sentence"), page.locator("[data-action=whole]")
    is_cut = "(said) => said.scrollHeight > said.clientHeight + 1"
    expect(more).to_be_visible()
    assert said.evaluate(is_cut)
    more.focus()
    page.keyboard.press("Enter")
    expect(more).to_have_text("Less")
    assert not said.evaluate(is_cut)
    more.click()
    expect(more).to_have_attribute("aria-expanded", "false")
    page.set_viewport_size({"width": 2400, "height": 900})  # room for all of them
    expect(more).to_be_hidden()
    said.evaluate(
        "(said) => (said.innerHTML = 'There α is 0.5 times 2 / λ<sub>max</sub>')"
    )  # which reaches below its line
    page.wait_for_timeout(300)
    expect(more).to_be_hidden()


def test_a_sweep_that_is_not_there_leaves_the_frozen_map(open_page: OpenPage, server: Server) -> None:
    live = open_page(TINY)
    page = live.page
    page.goto(f"{server.url}sensitivity?sweep=nowhere")
    expect(page.locator("[data-chart=frozen] .js-plotly-plot")).to_be_visible()
    expect(page.locator("[data-chart=map]")).to_be_hidden()
    expect(page.get_by_text("there is no sweep nowhere")).to_be_visible()
    live.wait_address("sensitivity")
    assert "nowhere" not in page.url


# Columns of the settings that are not wholly within their table, and whether it has others to the right.
CUT_COLUMNS = """() => {
    const table = document.querySelector(".maml-settings"), { left, width } = table.getBoundingClientRect();
    const right = left + Math.min(width, table.clientWidth);
    const cells = [...table.querySelectorAll("thead th, tbody tr:not(.maml-settings-group) :is(th, td)")].filter((cell) => cell.offsetWidth > 0);
    const cut = cells.filter((cell) => cell.getBoundingClientRect().right > right + 1 || cell.getBoundingClientRect().left < left - 1);
    return [...new Set(cut.map((cell) => cell.dataset.column ?? "axis"))].sort();
}"""
LEFT_OUT = "() => document.querySelector('.maml-settings').dataset.without"


def test_what_is_told_of_a_setting_is_in_its_row_however_narrow_the_table_and_however_many_the_axes(
    open_page: OpenPage, server: Server
) -> None:
    axes = (
        Axis(name="alpha", values=(0.03162, 0.3162), log=True),
        Axis(name="beta", values=(0.0004642, 0.002154), log=True),
        Axis(name="num_inner_steps", values=(1, 10)),
        Axis(name="algorithm", values=("maml", "meta_curvature")),
        Axis(name="shots", values=(5, 10)),
    )
    five = sweep_of(*axes)
    with open_study(five, "five", storage=Path(os.environ["MAML_SWEEPS"])) as study:
        study.take(five.size)
        study.put(*grid(five))
    live = opened(open_page, server)
    page = live.page
    page.set_viewport_size({"width": 1280, "height": 720})
    page.wait_for_function(SAID)
    live.shows(CUT_COLUMNS, [])
    assert page.evaluate(LEFT_OUT) == "diverged_share worse_share"
    page.set_viewport_size({"width": 1920, "height": 1080})
    live.shows(LEFT_OUT, "")
    live.shows(CUT_COLUMNS, [])
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server.url}sensitivity?sweep=five")
    page.wait_for_function("() => document.querySelectorAll('.maml-settings tbody tr').length >= 32")
    assert not {"kind", "number"} & set(page.evaluate(CUT_COLUMNS))
    page.evaluate("() => { document.querySelector('.maml-settings').scrollLeft = 1000; }")
    assert not {"kind", "number"} & set(page.evaluate(CUT_COLUMNS))


# The height of the picture of pinned settings, and what is left below their button in the card.
ROOM_OF_PINS = """() => {
    const card = document.querySelector("[data-chart=pins]"), box = (part) => (part ? card.querySelector(part) : card).getBoundingClientRect();
    return [box(".maml-plot").height, box().bottom - box("[data-action=compare]").bottom];
}"""


def test_six_pinned_settings_leave_the_button_that_trains_them_and_their_card_its_room(
    open_page: OpenPage, server: Server
) -> None:
    page = opened(open_page, server).page
    page.set_viewport_size({"width": 1280, "height": 720})
    page.wait_for_function(SAID)
    rows, pins = page.locator(".maml-settings tbody th button"), page.locator(".maml-pins li")
    for count in range(1, 7):
        rows.nth(count - 1).click()
        page.locator("[data-action=pin]").click()
        expect(pins).to_have_count(count)
    expect(pins.nth(1)).to_contain_text("from the best")
    page.locator("[data-action=compare]").click(trial=True)  # nothing lies over it
    height, room = page.evaluate(ROOM_OF_PINS)
    assert height >= 80
    assert room >= 0
    pins.nth(5).get_by_role("button", name="Unpin F").click()  # reached by scrolling
    expect(pins).to_have_count(5)
