"""Every chart has a summary that changes, a table, and is read point by point with the arrow keys: of the live page, its closer looks, and sweeps."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from dashboard.charts.all import CLOSER
from dashboard.setups import address
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_access import GLYPHS
from tests.browser.test_axe import TINY, sweep
from tests.browser.test_closer import SAYS, shows

HAS_KEYS = ("images", "map")
"""Charts that the arrow keys lead through in a way of their own: drawings and cells, which Enter selects."""


def assert_read(live: LivePage, chart: str) -> str:
    """A chart's summary, after its table and its points have been read with keys alone."""
    page = live.page
    card = page.locator(f"[data-chart={chart}]")
    plot = card.locator(".maml-plot")
    expect(plot).to_have_attribute("aria-label", re.compile(r"\d"))
    target = plot if chart in HAS_KEYS else card.locator(".maml-reader")
    target.focus()
    page.keyboard.press("ArrowRight")
    if chart not in HAS_KEYS:
        spoken = card.locator(".maml-reader-place [aria-live]")
        expect(spoken).to_have_text(re.compile(r"^.+: .+\d.* \(1 of \d+\)$"))
        expect(target).to_have_attribute("aria-describedby", str(plot.get_attribute("id")))
        first = spoken.inner_text()
        for key in ("End", "ArrowDown"):  # to another point, unless there is one alone
            page.keyboard.press(key)
        assert spoken.inner_text() != first or first.endswith("(1 of 1)")
        expect(card.locator(".maml-reading-words")).to_be_visible()
        page.keyboard.press("Escape")
    live.menu(chart, "Show table")
    expect(card.locator(".maml-table tbody tr").first).to_be_visible()
    assert card.locator(".maml-table th[scope=col]").count() >= 2
    live.menu(chart, "Show chart")
    return plot.get_attribute("aria-label") or ""


def of_page(live: LivePage) -> list[str]:
    """The charts that are seen."""
    return live.page.locator(".maml-card:not([hidden]):not([data-chart=settings])").evaluate_all(
        "cards => cards.map(({ dataset }) => dataset.chart)"
    )


def test_the_charts_of_the_live_page(open_page: OpenPage) -> None:
    live = open_page(TINY)
    live.run_until(20)
    live.wait_step(20)
    live.wait_steady()
    before = {chart: assert_read(live, chart) for chart in of_page(live)}
    assert before.keys() == {"loss", "fit", "adaptation", "path", "gauge"}
    live.run_until(60)
    live.wait_step(60)
    live.wait_steady()
    for chart, summary in before.items():
        expect(live.plot(chart)).not_to_have_attribute("aria-label", summary)


def test_what_is_read_of_a_chart_stays_where_it_is_while_the_run_trains(open_page: OpenPage) -> None:
    live = open_page(TINY)
    live.run_until(20)
    live.wait_step(20)
    live.wait_steady()
    reader = live.page.locator("[data-chart=loss] .maml-reader")
    reader.focus()
    live.page.keyboard.press("Home")
    words, spoken = (
        live.page.locator("[data-chart=loss] .maml-reading-words"),
        live.page.locator("[data-chart=loss] .maml-reader-place [aria-live]"),
    )
    heard = spoken.inner_text()
    live.page.keyboard.press("p")
    live.wait_step(60)
    live.page.keyboard.press("p")
    live.wait_steady()
    expect(spoken).to_have_text(heard)  # nobody hears unasked that there are more points
    expect(words).to_have_text(re.compile(r"outer step 0, .*\(1 of \d+\)"))
    assert words.inner_text() != heard
    live.action("reset").click()
    live.wait("() => mamlStep() === 0")
    live.wait_steady()


@pytest.mark.thorough
@pytest.mark.parametrize("chart", [chart.id for chart in CLOSER if chart.id in SAYS] + ["layers"])
def test_closer_looks(open_page: OpenPage, chart: str) -> None:
    live = open_page()  # the set-up that `SAYS` is of
    live.run_until(20)
    live.wait_step(20)
    live.wait_steady()
    live.tabs.select_option(chart)
    if chart in SAYS:
        shows(live, chart)
    live.wait_steady()
    assert_read(live, chart)


@pytest.mark.thorough
def test_the_charts_of_image_tasks_and_their_label_orders(open_page: OpenPage) -> None:
    live = open_page(f"?{address.write(GLYPHS)}")
    live.train(3)
    live.pause()
    for chart in of_page(live):
        assert_read(live, chart)
    live.tabs.select_option("label_orders")
    live.page.locator("[data-chart=label_orders] .maml-subtitle", has_text=re.compile(r"\d%")).wait_for()
    live.wait_steady()
    assert_read(live, "label_orders")


@pytest.mark.thorough
def test_learned_rates(open_page: OpenPage) -> None:
    live = open_page(f"{TINY}&algorithm=meta_sgd")
    live.run_until(5)
    live.wait_step(5)
    live.wait_steady()
    assert_read(live, "rates")


@pytest.mark.thorough
def test_the_charts_of_a_lesson(open_page: OpenPage) -> None:
    live = open_page("lessons?lesson=a-start-not-a-curve", ready=False)
    live.wait_drawn()
    live.wait_steady()
    for chart in of_page(live):
        assert_read(live, chart)


@pytest.mark.thorough
def test_the_charts_of_sweeps(open_page: OpenPage) -> None:
    live = open_page(TINY)
    live.page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.drawn > 0")
    live.wait_synced()
    frozen = assert_read(live, "frozen")
    assert "inner steps at test" in frozen
    sweep(live)
    for chart in ("map", "lanes"):
        assert_read(live, chart)
    live.page.get_by_role("button", name="Edge", exact=True).click()
    assert_read(live, "sweep_edge")
    for number in ("0", "1"):
        live.page.locator(".maml-settings tbody th button", has_text=re.compile(f"^{number}$")).click()
        live.page.locator("[data-action=pin]").click()
    live.page.locator("[data-action=compare]").click()
    expect(live.page.locator(".maml-pins li").nth(1)).to_contain_text("±")
    assert_read(live, "pins")
