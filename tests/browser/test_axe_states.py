"""axe-core in the states that a run passes through."""

from __future__ import annotations

from typing import Any

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_axe import ALL, AXE, RESTS_MS, RUN, STILL, TINY
from tests.browser.test_lost import LINE, LINK


def found(live: LivePage) -> list[Any]:
    """What axe finds now."""
    page = live.page
    page.mouse.move(-1, -1)  # a tooltip or a hovered button is a state of its own
    page.evaluate(AXE)
    page.wait_for_timeout(RESTS_MS)
    page.wait_for_function(STILL)
    return page.evaluate(RUN, ALL)


def test_in_every_state_of_a_run(open_page: OpenPage) -> None:
    live = open_page(TINY, fresh=True)
    live.page.add_init_script(LINE)
    live.page.reload()
    live.wait_drawn()
    faults = {"empty": found(live)}
    live.train(5)
    faults["training"] = found(live)
    live.page.evaluate("mamlLine.cut()")
    live.wait(LINK, "lost")
    faults["disconnected"] = found(live)
    live.page.evaluate("mamlLine.mend()")
    live.wait(LINK, "open")
    live.set(alpha=-300)
    live.page.locator(".maml-sentence[data-kind=error]").wait_for()
    faults["refused"] = found(live)
    live.set(alpha=5, num_inner_steps=20)
    live.page.locator(".maml-pill[data-kind=diverged]").wait_for()
    faults["diverged"] = found(live)
    assert {state: faulty for state, faulty in faults.items() if faulty} == {}
