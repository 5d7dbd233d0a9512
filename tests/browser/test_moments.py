"""Everything reset, and brought back."""

from __future__ import annotations

from typing import Any

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
