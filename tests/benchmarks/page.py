"""What the page reaches in a real browser while it trains: redraws, delays after a change, opening, stopping, ten pages at once; and a sweep
beside a live run.

Needs the test extra and an installed Chromium. Everything runs on this machine: the server, the browser and nine clients without one
(`classroom` has thirty pages).
"""

from __future__ import annotations

import contextlib
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dashboard.setups import address
from maml_core.config import GlyphsConfig
from maml_core.presets import DEFAULT_PRESET, PRESETS, few_shot
from tests.benchmarks import closer_looks
from tests.benchmarks.compiled import compiled, own_folder
from tests.benchmarks.crowd import WARM_UP_S, cpu_s, crowd
from tests.benchmarks.rows import Figure, Row, at_least, at_most, figures, printed
from tests.browser.conftest import HAS_BEEN_HERE, VIEWPORT, browser_path, launch_options, new_page, visitor
from tests.browser.live_page import CHARTS, LivePage
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

WINDOW_S = 10.0
NUM_CHANGES, NUM_CHANGES_SHARED = 25, 15
NUM_OPENINGS, NUM_CLOSINGS = 5, 3
NUM_WARMINGS = 2
NUM_CLIENTS = 9
GOAL, GOAL_S = 0.85, 30.0
PAPER = next(preset.config for preset in PRESETS if preset.name == "The paper's setting")
PAPER_LOSS, PAPER_AIM_S, STEPS_AIM = 0.45, 15.0, 1200.0
PAPER_CASE = f"paper's setting: from Play to held-out loss {PAPER_LOSS:g}"
STEPS_CASE = "outer steps of a live run at the defaults"
IMAGE_CHARTS = ("loss", "images", "adaptation", "path", "gauge")

# The readout says "held-out 19% → 86.2%": before adaptation, and after N steps.
PASSED = """(goal) => parseFloat(document.querySelector(".maml-readout").textContent.split("→")[1]) >= goal"""

# The same of a loss: "held-out 3.2 → 0.44".
PASSED_LOSS = """(aim) => parseFloat(document.querySelector(".maml-readout").textContent.split("→")[1]) <= aim"""

# Times of one key press on the alpha slider: until its value is painted, and until a frame computed with it came and was drawn.
WATCH_CHANGES = """() => {
  const slider = document.querySelector("[data-dial=alpha]");
  const field = document.querySelector("[data-field=alpha]");
  const painted = new MessageChannel();
  const watch = (window.changeWatch = { pressed: null, value: null, shown: null });
  painted.port1.onmessage = () => {
    if (watch.shown === null && field.value !== watch.value) watch.shown = performance.now();
  };
  slider.addEventListener("keydown", ({ timeStamp }) => Object.assign(watch, { pressed: timeStamp, value: field.value, shown: null }), true);
  // The slider's value in words changes with the number in the field; it is on the screen after the next animation frame.
  new MutationObserver(() => requestAnimationFrame(() => painted.port2.postMessage(null))).observe(slider, {
    attributeFilter: ["aria-valuetext"],
  });
}"""
CHANGE_DRAWN = "(before) => changeWatch.shown !== null && mamlLive.log.some(({ event, change }) => event === 'drawn' && change > before)"
CHANGE_TIMES = """(before) => {
  const first = (name) => mamlLive.log.find(({ event, change }) => event === name && change > before).t - changeWatch.pressed;
  return [changeWatch.shown - changeWatch.pressed, first("received"), first("drawn")];
}"""


VIEWS = ("", "landscape", "path,landscape", "landscape,directions", "surface,task_disk", "spectrum,features")
"""Closer looks that are open while the default run trains, as an address names them: none, one, and pairs."""


def _with(views: str) -> str:
    return f"with {views.replace(',', ' and ') or 'no closer look'}: "


def _about_redraws(case: str, charts: Sequence[str]) -> tuple[Figure, ...]:
    # Four charts are asked for; the gauge moves when the curvature was measured again, about once a second.
    return (
        *(at_least(f"{case}redraws of the {chart} chart", 4.0, "/s") for chart in charts if chart != "gauge"),
        at_least(f"{case}charts with 4 redraws a second", 4, ""),
        at_most(f"{case}main thread busy", 60, "%"),
    )


def _about_views(case: str) -> tuple[Figure, ...]:
    return (
        *(at_least(f"{case}redraws of the {chart} chart", 4.0, "/s") for chart in ("loss", "fit")),
        at_most(f"{case}main thread busy", 60, "%"),
    )


def _about_changes(case: str) -> tuple[Figure, ...]:
    return (
        at_most(f"{case}slider shows its value, p95", 120, "ms"),
        at_most(f"{case}first frame with a change received, p95", 250, "ms"),
        at_most(f"{case}first frame with a change drawn, p95", 400, "ms"),
    )


FIGURES = figures(
    Figure(f"{PAPER_CASE}, nothing compiled yet", "s"),
    at_most(f"{PAPER_CASE}, compiled before", PAPER_AIM_S, "s"),
    Figure(f"{STEPS_CASE}, nothing compiled yet", "/s"),
    at_least(f"{STEPS_CASE}, compiled before", STEPS_AIM, "/s"),
    at_most("opening to the first live frame drawn, empty browser cache", 2.0, "s"),
    at_most("opening to the first live frame drawn, warm browser cache", 0.9, "s"),
    at_most("processor time of the page's process until then, empty browser cache", 1.5, "s"),
    at_most("processor time of the page's process until then, warm browser cache", 1.2, "s"),
    at_most("sent by the server until then, empty browser cache", 4.0, "MB"),
    at_most("answers of the server until then, warm browser cache", 20, ""),
    *_about_redraws("", CHARTS),
    *_about_changes(""),
    *(figure for views in VIEWS for figure in _about_views(_with(views))),
    *closer_looks.FIGURES,
    at_most("work for a closed tab stops, slowest", 1.0, "s"),
    at_most("ten pages: most over least outer steps", 1.1, "x"),
    at_least("ten pages: frames a second of the slowest", 2.0, "/s"),
    at_most("ten pages: a changed setting is drawn, p95", 600, "ms"),
    at_most(f"glyphs: from Play to {GOAL:.0%} held-out accuracy", GOAL_S, "s"),
    Figure(f"glyphs: outer steps to {GOAL:.0%} held-out accuracy", ""),
    *_about_redraws("glyphs: ", IMAGE_CHARTS),
    *_about_changes("glyphs: "),
    at_most("sensitivity: map of a frozen theta_0, from the click on", 1.0, "s"),
    at_least("sweep: its map is redrawn", 2.0, "/s"),
    at_least("sweep beside a live run: its map is redrawn", 2.0, "/s"),
    at_most("live run beside a sweep: change received, p95", 250, "ms"),
    at_most("live run beside a sweep: change drawn, p95", 400, "ms"),
)


def missing(benchmark: str) -> bool:
    """Whether there is no browser to measure with; then that is printed."""
    found = importlib.util.find_spec("playwright") is not None and browser_path() is not None
    if not found:
        print(
            f"{benchmark}: needs playwright (pip install -e '.[test]') and an installed Chromium; nothing was measured"
        )
    return not found


def main() -> list[Row]:
    """Measure, print and return all figures; about ten minutes."""
    return [] if missing("page") else [row for found in measured() for row in printed(FIGURES, found)]


def measured() -> Iterator[dict[str, float]]:
    """Figures by name, a part of the page after the other."""
    from playwright.sync_api import sync_playwright

    print("page: headless Chromium, the default run", flush=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(own_folder())  # nothing is compiled yet
        server = Server()
        stack.callback(server.stop)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(**launch_options(str(browser_path())))
        stack.callback(browser.close)
        yield trained(browser, server, "nothing compiled yet")
        for config in (PAPER, DEFAULT_PRESET.config):
            compiled(config)
        yield trained(browser, server, "compiled before")
        for measure in (opening, redraws, changes, views, closing, ten_pages, glyphs, sensitivity):
            yield measure(browser, server)
        yield closer_looks.measured(partial(opened, browser, server))


def trained(browser: Browser, server: Server, form: str) -> dict[str, float]:
    """How long a run in the paper's setting takes to its loss, and how fast the default run is, with the page open.

    Args:
        browser: The browser.
        server: The page's. Where no step is compiled it has that done meanwhile, with what time nobody else wants.
        form: In which form steps are there.
    """
    with opened(browser, server, "?" + address.write(PAPER)) as live:
        live.play()
        begin = time.monotonic()
        live.page.wait_for_function(PASSED_LOSS, arg=PAPER_LOSS, timeout=2e4 * PAPER_AIM_S)
        passed_s = time.monotonic() - begin
    with opened(browser, server) as live:
        live.play()
        live.page.wait_for_timeout(WARM_UP_S * 1e3)
        before, begin = live.step, time.monotonic()
        live.page.wait_for_timeout(WINDOW_S * 1e3)
        steps_per_s = (live.step - before) / (time.monotonic() - begin)
    return {f"{PAPER_CASE}, {form}": passed_s, f"{STEPS_CASE}, {form}": steps_per_s}


class Opening(NamedTuple):
    """What one opening took, up to the first live frame drawn on all its charts."""

    elapsed_s: float
    """From the start of the navigation."""
    processor_s: float
    """Processor time of the browser's process that holds the page."""
    num_answers: int
    """How many of its requests the server answered."""
    sent_mb: float
    """The bytes of these answers, as they were sent."""


def opening(browser: Browser, server: Server) -> dict[str, float]:
    """From the start of the navigation to the first live frame drawn, and what that costs.

    A profile on disk, as people have one: only there does the browser keep compiled scripts, from the second opening on.
    """
    with opened(browser, server):  # the server compresses its files once, and the workers wake up
        pass
    empty, warm = [], []
    for _ in range(NUM_OPENINGS):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            options = launch_options(str(browser_path()))
            context = browser.browser_type.launch_persistent_context(profile, viewport=VIEWPORT, **options)
            context.add_cookies(HAS_BEEN_HERE)
            taken = [_opening(context, server) for _ in range(NUM_WARMINGS + 2)]
            context.close()
        empty.append(taken[0])
        warm += taken[1 + NUM_WARMINGS :]
    cold, kept = (Opening(*map(statistics.median, zip(*those, strict=True))) for those in (empty, warm))
    return {
        "opening to the first live frame drawn, empty browser cache": cold.elapsed_s,
        "opening to the first live frame drawn, warm browser cache": kept.elapsed_s,
        "processor time of the page's process until then, empty browser cache": cold.processor_s,
        "processor time of the page's process until then, warm browser cache": kept.processor_s,
        "sent by the server until then, empty browser cache": cold.sent_mb,
        "answers of the server until then, warm browser cache": kept.num_answers,
    }


def _opening(context: BrowserContext, server: Server) -> Opening:
    live = LivePage(context.new_page())
    devtools = context.new_cdp_session(live.page)
    kept: set[str] = set()
    sizes: dict[str, float] = {}

    def answered(event: dict[str, Any]) -> None:
        if event["response"]["fromDiskCache"]:
            kept.add(event["requestId"])

    devtools.on("Network.responseReceived", answered)
    devtools.on("Network.requestServedFromCache", lambda event: kept.add(event["requestId"]))
    devtools.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    devtools.send("Network.enable")
    devtools.send("Performance.enable")
    before_s = _process_s(devtools)
    live.open(server.url)
    processor_s = _process_s(devtools) - before_s
    elapsed_s = _first_drawn_s(live)
    live.page.close()
    sent = [size for request, size in sizes.items() if request not in kept]
    return Opening(elapsed_s, processor_s, len(sent), sum(sent) / 1e6)


def _process_s(devtools: CDPSession) -> float:
    """Processor seconds that the process of a page has used."""
    metrics = {entry["name"]: entry["value"] for entry in devtools.send("Performance.getMetrics")["metrics"]}
    return float(metrics["ProcessTime"])


def redraws(browser: Browser, server: Server, query: str = "", charts: Sequence[str] = CHARTS) -> dict[str, float]:
    """Redraws of each chart and how busy the main thread is, over ten seconds of training."""
    with opened(browser, server, query) as live:
        live.play()
        live.page.wait_for_timeout(WARM_UP_S * 1e3)
        devtools = live.context.new_cdp_session(live.page)
        devtools.send("Performance.enable")

        def metrics() -> dict[str, float]:
            return {entry["name"]: entry["value"] for entry in devtools.send("Performance.getMetrics")["metrics"]}

        before, drawn_before = metrics(), live.page.evaluate("({ ...mamlLive.drawn })")
        live.page.wait_for_timeout(WINDOW_S * 1e3)
        after, drawn = metrics(), live.page.evaluate("({ ...mamlLive.drawn })")
        elapsed_s = after["Timestamp"] - before["Timestamp"]
        busy = (after["TaskDuration"] - before["TaskDuration"]) / elapsed_s
        rates = {chart: (drawn[chart] - drawn_before[chart]) / elapsed_s for chart in charts}
    fast_enough = sum(rate >= 4.0 for rate in rates.values())
    return {
        **{f"redraws of the {chart} chart": rates[chart] for chart in charts if chart != "gauge"},
        "charts with 4 redraws a second": fast_enough,
        "main thread busy": 100 * busy,
    }


def views(browser: Browser, server: Server) -> dict[str, float]:
    """The same of the two large charts with closer looks open."""
    found: dict[str, float] = {}
    for looks in VIEWS:
        query = f"?v=1&look={looks}" if looks else ""
        of = redraws(browser, server, query, ("loss", "fit"))
        found |= {_with(looks) + name: value for name, value in of.items() if not name.startswith("charts")}
    return found


def changes(browser: Browser, server: Server, query: str = "") -> dict[str, float]:
    """Key presses on the alpha slider while it trains."""
    with opened(browser, server, query) as live:
        live.play()
        live.page.wait_for_timeout(WARM_UP_S * 1e3)
        shown, received, drawn = zip(*change_times_ms(live, NUM_CHANGES), strict=True)
    return {
        "slider shows its value, p95": p95(shown),
        "first frame with a change received, p95": p95(received),
        "first frame with a change drawn, p95": p95(drawn),
    }


def closing(browser: Browser, server: Server) -> dict[str, float]:
    """From closing the only tab to the last processor time that a worker used."""
    stopped_s = []
    for _ in range(NUM_CLOSINGS):
        with opened(browser, server) as live:
            live.train(20)
            workers = server.workers()
            begin = last_work = time.monotonic()
            live.page.close(run_before_unload=False)
            used = cpu_s(workers)
            while (now := time.monotonic()) < begin + 2.5:
                if cpu_s(workers) != used:
                    used, last_work = cpu_s(workers), now
                time.sleep(0.01)
            stopped_s.append(last_work - begin)
    return {"work for a closed tab stops, slowest": max(stopped_s)} if Path("/proc").exists() else {}


def ten_pages(browser: Browser, server: Server) -> dict[str, float]:
    """One real page and nine clients that only acknowledge their frames, all training the same set-up."""
    with opened(browser, server) as live, crowd(live, server, NUM_CLIENTS) as pages:
        found = pages.measured(1.5 * WINDOW_S)
        drawn = [times[2] for times in change_times_ms(live, NUM_CHANGES_SHARED)]
    return {
        "ten pages: most over least outer steps": found.most_over_least,
        "ten pages: frames a second of the slowest": found.frames_per_s,
        "ten pages: a changed setting is drawn, p95": p95(drawn),
    }


def glyphs(browser: Browser, server: Server) -> dict[str, float]:
    """The demo with images: how long from Play on a fresh start to 85% of held-out drawings right, then the page as above."""
    query = "?" + address.write(few_shot(GlyphsConfig()))
    with opened(browser, server, query) as live:
        live.play()
        begin = time.monotonic()
        live.page.wait_for_function(PASSED, arg=100.0 * GOAL, timeout=4e3 * GOAL_S)
        passed_s = time.monotonic() - begin
        step = live.step
    found = {
        f"from Play to {GOAL:.0%} held-out accuracy": passed_s,
        f"outer steps to {GOAL:.0%} held-out accuracy": step,
        **redraws(browser, server, query, IMAGE_CHARTS),
        **changes(browser, server, query),
    }
    return {f"glyphs: {name}": value for name, value in found.items()}


def sensitivity(browser: Browser, server: Server) -> dict[str, float]:
    """The screen of sweeps: how soon it shows the map of a frozen theta_0, and a sweep's map beside a live run on a page of its own."""
    with contextlib.closing(visitor(browser)) as context:
        screen = context.new_page()
        screen.goto(server.url)
        screen.wait_for_function("window.mamlLive?.lastFrame")
        begin = time.monotonic()
        screen.get_by_role("link", name="Sensitivity").click()
        screen.wait_for_function("window.mamlSweeps?.drawn > 0")
        frozen_s = time.monotonic() - begin
        steps = screen.get_by_label("Outer steps", exact=True)
        steps.fill("3000")
        steps.press("Enter")
        screen.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        screen.get_by_role("button", name="Start").click()
        screen.wait_for_function("document.querySelectorAll('.maml-sweep-name')[0]?.textContent")
        screen.wait_for_timeout(WARM_UP_S * 1e3)
        alone = _maps_per_s(screen)
        with opened(browser, server) as live:
            live.play()
            live.page.wait_for_timeout(WARM_UP_S * 1e3)
            beside = _maps_per_s(screen)
            _, received, drawn = zip(*change_times_ms(live, NUM_CHANGES), strict=True)
        screen.get_by_role("button", name="Cancel").click()
    return {
        "sensitivity: map of a frozen theta_0, from the click on": frozen_s,
        "sweep: its map is redrawn": alone,
        "sweep beside a live run: its map is redrawn": beside,
        "live run beside a sweep: change received, p95": p95(received),
        "live run beside a sweep: change drawn, p95": p95(drawn),
    }


def _maps_per_s(screen: Page) -> float:
    """Redraws of a sweep's map, each second."""
    before, begin = screen.evaluate("mamlSweeps.drawn"), time.monotonic()
    screen.wait_for_timeout(WINDOW_S * 1e3)
    return (screen.evaluate("mamlSweeps.drawn") - before) / (time.monotonic() - begin)


# --- A page and its clients -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(browser: Browser, server: Server, query: str = "") -> Iterator[LivePage]:
    """A page in a browser, all its charts drawn."""
    live = new_page(browser)
    try:
        yield live.open(server.url + query)
    finally:
        live.context.close()


def _first_drawn_s(live: LivePage) -> float:
    return live.page.evaluate("mamlLive.log.find(({ event }) => event === 'drawn').t") / 1e3


def change_times_ms(live: LivePage, count: int) -> list[tuple[float, float, float]]:
    """Shown, received, drawn: after each of so many key presses on the alpha slider."""
    live.page.evaluate(WATCH_CHANGES)
    live.dial("alpha").focus()
    times = []
    for index in range(count):
        before = live.page.evaluate("mamlLive.log.reduce((newest, { change }) => Math.max(newest, change ?? 0), 0)")
        live.page.keyboard.press("ArrowRight" if index % 2 else "ArrowLeft")
        live.wait(CHANGE_DRAWN, before)
        times.append(tuple(live.page.evaluate(CHANGE_TIMES, before)))
        live.page.wait_for_timeout(150 + 37 * (index % 5))  # not in step with the frames
    return times


# --- Figures --------------------------------------------------------------------------------------------------------


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 stay below."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


if __name__ == "__main__":
    main()
