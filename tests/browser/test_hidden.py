"""A run that pauses while its page is hidden, where that is wanted."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage

PILL = "(text) => document.querySelector('.maml-pill').textContent === text"
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
OPTION = "[data-option=pause-hidden]"


def test_it_pauses_and_goes_on_where_that_is_chosen(open_page: OpenPage) -> None:
    live = open_page()
    expect(live.page.locator(OPTION)).not_to_be_checked()
    live.page.get_by_label("Keyboard help").click()
    live.page.locator(OPTION).check()
    live.page.keyboard.press("Escape")
    live.train(5)
    live.page.evaluate(HIDE, True)
    live.wait(PILL, "Paused")
    live.page.evaluate(HIDE, False)
    live.wait(PILL, "Training")
    live.wait(
        "() => document.querySelector('.maml-sentence').textContent.includes('while this page was hidden, and goes on')"
    )
    live.pause()
    live.page.evaluate(HIDE, True)
    live.page.wait_for_timeout(3000)
    live.page.evaluate(HIDE, False)
    live.wait_steady()
    expect(live.pill).to_have_text("Paused")


def test_presenter_mode_chooses_it_until_somebody_chooses_otherwise(open_page: OpenPage) -> None:
    live = open_page()
    live.action("presenter").click()
    expect(live.page.locator(OPTION)).to_be_checked()
    live.page.get_by_label("Keyboard help").click()
    live.page.locator(OPTION).uncheck()
    live.page.keyboard.press("Escape")
    live.action("presenter").click()
    live.action("presenter").click()
    expect(live.page.locator(OPTION)).not_to_be_checked()
