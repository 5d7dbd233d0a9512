"""Points of one's own: pasted, held back, mended, opened from a file, taken away and brought back, on a desk and on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LEFT_OVER, LivePage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

PASTED = "time; height\n-4; 1,2\n-1,5; -0,4\n0; -3\n2; 0,9\n3; 2"
SUPPORT = "() => Array.from(document.querySelector('[data-chart=fit] .maml-plot').data.at(-1).x)"
"""The support points that the chart shows."""

CUT = """() => [...document.querySelectorAll(".maml-card:not([hidden]) .maml-plot")].filter((plot) => {
  const bottom = plot.getBoundingClientRect().bottom;
  return [...plot.querySelectorAll(".xtick text, .g-xtitle")].some((text) => text.getBoundingClientRect().bottom > bottom + 1);
}).length"""
"""Charts whose axis reaches out of their place."""


def field(live: LivePage) -> Locator:
    return live.page.locator("[data-field=points]")


def line(live: LivePage) -> Locator:
    """The sentence in the panel."""
    return live.page.locator(".maml-points-line")


def tool(live: LivePage, name: str) -> Locator:
    return live.page.locator(".maml-points").get_by_role("button", name=name, exact=True)


def shows(live: LivePage, x: list[float]) -> None:
    """The chart comes to show these support points."""
    live.becomes(lambda: [round(value, 3) for value in live.page.evaluate(SUPPORT)], x)


def losses(live: LivePage, kind: str) -> str:
    return live.page.locator(f".maml-losses tr:has(.maml-dot-{kind})").inner_text()


def open_panel(open_page: OpenPage, **options: Any) -> LivePage:
    live = open_page("?v=1&model.hidden_widths=8&evaluation_tasks=4", **options)
    live.page.locator("[data-action=points]").click()
    return live


@pytest.mark.parametrize("width", [1280, 390])
def test_what_a_student_does_with_points_of_their_own(open_page: OpenPage, width: int, tmp_path: Path) -> None:
    live = open_panel(open_page, viewport={"width": width, "height": 760})
    page = live.page
    generated = page.evaluate(SUPPORT)
    # Paste: the chart shows them, and the other two have their line; no query loss is claimed.
    field(live).fill(PASTED)
    shows(live, [-4, -1.5, 0, 2, 3])
    expect(line(live)).to_contain_text("5 points: all are examples (support), and no query loss is measured.")
    expect(line(live)).to_contain_text("its address does not hold them")
    for chart in ("adaptation", "path"):
        expect(page.locator(f"[data-chart={chart}] .maml-series", has_text="your points")).to_be_visible()
    assert "–" in losses(live, "query")
    before = losses(live, "support")
    panel, plot = (page.locator(part).bounding_box() for part in (".maml-points", "[data-chart=fit] .maml-plot"))
    assert panel is not None
    assert plot is not None
    apart = panel["x"] + panel["width"] <= plot["x"] or panel["y"] >= plot["y"] + plot["height"]
    assert apart, "the panel hides what it changes"
    assert plot["height"] > 60
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    live.becomes(lambda: page.evaluate(CUT), 0)
    # Training moves the fit of these very points.
    live.run_until(4)
    live.wait_step(4)
    live.until(lambda: losses(live, "support") != before)
    shows(live, [-4, -1.5, 0, 2, 3])
    # A mistake is said with its line, and what was there stays; mended, it is used. Every third is held back where that is asked for.
    field(live).fill(PASTED.replace("0,9", "abc"))
    expect(line(live)).to_have_text("Line 5: 'abc' is not a number. The chart keeps the points from before.")
    shows(live, [-4, -1.5, 0, 2, 3])
    field(live).fill(PASTED.replace("2; 0,9", "12; 0,9"))
    expect(line(live)).to_contain_text("Outside of training: x reaches 12 (there −5 to 5).")
    page.locator("[data-option=hold-back]").check()
    shows(live, [-4, -1.5, 12, 3])
    expect(line(live)).to_contain_text("1 held back as test points (query)")
    live.until(lambda: "–" not in losses(live, "query"))
    # A reload finds them, in the chart and in the editor.
    live.wait_steady()
    page.reload()
    live.wait_drawn()
    shows(live, [-4, -1.5, 12, 3])
    page.locator("[data-action=points]").click()
    assert "12; 0,9" in field(live).input_value()
    expect(line(live)).to_contain_text("1 held back as test points (query)")
    # A file takes their place, and Undo brings them back.
    (tmp_path / "mine.tsv").write_text("x\ty\n1\t2\n2\t3\n4\t5\n")
    page.locator(".maml-points input[type=file]").set_input_files(tmp_path / "mine.tsv")
    shows(live, [1, 2])
    tool(live, "Undo").click()
    shows(live, [-4, -1.5, 12, 3])
    # A click in the chart is one more, written as the others are; Undo takes it back.
    box = live.plot("fit").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.4 * box["height"])
    live.until(lambda: len(field(live).input_value().strip().splitlines()) == len(PASTED.splitlines()) + 1)
    expect(line(live)).to_contain_text("6 points: 2 held back as test points (query)")
    tool(live, "Undo").click()
    shows(live, [-4, -1.5, 12, 3])
    # Away, and back again.
    tool(live, "Back to sinusoids").click()
    shows(live, [round(value, 3) for value in generated])
    expect(page.locator("[data-dial=amplitude]")).to_be_visible()
    expect(page.locator("[data-chart=path] .maml-series", has_text="your points")).to_be_hidden()
    live.becomes(
        lambda: page.evaluate("() => document.querySelector('[data-chart=fit] .maml-plot').layout.xaxis.range"), [-5, 5]
    )
    tool(live, "Use my points").click()
    shows(live, [-4, -1.5, 12, 3])
    page.keyboard.press("Escape")
    expect(page.locator(".maml-points")).to_be_hidden()


@pytest.mark.thorough
def test_they_come_back_to_the_next_run_that_takes_them_unless_they_were_left(open_page: OpenPage) -> None:
    live = open_panel(open_page)
    field(live).fill("-2, 0.1\n1, 0.15\n3, 0.05")
    shows(live, [-2.0, 1.0, 3.0])
    for _ in range(2):
        _to_images_and_back(live)
        shows(live, [-2.0, 1.0, 3.0])
    live.page.locator("[data-action=points]").click()
    live.page.locator(".maml-points").get_by_role("button", name="Back to").click()
    live.until(lambda: len(live.page.evaluate(SUPPORT)) != 3)
    _to_images_and_back(live)
    live.wait_steady()
    assert len(live.page.evaluate(SUPPORT)) != 3


def _to_images_and_back(live: LivePage) -> None:
    live.choose("Preset", "Glyphs, fast demo")
    expect(live.page.locator("[data-action=points]")).to_be_hidden()
    live.choose("Preset", "Fast demo")
    expect(live.page.locator("[data-action=points]")).to_be_visible()


def test_nothing_of_the_generated_task_stays_drawn_beside_points_of_their_own(open_page: OpenPage) -> None:
    """Where they lie within the axes, the chart takes them without being drawn anew; whose truth nobody knows has none."""
    live = open_page("?v=1&preset=paper", viewport={"width": 1280, "height": 720})
    live.page.locator("[data-action=points]").click()
    field(live).fill("-2 0.1\n-1 0.2\n0 0.1\n1 0.15\n2 0.1\n3 0.05")
    shows(live, [-2, -1, 0, 1, 2, 3])
    live.wait_steady()
    assert live.page.evaluate(LEFT_OVER) == []
    named = live.page.locator("[data-chart=fit] .maml-series:visible")
    live.becomes(named.all_inner_texts, ["before adapting (θ0)", "after 1 step (θ1)", "examples (support)"])
    live.page.locator("[data-option=hold-back]").check()
    live.becomes(lambda: named.all_inner_texts()[0].split(" (")[0], "test points")
    tool(live, "Back to sinusoids").click()
    live.becomes(lambda: [name.split(" (")[0] for name in named.all_inner_texts()][:2], ["test points", "truth"])
