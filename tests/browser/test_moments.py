"""Everything reset, and brought back; moments that are saved, and shown again."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_presenter import LARGE

CHOSEN = """() => ({
  large: [...document.querySelectorAll(".maml-card:not([hidden], [data-thumbnail])")].map(({ dataset }) => dataset.chart),
  presents: document.querySelector(".maml-presenter") !== null,
  theme: document.querySelector(".maml-live").dataset.theme,
  pauses: document.querySelector("[data-option=pause-hidden]").checked,
  speed: document.querySelector("[aria-label=Speed]").value,
  hidden: [...document.querySelectorAll(".maml-legend button[aria-pressed=false]")].map(({ textContent }) => textContent),
  ghosts: document.querySelectorAll(".maml-ghost").length,
  step: mamlStep(),
  alpha: document.querySelector("[data-field=alpha]").value,
  place: document.querySelector("[aria-label='Chart in this place']").value,
})"""

NEW = {
    "large": ["loss", "fit", "adaptation", "path", "gauge"],
    "presents": False,
    "theme": "light",
    "pauses": False,
    "speed": "",
    "hidden": [],
    "ghosts": 0,
    "step": 0,
    "alpha": "0.02",
    "place": "path",
}


def choose_everything(live: LivePage) -> dict[str, Any]:
    """Another run, view and screen than a new page has; gives what is then chosen."""
    live.train(25)
    live.action("reset").click()
    live.page.locator(".maml-ghost").wait_for()
    live.set(alpha=0.05)
    live.train(30)
    live.pause()
    live.page.get_by_label("Speed").select_option("10")
    live.tabs.select_option("layers")
    live.page.locator("[data-chart=layers]:not([hidden])").wait_for()
    live.page.locator("[data-chart=loss] .maml-legend button", has_text="training, raw").click()
    live.action("presenter").click()
    live.page.keyboard.press("4")
    live.page.keyboard.press("d")
    live.shows(LARGE, ["layers", "fit"])
    live.page.locator(".maml-live[data-theme=dark]").wait_for()
    live.wait_steady()
    return live.page.evaluate(CHOSEN)


@pytest.mark.thorough
def test_everything_is_reset_and_one_undo_brings_all_of_it_back(open_page: OpenPage) -> None:
    live = open_page()
    chosen = choose_everything(live)
    assert not {name for name in NEW if chosen[name] == NEW[name]}
    for _ in range(2):  # the second time too
        live.page.get_by_label("Keyboard help").click()
        live.action("reset-all").click()
        live.shows(CHOSEN, NEW)
        expect(live.words).to_contain_text("Everything is as on a new page")
        live.action("undo").click()
        live.shows(CHOSEN, chosen)
    live.page.reload()
    live.wait_drawn()
    live.shows(CHOSEN, {**chosen, "hidden": []})


SEEN = """() => ({
  large: [...document.querySelectorAll(".maml-presenter .maml-card:not([hidden], [data-thumbnail])")].map(({ dataset }) => dataset.chart),
  place: document.querySelector("[aria-label='Chart in this place']").value,
  then: document.querySelector(".maml-then").textContent,
  after: [...document.querySelectorAll(".maml-losses tr")].map(({ textContent }) => textContent).join(" "),
  k: document.querySelector("[data-dial=k]").value,
})"""


@pytest.mark.thorough
def test_saved_moments_are_stepped_through_with_a_clicker_also_after_a_reload_and_from_another_run(
    open_page: OpenPage,
) -> None:
    live = open_page()
    keys, page = live.page.keyboard, live.page
    keys.press("PageDown")  # there is none, and nothing happens
    live.train(30)
    first = live.pause()
    keys.press("l")
    keys.press("b")
    expect(live.words).to_contain_text("Saved as moment 1")
    live.shows("() => mamlLive.lastFrame.then", None)
    one = live.page.evaluate(SEEN)
    live.train(400)
    live.pause()
    keys.press("4")
    live.tabs.select_option("layers")
    live.dial("k").press("Home")
    live.page.evaluate("document.activeElement.blur()")
    live.wait_steady()
    keys.press("b")
    expect(live.words).to_contain_text("Saved as moment 2")
    two = live.page.evaluate(SEEN)
    assert two != one
    keys.press("PageUp")
    expect(live.words).to_contain_text("Moment 1 of 2")
    live.shows(SEEN, {**one, "then": f"step {first}"})
    page.reload()
    live.wait_drawn()
    keys.press("PageDown")
    live.shows(SEEN, two)
    # Of another run: it is trained anew up to there, and Undo brings the other one back.
    live.set(alpha=0.07)
    live.action("reset").click()
    live.train(25)
    other = live.pause()
    ghosts = page.locator(".maml-ghost").all_text_contents()
    assert ghosts
    keys.press("PageUp")
    live.wait("(step) => mamlStep() === step && document.querySelector('.maml-pill').textContent === 'Paused'", first)
    live.wait_steady()
    assert live.field("alpha").input_value() == "0.02"
    live.shows(SEEN, one)
    expect(live.words).to_contain_text("Moment 1 of 2")  # no longer that it is being trained
    expect(page.locator(".maml-ghost")).to_have_count(len(ghosts))
    live.action("undo").click()
    live.wait("(step) => mamlStep() === step", other)
    expect(page.locator(".maml-ghost")).to_have_text(ghosts)
    # The list: a name of one's own, one removed and brought back.
    page.get_by_label("Saved moments").click()
    field = page.get_by_label("Name of moment 1")
    field.fill("Before the lecture")
    field.press("Enter")
    page.get_by_label("Remove moment 2").click()
    expect(page.get_by_label("Name of moment 2")).to_have_count(0)
    field.fill("Before the break")  # after the removal, which is then undone
    field.press("Enter")
    live.action("restore-moment").click()
    page.get_by_label("Show moment 2").click()
    expect(page.get_by_label("Show moment 2")).to_have_attribute("aria-current", "true")
    expect(page.get_by_label("Show moment 1: Before the break")).to_be_visible()
    page.goto(live.page.url.partition("?")[0] + "lessons?lesson=does-the-body-move")
    live.wait_drawn()
    keys.press("PageDown")
    expect(live.words).to_contain_text("A saved moment is of your own run, which is on Live")
