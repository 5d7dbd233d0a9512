"""`python -m tests.browser.engines`: pictures of the page in each engine that is there, and how often its charts are drawn a second."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.browser.conftest import HEADLESS_NAMES, browser_path, launch_options
from tests.browser.engines.chromium import Chromium
from tests.browser.engines.driver import Driver, EngineMissing
from tests.browser.engines.firefox import Firefox
from tests.browser.engines.visit import CUT, Visit
from tests.browser.engines.webkit import WebKit
from tests.browser.server import Server

SIZES = ((1440, 900), (390, 844))
SCREENS = {
    "live": "",
    "sensitivity": "sensitivity",
    "lessons": "lessons",
    "lesson": "lessons?lesson=a-start-not-a-curve&step=4",
}
MEASURED_S = 10.0


def main(arguments: list[str]) -> int:
    """Look at each engine that this machine has."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="python -m tests.browser.engines", description=__doc__)
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the screens")
    parser.add_argument("--seconds", type=float, default=MEASURED_S, help="how long redraws are counted")
    options = parser.parse_args(arguments)
    folder = tempfile.TemporaryDirectory()  # its own runs and sweeps, not those of whoever looks
    os.environ.update(MAML_RUNS=f"{folder.name}/runs", MAML_SWEEPS=f"{folder.name}/sweeps")
    server = Server()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(**launch_options(browser_path(HEADLESS_NAMES) or ""))
            engines: tuple[Callable[[], Driver], ...] = (lambda: Chromium(browser), Firefox, WebKit)
            for engine in engines:
                try:
                    driver = engine()
                except EngineMissing as missing:
                    print(missing)
                    continue
                try:
                    _look(Visit(driver, server.url), options.seconds, options.pictures)
                finally:
                    driver.close()
            browser.close()
    finally:
        server.stop()
        folder.cleanup()
    return 0


def _look(visit: Visit, seconds: float, pictures: Path | None) -> None:
    name = visit.driver.name
    visit.driver.resize(*SIZES[0])
    visit.open()
    visit.wait_drawn()
    visit.action("play")
    visit.wait_step(100)
    redraws = {chart: f"{count:.1f}" for chart, count in sorted(visit.redraws_a_second(seconds).items()) if count > 0}
    print(f"{name}: charts drawn a second: {redraws}", flush=True)
    visit.action("play")
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        for width, height in SIZES:
            visit.driver.resize(width, height)
            for screen, address in SCREENS.items():
                visit.open(address)
                visit.wait_answered()
                visit.evaluate("() => new Promise((done) => setTimeout(done, 2000))")
                (pictures / f"{name}-{screen}-{width}.png").write_bytes(visit.driver.picture())
                print(
                    f"{name}, {screen}, {visit.evaluate('() => innerWidth')} wide: cut {visit.evaluate(CUT)}",
                    flush=True,
                )
    print(f"{name}: errors {visit.driver.errors()}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
