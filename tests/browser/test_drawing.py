"""Characters that people draw on the page with mouse, pen or finger: theta_0 adapts to them while they are drawn."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from playwright.sync_api import expect

from dashboard.setups import address
from maml_core.config import ConvConfig, GlyphsConfig, RunConfig, replace
from maml_core.presets import PRESETS
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

Stroke = list[tuple[float, float]]

GLYPHS = next(preset.config for preset in PRESETS if preset.name == "Glyphs, fast demo")
TAUGHT = replace(GLYPHS, {"model": ConvConfig(num_filters=16), "evaluation_tasks": 4})
"""Learns in a minute of a busy machine, sixty outer steps, what a line, a circle and a cross have apart."""

SMALL = replace(
    GLYPHS, {"model": ConvConfig(num_layers=2, num_filters=4), "evaluation_tasks": 2, "evaluation_steps": 2}
)


def opened(open_page: OpenPage, config: RunConfig = SMALL, **options: Any) -> LivePage:
    """A page of image tasks with the panel open."""
    live = open_page("?" + address.write(config), **options)
    live.page.locator("[data-action=draw]").click()
    return live


def oval(width: float, height: float) -> list[Stroke]:
    turns = [2.0 * math.pi * part / 24 for part in range(25)]
    return [[(0.5 + width / 2 * math.sin(turn), 0.5 - height / 2 * math.cos(turn)) for turn in turns]]


LINE = [[(0.5, 0.1), (0.5, 0.9)]]
CIRCLE = oval(0.7, 0.7)
CROSS = [[(0.15, 0.15), (0.85, 0.85)], [(0.85, 0.15), (0.15, 0.85)]]
# As the same person draws them a second time.
OTHER_LINE = [[(0.56, 0.15), (0.5, 0.5), (0.47, 0.92)]]
OTHER_CIRCLE = oval(0.5, 0.6)
OTHER_CROSS = [[(0.25, 0.1), (0.8, 0.9)], [(0.82, 0.2), (0.2, 0.8)]]


def draw(live: LivePage, target: Locator, strokes: list[Stroke]) -> None:
    """With the mouse, in shares of the target's width and height."""
    box = target.bounding_box()
    assert box is not None
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        live.page.mouse.move(*places[0])
        live.page.mouse.down()
        for place in places[1:]:
            live.page.mouse.move(*place, steps=4)
        live.page.mouse.up()


def pad(live: LivePage) -> Locator:
    return live.page.locator(".maml-pad")


def cell(live: LivePage, name: str) -> Locator:
    """A drawing by its name: A1, B2, query."""
    return live.page.locator(f"[data-cell={name}]")


def tool(live: LivePage, name: str) -> Locator:
    return live.page.locator(".maml-draw").get_by_role("button", name=name, exact=True)


def states(live: LivePage) -> dict[str, str]:
    """Whether each drawing is empty or drawn."""
    return live.page.locator(".maml-cell").evaluate_all(
        "nodes => Object.fromEntries(nodes.map((node) => [node.dataset.cell, node.ariaLabel.split(': ')[1]]))"
    )


def wait_states(live: LivePage, **expected: str) -> None:
    """Hold that these drawings come to be so."""
    live.becomes(lambda: {name: state for name, state in states(live).items() if name in expected}, expected)


def line(live: LivePage) -> Locator:
    """The sentence at the foot of the panel."""
    return live.page.locator(".maml-draw-line")


def shares(live: LivePage) -> list[str]:
    return live.page.locator(".maml-share").all_inner_texts()


def wait_adapted(live: LivePage, label: str) -> int:
    """Until the adapted network calls the query by this label; gives the percents that it is sure."""
    live.wait("(label) => document.querySelector('.maml-verdict strong')?.textContent.startsWith(`${label}, `)", label)
    return int(live.page.locator(".maml-verdict strong").inner_text().split()[1].removesuffix("%"))


def draw_three(live: LivePage) -> None:
    """A line, a circle and a cross as classes A, B and C, from one drawing to the next."""
    for strokes in (LINE, CIRCLE, CROSS):
        draw(live, pad(live), strokes)
        tool(live, "Next ▸").click()


def tasks_sent(live: LivePage) -> list[dict[str, Any]]:
    """The drawn tasks that the page will send from now on, as they are sent."""
    found: list[dict[str, Any]] = []

    def keep(payload: str | bytes) -> None:
        message = json.loads(payload)
        if message["type"] == "own_task":
            found.append(message)

    live.page.on("websocket", lambda socket: socket.on("framesent", keep) if "/maml/live" in socket.url else None)
    return found


def pixels(image: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(image), np.uint8).reshape(28, 28)


@pytest.mark.thorough
def test_drawn_characters_are_told_apart_after_training_and_one_inner_step(open_page: OpenPage) -> None:
    live = opened(open_page, TAUGHT)
    draw_three(live)
    draw(live, pad(live), OTHER_CIRCLE)
    live.wait("() => document.querySelector('.maml-verdict strong')")
    expect(line(live)).to_contain_text("untrained")
    live.run_until(60)
    for step in (15, 30, 45, 60):
        live.wait_step(step)
    live.wait_steady()
    expect(line(live)).not_to_contain_text("untrained")
    wait_adapted(live, "B")
    for strokes, label in ((OTHER_CROSS, "C"), (OTHER_LINE, "A"), (OTHER_CIRCLE, "B")):
        cell(live, "query").click()
        tool(live, "Clear").click()
        draw(live, pad(live), strokes)
        assert wait_adapted(live, label) > 40
    # The bars say the same: theta_N is surer of B than theta_0.
    heights = (
        live.page.locator(".maml-bars")
        .nth(1)
        .evaluate("node => [...node.children].map((bar) => Number(bar.style.getPropertyValue('--p')))")
    )
    assert len(heights) == TAUGHT.evaluation_steps + 1
    assert heights[1] > heights[0]
    assert sum(int(share.removesuffix("%")) for share in shares(live)) == pytest.approx(100, abs=2)
    # And the card of the task shows the drawings.
    tool(live, "Close").click()
    expect(live.page.locator("[data-chart=images] .maml-subtitle")).to_contain_text("nobody but you")


@pytest.mark.thorough
def test_what_the_network_gets_is_like_the_generated_characters(open_page: OpenPage) -> None:
    live = open_page(ready=False, fresh=True)
    sent = tasks_sent(live)
    live.open(live.page.url + "?" + address.write(SMALL))
    live.page.locator("[data-action=draw]").click()
    draw(live, cell(live, "A1"), [[(0.1, 0.2), (0.1, 0.6)]])  # small, and not in the middle
    draw(live, cell(live, "B1"), CIRCLE)
    draw(live, cell(live, "query"), CROSS)
    live.wait("() => document.querySelector('.maml-verdict strong')")
    (_, upright), (_, circle) = sent[-1]["support"]
    for image in (upright, circle, sent[-1]["query"][0]):
        rows, columns = np.nonzero(pixels(image) > 64)
        assert 17 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 25
        assert abs(rows.min() + rows.max() - 27) <= 1
        assert abs(columns.min() + columns.max() - 27) <= 1
        assert pixels(image).max() > 200
    widths = (pixels(upright)[8:20] > 64).sum(1)
    assert 1 <= widths.min() <= widths.max() <= 3


def test_a_stroke_is_undone_and_drawings_are_cleared_and_brought_back(open_page: OpenPage) -> None:
    live = opened(open_page)
    expect(tool(live, "Clear all")).to_be_disabled()  # nothing is drawn
    draw(live, pad(live), CROSS)
    draw(live, cell(live, "B1"), CIRCLE)
    ink = "() => document.querySelector('[data-cell=A1] canvas').toDataURL()"
    both = live.page.evaluate(ink)
    wait_states(live, query="empty", A1="drawn", B1="drawn", C1="empty")
    expect(tool(live, "Clear all")).to_be_enabled()
    tool(live, "Undo").click()  # the circle
    tool(live, "Undo").click()  # the cross's second stroke
    wait_states(live, B1="empty")
    live.wait(f"(both) => ({ink})() !== both", both)
    draw(live, cell(live, "A1"), CROSS[1:])
    wait_states(live, A1="drawn")
    tool(live, "Clear all").click()
    live.until(lambda: set(states(live).values()) == {"empty"})
    expect(tool(live, "Clear all")).to_be_disabled()
    live.page.keyboard.press("Control+z")
    wait_states(live, A1="drawn")
    cell(live, "A1").click()
    live.page.keyboard.press("Delete")
    wait_states(live, A1="empty")


def test_classes_and_examples_come_and_go_and_the_panel_says_what_is_missing(open_page: OpenPage) -> None:
    live = opened(open_page)
    expect(line(live)).to_have_text("Draw an example of class A, then of others.")
    draw(live, cell(live, "A1"), LINE)
    expect(line(live)).to_have_text("Draw an example of class B.")
    draw(live, cell(live, "C1"), CROSS)
    expect(line(live)).to_have_text("Class B has no drawing: draw an example of it, or remove the class.")
    tool(live, "Remove class B").click()
    expect(line(live)).to_have_text("Draw the test image (?): a character of one of the classes, drawn once more.")
    live.becomes(lambda: states(live), {"query": "empty", "A1": "drawn", "B1": "drawn"})
    tool(live, "Another example of class A").click()
    expect(live.page.locator(".maml-draw h4")).to_have_text("Class A, example 2")
    tool(live, "Remove").click()
    live.until(lambda: "A2" not in states(live))
    for _ in range(3):
        tool(live, "+ class").click()
    expect(tool(live, "+ class")).to_have_count(0)  # five, as many as the network tells apart
    live.becomes(lambda: set(states(live)), {"query", "A1", "B1", "C1", "D1", "E1"})
    draw(live, cell(live, "query"), OTHER_LINE)
    live.wait("() => document.querySelector('.maml-verdict strong')")
    live.becomes(lambda: [share != "" for share in shares(live)], [True, True, False, False, False])


def test_a_lecturer_in_a_hurry_starts_from_the_generated_images_with_the_keyboard(open_page: OpenPage) -> None:
    live = open_page("?" + address.write(SMALL))
    live.page.locator("[data-action=draw]").focus()
    live.page.keyboard.press("Enter")
    live.shows("document.activeElement.dataset.cell", "A1")
    tool(live, "Fill with glyphs").focus()
    live.page.keyboard.press("Enter")
    live.wait("() => document.querySelector('.maml-verdict strong')")
    live.becomes(lambda: states(live), dict.fromkeys(("query", "A1", "B1", "C1", "D1", "E1"), "drawn"))
    live.until(lambda: all(shares(live)))
    live.page.keyboard.press("Escape")
    expect(live.page.locator(".maml-draw")).to_be_hidden()
    live.shows("document.activeElement.dataset.action", "draw")


def test_a_character_is_drawn_with_the_keyboard_alone(open_page: OpenPage) -> None:
    live = open_page("?" + address.write(SMALL))
    press = live.page.keyboard.press
    live.page.locator("[data-action=draw]").focus()
    press("Enter")
    press("Enter")  # on the cell of A1: on to the pad
    live.wait("() => document.activeElement.classList.contains('maml-pad')")
    press("Shift+ArrowUp")
    press(" ")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        press(key)
    spoken = live.page.locator(".maml-draw [aria-live]")
    expect(spoken).to_have_text("Pen down, 54% from the left, 42% from the top")
    press(" ")
    expect(spoken).to_have_text(re.compile("^Pen up"))
    kept = json.loads(live.page.evaluate("sessionStorage.getItem('maml-drawings')"))
    assert kept["classes"][0][0]["strokes"] == [[0.5, 0.34, 0.5, 0.38, 0.5, 0.42, 0.54, 0.42]]
    wait_states(live, A1="drawn")
    for name in ("B1", "query"):
        cell(live, name).focus()
        press("Enter")
        press(" ")
        press("Shift+ArrowLeft")
        press("Tab")  # leaving the pad lifts the pen
        wait_states(live, **{name: "drawn"})
    tool(live, "Remove class C").focus()
    press("Enter")
    live.wait("() => document.querySelector('.maml-verdict strong')")
    assert live.step == 0  # no key was a shortcut of the page


def test_drawings_survive_a_reload_and_a_new_task_puts_them_aside(open_page: OpenPage) -> None:
    live = opened(open_page)
    draw_three(live)
    draw(live, pad(live), OTHER_CIRCLE)
    live.wait("() => document.querySelector('.maml-verdict strong')")
    said = live.page.locator(".maml-verdict").inner_text()
    live.page.reload()
    live.wait_drawn()
    live.page.locator("[data-action=draw]").click()
    live.wait("(said) => document.querySelector('.maml-verdict').innerText === said", said)
    live.page.keyboard.press("t")
    live.wait("() => document.querySelector('.maml-draw-line').textContent.includes('generated task')")
    live.until(lambda: not any(shares(live)))
    tool(live, "Use my drawings").click()
    live.wait("(said) => document.querySelector('.maml-verdict').innerText === said", said)


def test_a_finger_draws_and_does_not_scroll(open_page: OpenPage) -> None:
    live = opened(open_page, has_touch=True, viewport={"width": 1024, "height": 768})
    box = pad(live).bounding_box()
    assert box is not None
    before = live.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    client = live.context.new_cdp_session(live.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": finger}
            for finger, (x, y) in enumerate(places)
        ]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0.5, 0.1))
    touch("touchMove", (0.5, 0.4))
    touch("touchStart", (0.5, 0.4), (0.9, 0.9))  # the palm
    touch("touchMove", (0.5, 0.9), (0.9, 0.8))
    touch("touchEnd")
    wait_states(live, A1="drawn")
    tool(live, "Undo").tap()
    wait_states(live, A1="empty")  # it was one stroke
    assert live.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == before


@pytest.mark.thorough
@pytest.mark.parametrize("viewport", [(1440, 900), (1024, 768)])
def test_the_panel_fits_with_as_many_drawings_as_there_can_be(open_page: OpenPage, viewport: tuple[int, int]) -> None:
    width, height = viewport
    live = opened(open_page, viewport={"width": width, "height": height})
    for _ in range(2):
        tool(live, "+ class").click()
    for letter in "ABCDE":
        for _ in range(4):
            tool(live, f"Another example of class {letter}").click()
    outside = live.page.locator(".maml-draw, .maml-draw *:not(.maml-visually-hidden)").evaluate_all(
        """nodes => nodes.filter((node) => node.checkVisibility()).map((node) => node.getBoundingClientRect())
          .filter(({ left, top, right, bottom }) => left < 0 || top < 0 || right > innerWidth || bottom > innerHeight).length"""
    )
    assert outside == 0
    assert live.page.locator(".maml-draw").evaluate("node => node.scrollHeight - node.clientHeight") <= 1
    expect(tool(live, "Another example of class A")).to_have_count(0)
    names = live.page.locator(".maml-draw :is(button, canvas[role])").evaluate_all(
        "nodes => nodes.map((node) => node.ariaLabel || node.textContent)"
    )
    assert all(names)


def test_a_run_without_images_has_nothing_to_draw(open_page: OpenPage) -> None:
    live = open_page()
    expect(live.page.locator("[data-action=draw]")).to_have_count(1)
    expect(live.page.locator("[data-action=draw]")).to_be_hidden()


def test_there_are_no_more_classes_than_the_network_tells_apart(open_page: OpenPage) -> None:
    live = opened(open_page, replace(SMALL, {"tasks": GlyphsConfig(ways=2)}))
    expect(tool(live, "+ class")).to_have_count(0)
    live.becomes(lambda: set(states(live)), {"query", "A1", "B1"})


def test_ten_quick_presses_move_a_slider_of_the_sidebar_ten_steps(open_page: OpenPage) -> None:
    live = open_page("?" + address.write(SMALL))
    difficulty = live.page.get_by_role("slider", name="Difficulty")
    start = float(difficulty.input_value())
    difficulty.focus()
    for _ in range(10):
        live.page.keyboard.press("ArrowRight")
    expected = round(start + 0.5, 2)
    live.wait_address(f"difficulty={expected:g}(&|$)")
    live.wait_synced()  # what a rerun in between would put back
    live.until(lambda: float(difficulty.input_value()) == pytest.approx(expected))
    assert live.wait_address(f"difficulty={expected:g}(&|$)")
