"""Fingers: what a swipe, a tap and a drag along a slider do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import OpenPage, opened_page
from tests.browser.live_page import LivePage
from tests.browser.server import Server

PHONE = {"viewport": {"width": 390, "height": 700}, "has_touch": True, "is_mobile": True}
SCROLLED = "document.querySelector('[data-testid=stMain]').scrollTop"


@pytest.fixture(scope="module")
def opened(browser: Browser, server: Server) -> Iterator[LivePage]:
    with opened_page(browser, **PHONE) as live:
        live.open(server.url)
        yield live


@pytest.fixture
def phone(opened: LivePage) -> LivePage:
    """A page that the tests share, for those that leave it as it is."""
    opened.page.locator("[data-chart=adaptation] h3").tap()  # what a tap before has opened closes
    opened.page.locator(".maml-floating:popover-open").wait_for(state="detached")
    return opened


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
    phone.until(lambda: abs(phone.page.evaluate(SCROLLED) - before) > 50)
    expect(phone.dial(dial)).to_have_value(value)
    assert phone.marks == []


def test_a_tap_and_a_drag_along_a_slider_set_it(open_page: OpenPage) -> None:
    phone = open_page(**PHONE)
    x, y = centre(phone, "[data-dial=alpha]", across=0.2)
    swipe(phone, x, y, moves=1)
    phone.until(lambda: float(phone.field("alpha").input_value()) < 0.005)
    tapped = float(phone.field("alpha").input_value())
    swipe(phone, x, y, dx=150)
    phone.until(lambda: float(phone.field("alpha").input_value()) > 5 * tapped)
    phone.wait_address("alpha=")


def test_the_first_tap_on_an_entry_of_a_legend_explains_it_and_the_next_ones_press_it(phone: LivePage) -> None:
    entries = phone.page.locator("[data-chart=adaptation] button.maml-series")
    one, other = entries.nth(0), entries.nth(1)
    centre(phone, "[data-chart=adaptation] .maml-legend")
    tip = phone.page.locator(".maml-floating:popover-open")
    pressed = [one.get_attribute("aria-pressed"), other.get_attribute("aria-pressed")]
    one.tap()
    tip.get_by_text("Tap again to show or hide.").wait_for()
    other.tap()
    tip.get_by_text("Tap again to show or hide.").wait_for()
    assert [one.get_attribute("aria-pressed"), other.get_attribute("aria-pressed")] == pressed == ["true", "true"]
    for now in ("false", "true"):
        other.tap()
        for entry, state in ((one, "true"), (other, now)):
            expect(entry).to_have_attribute("aria-pressed", state)
        expect(tip).to_be_visible()
    phone.page.locator("[data-chart=adaptation] h3").tap()
    tip.wait_for(state="detached")


@pytest.mark.parametrize("dial", ["alpha", "beta", "num_inner_steps"])
def test_a_tap_on_a_dials_question_mark_explains_it_within_the_window(phone: LivePage, dial: str) -> None:
    centre(phone, f"[data-dial={dial}]")
    asked = phone.page.locator(f"[data-key={dial}] .maml-help")
    asked.locator("button").tap()
    said = asked.locator(".maml-tip")
    expect(said).to_have_css("opacity", "1")
    box = said.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert phone.marks == []


@pytest.mark.parametrize("chart", ["loss", "fit", "adaptation", "path", "gauge"])
def test_a_swipe_over_a_chart_scrolls_and_zooms_nothing(phone: LivePage, chart: str) -> None:
    x, y = centre(phone, f"[data-chart={chart}] .maml-plot")
    before = phone.page.evaluate(SCROLLED)
    ranges = "node => JSON.stringify([node.layout.xaxis.range, node.layout.yaxis.range])"
    shown = phone.plot(chart).evaluate(ranges)
    swipe(phone, x, y, dy=200 if chart == "gauge" else -200)
    phone.until(lambda: abs(phone.page.evaluate(SCROLLED) - before) > 50)
    assert phone.plot(chart).evaluate(ranges) == shown
    expect(phone.page.locator(f"[data-chart={chart}] .maml-chip")).to_be_hidden()


def test_a_mouse_still_zooms(open_page: OpenPage) -> None:
    live = open_page()
    box = live.plot("fit").bounding_box()
    assert box is not None
    live.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    live.page.mouse.down()
    live.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
    live.page.mouse.up()
    live.page.locator("[data-chart=fit] .maml-chip").wait_for()


def test_a_warning_on_a_phone_hides_nothing(open_page: OpenPage) -> None:
    phone = open_page(**PHONE)
    phone.page.evaluate(
        """() => {
            const said = document.querySelector('.maml-line .maml-sentence');
            said.dataset.kind = 'diverged';
            said.textContent = 'The meta-gradient is not finite, and what to do about it. '.repeat(6);
        }"""
    )
    boxes = [
        phone.page.locator(part).first.bounding_box() for part in (".maml-formulas", ".maml-sentence", ".maml-card")
    ]
    above, said, below = (box or pytest.fail("not there") for box in boxes)
    assert said["height"] > 60
    assert above["y"] + above["height"] <= said["y"]
    assert said["y"] + said["height"] <= below["y"]


@pytest.mark.parametrize("width", [820, 390])
def test_outer_steps_are_named_side_by_side_however_narrow_the_chart(open_page: OpenPage, width: int) -> None:
    live = open_page(viewport={"width": width, "height": 1180})
    names = live.page.locator("[data-chart=loss] .xtick text")
    live.wait_steady()
    names.nth(1).wait_for()
    boxes = sorted(box["x"] for at in range(names.count()) if (box := names.nth(at).bounding_box()))
    assert all("rotate" not in (names.nth(at).get_attribute("transform") or "") for at in range(names.count()))
    assert all(right - left > 12 for left, right in itertools.pairwise(boxes))


def test_a_curve_is_drawn_with_a_finger_in_two_strokes(open_page: OpenPage) -> None:
    live = open_page("lessons?lesson=a-start-not-a-curve&step=4", **PHONE)
    page, pad = live.page, live.page.locator(".maml-curve-pad")
    x, y = centre(live, ".maml-curve-pad", across=0.125)
    box, before = pad.bounding_box(), page.evaluate(SCROLLED)
    assert box is not None
    swipe(live, x, y - 20, dx=0.4 * box["width"], dy=30)  # steps 0 to 5, or so
    expect(page.locator(".maml-curve-words")).to_contain_text("points to go")
    expect(page.locator("[data-action=lesson-answer]")).to_have_attribute("aria-disabled", "true")
    swipe(live, x + 0.35 * box["width"], y + 10, dx=0.6 * box["width"], moves=4)  # faster, beyond the edge
    points = page.locator(".maml-curve-given").get_attribute("points")
    assert points is not None
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert len(heights) == 11
    assert heights[:4] == sorted(heights[:4])  # down from where the finger began
    assert max(heights[5:]) - min(heights[5:]) < 3
    assert (page.evaluate(SCROLLED), pad.bounding_box()) == (before, box)  # what draws does not scroll
    page.locator("[data-action=lesson-answer]").tap()
    expect(page.locator(".maml-lesson-verdict")).to_contain_text("Your curve lies")
