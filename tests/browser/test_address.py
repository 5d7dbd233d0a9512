"""The set-up in the address: sharing a run, and addresses that make no sense."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

SHARED = [("loss", name) for name in ("training, raw", "training, smoothed", "held-out before", "held-out after")] + [
    ("fit", name) for name in ("truth", "examples", "before adapting", "after N steps")
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
    live.wait_address("at=40")
    return live


def test_a_shared_address_gives_the_same_curves_elsewhere(changed_run: LivePage, open_page: OpenPage) -> None:
    address = changed_run.page.url.partition("/?")[2]
    copy = open_page("?" + address)
    assert copy.step == 0
    expect(copy.field("alpha")).to_have_value("0.02")
    expect(copy.words).to_contain_text("This run has 1 change and was at outer step 40: Jump goes there")
    expect(copy.action("offer")).to_have_text("Jump to step 40")
    copy.action("offer").click()
    copy.wait_step(40)
    assert copy.wait_steady() == 40
    expect(copy.field("alpha")).to_have_value("0.05")
    for run in (changed_run, copy):
        run.becomes(lambda run=run: run.marks, ["α 0.02 → 0.05"])
    for chart, name in SHARED:
        here = changed_run.trace(chart, name)
        copy.wait_trace(chart, name, lambda there, here=here: np.array_equal(here, there))


def test_share_copies_the_address_of_the_run(live: LivePage) -> None:
    live.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live.set(alpha=0.07)
    live.wait_address("alpha=0.07")
    live.action("share").click()
    live.wait("() => document.querySelector('[data-action=share]').textContent === 'Copied'")
    assert live.page.evaluate("navigator.clipboard.readText()") == live.page.url
    said = "Copied. Only this machine can open 127.0.0.1. To let others in, start the page with: maml dashboard --host"
    expect(live.words).to_have_text(re.compile(f"^{re.escape(said)}"))


def test_a_shared_address_carries_the_step(live: LivePage) -> None:
    live.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live.run_until(5)
    live.wait_step(5)
    step = live.wait_steady()
    live.wait_address(f"at={step}")
    live.action("share").click()
    live.wait("() => document.querySelector('[data-action=share]').textContent === 'Copied'")
    assert live.page.evaluate("navigator.clipboard.readText()").endswith(f"at={step}")
    live.action("reset").click()
    live.wait("() => !location.search.includes('at=')")


def test_a_change_before_play_says_what_is_left_out_and_the_shared_run_comes_back(open_page: OpenPage) -> None:
    live = open_page("?v=1&alpha=0.02&model.hidden_widths=8&evaluation_tasks=10&t=15:a:0.05~30:b:0.01&at=40")
    expect(live.words).to_contain_text("This run has 2 changes and was at outer step 40: Jump goes there")
    live.set(alpha=0.3)
    live.wait(
        "() => document.querySelector('.maml-sentence').textContent.includes('2 changes of the shared run will not be made')"
    )
    expect(live.action("offer")).to_have_text("Shared run")
    live.action("offer").click()
    live.wait("() => document.querySelector('[data-action=offer]').textContent === 'Jump to step 40'")
    live.wait("() => document.querySelector('[data-field=alpha]').value === '0.02'")
    live.action("offer").click()
    live.wait_step(40)
    assert live.wait_steady() == 40
    for name, value in (("alpha", "0.05"), ("beta", "0.01")):
        expect(live.field(name)).to_have_value(value)


def test_a_bad_address_opens_with_notes_and_defaults(open_page: OpenPage) -> None:
    live = open_page("?v=1&alpha=banana&beta=-3&colour=red&model.hidden_widths=9999999&t=5:a:0.1~broken")
    notes = live.page.locator("[data-testid=stToast]")
    notes.filter(has_text="broken").wait_for()
    expect(notes).to_have_count(1)  # all that is said of an address stands together: five boxes would cover the page
    for named in ("alpha = banana", "beta = -3", "colour = red", "hidden_widths = 9999999", "broken"):
        expect(notes).to_contain_text(named)
    expect(live.field("alpha")).to_have_value("0.01")
    expect(live.field("beta")).to_have_value("0.001")
    expect(live.page.get_by_role("textbox", name="Hidden widths")).to_have_value("40,40")
    # What was understood of the timeline stays: alpha becomes 0.1 at step 5.
    live.run_until(8)
    live.wait_step(8)
    assert live.wait_steady() == 8
    expect(live.field("alpha")).to_have_value("0.1")


@pytest.mark.parametrize("address", ["?v=99&alpha=nan", "?v=1&%ff%fe=%00&tasks.kind=poems&beta=" + "9" * 400])
def test_no_address_keeps_the_page_from_opening(open_page: OpenPage, address: str) -> None:
    live = open_page(address, ready=False)
    live.page.locator("[data-testid=stToast]").first.wait_for()
    live.wait_drawn()
    expect(live.pill).to_have_text("Ready")


def test_what_an_address_asks_in_vain_is_said_until_somebody_was_there_to_read_it(open_page: OpenPage) -> None:
    live = open_page(ready=False, fresh=True)
    live.page.clock.install()
    live.open(f"{live.page.url.partition('?')[0]}?look=tea_leaves")
    said = re.compile("does not have: it shows the paths")
    expect(live.words).to_have_text(said)
    live.page.clock.fast_forward("10:00")
    expect(live.words).to_have_text(said)
    live.page.mouse.move(300, 300)
    expect(live.words).to_have_text(said)
    live.page.clock.fast_forward("00:08")
    expect(live.words).not_to_have_text(said)
