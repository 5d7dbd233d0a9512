"""Journeys with the keyboard alone: the first minute, a live run, a drawing, a sweep, a lesson. Nothing is clicked."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from dashboard.setups import address
from tests.browser.conftest import OpenPage
from tests.browser.keyboard import Hands
from tests.browser.live_page import LivePage
from tests.browser.test_axe import TINY
from tests.browser.test_drawing import SMALL, wait_states
from tests.browser.test_lessons import FIRST


def spoken(live: LivePage, chart: str) -> str:
    """What was read out last of a chart's points."""
    return live.page.locator(f"[data-chart={chart}] .maml-reader-place [aria-live]").inner_text()


def test_the_first_minute(open_page: OpenPage) -> None:
    live = open_page(ready=False, fresh=True, first_time=True)
    page = live.page
    opening = page.get_by_role("dialog", name=re.compile("Five points|One example"))
    expect(opening.locator("figure")).to_have_count(2)
    hands = Hands(live, one_screen=False)
    hands.go("After 2 steps")
    hands.press("Enter")
    expect(opening.locator("figure p").last).to_contain_text("after 2 steps")
    hands.go("Your turn: characters", back=True)
    hands.press("Enter")
    expect(opening.get_by_role("group", name="One example of each character")).to_be_visible()
    passed = [hands.tab() for _ in range(3)]
    assert "Play: train it yourself" not in passed  # the examples come first
    hands.press("Enter")
    expect(opening.get_by_role("status")).to_contain_text("You said")
    hands.go("Play: train it yourself")
    hands.press("Enter")
    expect(opening).to_have_count(0)
    live.wait("() => window.mamlLive?.lastStep > 5")
    live.shows("document.activeElement.dataset.action", "play")  # not at the page's beginning once more
    hands.press("Enter")
    expect(live.pill).to_have_text("Paused")
    hands.hold()


def test_a_live_run_is_trained_changed_and_read_and_no_control_is_a_trap(open_page: OpenPage) -> None:
    live = open_page(TINY)
    live.wait_synced()
    hands = Hands(live)
    assert hands.tab() == "Skip to main content"
    hands.press("Enter")
    assert hands.tab() == "play"
    hands.press("Enter")
    live.wait_step(20)
    hands.press("Enter")
    expect(live.pill).to_have_text("Paused")
    hands.go("dial alpha")
    hands.press("ArrowRight")
    live.wait_marks(1)
    hands.go("field num_inner_steps")
    hands.type("3")
    live.wait_address("n:3")
    hands.go("Points of “Loss while meta-training”")
    hands.press("ArrowRight", "ArrowRight")
    first = spoken(live, "loss")
    assert re.search(r"outer step .*, query loss \(MSE\) .* \(2 of \d+\)", first)
    hands.press("ArrowDown")
    assert ": outer step" in spoken(live, "loss")
    assert spoken(live, "loss") != first
    expect(live.page.locator("[data-chart=loss] .maml-reading-words")).to_be_visible()
    hands.press("Escape")
    expect(live.page.locator("[data-chart=loss] .maml-reading-words")).to_contain_text("from point to point")
    hands.press("o")  # a letter is none of the reader's keys
    live.wait_step(21)
    hands.go("Save or read the fit chart")
    hands.press("Enter")
    hands.go("Show table")
    hands.press("Enter")
    live.shows("document.activeElement.className", "maml-table")
    expect(live.page.locator("[data-chart=fit] .maml-table td").first).to_be_visible()
    stops = [hands.tab()]
    while stops[-1] not in ("Skip to main content", "") and len(stops) < 150:
        stops.append(hands.tab())
    assert len(stops) < 150, stops  # round to the page's beginning
    hands.hold()


def test_single_keys_can_be_switched_off_and_the_list_says_so(open_page: OpenPage) -> None:
    live = open_page(TINY)
    page, hands = live.page, Hands(live)
    hands.press("?")
    listed = page.locator(".maml-keys-head p")
    expect(listed).to_have_text("Keys, while no field has the focus")
    hands.go("option keys")
    hands.press(" ")
    expect(listed).to_have_text(re.compile("^Keys are switched off in this browser"))
    expect(page.locator("dt", has_text=re.compile("^p$"))).to_have_css("text-decoration-line", "line-through")
    hands.press("Escape")
    page.reload()  # kept in the browser
    live.wait_drawn()
    page.evaluate("document.activeElement?.blur()")
    before = page.evaluate(
        "[mamlLive.config, mamlLive.frames, location.href, document.querySelector('.maml-live').className]"
    )
    hands.press(*"poiaxutnslfdhbvg1?,. ")
    live.wait_steady()
    assert live.step == 0
    assert (
        page.evaluate(
            "[mamlLive.config, mamlLive.frames, location.href, document.querySelector('.maml-live').className]"
        )
        == before
    )
    expect(live.pill).to_have_text("Ready")
    expect(page.locator(".maml-live :popover-open, .maml-live dialog[open]")).to_have_count(0)
    hands.go("Keyboard help")
    hands.press("Enter")
    hands.go("option keys")
    hands.press(" ")
    hands.press("Escape")
    page.evaluate("document.activeElement?.blur()")
    hands.press("o")
    live.wait_step(1)


@pytest.mark.thorough
def test_a_drawing_without_dragging(open_page: OpenPage) -> None:
    live = open_page("?" + address.write(SMALL))
    page, hands = live.page, Hands(live)
    live.wait_synced()
    hands.go("draw")
    hands.press("Enter")
    live.shows("document.activeElement.dataset.cell", "A1")
    hands.press("Enter")  # on to the pad
    hands.press("Shift+ArrowUp", " ", *["ArrowDown"] * 4, " ")
    wait_states(live, A1="drawn")
    for name in ("B1", "query"):
        hands.go(name, back=name == "query")
        hands.press("Enter", " ", "Shift+ArrowLeft", " ")
        wait_states(live, **{name: "drawn"})
    hands.go("Remove class C", back=True)
    hands.press("Enter")
    expect(page.locator(".maml-draw-line")).to_contain_text("The start (θ0)")
    expect(page.locator(".maml-draw .maml-verdict")).not_to_be_empty()
    hands.press("Escape")
    live.shows("document.activeElement.dataset.action", "draw")
    hands.hold()


@pytest.mark.thorough
def test_a_sweep_is_set_up_started_read_and_pinned(open_page: OpenPage) -> None:
    live = open_page(TINY)
    page, hands = live.page, Hands(live, one_screen=False)
    live.wait_synced()
    hands.go("Sensitivity")
    hands.press("Enter")
    live.wait("() => window.mamlSweeps?.drawn > 0")
    live.wait_synced()
    for label, value in (("α values", 2), ("β values", 2), ("Outer steps", 20)):
        hands.go(label)
        hands.type(str(value))
        live.wait_synced()
    hands.go("Start")
    hands.press("Enter")
    live.wait("() => document.querySelector('.maml-sweeps .maml-pill').textContent === 'Done'")
    live.wait_synced()
    hands.go("Map of α")
    hands.press("ArrowRight", "Enter")
    detail = page.locator(".maml-detail")
    expect(detail).to_contain_text("α")
    for chart, title in (("lanes", "Points of “Curves"), ("frozen", "Points of “Frozen")):
        if chart == "frozen":
            hands.go("Frozen", back=True)
            hands.press("Enter")
        hands.go(title)
        hands.press("ArrowRight", "ArrowDown")
        assert re.search(r"\(\d+ of \d+\)", spoken(live, chart))
        expect(page.locator(f"[data-chart={chart}] .maml-plot")).not_to_have_attribute(
            "aria-label", "Chart, waiting for data"
        )
    hands.go("pin")
    hands.press("Enter")
    expect(page.locator(".maml-pins li")).to_have_count(1)
    hands.hold()


@pytest.mark.thorough
def test_a_lesson_from_the_list_to_its_verdicts_and_its_last_question(open_page: OpenPage) -> None:
    live = open_page("lessons", ready=False)
    page, hands = live.page, Hands(live, one_screen=False)
    verdict, place = page.locator(".maml-lesson-verdict"), page.locator(".maml-lesson-place")

    def press(action: str) -> None:
        """A button of the lesson, once it can be pressed."""
        expect(page.locator(f"[data-action={action}]")).to_have_attribute("aria-disabled", "false")
        hands.go(action)
        hands.press("Enter")

    page.locator(".maml-lessons-list li").first.wait_for()
    live.wait_synced()
    hands.go(FIRST.title)
    hands.press("Enter")
    expect(place).to_have_text("Step 1 of 4")
    live.wait_drawn()
    press("lesson-act")
    expect(verdict).to_contain_text("almost nothing is learned")

    press("lesson-next")  # a choice
    expect(place).to_have_text("Step 2 of 4")
    hands.go("option lesson")  # the first of the choices
    hands.press("ArrowDown", "ArrowDown")
    expect(page.get_by_label("Only after 3 steps")).to_be_checked()
    hands.go("lesson-answer")
    hands.press("Enter")
    press("lesson-act")
    for step in range(100, 501, 100):  # on a busy machine all of it takes longer than one wait
        live.wait_step(step)
    expect(verdict).to_contain_text("right.")

    press("lesson-next")  # something to do
    expect(place).to_have_text("Step 3 of 4")
    press("lesson-act")
    new_task = page.locator("[data-action=lesson-act]")
    expect(new_task).to_have_attribute("aria-disabled", "false")
    expect(new_task).to_be_focused()
    live.wait_steady()
    hands.press("Enter")  # the second of two
    press("lesson-next")  # a curve
    expect(place).to_have_text("Step 4 of 4")
    hands.go("dial lesson")  # where the curve is drawn
    hands.press(*["ArrowRight"] * 10, "ArrowUp", "ArrowUp")
    hands.go("lesson-answer")
    hands.press("Enter")
    expect(verdict).to_contain_text("Your curve lies")

    hands.go("lesson-more")
    hands.press("Enter")
    expect(page.get_by_text(FIRST.transfer)).to_be_visible()
    hands.go("The answer")
    hands.press("Enter")
    expect(page.get_by_text(FIRST.answer)).to_be_visible()
    hands.press("Escape")
    hands.go("lesson-next")  # all lessons
    hands.press("Enter")
    expect(page.locator("li[data-done=true]")).to_contain_text(FIRST.title)
    hands.hold()
