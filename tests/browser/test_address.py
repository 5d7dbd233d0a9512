"""The set-up in the address: sharing a run, and addresses that make no sense."""

from __future__ import annotations

import numpy as np
import pytest

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

SHARED = [("loss", name) for name in ("training, raw", "training, smoothed", "held-out before", "held-out after")] + [
    ("fit", name) for name in ("truth", "support", "θ0", "θN")
]


@pytest.fixture
def changed_run(open_page: OpenPage) -> LivePage:
    """A run in which alpha was changed at step 15, at step 40 now."""
    live = open_page()
    live.run_until(15)
    live.wait_step(15)
    assert live.wait_steady() == 15
    live.set(alpha=0.05)
    live.wait_address("t=15:a:0.05")
    live.run_until(40)
    live.wait_step(40)
    assert live.wait_steady() == 40
    return live


def test_a_shared_address_gives_the_same_curves_elsewhere(changed_run: LivePage, open_page: OpenPage) -> None:
    address = changed_run.page.url.partition("/?")[2]
    copy = open_page("?" + address)
    assert (copy.step, copy.field("alpha").input_value()) == (0, "0.02")
    copy.run_until(40)
    copy.wait_step(40)
    assert copy.wait_steady() == 40
    assert copy.field("alpha").input_value() == "0.05"
    assert copy.marks == changed_run.marks == ["alpha 0.02 → 0.05"]
    for chart, name in SHARED:
        here, there = changed_run.trace(chart, name), copy.trace(chart, name)
        assert np.array_equal(here, there), f"{name!r} of the {chart} chart differs"


def test_share_copies_the_address_of_the_run(live: LivePage) -> None:
    live.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live.set(alpha=0.07)
    live.wait_address("alpha=0.07")
    live.action("share").click()
    live.wait("() => document.querySelector('[data-action=share]').textContent === 'Copied'")
    assert live.page.evaluate("navigator.clipboard.readText()") == live.page.url


def test_a_bad_address_opens_with_notes_and_defaults(open_page: OpenPage) -> None:
    live = open_page("?v=1&alpha=banana&beta=-3&colour=red&model.hidden_widths=9999999&t=5:a:0.1~broken")
    notes = live.page.locator("[data-testid=stToast]")
    notes.filter(has_text="broken").wait_for()
    assert notes.count() == 1  # all that is said of an address stands together: five boxes would cover the page
    text = notes.text_content() or ""
    for named in ("alpha = banana", "beta = -3", "colour = red", "hidden_widths = 9999999", "broken"):
        assert named in text
    assert live.field("alpha").input_value() == "0.01"
    assert live.field("beta").input_value() == "0.001"
    assert live.page.get_by_role("textbox", name="Hidden widths").input_value() == "40, 40"
    # What was understood of the timeline stays: alpha becomes 0.1 at step 5.
    live.run_until(8)
    live.wait_step(8)
    assert live.wait_steady() == 8
    assert live.field("alpha").input_value() == "0.1"


@pytest.mark.parametrize("address", ["?v=99&alpha=nan", "?v=1&%ff%fe=%00&tasks.kind=poems&beta=" + "9" * 400])
def test_no_address_keeps_the_page_from_opening(open_page: OpenPage, address: str) -> None:
    live = open_page(address, ready=False)
    live.page.locator("[data-testid=stToast]").first.wait_for()
    live.wait_drawn()
    assert live.status == "Ready"
