"""What every control shows, what the address says and what the run is are the same, whatever is done in whatever order."""

from __future__ import annotations

import pytest

from maml_core.config import replace
from tests.browser.conftest import OpenPage
from tests.browser.walk import Walk

TOP = "document.querySelector('[data-chart=loss]').getBoundingClientRect().top"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_walk_holds(open_page: OpenPage, seed: int):
    Walk(open_page(), seed).go(10)


def test_a_look_into_a_popover_after_a_change_writes_nothing(open_page: OpenPage):
    live = open_page()
    walk = Walk(live, 0)
    walk.hold()
    walk._enter("shots", 9)
    walk.expected = replace(walk.expected, {"shots": 9})
    walk._toggle_popover("More settings")
    walk.hold()
    walk._close()
    walk._enter("order", "first")
    walk.expected = replace(walk.expected, {"order": "first"})
    walk.hold()


def test_a_restart_can_be_undone(open_page: OpenPage):
    live = open_page()
    live.run_until(40)
    live.wait_step(40)
    live.page.set_viewport_size({"width": 1280, "height": 720})
    top = live.page.evaluate(TOP)
    live.action("reset").click()
    live.wait("() => mamlStep() === 0")
    live.action("undo").wait_for()
    assert live.page.evaluate(TOP) == top  # the button has room: no chart moves
    live.action("undo").click()
    live.wait("() => mamlStep() === 40")
    live.choose("Preset", "ANIL")
    live.wait("() => mamlStep() === 0")
    live.page.locator(".maml-step").click()  # a key is no shortcut while it may be meant for a field
    live.page.keyboard.press("u")
    live.wait("() => mamlStep() === 40 && mamlLive.config.algorithm === 'maml'")
