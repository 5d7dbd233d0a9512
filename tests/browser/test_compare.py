"""Two runs side by side: what people do with them, in their order, by the keyboard where that is how they would."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_axe import assert_accessible

ADDRESS = "?v=1&model.hidden_widths=12_12&num_inner_steps=2&alpha=0.02&meta_batch_size=4&joint_baseline=no"
FIGURE = re.compile(r"MAML minus FOMAML is [−+][\d.e-]+ ± [\d.e-]+ on the same 100 held-out tasks \(paired\)")


def strip(live: LivePage) -> Locator:
    return live.page.get_by_role("group", name="Comparison")


def compared_at(live: LivePage) -> str:
    """The outer step that the sentence is of."""
    found = re.search(r"Outer step ([\d,]+)", strip(live).inner_text())
    return found[1].replace(",", "") if found else ""


@pytest.mark.thorough
def test_two_runs_are_compared_from_the_keyboard_found_again_and_stopped(open_page: OpenPage) -> None:
    live = open_page(ADDRESS)
    expect(strip(live)).to_be_hidden()
    live.run_until(60)
    live.wait_step(60)
    live.page.keyboard.press("v")
    expect(live.page.get_by_role("button", name="joint pretraining")).to_be_focused()
    assert_accessible(live.page)
    live.page.get_by_role("button", name="FOMAML").focus()
    live.page.keyboard.press("Enter")

    # It comes to where the run is, and both are named beside each other and in the charts.
    live.becomes(lambda: compared_at(live), "60")
    expect(strip(live)).to_contain_text(FIGURE)
    expect(strip(live).locator("b")).to_have_text(["MAML", "FOMAML"])
    for chart in ("loss", "fit", "adaptation"):
        legend = live.page.locator(f"[data-chart={chart}] .maml-legend")
        expect(legend).to_contain_text("second run")
        live.wait_trace(chart, "second run: FOMAML", lambda values: values.shape[1] > 0)
    before = strip(live).inner_text()

    # A change of the run is one of both; the sentence goes along.
    live.set(alpha=0.04)
    live.run_until(90)
    live.becomes(lambda: compared_at(live), "90")
    assert strip(live).inner_text() != before
    live.wait_address("beside=fomaml")
    live.wait_steady()
    said = strip(live).inner_text()

    # A reload keeps it, and so does presenter mode, in which it is on the screen.
    live.page.reload()
    live.wait_drawn()
    live.becomes(lambda: strip(live).inner_text(), said)
    live.page.keyboard.press("l")
    expect(strip(live)).to_be_in_viewport()
    live.page.keyboard.press("l")
    assert_accessible(live.page)
    # On a tablet its words have their room, and what is said for a while hides them.
    live.page.set_viewport_size({"width": 1024, "height": 768})
    words = strip(live).locator("p")
    live.wait(
        """() => {
          const line = document.querySelector(".maml-line").getBoundingClientRect();
          const words = document.querySelector(".maml-comparison").getBoundingClientRect();
          return words.height > 2 && words.top >= line.top - 1 && words.bottom <= line.bottom + 1;
        }"""
    )
    expect(words).to_be_visible()
    live.page.keyboard.press("b")
    expect(live.words).to_contain_text("Saved as moment 1")
    expect(words).to_be_hidden()
    live.page.set_viewport_size({"width": 390, "height": 844})
    live.becomes(lambda: live.page.evaluate("document.documentElement.scrollWidth"), 390)

    # A link opens it for somebody else, who sees the second run come after theirs.
    other = open_page("?" + live.page.url.partition("?")[2])
    expect(strip(other)).to_be_visible()

    # Who stops it by the keyboard is back at the button, and the line is gone.
    live.page.get_by_role("button", name="Stop comparing").focus()
    live.page.keyboard.press("Enter")
    expect(strip(live)).to_be_hidden()
    expect(live.action("compare")).to_be_focused()
    live.wait("() => !location.search.includes('beside')")
    live.wait_steady()
    assert "second run" not in live.page.locator("[data-chart=loss] .maml-legend").inner_text()
