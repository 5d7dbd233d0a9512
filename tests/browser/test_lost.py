"""No press is lost with the connection: what is asked for meanwhile is done once, in order, when it is back, and the page says so."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

# The page's own socket only: `cut` ends it and refuses new ones until `mend`, `deafen` swallows what goes out.
LINE = """(() => {
  const Real = WebSocket, lines = new Set();
  let state = "whole";
  window.WebSocket = class extends Real {
    constructor(url, ...others) {
      const ours = String(url).includes("/maml/");
      super(ours && state === "cut" ? String(url).replace("/maml/", "/nowhere/") : url, ...others);
      if (ours) lines.add(this);
    }
    send(data) { if (state !== "deaf" || !lines.has(this)) super.send(data); }
  };
  window.mamlLine = {
    cut() { state = "cut"; for (const line of lines) line.close(); },
    deafen() { state = "deaf"; },
    mend() { state = "whole"; },
  };
})()"""
LINK = "(link) => document.querySelector('.maml-live').dataset.link === link"
WAITS = "The server does not answer. What you ask for now waits, and is done once it does."


@pytest.fixture
def live(open_page: OpenPage) -> LivePage:
    live = open_page(ready=False, fresh=True)
    live.page.add_init_script(LINE)
    live.page.reload()
    live.wait_drawn()
    return live


def cut(live: LivePage) -> None:
    live.page.evaluate("mamlLine.cut()")
    live.wait(LINK, "lost")


def mend(live: LivePage) -> None:
    live.page.evaluate("mamlLine.mend()")
    live.wait(LINK, "open")


def places(live: LivePage) -> list[dict[str, float] | None]:
    return [live.action(name).bounding_box() for name in ("play", "outer", "inner", "reset", "share")] + [
        live.page.get_by_label("Speed").bounding_box()
    ]


def test_what_is_pressed_while_the_connection_is_lost_is_done_once_when_it_is_back(live: LivePage) -> None:
    before = places(live)
    cut(live)
    expect(live.pill).to_have_text("Reconnecting")
    expect(live.words).to_have_text(WAITS)
    assert places(live) == before  # nothing moves away under the pointer
    for _ in range(3):
        live.action("outer").click()
    live.set(alpha=0.03)
    live.drag(live.dial("beta"), 0.5)
    live.page.get_by_label("Speed").select_option("30")
    live.set(alpha=0.05)
    beta = float(live.field("beta").input_value())
    mend(live)
    live.wait("() => mamlStep() === 3")
    live.wait("([alpha, beta]) => mamlLive.config.alpha === alpha && mamlLive.config.beta === beta", [0.05, beta])
    assert live.wait_steady() == 3
    expect(live.page.get_by_label("Speed")).to_have_value("30")
    expect(live.field("alpha")).to_have_value("0.05")
    expect(live.words).not_to_have_text(WAITS)
    cut(live)
    mend(live)
    assert live.wait_steady() == 3  # what was done is not done again


def test_what_went_out_over_a_dead_connection_is_done_when_there_is_one(live: LivePage) -> None:
    live.run_until(30)
    live.wait_step(30)
    live.page.evaluate("mamlLine.deafen()")
    live.action("reset").click()
    live.action("outer").click()
    live.page.wait_for_timeout(500)
    assert live.step == 30
    cut(live)
    mend(live)
    live.wait("() => mamlStep() === 1")
    live.action("undo").click()
    live.wait("() => mamlStep() === 30")


def test_a_sweep_that_is_cancelled_and_looked_at_while_the_connection_is_lost_is_so_when_it_is_back(
    live: LivePage,
) -> None:
    page = live.page
    page.get_by_role("link", name="Sensitivity").click()
    steps = page.locator(".st-key-sweep-num_steps input")
    steps.fill("5000")
    steps.press("Enter")
    live.wait_synced()
    page.get_by_role("button", name="Start").click()
    page.locator(".maml-sweeps [data-action=cancel]").wait_for()
    rows = page.locator(".maml-settings tbody button")
    rows.nth(1).wait_for()
    expect(page.locator(".maml-sweep-count")).to_contain_text(" left")
    cut(live)
    expect(page.locator(".maml-sentence")).to_have_text(WAITS)
    expect(live.pill).to_have_text("Reconnecting")
    expect(page.locator(".maml-sweep-count")).not_to_contain_text(" left")
    for row in (0, 1):
        rows.nth(row).click()
        page.locator("[data-action=pin]").click()
    page.locator("[data-action=cancel]").click()
    mend(live)
    page.locator(".maml-pill", has_text="Stopped").wait_for()
    page.locator("[data-action=resume]").wait_for()
    expect(page.locator(".maml-pins li")).to_have_count(2)


def test_the_library_of_the_charts_is_asked_for_again_after_a_failure(open_page: OpenPage) -> None:
    live = open_page("", ready=False, fresh=True)
    asked: list[str] = []

    def once_in_vain(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            route.abort()
        else:
            route.continue_()

    live.page.route("**/plotly.min.js*", once_in_vain)
    live.page.goto(live.page.url)
    live.wait_drawn()
    assert len(asked) == 2
    live.train(3)
