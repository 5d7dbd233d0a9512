"""The sensitivity screen in a real browser: it fills in, a cell opens as a live run, Cancel and a reload keep what is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LEFT_OVER, WAIT_MS, LivePage

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Small enough to be through in seconds on a busy machine.
TINY = "?v=1&model.hidden_widths=8&evaluation_tasks=10&meta_batch_size=3&joint_baseline=no&alpha=0.02"

# What the page says of a sweep's status and of its count, whenever one of them changes.
COUNTED = """() => {
    const said = () => [".maml-pill", ".maml-sweep-count"].map((part) => document.querySelector(`.maml-sweeps ${part}`).textContent);
    window.counted = [said()];
    new MutationObserver(() => window.counted.push(said())).observe(document.querySelector(".maml-sweeps .maml-transport"), {
        childList: true, characterData: true, subtree: true,
    });
}"""

# Cards that lie on each other, and parts of the line above them that have no room.
OVERLAPS = """() => {
    const cards = [...document.querySelectorAll(".maml-sweeps .maml-card")].map((card) => [card.dataset.chart, card.getBoundingClientRect()]);
    const seen = cards.filter(([, { width }]) => width > 0);
    const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
    return seen.flatMap(([name, a], i) => seen.slice(i + 1).filter(([, b]) => !apart(a, b)).map(([other]) => `${name} on ${other}`));
}"""
# Between a card and what is nearest above it, where cards lie below each other.
GAPS = """() => {
    const boxes = [".maml-line", ".maml-card"].flatMap((part) => [...document.querySelectorAll(`.maml-sweeps ${part}`)]);
    const seen = boxes.map((box) => box.getBoundingClientRect()).filter(({ width }) => width > 0);
    const above = ({ top }) => top - Math.max(...seen.filter(({ bottom }) => bottom <= top + 1).map(({ bottom }) => bottom));
    return Math.max(...seen.slice(1).map(above));
}"""
BEYOND = """() => {
    const { left, right } = document.querySelector(".maml-sweeps").getBoundingClientRect();
    const parts = [...document.querySelectorAll(".maml-sweeps .maml-transport > :not([hidden], .maml-report)")];
    const fits = (box) => box.width > 20 && box.left >= left - 1 && box.right <= right + 1;
    return parts.filter((part) => !fits(part.getBoundingClientRect())).map((part) => part.className);
}"""

SLOW_MS = 3 * WAIT_MS

OpenScreen = Callable[[], LivePage]


@pytest.fixture
def open_screen(open_page: OpenPage) -> OpenScreen:
    """Opens the live page with a small set-up and walks over."""

    def open_screen() -> LivePage:
        live = open_page(TINY)
        live.page.get_by_role("link", name="Sensitivity").click()
        live.wait("() => window.mamlSweeps?.frames > 0")
        live.wait_synced()
        return live

    return open_screen


def number(live: LivePage, label: str, value: Any) -> None:
    field = live.page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Enter")
    live.wait_synced()


def start(live: LivePage, name: str, *, points: int = 3, steps: int = 40) -> None:
    page = live.page
    number(live, "α values", points)
    number(live, "β values", points)
    number(live, "Outer steps", steps)
    number(live, "Name", name)
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("(name) => document.querySelector('.maml-sweep-name').textContent === name", arg=name)


def wait_status(page: Page, status: str) -> None:
    page.wait_for_function(
        "(status) => document.querySelector('.maml-sweeps .maml-pill').textContent === status",
        arg=status,
        timeout=SLOW_MS,
    )


POINTS = "([chart, name]) => document.querySelector(`[data-chart=${chart}] .maml-plot`).data.find((trace) => trace.name === name).x.length"
HAS_POINTS = f"([chart, name, count]) => ({POINTS})([chart, name]) === count"


def settled(page: Page) -> int:
    """Settings that need no more work, as the page counts them."""
    return int(page.locator(".maml-sweep-count").inner_text().split(" of ")[0].replace(",", ""))


def test_the_frozen_map_is_there_before_any_sweep(open_screen: OpenScreen) -> None:
    page = open_screen().page
    page.wait_for_function(f"(cells) => ({POINTS})(cells) > 100", arg=["frozen", "cells"])
    expect(page.locator("[data-chart=frozen] .maml-subtitle")).to_contain_text("outer step 0")
    # Its files have a name in a tab that has never been on Live, too.
    page.get_by_role("button", name="Save or read the frozen chart").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download CSV").click()
    assert downloading.value.suggested_filename == "maml-frozen-step-0.csv"


def test_the_map_fills_in_while_it_trains_and_keeps_its_node(open_screen: OpenScreen) -> None:
    live = open_screen()
    page = live.page
    start(live, "fills", steps=200)
    page.wait_for_function("() => mamlSweeps.log.some(({ count }) => count?.lane_steps > 0)")
    page.evaluate("window.node = document.querySelector('[data-chart=map] .maml-plot')")
    page.evaluate(COUNTED)
    frames = page.evaluate("mamlSweeps.frames")
    wait_status(page, "Done")
    page.wait_for_function(HAS_POINTS, arg=["map", "settings", 9])
    page.wait_for_function("(frames) => mamlSweeps.frames > frames + 1", arg=frames)
    assert page.evaluate("window.node === document.querySelector('[data-chart=map] .maml-plot')")
    page.wait_for_function("() => document.querySelector('.maml-sweep-count').textContent.startsWith('9 of 9')")
    live.wait_address("fills")
    page.locator("[data-chart=lanes] [data-view=sweep_edge]").click()
    page.wait_for_function(HAS_POINTS, arg=["sweep_edge", "selected", 0])
    expect(page.locator("[data-chart=sweep_edge] .maml-subtitle")).to_contain_text(
        "of 9 settings came nearer to the limit"
    )
    live.shows(f"() => ({POINTS})(['sweep_edge', '0.003'])", 21)  # three settings at six rungs, and a gap after each
    expect(page.locator("[data-chart=sweep_edge] [data-view=pins]")).to_be_hidden()
    page.locator(".maml-settings tbody button").first.click()
    page.wait_for_function(HAS_POINTS, arg=["sweep_edge", "selected", 7])
    done = [count for status, count in page.evaluate("window.counted") if status == "Done"]
    assert done
    assert {count.split(" · ")[0] for count in done} == {"9 of 9"}  # also in the moment in which it ends
    assert [count for count in done if "left" in count] == []
    for width, height in ((1280, 720), (1024, 768), (820, 1180), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(500)
        live.shows(OVERLAPS, [])
        live.shows(BEYOND, [])
        live.until(lambda: page.evaluate(GAPS) <= 24)
    named = page.locator("[data-chart=map] .maml-series:visible")
    live.until(lambda: "best" in named.all_inner_texts())
    assert {"unfinished", "not begun", "left out"} & set(named.all_inner_texts()) == set()


def test_a_cell_opens_as_a_live_run_with_its_set_up(open_screen: OpenScreen) -> None:
    live = open_screen()
    page = live.page
    start(live, "opens")
    wait_status(page, "Done")
    page.locator(".maml-settings tbody button", has_text=re.compile("^0$")).click()
    link = page.locator("[data-action=open-live][href]")
    expect(link).to_have_attribute("href", re.compile(r"alpha=0\.003"))
    link.click()
    page.wait_for_function("() => window.mamlLive?.lastFrame && document.querySelector('.maml-live [data-dial=alpha]')")
    live.wait_address(r"(?=.*alpha=0\.003)(?=.*beta=0\.0003)")


@pytest.mark.thorough
def test_what_is_selected_is_selected_everywhere(open_screen: OpenScreen) -> None:
    live = open_screen()
    page = live.page
    start(live, "selects")
    wait_status(page, "Done")
    page.wait_for_function(HAS_POINTS, arg=["map", "settings", 9])
    page.locator("[data-chart=map] .maml-plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.maml-settings tr[data-selected=true]').length === 1")
    page.wait_for_function(HAS_POINTS, arg=["map", "selected", 1])
    page.locator(".maml-settings tbody tr[data-selected=false] button").first.click(modifiers=["Shift"])
    page.wait_for_function(HAS_POINTS, arg=["map", "selected", 2])
    page.get_by_text("of the 2 selected settings").wait_for()
    start(live, "another")
    page.get_by_text("of all finished settings").wait_for()
    page.wait_for_function(HAS_POINTS, arg=["map", "selected", 0])


def test_a_selection_that_is_dropped_goes_and_all_else_stays_drawn(open_screen: OpenScreen) -> None:
    live = open_screen()
    page = live.page
    start(live, "drops")
    wait_status(page, "Done")
    page.wait_for_function(HAS_POINTS, arg=["map", "settings", 9])
    live.wait_synced()
    curves = "() => document.querySelectorAll('[data-chart=lanes] .scatterlayer .js-line').length"
    drawn = page.evaluate(curves)
    assert drawn > 0
    for selected in (1, 0):
        page.locator(".maml-settings tbody tr button").first.click(modifiers=["Shift"])
        page.wait_for_function(HAS_POINTS, arg=["map", "selected", selected])
    page.wait_for_timeout(500)
    assert page.evaluate(curves) == drawn
    assert page.evaluate(LEFT_OVER) == []


def test_cancel_keeps_what_is_done_a_reload_finds_it_and_resume_goes_on(open_screen: OpenScreen) -> None:
    live = open_screen()
    page = live.page
    start(live, "keeps", points=4, steps=300)
    page.wait_for_function("() => mamlSweeps.log.some(({ count }) => count?.lane_steps > 0)", timeout=SLOW_MS)
    page.locator("[data-action=cancel]").click()
    page.wait_for_function(
        "() => ['Stopped', 'Done'].includes(document.querySelector('.maml-sweeps .maml-pill').textContent)"
    )
    kept = settled(page)
    page.reload()
    page.wait_for_function("() => document.querySelectorAll('.maml-settings tr[data-kind]').length === 16")
    page.wait_for_function(
        "(kept) => parseInt(document.querySelector('.maml-sweep-count').textContent) === kept", arg=kept
    )
    # Not whether its button is to be seen: right after a reload nothing is, until the style sheet has come.
    if page.locator(".maml-sweeps .maml-pill").text_content() == "Stopped":
        page.locator("[data-action=resume]").click()
    wait_status(page, "Done")
    page.wait_for_function("() => document.querySelector('.maml-sweep-count').textContent.startsWith('16 of 16')")


def test_what_is_pressed_stays_under_the_pointer_while_results_come(open_screen: OpenScreen) -> None:
    live = open_screen()
    page = live.page
    start(live, "presses", points=4, steps=1200)
    page.wait_for_function("() => mamlSweeps.log.some(({ count }) => count?.lane_steps > 0)", timeout=SLOW_MS)
    box = page.locator(".maml-settings tbody button").nth(5).bounding_box()
    assert box is not None
    at = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    page.mouse.move(*at)
    page.mouse.down()
    pressed = page.evaluate("mamlSweeps.frames")
    number = page.evaluate(
        "at => document.elementFromPoint(...at).closest('tr').querySelector('button').textContent", at
    )
    page.wait_for_timeout(300)  # a press is held for a second at most, with all that a busy machine adds
    assert page.evaluate("mamlSweeps.frames") == pressed
    page.mouse.up()
    page.locator(".maml-settings tr[data-selected=true]").get_by_role("button", name=number, exact=True).wait_for()
    page.wait_for_function("(pressed) => mamlSweeps.frames > pressed", arg=pressed)


def test_an_empty_axis_is_refused_before_anything_starts(open_screen: OpenScreen) -> None:
    live = open_screen()
    page = live.page
    number(live, "α from", 0)
    page.get_by_text("a logarithmic axis begins above 0").wait_for()
    expect(page.get_by_role("button", name="Start")).to_be_disabled()


def test_the_form_survives_a_reload(open_screen: OpenScreen) -> None:
    live, other = open_screen(), open_screen()
    page = live.page
    number(live, "Outer steps", 77)
    number(live, "β values", 5)
    page.wait_for_url(re.compile(r"0\.03%2C5%5D"))  # the script runs a moment after the key
    page.reload()
    page.wait_for_function("() => window.mamlSweeps?.frames > 0")
    live.wait_synced()
    expect(page.get_by_label("Outer steps", exact=True)).to_have_value("77")
    expect(page.get_by_label("β values", exact=True)).to_have_value("5")
    expect(other.page.get_by_label("Outer steps", exact=True)).to_have_value("300")  # each tab has a form of its own
    number(live, "β values", 6)
    page.get_by_text("48 settings").wait_for()


@pytest.mark.thorough
def test_the_form_survives_a_reload_with_other_axes_another_sampler_and_a_name(open_screen: OpenScreen) -> None:
    live = open_screen()
    page = live.page

    def choose(list_name: str, option: str) -> None:
        found = page.get_by_role("combobox", name=list_name)
        # A list that a click has to scroll to is closed by that again.
        found.evaluate("node => node.scrollIntoView({ block: 'center' })")
        found.click()
        page.get_by_role("option", name=option, exact=True).click()
        page.keyboard.press("Escape")
        live.wait_synced()

    def shown() -> tuple[list[str], list[str]]:
        """The axes, and all that the other fields say."""
        axes = page.locator(".st-key-sweep-axes [data-tag]")
        fields = page.locator("[data-testid=stSidebar] input:not([role=combobox])")
        return axes.all_inner_texts(), fields.evaluate_all("inputs => inputs.map(({ value }) => value)")

    choose("Axes", "Shots")
    choose("Axes", "N (inner steps)")
    choose("Sampler", "Sobol")
    shots = page.get_by_role("textbox", name="Shots", exact=True)
    shots.fill("2, 4")
    shots.press("Enter")
    number(live, "Settings to draw", 12)
    number(live, "Seeds", 2)
    number(live, "Name", "größe θ_0")
    page.get_by_text("12 settings").wait_for()
    before = shown()
    page.wait_for_url(re.compile("%22name%22"))
    page.reload()
    page.wait_for_function("() => window.mamlSweeps?.frames > 0")
    page.get_by_text("12 settings").wait_for()
    live.wait_synced()
    live.becomes(shown, before)
    assert before[0] == ["α (inner step size)", "β (outer step size)", "Shots", "N (inner steps)"]
    assert {"2, 4", "12", "2", "größe θ_0"} <= set(before[1])


@pytest.mark.parametrize("width", [1024, 820, 1280])
def test_a_label_of_the_form_has_one_line(open_screen: OpenScreen, width: int) -> None:
    page = open_screen().page
    page.set_viewport_size({"width": width, "height": 768})
    labels = """() => [...document.querySelectorAll("[data-testid=stSidebar] [data-testid=stWidgetLabel] p")]
      .filter((node) => node.checkVisibility() && node.getClientRects().length)
      .filter((node) => node.clientHeight > 1.5 * parseFloat(getComputedStyle(node).lineHeight)).map((node) => node.textContent)"""
    page.wait_for_timeout(500)
    assert page.evaluate(labels) == []
