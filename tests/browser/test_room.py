"""Room for the longest values: a seed of ten digits, and the state of every setting of a sweep, on screens of 1280 and 1024 pixels."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage

LONGEST = 2**31 - 1
WHOLE = "node => node.scrollWidth <= node.clientWidth"


def test_the_longest_seed_and_the_last_column_are_seen(open_page: OpenPage) -> None:
    small = "?v=1&model.hidden_widths=8&evaluation_tasks=10&meta_batch_size=3&joint_baseline=no"
    live = open_page(small, viewport={"width": 1280, "height": 800})
    page = live.page
    seed = page.get_by_label("Seed", exact=True)
    seed.fill(str(LONGEST))
    seed.press("Enter")
    live.wait_synced()
    expect(seed).to_have_value(str(LONGEST))
    live.until(lambda: seed.evaluate(WHOLE))
    page.set_viewport_size({"width": 1024, "height": 768})
    live.until(lambda: seed.evaluate(WHOLE))
    # Thirty digits would not be; asked at once, since the page may draw the field anew.
    assert not seed.evaluate("node => { node.value += '0'.repeat(20); return node.scrollWidth <= node.clientWidth; }")

    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.frames > 0")
    for label, text in (("α values", "3"), ("β values", "3"), ("Outer steps", "4"), ("Name", "in-1280-pixels")):
        page.get_by_label(label, exact=True).fill(text)
        page.get_by_label(label, exact=True).press("Enter")
        live.wait_synced()
    page.get_by_role("button", name="Start").click()
    live.wait("() => document.querySelector('.maml-sweeps .maml-pill').textContent === 'Done'")
    live.until(lambda: page.locator(".maml-settings").evaluate(WHOLE))


def test_maml_pp_is_one_screen_on_1024_by_768(open_page: OpenPage) -> None:
    live = open_page(
        "?v=1&num_inner_steps=3&multi_step_loss=yes&per_step_rates=yes&anneal_order=yes&anneal_beta=yes&evaluation_tasks=10",
        viewport={"width": 1024, "height": 768},
    )
    live.wait_steady()
    main = live.page.locator("[data-testid=stMain]")
    live.until(lambda: main.evaluate("node => node.scrollHeight - node.clientHeight") <= 0)
