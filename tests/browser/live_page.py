"""What the tests do on the page and read from it, in the words of the people who use it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.browser.reruns import Reruns

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

WAIT_MS = 30_000
"""How long a test waits for anything: much longer than it takes, for busy machines."""

POLL_MS = 50

CHARTS = ("loss", "fit", "adaptation", "path", "gauge")

DRAWN = """() => window.mamlLive?.lastFrame
  && [...document.querySelectorAll(".maml-card:not([hidden])")].every(({ dataset }) => mamlLive.drawn[dataset.chart] > 0)
  && [...document.querySelectorAll(".maml-live")].some((page) => getComputedStyle(page).visibility === "visible")"""

# The outer step as the page shows it, with commas between its thousands.
STEP = """window.mamlStep = () => Number(document.querySelector(".maml-step").textContent.replace(/,/g, ""))"""

STEADY = """() => {
  const drawn = Object.values(mamlLive.drawn).reduce((sum, count) => sum + count, 0);
  const key = [mamlStep(), mamlLive.frames, drawn].join("/"), seen = (window.mamlSeen ??= { key: null, at: 0 });
  if (seen.key !== key || mamlLive.waiting || document.querySelector(".maml-pill").dataset.kind === "running") {
    Object.assign(seen, { key, at: performance.now() });
    return false;
  }
  return performance.now() - seen.at > 500;
}"""

# Streamlit sends what was chosen a task later, all of it together.
SENT = """() => new Promise((done) => setTimeout(() => setTimeout(done)))"""

PAINTED = """() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"""

TRACE = """([chart, index]) => {
  const { x, y } = document.querySelector(`[data-chart=${chart}] .maml-plot`).data[index];
  return [Array.from(x, String), Array.from(y, String)];
}"""


# Traces of which something is drawn though Plotly holds no points of them.
LEFT_OVER = """() => [...document.querySelectorAll(".maml-plot")].flatMap((plot) => {
  const drawn = [...plot.querySelectorAll(".scatterlayer .trace")].filter((trace) => trace.querySelector("path, text"));
  const places = drawn.map((trace) => trace.__data__[0].trace.index).filter((place) => !plot.data[place].x.length);
  return places.map((place) => `${plot.closest("[data-chart]").dataset.chart}: ${plot.data[place].name}`);
})"""


class LivePage:
    """One open page of the dashboard."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.sockets: list[str] = []
        self._reruns = Reruns(page)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", lambda socket: self.sockets.append(socket.url) if "/maml/live" in socket.url else None)
        page.context.add_init_script(STEP)  # for the tabs that it opens, too

    def open(self, url: str) -> LivePage:
        """Go there, and wait until every chart is drawn."""
        self.page.goto(url)
        return self.wait_drawn()

    def wait_drawn(self) -> LivePage:
        self.wait(DRAWN)
        return self

    def wait(self, condition: str, argument: Any = None) -> None:
        """Until a JavaScript condition holds."""
        self.page.wait_for_function(condition, arg=argument, polling=50)

    def until(self, holds: Callable[[], bool]) -> None:
        """Until this holds, which is read from outside: the page hears of what was done some time after it."""
        self.becomes(lambda: bool(holds()), True)

    def becomes(self, read: Callable[[], Any], expected: Any) -> None:
        """Until what is read is this."""
        for _ in range(WAIT_MS // POLL_MS):
            if (found := read()) == expected:
                return
            self.page.wait_for_timeout(POLL_MS)
        assert found == expected

    def shows(self, script: str, expected: Any) -> None:
        """Until a script gives this."""
        self.becomes(lambda: self.page.evaluate(script), expected)

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    @property
    def token(self) -> str:
        """The page token that the newest socket showed."""
        return self.sockets[-1].partition("token=")[2]

    @property
    def run_key(self) -> str:
        return self.page.evaluate("sessionStorage.getItem('maml-run')")

    # Training

    def action(self, name: str) -> Locator:
        """A button of the strip at the top: play, outer, inner, reset, share, presenter, new-task."""
        return self.page.locator(f".maml-live [data-action={name}]")

    @property
    def step(self) -> int:
        return self.page.evaluate("mamlStep()")

    @property
    def pill(self) -> Locator:
        """The status of the run in a word."""
        return self.page.locator(".maml-live .maml-pill")

    @property
    def status(self) -> str:
        return self.pill.inner_text()

    @property
    def words(self) -> Locator:
        """The sentence above the charts."""
        return self.page.locator(".maml-live .maml-sentence")

    def play(self) -> None:
        self.becomes(self.action("play").inner_text, "Play")
        self.action("play").click()

    def pause(self) -> int:
        """Press Pause; gives the step at which the run stands."""
        self.becomes(self.action("play").inner_text, "Pause")
        self.action("play").click()
        self.wait_steady()
        return self.wait_steady()  # on a busy machine the chunk in flight comes late

    def wait_steady(self) -> int:
        """Until the step has not moved, no frame has come and nothing was drawn for a while from now on; gives the step."""
        self.page.evaluate(
            "window.mamlSeen = null"
        )  # rest seen before the last click says nothing about what follows it
        self.wait(STEADY)
        return self.step

    def wait_step(self, step: int) -> None:
        """Until the page shows this outer step or a later one."""
        self.wait("(step) => mamlStep() >= step", step)

    def train(self, num_steps: int = 1) -> None:
        """Press Play and wait until the run has taken so many outer steps."""
        step = self.step
        self.play()
        self.wait_step(step + num_steps)

    def run_until(self, step: int) -> None:
        field = self.page.get_by_label("Run until outer step")
        field.fill(str(step))
        field.press("Enter")

    # Settings

    def field(self, name: str) -> Locator:
        """The exact field of alpha, beta or num_inner_steps."""
        return self.page.locator(f"[data-field={name}]")

    def dial(self, name: str) -> Locator:
        """A slider: alpha, beta, num_inner_steps, k, amplitude or phase_rad."""
        return self.page.locator(f"[data-dial={name}]")

    def set(self, **settings: float) -> None:
        """Type exact values."""
        for name, value in settings.items():
            self.field(name).fill(str(value))
            self.field(name).press("Enter")

    def drag(self, dial: Locator, share: float, *, moves: int = 20, let_go: bool = True) -> None:
        """Drag a slider's thumb from where it stands to a share of its length, in many small moves, and let it go or hold it there."""
        box = dial.bounding_box()
        assert box is not None
        now = float(dial.evaluate("node => (node.value - node.min) / (node.max - node.min)"))
        thumb = 18.0
        y = box["y"] + box["height"] / 2

        def at(part: float) -> float:
            return box["x"] + thumb / 2 + part * (box["width"] - thumb)

        self.page.mouse.move(at(now), y)
        self.page.mouse.down()
        for move in range(1, moves + 1):
            self.page.mouse.move(at(now + (share - now) * move / moves), y)
        if let_go:
            self.page.mouse.up()

    @property
    def switches(self) -> dict[str, str]:
        """What each switch does now, by its name."""
        return self.page.locator(".maml-switch").evaluate_all(
            "nodes => Object.fromEntries(nodes.map((node) => [...node.children].map(({ textContent }) => textContent)))"
        )

    def choose(self, label: str, option: str) -> None:
        """Choose from a list of the sidebar."""
        self.page.get_by_role("combobox", name=label).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    @property
    def formula(self) -> str:
        """The two update rules as text."""
        return self.page.get_by_role("group", name="The two update rules").inner_text()

    def wait_synced(self) -> None:
        """Until the sidebar's script has answered all that it was asked, and the page shows it."""
        self.page.evaluate(SENT)
        self.until(lambda: self._reruns.all_answered)
        self.page.evaluate(PAINTED)
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()

    # Charts

    def plot(self, chart: str) -> Locator:
        return self.page.locator(f"[data-chart={chart}] .maml-plot")

    def trace(self, chart: str, name: str) -> np.ndarray:
        """What a chart has drawn for a series of this name, without the symbol behind it: one row for x, one for y."""
        names = self.plot(chart).evaluate("node => node.data.map(({ name }) => name.replace(/ \\(.*?\\)$/, ''))")
        return np.array(self.page.evaluate(TRACE, [chart, names.index(name)]), dtype=np.float64)

    def wait_trace(self, chart: str, name: str, accept: Callable[[np.ndarray], bool]) -> np.ndarray:
        """A series once it is as awaited."""
        for _ in range(WAIT_MS // POLL_MS):
            values = self.trace(chart, name)
            if accept(values):
                return values
            self.page.wait_for_timeout(POLL_MS)
        raise AssertionError(f"{name!r} of the {chart} chart did not become as awaited; it is {values}")

    @property
    def marks(self) -> list[str]:
        """The changes that the loss chart marks, oldest first; shown as `α 0.02 → 0.1`."""
        return self.plot("loss").evaluate(
            "node => (node.layout.annotations ?? []).filter(({ name }) => name === 'mark').map(({ text }) => text)"
        )

    def wait_marks(self, count: int) -> list[str]:
        self.wait(
            "(count) => document.querySelector('[data-chart=loss] .maml-plot').layout.annotations"
            ".filter(({ name }) => name === 'mark').length >= count",
            count,
        )
        return self.marks

    @property
    def tabs(self) -> Locator:
        """The list of the charts that share one place."""
        return self.page.get_by_label("Chart in this place")

    def menu(self, chart: str, item: str) -> None:
        """Choose from a chart's menu."""
        card = self.page.locator(f"[data-chart={chart}]")
        card.get_by_role("button", name=f"Save or read the {chart} chart").click()
        card.get_by_role("button", name=item, exact=True).click()

    # The address

    def wait_address(self, pattern: str) -> str:
        """The address bar once it holds a pattern."""
        self.page.wait_for_url(re.compile(pattern))
        return self.page.url
