"""Settings of a sweep side by side on the sensitivity screen: intervals over tasks and seeds, paired differences, the group of the best."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_sensitivity import HAS_POINTS, TINY, number, start, wait_status

if TYPE_CHECKING:
    from playwright.sync_api import Page

UNDER_THE_POINTER = """() => {
    const { data } = document.querySelector("[data-chart=map] .maml-plot");
    return data.find(({ name }) => name === "settings").text.join("\\n").replaceAll("<br>", " ");
}"""

# As HAS_POINTS, of a chart or a trace that may not be there yet.
HAS_AT_LAST = """([chart, name, count]) => {
    const { data = [] } = document.querySelector(`[data-chart=${chart}] .maml-plot`);
    return data.find((trace) => trace.name === name)?.x?.length === count;
}"""

TITLE_OF_COLOURS = "() => document.querySelector('[data-chart=map] .maml-plot').layout.coloraxis.colorbar.title.text"

# Two curves of the settings that trained side by side, judged at the start and at each of twenty outer steps.
COMPARED = """() => {
    const { data = [] } = document.querySelector("[data-chart=pins] .maml-plot");
    return data.filter(({ x }) => x?.length === 21).length >= 2;
}"""

CLICK_THROUGH = """async (times) => {
    for (let i = 0; i < times; i++) {
        const rows = document.querySelectorAll(".maml-settings tbody th button");
        rows[i % rows.length].click();
        await new Promise(requestAnimationFrame);
    }
    window.clickedThrough = true;
}"""


def choose(page: Page, label: str, value: str) -> None:
    """Choose what the map shows."""
    page.locator(".maml-axes label").filter(has=page.get_by_text(label, exact=True)).locator("select").select_option(
        value
    )


def test_settings_are_held_against_the_best_or_the_pinned_one(open_page: OpenPage) -> None:
    live = open_page(TINY)
    page = live.page
    page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.frames > 0")
    live.wait_synced()
    number(live, "Seeds", 3)
    start(live, "paired", points=2, steps=20)
    wait_status(page, "Done")
    page.wait_for_function(HAS_POINTS, arg=["map", "settings", 4])
    group, heads = page.locator(".maml-settings-group").first, page.locator(".maml-settings thead")
    expect(group).to_contain_text("Not told apart from the best")
    expect(group).to_contain_text("of 4 settings, corrected for 3 comparisons")
    expect(heads).to_contain_text("from best")
    live.until(lambda: "from the best (" in page.evaluate(UNDER_THE_POINTER))
    text = page.evaluate(UNDER_THE_POINTER)
    assert text.count("over 3 seeds") >= 4
    assert text.count("its seeds: ") == 4
    page.locator("[data-chart=map] .maml-plot").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".maml-sweeps > [aria-live]")).to_contain_text("over 3 seeds")
    with page.expect_download() as saved:
        live.menu("map", "Download CSV")
    assert saved.value.suggested_filename == "maml-map-paired.csv"
    head = next(csv.reader(saved.value.path().read_text(encoding="utf-8").splitlines()))
    assert len(set(head)) == len(head)
    rows = page.locator(".maml-settings tbody th button")
    for row in (2, 1):
        rows.nth(row).click()
        page.locator("[data-action=pin]").click()
    expect(group).to_contain_text("Selected")
    expect(page.locator(".maml-settings")).to_contain_text("Not told apart from A: ")
    expect(heads).to_contain_text("from A")
    expect(page.locator(".maml-pins li").nth(1)).to_contain_text("over 3 seeds from A (")
    live.until(lambda: "from A (" in page.evaluate(UNDER_THE_POINTER))
    page.locator(".maml-settings th[data-column=number] button").click()
    expect(page.locator(".maml-settings-group")).to_have_count(0)
    choose(page, "colours", "quantiles")
    live.until(lambda: "share that is better" in page.evaluate(TITLE_OF_COLOURS))
    choose(page, "up", "")
    choose(page, "over the others", "mean")
    page.wait_for_function(HAS_AT_LAST, arg=["map", "means", 2])
    page.locator("[data-chart=map] .maml-plot").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".maml-sweeps > [aria-live]")).to_contain_text("of 2 settings")
    page.keyboard.press("Enter")
    expect(page.locator(".maml-detail")).to_contain_text("2 settings selected")
    page.locator("[data-chart=map] [data-view=rank]").click()
    page.wait_for_function(HAS_AT_LAST, arg=["rank", "settings", 4])
    page.wait_for_function(HAS_AT_LAST, arg=["rank", "a seed", 12])
    page.wait_for_function(HAS_AT_LAST, arg=["rank", "selected", 2])
    expect(page.locator("[data-chart=rank] .maml-subtitle")).to_contain_text(
        "of 4 are not told apart from A, which is pinned"
    )


def test_a_reload_or_another_sweep_in_between_finds_view_pins_and_charts_as_they_were(open_page: OpenPage) -> None:
    live = open_page(TINY)
    page = live.page
    page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.frames > 0")
    live.wait_synced()
    start(live, "kept look", points=2, steps=20)
    wait_status(page, "Done")
    page.wait_for_function(HAS_POINTS, arg=["map", "settings", 4])
    rows, pins = page.locator(".maml-settings tbody th button"), page.locator(".maml-pins li")
    for row in (2, 1):
        rows.nth(row).click()
        page.locator("[data-action=pin]").click()
    expect(pins).to_have_count(2)
    choose(page, "colours", "quantiles")
    page.locator("[data-chart=map] [data-view=rank]").click()
    expect(pins.nth(1)).to_contain_text("from A (")
    page.locator("[data-action=compare]").click()
    live.wait(COMPARED)
    expect(pins.nth(1)).not_to_contain_text("from A (")
    said = pins.all_text_contents()
    for _ in range(2):
        page.reload()
        live.wait("() => window.mamlSweeps?.frames > 0")
        expect(pins).to_have_text(said)
        live.wait(COMPARED)
        expect(page.locator("[data-chart=rank] .maml-plot")).to_be_visible()
    page.locator("[data-chart=rank] [data-view=map]").click()
    live.until(lambda: "share that is better" in page.evaluate(TITLE_OF_COLOURS))
    expect(page.locator(".maml-sentence[data-kind=error], .maml-toast")).to_have_count(0)
    page.locator(".maml-pins button[aria-label='Unpin B']").click()
    expect(pins).to_have_count(1)
    page.reload()
    live.wait("() => window.mamlSweeps?.frames > 0")
    expect(pins).to_have_count(1)


def test_settings_that_are_chosen_faster_than_marks_are_drawn_do_not_stop_the_page(open_page: OpenPage) -> None:
    """Two watches over the cells had each taken the other's putting back for a taking away, and the page stood still for good."""
    live = open_page(TINY)
    page = live.page
    page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.frames > 0")
    live.wait_synced()
    start(live, "quick", points=2, steps=20)
    wait_status(page, "Done")
    page.wait_for_function(HAS_POINTS, arg=["map", "settings", 4])
    page.evaluate(
        f"() => void ({CLICK_THROUGH})(40)"
    )  # not waited for here: of a page that stands still, nothing would end it
    live.wait("() => window.clickedThrough")
    expect(page.locator("[data-chart=map] .heatmaplayer .hm")).to_have_count(1)
