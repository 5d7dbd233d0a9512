"""Ten pages for hours: a page in headless Chromium that trains, six clients that do, and three that look at their sweeps. Does memory grow, and is
there an error anywhere?

Needs the test extra and an installed Chromium. Everything runs on this machine, the clients too.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import tempfile
import time
from pathlib import Path

from tests.benchmarks.crowd import Crowd, crowd, memory_by_process
from tests.benchmarks.page import missing, opened
from tests.benchmarks.rows import Figure, Row, at_most, figures, printed
from tests.benchmarks.visitors import stores, sweep_of, sweeping
from tests.browser.conftest import browser_path, launch_options
from tests.browser.server import Server

NUM_TRAINING, NUM_SWEEPING = 6, 3
SETTINGS, STEPS = 1024, 50_000
"""Size of each sweep: more than hours can compute."""

HOURS = 0.25
"""Where nothing else is said."""

LOOK_S, CHANGE_S, SAY_S = 5.0, 20.0, 60.0
"""Between two looks at the memory, two changes of a page's alpha, and two lines that say how it stands."""

SETTLED = 0.25
"""Share of the time after which pages are taken to have all that they keep; memory then is what memory at the end is compared with."""

ERRORS = re.compile(r"Traceback|\bERROR\b|\bCRITICAL\b|stumbled|Exception in ")
"""What tells a line of the server's log that is an error."""

FIGURES = figures(
    at_most("memory at the end, more than when all had settled", 5.0, "%"),
    Figure("memory at the end", "MB"),
    at_most("errors in the browser's console", 0.0, ""),
    at_most("errors in the server's log", 0.0, ""),
    at_most("pages that stood still at the end", 0.0, ""),
    Figure("hours", "h"),
)


def main(hours: float | None = None) -> list[Row]:
    """Measure, print and return all figures.

    Args:
        hours: For how long; None for a quarter of an hour.
    """
    return [] if missing("soak") else printed(FIGURES, measured(HOURS if hours is None else hours))


def measured(hours: float) -> dict[str, float]:
    """All figures, by name."""
    from playwright.sync_api import sync_playwright

    print(f"soak: ten pages for {hours:g} h", flush=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        server = Server(settings=stores(folder))
        stack.callback(server.stop)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(**launch_options(str(browser_path())))
        stack.callback(browser.close)
        live = stack.enter_context(opened(browser, server))
        errors: list[str] = []
        live.page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        pages = stack.enter_context(crowd(live, server, NUM_TRAINING))
        sweepers = [
            stack.enter_context(sweeping(server, folder, f"sweep {at}", sweep_of(SETTINGS, STEPS)))
            for at in range(NUM_SWEEPING)
        ]
        seen = _watched(pages, 3600.0 * hours)
        print(f"  settings done: {', '.join(str(sweeper.num_done) for sweeper in sweepers)}", flush=True)
        before = _steps(pages)
        live.page.wait_for_timeout(1e4)
        still = sum(now <= was for now, was in zip(_steps(pages), before, strict=True))
        errors += live.errors
        logged = [line for line in server.log().splitlines() if ERRORS.search(line)]
    for error in [*errors, *logged][:20]:
        print(f"  {error}", flush=True)
    length = len(seen)
    settled = statistics.median(seen[int(SETTLED * length) : int((SETTLED + 0.1) * length) + 1])
    end = statistics.median(seen[int(0.9 * length) :])
    return {
        "memory at the end, more than when all had settled": 100.0 * (end / settled - 1.0),
        "memory at the end": end,
        "errors in the browser's console": len(errors),
        "errors in the server's log": len(logged),
        "pages that stood still at the end": still,
        "hours": hours,
    }


def _watched(pages: Crowd, seconds: float) -> list[float]:
    """Memory of the server and all its processes in MB, at every look, while somebody changes alpha now and then."""
    begin = changed = said = time.monotonic()
    seen: list[float] = []
    number = 0
    while (now := time.monotonic()) < begin + seconds:
        by_kind = _memory_by_kind(pages.server)
        seen.append(sum(by_kind.values()))
        if now - changed >= CHANGE_S:
            changed, number = now, number + 1
            changes = {"alpha": 0.011 if (number // len(pages.clients)) % 2 else 0.01}
            pages.clients[number % len(pages.clients)].say(type="set", changes=changes, id=number)
        if now - said >= SAY_S:
            said = now
            print(
                f"  {(now - begin) / 60:.0f} min: {seen[-1]:.0f} MB ({', '.join(f'{kind} {mb:.0f}' for kind, mb in by_kind.items())}), "
                f"outer step {pages.live.step:,}, load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
        pages.live.page.wait_for_timeout(1e3 * LOOK_S)
    return seen


def _memory_by_kind(server: Server) -> dict[str, float]:
    """Memory in MB of the server itself, of its workers, and of all its other processes, such as the compiler's."""
    found: dict[str, float] = {}
    for kind, mb in memory_by_process(server).values():
        found[kind] = found.get(kind, 0.0) + mb
    return found


def _steps(pages: Crowd) -> list[int]:
    """The newest outer step of every page that trains, the browser's last."""
    return [*(client.seen[-1][1] for client in pages.clients), pages.live.step]


if __name__ == "__main__":
    main()
