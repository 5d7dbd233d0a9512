"""Closer looks on the page: each is measured and drawn where it is opened, says its number, and is there again after a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from dashboard.charts.all import CLOSER
from dashboard.charts.closer import MEASURING
from dashboard.setups import address
from maml_core.presets import DEFAULT_PRESET, PRESETS
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

SAYS = {
    "directions": r"At N = 3 the cosine of first order is −?\d\.\d\d, −?\d\.\d\d to −?\d\.\d\d from batch to batch",
    "arrows": r"The plane holds \d+% of the paths\. At N = 3 it shows (only )?\d+% of the meta-gradient's length\.",
    "task_disk": r"tells amplitude and phase: R² \d\.\d\d\.",
    "coherence": r"Halves of one task agree by −?\d\.\d\d, two tasks by −?\d\.\d\d\.",
    "landscape": r"The plane holds (only )?\d+% of the path\. At the start \(θ.?0\) 10 tasks: \d[\d.]* before, \d[\d.]* after\.",
    "surface": r"The plane holds (only )?\d+% of the path\. At the start \(θ.?0\) 10 tasks: \d[\d.]* before, \d[\d.]* after\.",
    "random_plane": r"It holds (less than )?\d+% of the path\. One task's support loss: \d[\d.]* to \d[\d.]* over the whole square\.",
    "edge": r"α is [\d.]+ × the limit; at step 0 it was [\d.]+ ×\.",
    "spectrum": r"Largest at the start \(θ.?0\) \d[\d.]*, adapted \(θ.?N\) \d[\d.]*; 2/α is 100\.",
    "features": r"Least alike: (hidden [12]|head), CKA [01]\.\d\d\.",
    "shifts": r"After 10 inner steps \d[\d.]* inside, \d[\d.]* at \w+",
}
"""What is said of a run of curves, by chart."""

POINTS = "node => (node.data ?? []).reduce((sum, { x }) => sum + (x?.length ?? 0), 0)"


ARRAYS = """() => {
  const { traces } = Plotly.PlotSchema.get();
  const held = (value, schema, path = "") => Object.keys(value).filter((key) => !key.startsWith("_") && schema[key]).flatMap((key) => {
    const { valType, arrayOk } = schema[key], name = path + key;
    if (Array.isArray(value[key]) || ArrayBuffer.isView(value[key])) return valType === "data_array" || arrayOk ? [name] : [];
    return value[key] && typeof value[key] === "object" && !valType ? held(value[key], schema[key], name + ".") : [];
  });
  const drawn = [...document.querySelectorAll(".maml-plot")].flatMap(({ _fullData }) => _fullData ?? []);
  return drawn.map((trace) => [trace.type, held(trace, traces[trace.type].attributes).sort(), Plotly.PlotSchema.findArrayAttributes(trace).sort()]);
}"""
"""The kind of every trace on the page, which of its attributes hold arrays, and which Plotly is told do."""


CUT = """(node) => node.scrollHeight > node.clientHeight + 1 || [...node.children].some((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0)"""
"""Whether a part of a subtitle is not seen."""


def subtitle(live: LivePage, chart: str) -> str:
    return live.page.locator(f"[data-chart={chart}] .maml-subtitle").inner_text()


def places(live: LivePage) -> list[list[int]]:
    """Where the dials and the charts above lie, in whole pixels."""
    return live.page.locator(".maml-dials, [data-chart=loss], [data-chart=fit]").evaluate_all(
        "all => all.map((node) => node.getBoundingClientRect()).map(({ x, y, width, height }) => [x, y, width, height].map(Math.round))"
    )


def shows(live: LivePage, chart: str) -> None:
    """Until a closer look is measured and drawn."""
    live.until(lambda: bool(re.search(SAYS[chart], subtitle(live, chart))))
    live.until(lambda: live.plot(chart).evaluate(POINTS) > 2)
    expect(live.page.locator(f"[data-chart={chart}] .maml-empty")).to_be_hidden()


@pytest.mark.thorough
def test_each_is_opened_in_turn_kept_over_a_reload_and_closed_again(open_page: OpenPage) -> None:
    live = open_page()
    live.run_until(60)
    live.wait_step(60)
    live.wait_steady()
    assert set(SAYS) == {chart.id for chart in CLOSER if not chart.why_empty(DEFAULT_PRESET.config)}
    # The few words that a narrow card has room for are explained where the pointer rests on them.
    few = live.page.locator("[data-chart=gauge] .maml-subtitle")
    expect(few).to_have_attribute(
        "title", re.compile(r"loss falls on \d+%\n.*Measured: the support loss is lower after")
    )
    before = places(live)
    for chart in SAYS:
        live.tabs.select_option(chart)
        shows(live, chart)
        expect(live.page.locator(f"[data-chart={chart}]")).to_contain_text(title(chart))
        expect(live.page.locator("[data-chart=path]")).to_be_hidden()
        live.wait_address(f"look={chart}")
        # The rest of the page stands where it stood, and nothing scrolls.
        assert places(live) == before
        assert live.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight <= innerHeight")

    live.page.reload()
    live.wait_drawn()
    assert live.tabs.input_value() == chart
    shows(live, chart)
    measured = subtitle(live, chart)
    live.train(40)
    live.pause()
    live.until(lambda: subtitle(live, chart) not in (measured, MEASURING))
    shows(live, chart)

    # Shades are read as a row for each of their points.
    for read, first in (("spectrum", "start (θ"), ("landscape", "1 task, examples")):
        live.tabs.select_option(read)
        shows(live, read)
        live.menu(read, "Show table")
        expect(live.page.locator(f"[data-chart={read}] .maml-table tbody tr").first).to_contain_text(first)
        live.menu(read, "Show chart")
    live.tabs.select_option("path")
    live.until(lambda: live.plot("path").evaluate(POINTS) > 2)
    arrays = live.page.evaluate(ARRAYS)
    assert {kind for kind, *_ in arrays} == {"scatter", "heatmap"}
    assert {"x", "y", "z", "marker.color"} <= {name for _, held, _ in arrays for name in held}
    assert all(told == held for _, held, told in arrays)  # as the page's own bundle finds them
    live.until(lambda: "look=" not in live.page.url)

    # A second one stands where the held-out tasks do, to the left, and is there again after a reload.
    second = live.page.get_by_label("Chart in the place of held-out tasks")
    live.tabs.select_option("directions")
    second.select_option("landscape")
    for again in (False, True):
        if again:
            live.wait_address("look=directions,landscape")
            live.page.reload()
            live.wait_drawn()
        for each in ("directions", "landscape"):
            shows(live, each)
        assert (live.tabs.input_value(), second.input_value()) == ("directions", "landscape")
        expect(live.page.locator("[data-chart=adaptation]")).to_be_hidden()
        left, right = (live.page.locator(f"[data-chart={each}]").bounding_box() for each in ("landscape", "directions"))
        assert left is not None
        assert right is not None
        assert (left["y"], left["x"] + left["width"]) == (right["y"], pytest.approx(right["x"], abs=12))
        assert places(live) == before
        assert live.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight <= innerHeight")
    second.select_option("adaptation")
    live.until(lambda: live.plot("adaptation").evaluate(POINTS) > 2)
    expect(live.page.locator("[data-chart=landscape]")).to_be_hidden()


def title(chart: str) -> str:
    return next(each.title for each in CLOSER if each.id == chart)


@pytest.mark.parametrize(
    ("preset", "chart", "words"),
    [(DEFAULT_PRESET.name, "directions", "from batch to batch"), ("Glyphs, fast demo", "label_orders", "together")],
)
def test_what_a_closer_look_says_is_whole_on_the_smallest_desks(
    open_page: OpenPage, preset: str, chart: str, words: str
) -> None:
    config = next(each.config for each in PRESETS if each.name == preset)
    live = open_page(f"?{address.write(config, ())}&look={chart}", viewport={"width": 1280, "height": 720})
    live.until(lambda: words in subtitle(live, chart))
    said = live.page.locator(f"[data-chart={chart}] .maml-subtitle")
    for width, height in ((1280, 720), (1024, 768)):
        live.page.set_viewport_size({"width": width, "height": height})
        live.becomes(lambda: said.evaluate(CUT), False)
