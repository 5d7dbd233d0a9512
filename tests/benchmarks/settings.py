"""The sensitivity screen with 10,000 settings: the browser's longest task at everything that people do there, opening, and what reading them takes.

A sweep of 100 x 100 alphas and betas with three seeds, made up, is kept in a folder; the real server and a headless Chromium show it.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dashboard.sweeps.reading import findings_of
from maml_core.config import RunConfig
from maml_core.records import Numbers
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import LaneResult, SettingResult, result_of
from maml_core.sweeps.sampling import settings_of
from maml_core.sweeps.study import open_study
from tests.benchmarks.page import missing
from tests.benchmarks.rows import Figure, Row, at_most, figures, printed
from tests.browser.conftest import browser_path, launch_options, new_page
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIDE, NUM_SEEDS, NUM_TASKS = 100, 3, 100
ROUNDS = 3
AIM_MS = 100.0
IDLE_MS = 1500
"""How long nothing long has to have run before an interaction is over."""
SLOW_MS = 180_000

WATCH = """() => {
  window.longTasks = [];
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ startTime, duration }) => [startTime + duration, duration]))).observe({ type: "longtask" });
}"""
IS_IDLE = f"() => performance.now() - Math.max(window.askedAt, ...longTasks.map(([end]) => end)) > {IDLE_MS}"
LONGEST = "() => Math.max(0, ...longTasks.splice(0).map(([, duration]) => duration))"

INTERACTIONS = ("pointer", "arrow key", "sorting the table", "another view", "selecting", "pinning", "Rank", "Edge")


def _longest(what: str) -> str:
    return f"10,000 settings: longest task, {what}"


FIGURES = figures(
    *(at_most(_longest(what), AIM_MS, "ms") for what in INTERACTIONS),
    Figure("10,000 settings: opened", "s"),
    Figure("10,000 settings: opened again", "s"),
    Figure("10,000 settings: read, processor time", "s"),
)


def main() -> list[Row]:
    """Measure, print and return all figures; about two minutes."""
    return [] if missing("settings") else printed(FIGURES, measured())


def measured() -> dict[str, float]:
    """Figures by name."""
    from playwright.sync_api import sync_playwright

    print(
        "settings: headless Chromium; a task that is shorter than 50 ms counts as 0; 10,000 settings are written first, which takes a minute",
        flush=True,
    )
    sweep, results = made_up(SIDE)
    begun = time.thread_time()
    findings_of(sweep, results)
    found = {"10,000 settings: read, processor time": time.thread_time() - begun}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        with open_study(sweep, "many", storage=Path(folder)) as study:
            study.take(sweep.size)
            study.put(*results)
        server = Server(settings={"MAML_SWEEPS": folder})
        stack.callback(server.stop)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(**launch_options(str(browser_path())))
        stack.callback(browser.close)
        for name in ("10,000 settings: opened", "10,000 settings: opened again"):
            begin = time.monotonic()
            page = new_page(browser).page
            page.goto(f"{server.url}sensitivity?sweep=many")
            page.wait_for_function(
                "(count) => document.querySelector('[data-chart=map] .maml-plot')?.data?.find(({ name }) => name === 'settings')?.x.length === count",
                arg=sweep.size,
                timeout=SLOW_MS,
            )
            found[name] = time.monotonic() - begin
        return found | {_longest(what): longest for what, longest in longest_tasks(page).items()}


def longest_tasks(page: Page) -> dict[str, float]:
    """The longest task of the page's main thread at each interaction, in ms; 0 where none took 50."""
    page.evaluate(f"() => {{ window.askedAt = performance.now(); ({WATCH})(); }}")
    page.wait_for_function(IS_IDLE, timeout=SLOW_MS)
    page.evaluate(LONGEST)

    def longest(act: Callable[[int], object]) -> float:
        found = 0.0
        for number in range(ROUNDS):
            page.evaluate("() => { window.askedAt = performance.now(); }")
            act(number)
            page.wait_for_function(IS_IDLE, timeout=SLOW_MS)
            found = max(found, page.evaluate(LONGEST))
        return found

    box = page.locator("[data-chart=map] .maml-plot .nsewdrag").first.bounding_box()
    assert box is not None
    sort = page.locator(".maml-settings thead th button")
    colors = page.locator(".maml-axes select").last
    rows = page.locator(".maml-settings tbody th button")
    pin = page.locator("[data-action=pin]")

    def select_and_pin(number: int) -> None:
        rows.nth(number + 4).click()
        page.wait_for_timeout(IDLE_MS)
        page.evaluate(LONGEST)
        pin.click()

    def moved(number: int) -> None:
        for step in range(10):
            page.mouse.move(
                box["x"] + box["width"] * (0.2 + 0.06 * step), box["y"] + box["height"] * (0.3 + 0.1 * number)
            )
            page.wait_for_timeout(50)

    def key(number: int) -> None:
        page.locator("[data-chart=map] .maml-plot").focus()
        page.keyboard.press(("ArrowRight", "ArrowUp", "ArrowLeft")[number])

    return {
        "pointer": longest(moved),
        "arrow key": longest(key),
        "sorting the table": longest(lambda number: sort.nth(number).click()),
        "another view": longest(lambda number: colors.select_option(("whole", "quantiles", "clipped")[number])),
        "selecting": longest(lambda number: rows.nth(number + 1).click()),
        "pinning": longest(select_and_pin),
        "Rank": longest(
            lambda number: page.locator(f"[data-view={('rank', 'map')[number % 2]}]:visible").first.click()
        ),
        "Edge": longest(
            lambda number: page.locator(f"[data-view={('sweep_edge', 'lanes')[number % 2]}]:visible").first.click()
        ),
    }


def made_up(side: int) -> tuple[SweepConfig, tuple[SettingResult, ...]]:
    """A grid of so many alphas and betas whose loss is least in its middle, with seeds, tasks, rungs and curvatures; where alpha is large it diverged."""
    values = tuple(float(f"{value:.4g}") for value in np.geomspace(1e-3, 1.0, side))
    axes = (Axis(name="alpha", values=values, log=True), Axis(name="beta", values=values, log=True))
    base = RunConfig(joint_baseline=False, evaluation_tasks=NUM_TASKS)
    sweep = SweepConfig(base=base, axes=axes, num_steps=1000, num_seeds=NUM_SEEDS, num_rungs=4)
    random = np.random.default_rng(0)
    easy = random.gamma(2.0, 0.5, NUM_TASKS)
    settings = settings_of(sweep)
    assert settings is not None
    found = []
    for one in settings:
        alpha, beta = (float(one.values[name]) for name in ("alpha", "beta"))  # type: ignore[arg-type]
        level = 0.3 + 0.2 * math.log10(alpha / 0.03) ** 2 + 0.3 * math.log10(beta / 0.01) ** 2
        lanes = tuple(_lane(seed, level, easy, random, gone=alpha > 0.6) for seed in range(NUM_SEEDS))
        rungs = [(step, level * (1.0 + 500.0 / step)) for step in sweep.rungs]
        curvatures = {step: 10.0 / (1.0 + step / 1000.0) for step in sweep.rungs}
        found.append(result_of(sweep, one, lanes, done=True, rungs=rungs, curvatures=curvatures))
    return sweep, tuple(found)


def _lane(seed: int, level: float, easy: Numbers, random: np.random.Generator, *, gone: bool) -> LaneResult:
    values = level * random.lognormal(0.0, 0.05) * easy * random.lognormal(0.0, 0.1, len(easy))
    return LaneResult(
        seed=seed,
        status="diverged" if gone else "ok",
        step=600 if gone else 1000,
        loss=math.inf if gone else float(values.mean()),
        ci95=math.nan if gone else float(values.std() / 5.0),
        before=4.0,
        accuracy=math.nan,
        accuracy_ci95=math.nan,
        diverged_share=math.nan if gone else 0.01,
        worse_share=math.nan if gone else 0.05,
        lambda_max=math.nan if gone else 5.0,
        task_values=b"" if gone else values.astype("<f4").tobytes(),
    )
