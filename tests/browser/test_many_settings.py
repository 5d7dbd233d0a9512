"""A sweep of more settings than a table has room for: what people do with one of them draws nothing again but its marks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from maml_core.sweeps.study import open_study
from tests.benchmarks.settings import made_up
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.server import Server
from tests.browser.test_paired_settings import HAS_AT_LAST
from tests.browser.test_sensitivity import HAS_POINTS, TINY

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
MARKS_SEEN = "() => document.querySelectorAll('[data-chart=map] .scatterlayer .trace path.point').length"


def trace(page: Page, chart: str, name: str) -> dict[str, Any]:
    """Its numbers."""
    found: dict[str, Any] = page.evaluate(TRACE, [chart, name])
    return found


def opened(open_page: OpenPage, server: Server) -> LivePage:
    """The screen with a made-up sweep on it."""
    sweep, results = made_up(SIDE)
    with open_study(sweep, "many", storage=Path(os.environ["MAML_SWEEPS"])) as study:
        study.take(sweep.size)
        study.put(*results)
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
    before, seen = page.evaluate(DRAWN), page.evaluate(MARKS_SEEN)
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
    assert page.evaluate(DRAWN) == before
    for pages in (2, 3):
        page.locator(".maml-settings").evaluate("(table) => table.scrollTo(0, table.scrollHeight)")
        expect(rows).to_have_count(min(PAGE_ROWS * pages, SIDE * SIDE))
    expect(page.locator(".maml-settings-note")).to_be_empty()
