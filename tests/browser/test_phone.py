"""A phone, whose sidebar lies over the page: it folds once what was asked for there is on the page, and not before."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_layout import assert_fully_visible
from tests.browser.test_saved import Panel
from tests.browser.test_sensitivity import TINY, start, wait_status

PHONE = {"width": 390, "height": 844}


def unfold(live: LivePage) -> None:
    live.page.get_by_role("button", name="Expand sidebar").click()
    live.until(lambda: live.page.get_by_test_id("stSidebar").bounding_box()["x"] == 0)


@pytest.mark.thorough
def test_the_sidebar_folds_once_a_run_or_a_sweep_is_on_the_page(open_page: OpenPage) -> None:
    live = open_page(TINY, viewport=PHONE)
    live.run_until(4)
    live.wait_step(4)
    unfold(live)
    panel = Panel(live)
    panel.save("from a phone")
    panel.says("Saved from a phone at outer step 4.")
    expect(live.page.get_by_role("button", name="Expand sidebar")).to_have_count(0)
    panel.press("Open")
    panel.body.wait_for(state="detached")
    assert_fully_visible(live, "Expand sidebar")
    assert_fully_visible(live, "Play")

    unfold(live)
    live.page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.frames > 0")
    if live.page.get_by_role("button", name="Expand sidebar").count():
        unfold(live)
    start(live, "on a phone", points=2, steps=4)
    assert_fully_visible(live, "Expand sidebar")
    wait_status(live.page, "Done")
