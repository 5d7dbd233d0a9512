"""A class of thirty on one server, in every way in which it is used: all train; all follow one; half train and half sweep; people come and go.

One of them is a page in headless Chromium, 29 are clients that draw nothing and acknowledge every frame. Needs the test extra and an installed
Chromium. Everything runs on this machine, the clients too.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.server.freed_memory import LOOK_S
from dashboard.server.hub import KEEP_S
from maml_core.presets import DEFAULT_PRESET
from tests.benchmarks.compiled import compiled, own_folder
from tests.benchmarks.crowd import WARM_UP_S, Measured, crowd, memory_by_process
from tests.benchmarks.followers import changes_received_s, following, started
from tests.benchmarks.page import change_times_ms, missing, opened, p95
from tests.benchmarks.rows import Figure, Row, at_most, figures, printed
from tests.benchmarks.visitors import ComersAndGoers, coming_and_going, stores, sweep_of, sweeping
from tests.browser.conftest import browser_path, launch_options
from tests.browser.live_page import LivePage
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NUM_CLIENTS = 29
WINDOW_S, NUM_CHANGES = 15.0, 20
NUM_SWEEPS, SETTINGS, STEPS = 15, 64, 2000
NUM_JOINS, NUM_FIRST_JOINS = 300, 300
"""Joins over which memory may grow, and before: pages that were left are kept for two minutes, in which 200 come, and the room that these take
is there from then on.
"""

FAIR, PROMPT_MS, GROWN_MB = 1.2, 800.0, 20.0
"""What is asked of a class."""

TRAIN, FOLLOW, HALF, COME = "all train", "all follow one", "half train, half sweep", "people come and go"
PACE, MOST, DRAWN = "outer steps of the slowest", "outer steps, most over least", "a change drawn, p95"
GROWN = f"memory, grown by {NUM_JOINS} joins and leaves"

FIGURES = figures(
    *(
        one
        for case in (TRAIN, HALF)
        for one in (
            Figure(f"{case}: {PACE}", "/s"),
            at_most(f"{case}: {MOST}", FAIR, "x"),
            at_most(f"{case}: {DRAWN}", PROMPT_MS, "ms"),
        )
    ),
    Figure(f"{FOLLOW}: outer steps of the run", "/s"),
    at_most(f"{FOLLOW}: a change received by each, p95", PROMPT_MS, "ms"),
    at_most(f"{FOLLOW}: {DRAWN}", PROMPT_MS, "ms"),
    Figure(f"{HALF}: pictures of the slowest sweep", "/s"),
    at_most(f"{COME}: {DRAWN}", PROMPT_MS, "ms"),
    Figure(f"{COME}: joins a minute", ""),
    at_most(GROWN, GROWN_MB, "MB"),
)


def main(minutes: float | None = None, joins: int | None = None) -> list[Row]:
    """Measure, print and return all figures.

    Args:
        minutes: How long people come and go at least; None for as long as so many joins take.
        joins: Measure nothing but people who come and go, so many of them; None for all figures.
    """
    return [] if missing("class") else printed(FIGURES, measured(minutes or 0.0, joins))


def measured(minutes: float, joins: int | None = None) -> dict[str, float]:
    """The figures, by name; arguments as of `main`."""
    from playwright.sync_api import sync_playwright

    print(f"class: a page in headless Chromium and {NUM_CLIENTS} clients", flush=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(own_folder())
        compiled(DEFAULT_PRESET.config)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        server = Server(settings=stores(folder))
        stack.callback(server.stop)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(**launch_options(str(browser_path())))
        stack.callback(browser.close)
        if joins is not None:
            return come_and_go(browser, server, minutes, joins)
        found = all_train(browser, server)
        found |= all_follow(browser, server)
        found |= half_sweep(browser, server, folder)
        found |= come_and_go(browser, server, minutes)
    return found


def all_train(browser: Browser, server: Server) -> dict[str, float]:
    """Thirty pages, each with a run of its own."""
    with opened(browser, server) as live, crowd(live, server, NUM_CLIENTS) as pages:
        found = pages.measured(WINDOW_S)
        _say_load(TRAIN, found)
        drawn_ms = [times[2] for times in change_times_ms(live, NUM_CHANGES)]
    return {
        f"{TRAIN}: {PACE}": found.steps_per_s,
        f"{TRAIN}: {MOST}": found.most_over_least,
        f"{TRAIN}: {DRAWN}": p95(drawn_ms),
    }


def all_follow(browser: Browser, server: Server) -> dict[str, float]:
    """One run, and 29 who look at it."""
    with opened(browser, server) as teacher:
        query = started(teacher)
        teacher.play()
        with following(server, query, NUM_CLIENTS) as followers:
            teacher.page.wait_for_timeout(1e3 * WARM_UP_S)
            before, begin = teacher.step, time.monotonic()
            teacher.page.wait_for_timeout(1e3 * WINDOW_S)
            steps_per_s = (teacher.step - before) / (time.monotonic() - begin)
            _, theirs_s = changes_received_s(teacher, followers)
            drawn_ms = [times[2] for times in change_times_ms(teacher, NUM_CHANGES)]
    return {
        f"{FOLLOW}: outer steps of the run": steps_per_s,
        f"{FOLLOW}: a change received by each, p95": 1e3 * p95(theirs_s),
        f"{FOLLOW}: {DRAWN}": p95(drawn_ms),
    }


def half_sweep(browser: Browser, server: Server, folder: Path) -> dict[str, float]:
    """Fifteen train, and fifteen have a sweep computed and look at it."""
    with contextlib.ExitStack() as stack:
        sweepers = [
            stack.enter_context(sweeping(server, folder, f"sweep {at}", sweep_of(SETTINGS, STEPS)))
            for at in range(NUM_SWEEPS)
        ]
        live = stack.enter_context(opened(browser, server))
        pages = stack.enter_context(crowd(live, server, NUM_CLIENTS - NUM_SWEEPS))
        before = [sweeper.num_maps for sweeper in sweepers]
        found = pages.measured(WINDOW_S)
        maps = [sweeper.num_maps - was for sweeper, was in zip(sweepers, before, strict=True)]
        _say_load(HALF, found)
        drawn_ms = [times[2] for times in change_times_ms(live, NUM_CHANGES)]
    return {
        f"{HALF}: {PACE}": found.steps_per_s,
        f"{HALF}: {MOST}": found.most_over_least,
        f"{HALF}: {DRAWN}": p95(drawn_ms),
        f"{HALF}: pictures of the slowest sweep": min(maps) / found.elapsed_s,
    }


def come_and_go(browser: Browser, server: Server, minutes: float, num_joins: int = NUM_JOINS) -> dict[str, float]:
    """A page that trains while others come, load their page again, hide it, and leave. Memory is looked at when those who left are forgotten."""
    people = ComersAndGoers(server)
    with opened(browser, server) as live:
        live.play()
        with coming_and_going(people, NUM_FIRST_JOINS):
            pass
        first = _settled(server, live)
        joined, begin = people.num_joins, time.monotonic()
        with coming_and_going(people, num_joins, minutes) as thread:
            drawn_ms = [times[2] for times in change_times_ms(live, NUM_CHANGES)]
            while thread.is_alive():  # the page goes on drawing, and acknowledges what it drew
                live.page.wait_for_timeout(200)
        joins, took_s = people.num_joins - joined, time.monotonic() - begin
        last = _settled(server, live)
    _say_memory(first, last)
    grown_mb = sum(mb for _, mb in last.values()) - sum(mb for _, mb in first.values())
    print(
        f"  {joins} joined, {people.num_reloads} loaded their page again, {people.num_hidden} times one was hidden or seen again",
        flush=True,
    )
    return {
        f"{COME}: {DRAWN}": p95(drawn_ms),
        f"{COME}: joins a minute": 60.0 * joins / took_s,
        GROWN: grown_mb * NUM_JOINS / joins,
    }


def _settled(server: Server, live: LivePage) -> dict[int, tuple[str, float]]:
    """What each process of a server is, and its memory in MB, by its id, once the server has forgotten the pages that were left and given back
    what they had."""
    live.page.wait_for_timeout(1e3 * (KEEP_S + 2.0 * LOOK_S))
    return memory_by_process(server)


def _say_memory(first: Mapping[int, tuple[str, float]], last: Mapping[int, tuple[str, float]]) -> None:
    """Print which process has how much more, or less."""
    for pid in dict.fromkeys([*first, *last]):
        what, _ = last.get(pid) or first[pid]
        before, after = (of[pid][1] if pid in of else 0.0 for of in (first, last))
        print(f"  {what} ({pid}): {before:.0f} MB, then {after:.0f}", flush=True)


def _say_load(case: str, found: Measured) -> None:
    print(
        f"  {case}: of a processor the server took {found.server_s / found.elapsed_s:.0%}, the workers {found.workers_s / found.elapsed_s:.0%}; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
