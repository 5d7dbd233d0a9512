"""One outer step, slowly: through all stages with the keyboard alone, back, taken, and once more; what ends it."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

MOVED = """() => [...document.querySelectorAll(".maml-card:not([hidden])")].map((card) => Math.round(card.getBoundingClientRect().top))"""
LIT = """() => document.querySelector(".maml-formulas").dataset.lit"""


def stage(live: LivePage) -> str:
    return live.page.locator(".maml-apart-place").inner_text()


def test_through_all_stages_by_keys_back_taken_and_once_more(open_page: OpenPage) -> None:
    live = open_page()
    page = live.page
    page.set_viewport_size({"width": 1280, "height": 720})
    live.run_until(60)
    live.wait_step(60)
    live.wait_steady()
    places, support = page.evaluate(MOVED), live.trace("fit", "examples")
    live.action("apart").focus()
    for first in (60, 61):
        page.keyboard.press("Enter")
        live.becomes(lambda: stage(live), "Stage 1 of 6")
        expect(live.action("apart-next")).to_be_focused()
        expect(live.action("apart-back")).to_be_disabled()
        expect(page.get_by_role("status").filter(has_text="The tasks are drawn")).to_contain_text(
            f"Outer step {first} has"
        )
        seen = [page.evaluate(LIT)]
        while live.action("apart-next").inner_text() == "Next":
            before = page.locator(".maml-apart").inner_text()
            page.keyboard.press("ArrowRight")
            live.until(lambda before=before: page.locator(".maml-apart").inner_text() != before)
            seen.append(page.evaluate(LIT))
            if seen[-1] == "query":
                expect(page.locator(".maml-k")).to_have_text("k = 3 of N = 3")
                live.wait_trace("path", "downhill", lambda trace: trace.shape[1] > 0)
        assert seen == ["tasks", *["inner"] * 3, "query", *["back"] * 3, "mean", "update"]
        assert page.evaluate(MOVED) == places  # nothing has moved for it
        assert not np.array_equal(live.trace("fit", "examples"), support)
        expect(page.locator("[data-chart=fit] .maml-subtitle")).to_contain_text(
            f"First training task of outer step {first}."
        )
        page.keyboard.press("ArrowLeft")
        live.becomes(lambda: stage(live), "Stage 5 of 6")
        page.keyboard.press("ArrowRight")
        live.becomes(live.action("apart-next").inner_text, "Do it")
        page.keyboard.press("ArrowRight")
        live.wait_step(first + 1)
        expect(page.locator(".maml-apart")).to_be_hidden()
        expect(live.action("apart")).to_be_focused()
        assert live.wait_steady() == first + 1
        live.wait_trace("loss", "training, raw", lambda trace, count=first + 1: trace.shape == (2, count))
        expect(page.locator("[data-chart=fit] .maml-subtitle")).not_to_contain_text("First training task")
        np.testing.assert_array_equal(live.trace("fit", "examples"), support)  # the held-out task is back


def test_it_pauses_and_escape_a_reload_and_play_close_it(open_page: OpenPage) -> None:
    live = open_page()
    page = live.page
    live.train(5)
    page.keyboard.press("a")
    live.until(lambda: stage(live).startswith("Stage 1"))
    live.becomes(live.action("play").inner_text, "Play")
    step = live.wait_steady()
    page.keyboard.press("ArrowRight")
    live.until(lambda: stage(live).startswith("Stage 2"))
    page.keyboard.press("Escape")
    expect(page.locator(".maml-apart")).to_be_hidden()
    page.keyboard.press("a")
    live.until(lambda: stage(live).startswith("Stage 1"))
    page.reload()
    live.wait_drawn()
    live.wait_step(step)
    expect(page.locator(".maml-apart")).to_be_hidden()
    assert live.step == step
    live.action("apart").click()
    live.until(lambda: stage(live).startswith("Stage 1"))
    live.action("play").click()  # who trains on is done with it
    live.wait_step(step + 5)
    expect(page.locator(".maml-apart")).to_be_hidden()
