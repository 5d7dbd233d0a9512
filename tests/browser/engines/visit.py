"""One page in any engine: what people do on it, and what is read from it."""

from __future__ import annotations

import json
import time
from typing import Any, Literal

from tests.browser.engines.driver import ENTER, Driver
from tests.browser.live_page import DRAWN, POLL_MS, STEP, WAIT_MS

SAID_CHARACTERS = 1500
"""How much of a page is told where something is awaited in vain."""

SEEN = "document.cookie = 'maml_seen=1; path=/'"
"""Somebody who has been here, and is not shown the first minute."""

STANDS = """async (selector) => {
  const node = document.querySelector(selector);
  if (!node) return null;
  node.scrollIntoView({ block: "center", behavior: "instant" });
  const box = () => { const { x, y, width, height } = node.getBoundingClientRect(); return [x, y, width, height]; };
  const before = box();
  await new Promise((done) => setTimeout(done, 50));
  const [x, y, width, height] = box();
  const hit = document.elementFromPoint(x + width / 2, y + height / 2);
  const free = !node.disabled && node.ariaDisabled !== "true" && hit && (node.contains(hit) || hit.contains(node));
  return free && width > 0 && String(before) === String(box()) ? [x, y, width, height] : null;
}"""
"""Where an element stands, once it does not move, can be pressed and nothing lies on it."""

TEXT = "(selector) => document.querySelector(selector)?.textContent ?? null"

TRACE = """([chart, name]) => {
  const { data } = document.querySelector(`[data-chart=${chart}] .maml-plot`);
  const { x, y } = data.find((trace) => trace.name.replace(/ \\(.*?\\)$/, "") === name);
  return [Array.from(x, String), Array.from(y, String)];
}"""
"""What a chart has drawn for a series of this name, without the symbol behind it."""

MARKS = """() => (document.querySelector("[data-chart=loss] .maml-plot").layout.annotations ?? [])
  .filter(({ name }) => name === "mark").map(({ text }) => text)"""

DRAWN_EACH = "() => ({ ...window.mamlLive.drawn })"

CUT = """() => {
  const boxes = ".maml-dial-label, .maml-dial input, .maml-ticks span, .maml-transport button, .maml-k, .maml-card h3";
  const shown = [...document.querySelectorAll(boxes)].filter((node) => node.checkVisibility({ visibilityProperty: true }));
  const name = (node) => `${node.dataset.field ?? node.dataset.dial ?? node.className}: ${node.textContent || node.value}`;
  const beyond = (node) => {
    const { left, right } = node.getBoundingClientRect(), card = node.closest(".maml-dial, .maml-card, .maml-transport").getBoundingClientRect();
    return left < card.left - 1 || right > card.right + 1 || left < 0 || right > innerWidth;
  };
  const overflows = (node) => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== "inline";
  return shown.filter((node) => beyond(node) || overflows(node)).map(name);
}"""
"""Labels and fields that go beyond the card that they stand in, or have less room than their text needs."""


NAMES_OF_SEVERAL_LINES = """() => [...document.querySelectorAll(".maml-dial-label")].filter((node) => {
  const text = document.createRange();
  text.selectNodeContents(node);
  const { top, bottom } = text.getBoundingClientRect(), [line] = text.getClientRects();
  return bottom - top > 1.6 * line.height;
}).map(({ textContent }) => textContent)"""
"""Dials whose name takes more than one line; its symbol is larger, and begins a little higher."""


class Visit:
    """What people do on a page.

    Args:
        driver: The window.
        home: Address of the server.
    """

    def __init__(self, driver: Driver, home: str) -> None:
        self.driver, self.home = driver, home
        driver.go(f"{home}_stcore/health")
        self.evaluate(f"() => {{ {SEEN}; return null; }}")

    def open(self, address: str = "") -> None:
        self.driver.go(self.home + address)
        self.evaluate(f"() => {{ {STEP}; return null; }}")

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a function of the page with anything that JSON can say, and give what it returns."""
        called = f"async (text) => JSON.stringify((await ({function})(JSON.parse(text))) ?? null)"
        return json.loads(self.driver.call(called, json.dumps(argument)))

    def wait(self, function: str, argument: Any = None) -> Any:
        """Until a function gives something that holds, which is given."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while not (found := self.evaluate(function, argument)):
            if time.monotonic() > deadline:
                said = str(self.evaluate("() => document.body.innerText")).replace("\n", " | ")
                raise AssertionError(
                    f"{self.driver.name} waited in vain for {function} of {argument}; the page said: {said[:SAID_CHARACTERS]}"
                )
            time.sleep(POLL_MS / 1000)
        return found

    def wait_drawn(self) -> None:
        """Until every chart is drawn."""
        self.wait(DRAWN)

    def wait_text(self, selector: str, text: str) -> str:
        """Until an element's text holds this, and give it whole."""
        holds = (
            f"([selector, text]) => {{ const said = ({TEXT})(selector); return said?.includes(text) ? said : null; }}"
        )
        return self.wait(holds, [selector, text])

    def press(self, selector: str) -> None:
        """Press the middle of an element with the mouse."""
        x, y, width, height = self.wait(STANDS, selector)
        self.driver.press("mouse", [(x + width / 2, y + height / 2)])

    def wait_answered(self) -> None:
        """Until the sidebar's script has answered what it was asked."""
        self.evaluate(
            "() => new Promise((done) => setTimeout(done, 100))"
        )  # Streamlit sends what was chosen a moment later
        self.wait("() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'")

    def action(self, name: str) -> None:
        """Press a button of the page: play, outer, reset, share, new-task."""
        self.press(f".maml-live [data-action={name}]")

    def type(self, selector: str, text: Any) -> None:
        """Type an exact value into a field, and Enter."""
        self.wait(STANDS, selector)
        self.evaluate(
            "(selector) => { const node = document.querySelector(selector); node.focus(); node.select(); }", selector
        )
        self.driver.keys(f"{text}{ENTER}")

    def drag(self, selector: str, share: float) -> None:
        """Drag a slider's thumb from where it stands to a share of its length."""
        x, y, width, height = self.wait(STANDS, selector)
        now = self.evaluate(
            "(selector) => { const { value, min, max } = document.querySelector(selector); return (value - min) / (max - min); }",
            selector,
        )
        thumb = 18.0
        places = [now + (share - now) * move / 10 for move in range(11)]
        self.driver.press("mouse", [(x + thumb / 2 + at * (width - thumb), y + height / 2) for at in places])

    def stroke(self, kind: Literal["mouse", "touch"], selector: str, way: list[tuple[float, float]]) -> None:
        """Draw over an element, in shares of its width and height."""
        x, y, width, height = self.wait(STANDS, selector)
        self.driver.press(kind, [(x + across * width, y + down * height) for across, down in way])

    @property
    def step(self) -> int:
        """The outer step that the page shows."""
        return self.evaluate("() => mamlStep()")

    def wait_step(self, step: int) -> None:
        """Until the page shows this outer step or a later one."""
        self.wait("(step) => mamlStep() >= step", step)

    def trace(self, chart: str, name: str) -> list[list[str]]:
        """The numbers of a chart's series: x, and y."""
        return self.evaluate(TRACE, [chart, name])

    def redraws_a_second(self, seconds: float) -> dict[str, float]:
        """How often each chart is drawn, by its name, while one waits."""
        before, began = self.evaluate(DRAWN_EACH), time.monotonic()
        time.sleep(seconds)
        after, passed = self.evaluate(DRAWN_EACH), time.monotonic() - began
        return {chart: (count - before.get(chart, 0)) / passed for chart, count in after.items()}
