"""What every control shows, what the address says and what the run is are the same, whatever is done in whatever order."""

from __future__ import annotations

import dataclasses

import pytest
from playwright.sync_api import expect

from maml_core.config import replace
from tests.browser.conftest import OpenPage
from tests.browser.walking import controls, runs, sweeps
from tests.browser.walking import live as live_actions
from tests.browser.walking.actions import ANYWHERE, LIVE, SENSITIVITY, SWEPT, offered, who_uses
from tests.browser.walking.pointer import Moved, press
from tests.browser.walking.values import POPOVERS
from tests.browser.walking.walk import Walk

TOP = "document.querySelector('[data-chart=loss]').getBoundingClientRect().top"


def test_every_action_holds_and_no_control_of_the_page_is_unknown_to_all_of_them(open_page: OpenPage):
    live = open_page(fresh=True)
    controls.watch(live.page)
    walk = Walk(live, 5)
    walk.hold()
    for name in POPOVERS["live"]:
        walk.popover(name)
        walk.hold()
    walk.take(runs.save)
    for action in (runs.rename, runs.delete, runs.open_saved):
        if not walk.saved:
            walk.take(runs.save)
        walk.take(action)
    for action in (*ANYWHERE, *LIVE):
        if action not in (sweeps.to_sensitivity, runs.save, live_actions.second_page):
            walk.take(action)
    walk.take(sweeps.to_sensitivity)
    for name in POPOVERS["sensitivity"]:
        walk.popover(name)
        walk.hold()
    for action in (*SENSITIVITY[:-1], *SWEPT):
        walk.take(action)
    assert [name for name in sorted(walk.seen) if who_uses(name) is None] == []
    seen, used = ({user for name in names if callable(user := who_uses(name))} for names in (walk.seen, walk.used))
    assert {action.__name__ for action in seen - used} == set()


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1003, 1011])
def test_a_random_walk_holds(open_page: OpenPage, seed: int):
    Walk(open_page(fresh=True), seed).go(8, offered)


@pytest.mark.parametrize(
    "control", ["set-new_setting", "sweep-new_field", "action new", "slider new", "view new", "New"]
)
def test_a_control_that_no_action_knows_is_noticed(control: str):
    assert who_uses(control) is None


def test_a_control_that_moves_under_the_pointer_is_found(open_page: OpenPage):
    page = open_page(ready=False, fresh=True).page
    page.set_content(
        "<input onchange='document.querySelector(`p`).remove()' value=1><p>Said.</p><button>Press</button>"
    )
    button = page.get_by_role("button")
    press(button)
    page.get_by_role("textbox").fill("2")
    with pytest.raises(Moved, match="moved from"):
        press(button)


def test_a_look_into_a_popover_after_a_change_writes_nothing(open_page: OpenPage):
    live = open_page()
    walk = Walk(live, 0)
    walk.hold()
    live.wait_synced()  # a script that still runs would take what is typed out of the field
    live_actions.enter(walk, "shots", 9)
    walk.expected = replace(walk.expected, {"shots": 9})
    walk.popover("More settings")
    walk.hold()
    walk.close()
    live_actions.enter(walk, "order", "first")
    walk.expected = replace(walk.expected, {"order": "first"})
    walk.hold()


def test_a_control_stays_under_the_pointer_when_it_changes_the_first_setting(open_page: OpenPage):
    live = open_page()
    order = live.page.locator(".st-key-set-order")
    places = [order.get_by_role("radio", name=name).bounding_box() for name in ("First", "Second")]
    order.get_by_role("radio", name="First").click()
    live.page.get_by_text("No preset has these settings.").wait_for()
    live.wait_synced()
    live.becomes(lambda: [order.get_by_role("radio", name=name).bounding_box() for name in ("First", "Second")], places)
    expect(live.page.get_by_text("Learns in seconds")).to_be_hidden()  # what stood there


@pytest.mark.parametrize("width", [1440, 820])
def test_a_press_after_a_choice_of_axes_hits_what_it_is_aimed_at(open_page: OpenPage, width: int):
    live = open_page()
    live.page.set_viewport_size({"width": width, "height": 1180})
    walk = Walk(live, 0)
    sweeps.to_sensitivity(walk)
    axes = live.page.locator(".st-key-sweep-axes").get_by_role("combobox")
    axes.press("Backspace")
    live.page.keyboard.press("Escape")
    walk.draft = dataclasses.replace(walk.draft, axes=("alpha",))
    walk.hold()
    live.page.get_by_text("8 settings").wait_for()
    assert axes.evaluate("node => node === document.activeElement")  # it gives the focus up while the button is pressed
    press(live.page.get_by_role("button", name="Earlier sweeps"))
    live.page.get_by_test_id("stPopoverBody").wait_for()


def test_a_restart_can_be_undone(open_page: OpenPage):
    live = open_page()
    live.run_until(40)
    live.wait_step(40)
    live.page.set_viewport_size({"width": 1280, "height": 720})
    top = live.page.evaluate(TOP)
    live.action("reset").click()
    live.wait("() => mamlStep() === 0")
    live.action("undo").wait_for()
    live.shows(TOP, top)  # the button has room: no chart moves
    live.action("undo").click()
    live.wait("() => mamlStep() === 40")
    live.choose("Preset", "ANIL")
    live.wait("() => mamlStep() === 0")
    live.page.locator(".maml-step").click()  # a key is no shortcut while it may be meant for a field
    live.page.keyboard.press("u")
    live.wait("() => mamlStep() === 40 && mamlLive.config.algorithm === 'maml'")
