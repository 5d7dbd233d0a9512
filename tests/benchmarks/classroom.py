"""Thirty pages that train at once on one server: one in headless Chromium, 29 clients without a browser. Then two alone, one of which looks closer, and one that travels.

Needs the test extra and an installed Chromium. Everything runs on this machine, the clients too.
"""

from __future__ import annotations

import contextlib

from tests.benchmarks import travelling
from tests.benchmarks.beside_looks import later_ms
from tests.benchmarks.crowd import Measured, crowd
from tests.benchmarks.page import missing, opened, p95
from tests.benchmarks.rows import Row, at_least, at_most, figures, printed
from tests.browser.conftest import browser_path, launch_options
from tests.browser.server import Server

NUM_PAGES = 30
WINDOW_S, NUM_CHANGES = 15.0, 20

LATER = "two pages: a change beside the other's closer looks and time travel, p95, later by"

FIGURES = figures(
    at_least("thirty pages: outer steps a second of the slowest", 25.0, "/s"),
    at_least("thirty pages: frames a second of the slowest", 2.0, "/s"),
    at_most("thirty pages: outer steps, most over least", 1.1, "x"),
    at_most("thirty pages: first frame with a change received, p95", 100.0, "ms"),
    at_most("thirty pages: memory of the server and its workers", 635.0, "MB"),
    at_most(LATER, 50.0, "ms"),
    *(at_most(name, 150.0, "ms") for name in travelling.NAMES),
)


def main() -> list[Row]:
    """Measure, print and return all figures; two minutes."""
    return [] if missing("classroom") else printed(FIGURES, measured())


def measured() -> dict[str, float]:
    """All figures, by name."""
    from playwright.sync_api import sync_playwright

    print(f"classroom: {NUM_PAGES} pages that train at once, one of them in headless Chromium", flush=True)
    server = Server()
    try:
        with (
            sync_playwright() as playwright,
            contextlib.closing(playwright.chromium.launch(**launch_options(str(browser_path())))) as browser,
            opened(browser, server) as live,
            crowd(live, server, NUM_PAGES - 1) as pages,
        ):
            found = pages.measured(WINDOW_S)
            answers_s = pages.change_times_s(NUM_CHANGES)
            memory_mb = pages.memory_mb()
    finally:
        server.stop()
    _print_where_time_went(found)
    return {
        "thirty pages: outer steps a second of the slowest": found.steps_per_s,
        "thirty pages: frames a second of the slowest": found.frames_per_s,
        "thirty pages: outer steps, most over least": found.most_over_least,
        "thirty pages: first frame with a change received, p95": 1e3 * p95(answers_s),
        "thirty pages: memory of the server and its workers": memory_mb,
        LATER: later_ms(),
        **travelling.measured(),
    }


def _print_where_time_went(found: Measured) -> None:
    steps = sum(pace.steps_per_s for pace in found.paces)
    frames = sum(pace.frames_per_s for pace in found.paces)
    print(
        f"  together {steps:.0f} outer steps and {frames:.0f} frames a second; of a processor the server took "
        f"{found.server_s / found.elapsed_s:.0%}, the workers {found.workers_s / found.elapsed_s:.0%}",
        flush=True,
    )


if __name__ == "__main__":
    main()
