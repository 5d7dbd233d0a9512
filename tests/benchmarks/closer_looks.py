"""How soon a closer look is drawn after it was chosen, in a browser, while its run trains and while it stands."""

from __future__ import annotations

import random
import statistics
from itertools import product
from typing import TYPE_CHECKING

from dashboard.setups import address
from maml_core.config import GlyphsConfig
from maml_core.presets import few_shot
from tests.benchmarks.rows import Figure, at_most
from tests.browser.live_page import LivePage

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

CASES = {"curves": "", "glyphs": "?" + address.write(few_shot(GlyphsConfig()))}
LONG = {"landscape", "surface", "random_plane", "spectrum"}
"""Closer looks that may take longer: planes of losses, and eigenvalues."""
AIMS_MS = {"most": 400.0, "planes and the spectrum": 1500.0}

TRAINED_MS, PAUSED_MS, BETWEEN_MS, MOST_MS = 8_000.0, 1_500.0, 700.0, 15_000.0
NUM_ROUNDS = 4

OFFERED = """() => [...document.querySelectorAll("select[aria-label='Chart in this place'] optgroup option")].map(({ value }) => value)"""
CHOOSE = """(chart) => {
  const list = document.querySelector("select[aria-label='Chart in this place']");
  Object.assign(window, { chosenAt: performance.now(), drawnBefore: mamlLive.drawn[chart] });
  list.value = chart;
  list.dispatchEvent(new Event("change", { bubbles: true }));
}"""
# A figure is drawn empty before its first numbers are there.
DRAWN_MS = """(chart) => {
  if (mamlLive.drawn[chart] <= drawnBefore) return null;
  const { data } = document.querySelector(`[data-chart=${chart}] .maml-plot`);
  return data?.some(({ x, y, z }) => (z ?? y ?? x)?.length) ? performance.now() - chosenAt : null;
}"""


def name(case: str, how: str, which: str) -> str:
    """What the figure of a case is called."""
    return f"closer looks, {case}, while the run {how}: {which} drawn after they were chosen, slowest (median)"


CASES_OF_FIGURES = tuple(product(CASES, ("trains", "stands"), AIMS_MS))
FIGURES: tuple[Figure, ...] = tuple(at_most(name(*case), AIMS_MS[case[-1]], "ms") for case in CASES_OF_FIGURES)


def measured(opened: Callable[[str], AbstractContextManager[LivePage]]) -> dict[str, float]:
    """All figures, by name, in ms: of each look the median of its openings, and of these the largest.

    Args:
        opened: Opens a page with a query in its address.
    """
    found: dict[str, float] = {}
    for case, query in CASES.items():
        with opened(query) as live:
            live.play()
            live.page.wait_for_timeout(TRAINED_MS)
            found |= _figures(case, "trains", live)
            live.pause()
            live.page.wait_for_timeout(PAUSED_MS)
            found |= _figures(case, "stands", live)
    return found


def _figures(case: str, how: str, live: LivePage) -> dict[str, float]:
    draw, taken = random.Random(0), dict[str, list[float]]()
    # Of curves there are no numberings of classes: that one says so.
    offered = [chart for chart in live.page.evaluate(OFFERED) if (case, chart) != ("curves", "label_orders")]
    for _ in range(NUM_ROUNDS):
        for chart in draw.sample(offered, len(offered)):
            live.page.evaluate(CHOOSE, "path")
            live.page.wait_for_timeout(BETWEEN_MS * (1.0 + 0.3 * draw.random()))  # not in step with the frames
            live.page.evaluate(CHOOSE, chart)
            drawn = live.page.wait_for_function(DRAWN_MS, arg=chart, timeout=MOST_MS, polling=10)
            taken.setdefault(chart, []).append(drawn.json_value())
    medians = {chart: statistics.median(each) for chart, each in taken.items()}
    print(f"  {case}, {how}: " + ", ".join(f"{chart} {value:.0f}" for chart, value in medians.items()), flush=True)
    most, long = AIMS_MS
    return {
        name(case, how, most): max(value for chart, value in medians.items() if chart not in LONG),
        name(case, how, long): max(value for chart, value in medians.items() if chart in LONG),
    }
