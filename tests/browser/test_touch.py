"""Fingers: what a swipe, a tap and a drag along a slider do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

PHONE = {"viewport": {"width": 390, "height": 700}, "has_touch": True, "is_mobile": True}
SCROLLED = "document.querySelector('[data-testid=stMain]').scrollTop"


@pytest.fixture
def phone(open_page: OpenPage) -> LivePage:
    return open_page(**PHONE)


def swipe(live: LivePage, x: float, y: float, *, dx: float = 0.0, dy: float = 0.0, moves: int = 10) -> None:
    """One finger down, along a line, and up."""
    session = live.context.new_cdp_session(live.page)

    def send(kind: str, points: list[dict[str, Any]]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        live.page.wait_for_timeout(20)

    send("touchStart", [{"x": x, "y": y}])
    for move in range(1, moves + 1):
        send("touchMove", [{"x": x + dx * move / moves, "y": y + dy * move / moves}])
    send("touchEnd", [])
    session.detach()
    live.page.wait_for_timeout(400)


def centre(live: LivePage, selector: str, *, across: float = 0.5) -> tuple[float, float]:
    node = live.page.locator(selector)
    node.evaluate("node => node.scrollIntoView({ block: 'center' })")
    live.page.wait_for_timeout(200)
    box = node.bounding_box()
    assert box is not None
    return box["x"] + across * box["width"], box["y"] + box["height"] / 2


@pytest.mark.parametrize("dial", ["alpha", "beta", "num_inner_steps", "k", "amplitude"])
def test_a_swipe_over_a_slider_scrolls_and_sets_nothing(phone: LivePage, dial: str) -> None:
    x, y = centre(phone, f"[data-dial={dial}]", across=0.93)
    before, value = phone.page.evaluate(SCROLLED), phone.dial(dial).input_value()
    way = -200 if dial in ("alpha", "beta", "num_inner_steps") else 200
    swipe(phone, x, y, dy=way)
    assert abs(phone.page.evaluate(SCROLLED) - before) > 50
    assert phone.dial(dial).input_value() == value
    assert phone.marks == []


def test_a_tap_and_a_drag_along_a_slider_set_it(phone: LivePage) -> None:
    x, y = centre(phone, "[data-dial=alpha]", across=0.2)
    swipe(phone, x, y, moves=1)
    tapped = float(phone.field("alpha").input_value())
    assert tapped < 0.005
    swipe(phone, x, y, dx=150)
    assert float(phone.field("alpha").input_value()) > 5 * tapped
    phone.wait_address("alpha=")


@pytest.mark.parametrize("chart", ["loss", "fit", "adaptation", "path", "gauge"])
def test_a_swipe_over_a_chart_scrolls_and_zooms_nothing(phone: LivePage, chart: str) -> None:
    x, y = centre(phone, f"[data-chart={chart}] .maml-plot")
    before = phone.page.evaluate(SCROLLED)
    ranges = "node => JSON.stringify([node.layout.xaxis.range, node.layout.yaxis.range])"
    shown = phone.plot(chart).evaluate(ranges)
    swipe(phone, x, y, dy=200 if chart == "gauge" else -200)
    assert abs(phone.page.evaluate(SCROLLED) - before) > 50
    assert phone.plot(chart).evaluate(ranges) == shown
    assert phone.page.locator(f"[data-chart={chart}] .maml-chip").is_hidden()


def test_a_mouse_still_zooms(open_page: OpenPage) -> None:
    live = open_page()
    box = live.plot("fit").bounding_box()
    assert box is not None
    live.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    live.page.mouse.down()
    live.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
    live.page.mouse.up()
    live.page.locator("[data-chart=fit] .maml-chip").wait_for()
