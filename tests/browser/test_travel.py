"""Time travel on the page: the slider and the curve, the keys, now again, and going on from an earlier outer step."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

SHOWN = """() => {
  const { then } = mamlLive.lastFrame, said = document.querySelector(".maml-then").textContent.replace(/\\D/g, "");
  return then !== null && said === String(then);
}"""


def label(live: LivePage) -> str:
    return live.page.locator(".maml-then").inner_text()


def shown(live: LivePage) -> int:
    """The outer step that the charts show, once they all do."""
    live.wait(SHOWN)
    return int(live.page.evaluate("mamlLive.lastFrame.then"))


def trained(live: LivePage, steps: int = 200) -> LivePage:
    live.run_until(steps)
    live.wait_step(steps)
    live.wait_steady()
    return live


def curve(live: LivePage) -> np.ndarray:
    return live.trace("fit", "after N steps")


@pytest.mark.thorough
def test_the_slider_shows_an_earlier_step_and_now_comes_back(open_page: OpenPage) -> None:
    live = trained(open_page())
    now = curve(live)
    expect(live.page.get_by_role("button", name="Go on from here")).to_be_hidden()
    live.drag(live.dial("travel"), 0.0)
    assert shown(live) == 0
    live.wait_steady()
    assert not np.array_equal(curve(live), now)
    expect(live.page.locator("[data-chart=adaptation] .maml-subtitle")).to_contain_text("Step 0, now in grey:")
    expect(live.page.locator("[data-chart=loss] .maml-subtitle")).to_contain_text("Held-out at outer step")
    assert live.step == 200  # the run stands where it stood

    live.page.get_by_role("button", name="Now", exact=True).click()
    live.becomes(lambda: label(live), "now")
    live.wait_steady()
    np.testing.assert_array_equal(curve(live), now)


@pytest.mark.thorough
def test_the_keys_the_curve_and_another_task_while_it_trains_on(open_page: OpenPage) -> None:
    live = trained(open_page())
    live.page.keyboard.press(",")
    first = shown(live)
    assert first < 200
    live.page.keyboard.press(",")
    live.until(lambda: shown(live) < first)
    live.page.keyboard.press(".")
    live.until(lambda: shown(live) == first)
    live.wait_steady()
    before = curve(live)
    live.action("new-task").click()
    live.until(lambda: not np.array_equal(curve(live), before))
    live.train(50)
    assert shown(live) == first
    live.pause()
    live.page.keyboard.press("n")
    live.becomes(lambda: label(live), "now")

    box = live.plot("loss").locator(".nsewdrag").first.bounding_box()
    assert box is not None
    live.page.mouse.click(box["x"] + 3, box["y"] + box["height"] / 2)
    live.until(lambda: shown(live) < 30)
    live.page.keyboard.press("n")
    live.becomes(lambda: label(live), "now")
    live.page.mouse.dblclick(box["x"] + 3, box["y"] + box["height"] / 2)  # shows the whole curve; no wish to travel
    live.wait_steady()
    assert label(live) == "now"


@pytest.mark.thorough
def test_going_on_from_there_is_another_run_and_undo_brings_the_first_back(open_page: OpenPage) -> None:
    live = trained(open_page())
    live.drag(live.dial("travel"), 0.5, let_go=False)
    live.wait("() => mamlLive.lastFrame.then !== null")
    live.wait_synced()
    live.page.mouse.up()
    step = shown(live)  # the nearest that is kept, which came before the thumb was let go
    live.page.get_by_role("button", name="Go on from here").click()
    live.wait("(step) => mamlStep() === step", step)
    live.page.keyboard.press("u")
    live.wait("() => mamlStep() === 200")
    live.becomes(lambda: label(live), "now")
    live.drag(live.dial("travel"), 0.5)
    assert shown(live) == step  # the run that came back has its moments
    live.page.get_by_role("button", name="Go on from here").click()
    live.wait("(step) => mamlStep() === step", step)
    live.becomes(lambda: label(live), "now")
    expect(live.words).to_contain_text(f"From outer step {step} on this is another run")
    assert live.wait_marks(1)[-1] == "branch"
    live.wait_address(f"{step}:branch")
    live.run_until(step + 20)
    live.wait_step(step + 20)
    live.wait_steady()
    branched = live.trace("loss", "training, raw")

    copied = open_page("?" + live.wait_address(f"at={step + 20}").partition("?")[2])
    copied.page.locator("[data-action=offer]").click()
    copied.wait_step(step + 20)
    found = copied.wait_trace("loss", "training, raw", lambda trace: trace.shape == branched.shape)
    np.testing.assert_allclose(found, branched, rtol=1e-5)


@pytest.mark.thorough
def test_by_keys_alone_on_the_slider(open_page: OpenPage) -> None:
    live = trained(open_page())
    slider = live.dial("travel")
    slider.focus()
    live.page.keyboard.press("ArrowLeft")
    first = shown(live)
    live.page.keyboard.press("Home")
    live.until(lambda: shown(live) == 0)
    expect(slider).to_have_attribute("aria-valuetext", "outer step 0 of 200")
    assert first > 0
    live.page.keyboard.press("End")
    live.becomes(lambda: label(live), "now")


@pytest.mark.thorough
def test_a_reload_in_the_middle_shows_the_same_step_and_another_page_shows_now(open_page: OpenPage) -> None:
    live = trained(open_page())
    live.drag(live.dial("travel"), 0.3)
    step = shown(live)
    before = curve(live)
    live.page.reload()
    live.wait_drawn()
    live.wait_step(200)
    assert shown(live) == step
    live.until(lambda: np.array_equal(curve(live), before))
    other = open_page("?" + live.page.url.partition("?")[2])
    assert label(other) == "now"
    live.page.keyboard.press("n")
    live.becomes(lambda: label(live), "now")
